//! What clients talk to, and what goes wrong with it.

mod cluster;
mod kafka;
mod proxy;
mod single;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use flymq_core::NewTopic;
use rand::rngs::StdRng;

use crate::Tally;
use crate::process::only;
use cluster::Cluster;
use single::Single;

/// Where the brokers keep their records.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// One broker with its own disk
    Embedded,
    /// Two gateways over three Kafka nodes
    Kafka,
}

/// The brokers of a run, with everything behind them.
pub enum Site {
    /// One broker behind a proxy.
    Single(Single),
    /// Gateways, each behind a proxy, over Kafka.
    Cluster(Cluster),
}

impl Site {
    /// Starts everything, with its data in an empty folder.
    pub async fn start(engine: Engine, data: &Path) -> anyhow::Result<Self> {
        Ok(match engine {
            Engine::Embedded => Self::Single(Single::start(data).await?),
            Engine::Kafka => Self::Cluster(Cluster::start(data).await?),
        })
    }

    /// The URL that clients connect to whose connections may be cut.
    pub fn addresses(&self) -> String {
        match self {
            Self::Single(single) => only(single.proxied()),
            Self::Cluster(cluster) => only(&cluster.proxied()),
        }
    }

    /// Where the brokers themselves listen.
    pub fn direct_addresses(&self) -> String {
        match self {
            Self::Single(single) => single.direct().to_owned(),
            Self::Cluster(cluster) => cluster.direct(),
        }
    }

    /// A topic whose log has several parts before long.
    pub fn topic(&self, name: &str, partitions: u32) -> NewTopic {
        let topic = NewTopic::new(name).partitions(partitions);
        match self {
            Self::Single(_) => topic.config("segment_bytes", "65536"),
            // Kafka's smallest is 1 MiB: as it is.
            Self::Cluster(_) => topic,
        }
    }

    /// Does one thing to the brokers, their connections or what is behind them, counts it, and heals
    /// it again.
    pub async fn strike(&mut self, random: &mut StdRng, tally: &mut Tally) -> anyhow::Result<()> {
        match self {
            Self::Single(single) => single.strike(random, tally).await,
            Self::Cluster(cluster) => cluster.strike(random, tally).await,
        }
    }

    /// How many brokers there are.
    pub fn brokers(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Cluster(cluster) => cluster.gateways(),
        }
    }

    /// Ends a broker as an operator would, and starts it again.
    pub async fn restart(&mut self, broker: usize) -> anyhow::Result<()> {
        match self {
            Self::Single(single) => single.roll().await,
            Self::Cluster(cluster) => cluster.roll(broker).await,
        }
    }

    /// Kills every broker and starts it again: what a reader sees from then on was stored.
    pub async fn start_anew(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Single(single) => single.start_anew().await,
            Self::Cluster(cluster) => cluster.start_anew().await,
        }
    }

    /// How long work may stand still after everything was healed.
    pub fn patience(&self) -> Duration {
        match self {
            Self::Single(_) => Duration::from_secs(90),
            Self::Cluster(_) => Duration::from_secs(30),
        }
    }
}

/// A data folder's name, for a command line.
fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the data folder's name is not UTF-8")
}
