//! One run of each kind of scenario.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use flymq_cli::load::{self, Outcome, ProduceLoad, Values};
use flymq_core::{Client, Config, Encryption, EncryptionKey, Keyring, Record};

use crate::broker::Broker;
use crate::harness::median;
use crate::scenario::{Kind, Measure, Scenario};

/// Bytes that a consumer asks for at a time.
const FETCH_BYTES: u32 = 4 << 20;
/// In how many parts a growing log is written.
const SLICES: usize = 20;

/// A scenario with a broker that is ready for it.
pub struct Prepared {
    scenario: Scenario,
    broker: Broker,
    config: Config,
    amount: u64,
    runs: u32,
}

impl Prepared {
    pub async fn new(scenario: &Scenario, data_dir: &Path, quick: bool) -> anyhow::Result<Self> {
        let broker = Broker::start(data_dir, scenario.durability, scenario.tls)?;
        let mut config = broker.config()?;
        config.encryption = scenario.encryption.then(new_encryption);
        let amount = scenario.amount(quick);
        let prepared = Self { scenario: scenario.clone(), broker, config, amount, runs: 0 };
        if scenario.kind == Kind::Consume {
            prepared.produce("filled", amount).await?;
        }
        Ok(prepared)
    }

    /// Measures once.
    pub async fn measure(&mut self) -> anyhow::Result<f64> {
        self.runs += 1;
        let scenario = &self.scenario;
        let topic = format!("run-{}", self.runs);
        match scenario.kind {
            Kind::Produce => {
                let outcome = self.produce(&topic, self.amount).await?;
                self.delete(&topic).await?;
                Ok(self.rate(&outcome))
            }
            Kind::Consume => {
                let outcome = self.consume("filled").await?;
                Ok(self.rate(&outcome))
            }
            Kind::Latency => {
                load::ensure_topic(&self.config, &topic, scenario.partitions).await?;
                let (size, clients) = (scenario.record_bytes, scenario.clients);
                let outcome =
                    load::latency(&self.config, &topic, self.amount, size, clients).await?;
                self.delete(&topic).await?;
                Ok(outcome.quantile(0.5).as_secs_f64() * 1e6)
            }
            Kind::Memory => {
                self.produce(&topic, self.amount).await?;
                self.consume(&topic).await?;
                Ok(self.broker.peak_resident()? as f64 / f64::from(1 << 20))
            }
            Kind::Connections => self.connections().await,
            Kind::Seal => self.seal(),
            Kind::Growth => unreachable!("growth is measured in parts"),
        }
    }

    /// Fills a log. Returns the rates at its beginning and at its end: of the first and the last
    /// quarter, each the median of its parts.
    pub async fn growth(&mut self) -> anyhow::Result<(f64, f64)> {
        let mut rates = Vec::new();
        for _ in 0..SLICES {
            let outcome = self.produce("growing", self.amount / SLICES as u64).await?;
            rates.push(self.rate(&outcome));
        }
        let quarter = SLICES / 4;
        Ok((median(&rates[..quarter]), median(&rates[SLICES - quarter..])))
    }

    async fn produce(&self, topic: &str, records: u64) -> anyhow::Result<Outcome> {
        let scenario = &self.scenario;
        load::ensure_topic(&self.config, topic, scenario.partitions).await?;
        let load = ProduceLoad {
            topic: topic.to_owned(),
            records,
            size: scenario.record_bytes,
            clients: scenario.clients,
            batch_bytes: scenario.batch_bytes,
            linger: Duration::from_millis(scenario.linger_ms),
            compression: scenario.compression.parse()?,
            buffer_bytes: scenario.buffer_bytes,
        };
        Ok(load::produce(&self.config, &load).await?)
    }

    async fn consume(&self, topic: &str) -> anyhow::Result<Outcome> {
        let clients = self.scenario.clients;
        let outcome = load::consume(&self.config, topic, u64::MAX, clients, FETCH_BYTES).await?;
        ensure!(
            outcome.records == self.amount,
            "{} of {} records were read",
            outcome.records,
            self.amount
        );
        Ok(outcome)
    }

    async fn connections(&self) -> anyhow::Result<f64> {
        let before = self.broker.resident()?;
        let mut clients = Vec::new();
        for _ in 0..self.scenario.clients {
            clients.push(Client::with_config(self.config.clone()).await?);
        }
        let after = self.broker.resident()?;
        for client in &clients {
            client.close().await;
        }
        Ok((after as f64 - before as f64) / f64::from(self.scenario.clients) / 1024.0)
    }

    /// Encrypts records without sending them.
    fn seal(&self) -> anyhow::Result<f64> {
        let encryption = new_encryption();
        let values = Values::new(self.scenario.record_bytes);
        let began = Instant::now();
        for number in 0..self.amount {
            std::hint::black_box(encryption.seal("sealed", Record::new(values.get(number)))?);
        }
        let seconds = began.elapsed().as_secs_f64();
        Ok(match self.scenario.measure {
            Measure::Records => self.amount as f64 / seconds,
            Measure::Bytes => (self.amount * self.scenario.record_bytes as u64) as f64 / seconds,
            Measure::Micros => seconds * 1e6 / self.amount as f64,
        })
    }

    async fn delete(&self, topic: &str) -> anyhow::Result<()> {
        let client = Client::with_config(self.config.clone()).await?;
        client.delete_topic(topic).await?;
        client.close().await;
        Ok(())
    }

    fn rate(&self, outcome: &Outcome) -> f64 {
        match self.scenario.measure {
            Measure::Records => outcome.rate(),
            Measure::Bytes => outcome.byte_rate(),
            Measure::Micros => 1e6 / outcome.rate(),
        }
    }
}

fn new_encryption() -> Encryption {
    Encryption::new(Keyring::new(EncryptionKey::generate()))
}
