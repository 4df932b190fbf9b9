//! One run for the comparison with peers: a job as JSON on standard input, what it measured as JSON on
//! standard output. `bench/peers/workers.py` says what both hold.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use flymq_cli::load::{self, ProduceLoad, Values};
use flymq_core::{
    Client, Compression, Config, Encryption, EncryptionKey, Keyring, Pem, Record, StartOffset,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::broker::cpu_time;
use crate::transactions::{self, TransactionLoad};

/// The argument with which this program is a worker.
pub const SUBCOMMAND: &str = "worker";

const FETCH_BYTES: u32 = 4 << 20;
const BATCH_BYTES: usize = 128 << 10;
const LINGER: Duration = Duration::from_millis(5);
/// How long the reader of a paced run waits for a record.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
struct Job {
    kind: String,
    topic: String,
    records: u64,
    record_bytes: usize,
    connections: u32,
    per_second: u64,
    transaction_records: u64,
    address: String,
    server_pid: u32,
    ca: Option<PathBuf>,
    encrypted: bool,
}

/// Does the one job of standard input.
pub fn run() -> anyhow::Result<()> {
    let job: Job = serde_json::from_reader(std::io::stdin()).context("the job")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(job.run())?);
    Ok(())
}

/// What a run took.
struct Measured {
    elapsed: Duration,
    /// Half of the times, and 99 of 100, were no longer.
    quantiles: Option<[Duration; 2]>,
}

impl Job {
    async fn run(&self) -> anyhow::Result<Value> {
        let config = self.config()?;
        if matches!(self.kind.as_str(), "fill" | "produce" | "latency" | "delay" | "transactions") {
            load::ensure_topic(&config, &self.topic, 1).await?;
        }
        let pids = [std::process::id(), self.server_pid];
        let before = pids.map(cpu_time);
        let measured = match self.kind.as_str() {
            "fill" | "produce" => self.produce(&config).await?,
            "consume" => self.consume(&config).await?,
            "latency" => {
                let (records, size) = (self.records, self.record_bytes);
                let done =
                    load::latency(&config, &self.topic, records, size, self.connections).await?;
                let quantiles = Some([0.5, 0.99].map(|share| done.quantile(share)));
                Measured { elapsed: done.elapsed, quantiles }
            }
            "delay" => self.delay(&config).await?,
            "transactions" => self.transactions(&config).await?,
            "delete" => {
                self.delete(&config).await?;
                return Ok(json!({}));
            }
            other => bail!("there is no kind {other:?}"),
        };
        let cpu = [0, 1].map(|index| -> anyhow::Result<f64> {
            let before = before[index].as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
            let used = cpu_time(pids[index])?.saturating_sub(*before);
            Ok(used.as_secs_f64() * 1e6 / self.records as f64)
        });
        if !matches!(self.kind.as_str(), "fill" | "consume") {
            self.read_back(&config).await?;
            self.delete(&config).await?;
        }
        let [client, server] = cpu;
        let seconds = measured.elapsed.as_secs_f64();
        let mut result = json!({
            "records": self.records,
            "seconds": seconds,
            "rate": self.records as f64 / seconds,
            "client_cpu_us": client?,
            "server_cpu_us": server?,
        });
        if let Some([p50, p99]) = measured.quantiles {
            result["p50_us"] = json!(p50.as_secs_f64() * 1e6);
            result["p99_us"] = json!(p99.as_secs_f64() * 1e6);
        }
        Ok(result)
    }

    fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::parse(&self.address)?;
        config.tls.enabled = self.ca.is_some();
        config.tls.ca = self.ca.clone().map(Pem::File);
        if self.encrypted {
            config.encryption = Some(Encryption::new(Keyring::new(EncryptionKey::generate())));
        }
        Ok(config)
    }

    async fn produce(&self, config: &Config) -> anyhow::Result<Measured> {
        let load = ProduceLoad {
            topic: self.topic.clone(),
            records: self.records,
            size: self.record_bytes,
            clients: self.connections,
            batch_bytes: BATCH_BYTES,
            linger: LINGER,
            compression: Compression::None,
            buffer_bytes: None,
        };
        let elapsed = load::produce(config, &load).await?.elapsed;
        Ok(Measured { elapsed, quantiles: None })
    }

    async fn consume(&self, config: &Config) -> anyhow::Result<Measured> {
        let read = load::consume(config, &self.topic, self.records, 1, FETCH_BYTES).await?;
        ensure!(read.records == self.records, "{} of {} were read", read.records, self.records);
        Ok(Measured { elapsed: read.elapsed, quantiles: None })
    }

    async fn transactions(&self, config: &Config) -> anyhow::Result<Measured> {
        let load = TransactionLoad {
            topic: self.topic.clone(),
            transactions: self.records / self.transaction_records,
            records: self.transaction_records,
            size: self.record_bytes,
            producers: self.connections,
            batch_bytes: BATCH_BYTES,
            linger: LINGER,
        };
        let elapsed = transactions::write(config, &load).await?;
        Ok(Measured { elapsed, quantiles: None })
    }

    /// From when a record was due until a consumer had it.
    async fn delay(&self, config: &Config) -> anyhow::Result<Measured> {
        let client = Client::with_config(config.clone()).await?;
        let mut consumer = client.consumer().build();
        consumer.assign([(self.topic.clone(), 0, StartOffset::Earliest)]).await?;
        let records = self.records as usize;
        let reading = tokio::spawn(async move {
            let mut arrived = Vec::with_capacity(records);
            while arrived.len() < records {
                let messages = consumer.poll(10_000, PATIENCE).await?;
                ensure!(!messages.is_empty(), "{} of {records} were read", arrived.len());
                arrived.resize(arrived.len() + messages.len(), Instant::now());
            }
            anyhow::Ok(arrived)
        });
        let producer = client.producer().linger(Duration::ZERO).build()?;
        let values = Values::new(self.record_bytes);
        let step = Duration::from_secs(1) / self.per_second as u32;
        let began = Instant::now();
        for number in 0..self.records {
            tokio::time::sleep_until((began + step * number as u32).into()).await;
            producer.send(&self.topic, Record::new(values.get(number))).await?;
        }
        producer.flush().await;
        let arrived = reading.await??;
        let elapsed = began.elapsed();
        let mut delays: Vec<_> = (0..)
            .zip(arrived)
            .map(|(number, at)| at.saturating_duration_since(began + step * number))
            .collect();
        delays.sort_unstable();
        client.close().await;
        let quantiles = Some([delays[delays.len() / 2], delays[delays.len() * 99 / 100]]);
        Ok(Measured { elapsed, quantiles })
    }

    /// All that was written is there; the order and contents are the tests' to check.
    async fn read_back(&self, config: &Config) -> anyhow::Result<()> {
        self.consume(config).await.map(drop)
    }

    async fn delete(&self, config: &Config) -> anyhow::Result<()> {
        let client = Client::with_config(config.clone()).await?;
        client.delete_topic(&self.topic).await?;
        client.close().await;
        Ok(())
    }
}
