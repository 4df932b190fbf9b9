//! Two gateways over three Kafka nodes, of which one at a time is in trouble.

use std::path::Path;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::kafka::{Kafka, NODES};
use super::proxy::Proxy;
use super::text;
use crate::Tally;
use crate::process::{Process, launch_broker};

/// How many gateways there are.
const GATEWAYS: usize = 2;
/// For how long a process is paused, or a connection slow, in milliseconds.
const SPELL_MS: std::ops::Range<u64> = 500..4_000;
/// How long a slow connection holds each chunk back, in milliseconds.
const DELAY_MS: std::ops::Range<u64> = 5..200;
/// How long a killed Kafka node stays away, in milliseconds.
const AWAY_MS: std::ops::Range<u64> = 0..3_000;

/// The gateways and what is behind them.
pub struct Cluster {
    gateways: Vec<Gateway>,
    kafka: Kafka,
}

struct Gateway {
    /// Where it listens, from the first start on.
    address: String,
    process: Process,
    proxy: Proxy,
    options: Vec<String>,
}

impl Cluster {
    /// Starts Kafka and then the gateways.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let kafka = Kafka::start(folder).await?;
        let mut gateways = Vec::new();
        for number in 0..GATEWAYS {
            let data = folder.join(format!("gateway-{number}"));
            gateways.push(Gateway::start(text(&data)?, &kafka.bootstrap).await?);
        }
        Ok(Self { gateways, kafka })
    }

    pub fn proxied(&self) -> String {
        let addresses: Vec<_> = self.gateways.iter().map(|it| &*it.proxy.address).collect();
        addresses.join(",")
    }

    pub fn direct(&self) -> String {
        let addresses: Vec<_> = self.gateways.iter().map(|it| &*it.address).collect();
        addresses.join(",")
    }

    /// Kills or pauses a gateway or a Kafka node, or cuts or slows a gateway's connections.
    pub async fn strike(&mut self, random: &mut StdRng, tally: &mut Tally) -> anyhow::Result<()> {
        let spell = Duration::from_millis(random.random_range(SPELL_MS));
        let node = random.random_range(1..=NODES);
        let gateway = random.random_range(0..self.gateways.len());
        let gateway = &mut self.gateways[gateway];
        match random.random_range(0..6) {
            0 => {
                gateway.restart().await?;
                tally.kills += 1;
            }
            1 => {
                self.kafka.order(&format!("kill {node}")).await?;
                let away = Duration::from_millis(random.random_range(AWAY_MS));
                tokio::time::sleep(away).await;
                self.kafka.order(&format!("start {node}")).await?;
                // The others go on without it, and the next strike may well hit one of them.
                self.kafka.order("wait").await?;
                tally.kills += 1;
            }
            2 => {
                gateway.process.pause()?;
                tokio::time::sleep(spell).await;
                gateway.process.resume()?;
                tally.pauses += 1;
            }
            3 => {
                self.kafka.order(&format!("pause {node}")).await?;
                tokio::time::sleep(spell).await;
                self.kafka.order(&format!("resume {node}")).await?;
                tally.pauses += 1;
            }
            4 => {
                gateway.proxy.slow_down(Duration::from_millis(random.random_range(DELAY_MS)));
                tokio::time::sleep(spell).await;
                gateway.proxy.slow_down(Duration::ZERO);
                tally.slow_spells += 1;
            }
            _ => tally.cuts += gateway.proxy.cut(),
        }
        Ok(())
    }

    pub fn gateways(&self) -> usize {
        self.gateways.len()
    }

    /// Ends a gateway in good order and starts it again.
    pub async fn roll(&mut self, number: usize) -> anyhow::Result<()> {
        let gateway = &mut self.gateways[number];
        gateway.process.terminate().await?;
        gateway.launch().await
    }

    /// Kills all gateways and starts them again. Kafka's acknowledgement is that of the replicas in
    /// sync, so all of its nodes may not be killed at once.
    pub async fn start_anew(&mut self) -> anyhow::Result<()> {
        for gateway in &mut self.gateways {
            gateway.restart().await?;
        }
        self.kafka.order("wait").await
    }
}

impl Gateway {
    async fn start(data: &str, kafka: &str) -> anyhow::Result<Self> {
        let options = ["--engine", "kafka", "--kafka-bootstrap", kafka, "--data-dir", data];
        let options: Vec<_> = options.map(str::to_owned).into();
        let (process, address) = launch("127.0.0.1:0", &options).await?;
        let proxy = Proxy::start(address.parse()?).await?;
        Ok(Self { address, process, proxy, options })
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.kill().await?;
        self.launch().await
    }

    async fn launch(&mut self) -> anyhow::Result<()> {
        (self.process, _) = launch(&self.address, &self.options).await?;
        Ok(())
    }
}

async fn launch(listen: &str, options: &[String]) -> anyhow::Result<(Process, String)> {
    let mut all = vec!["--listen", listen];
    all.extend(options.iter().map(String::as_str));
    launch_broker(&all).await
}
