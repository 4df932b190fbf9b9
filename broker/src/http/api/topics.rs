//! Topics and their partitions.

use std::collections::{BTreeMap, HashMap};
use std::iter::Sum;

use flymq_protocol::messages::{DescribeTopicRequest, PartitionInfo};
use serde::{Deserialize, Serialize};

use super::groups::Lag;
use super::session::Session;
use crate::Result;

/// What was stored, or sent to readers, since the broker started.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Traffic {
    pub records: u64,
    /// As they came, compressed perhaps.
    pub bytes: u64,
}

impl Sum for Traffic {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            records: sum.records + one.records,
            bytes: sum.bytes + one.bytes,
        })
    }
}

/// All topics that may be seen.
#[derive(Serialize)]
pub struct Topics {
    pub topics: Vec<TopicLine>,
}

/// A topic in the list.
#[derive(Serialize)]
pub struct TopicLine {
    name: String,
    pub partitions: u32,
    /// Bytes on the disk, where the engine knows.
    pub bytes: Option<u64>,
    pub produced: Traffic,
    pub consumed: Traffic,
}

pub async fn topics(session: &mut Session<'_>) -> Result<Topics> {
    let visible = session.visible_topics().await?;
    let stats = session.stats().await?;
    let bytes: HashMap<&str, Option<u64>> =
        stats.topics.iter().map(|topic| (&*topic.name, topic.bytes)).collect();
    let traffic = &session.shared.metrics.topics;
    let line = |topic: flymq_protocol::messages::TopicSummary| {
        let [produced, consumed] = traffic.of(&topic.name);
        TopicLine {
            bytes: bytes.get(&*topic.name).copied().flatten(),
            produced: Traffic { records: produced.0, bytes: produced.1 },
            consumed: Traffic { records: consumed.0, bytes: consumed.1 },
            partitions: topic.partitions,
            name: topic.name,
        }
    };
    Ok(Topics { topics: visible.into_iter().map(line).collect() })
}

/// Which topic.
#[derive(Deserialize)]
pub struct Named {
    name: String,
}

/// A topic.
#[derive(Serialize)]
pub struct Topic {
    name: String,
    config: BTreeMap<String, String>,
    partitions: Vec<PartitionInfo>,
    bytes: u64,
    produced: Traffic,
    consumed: Traffic,
    /// The groups that have processed something of it.
    groups: Vec<Reader>,
}

/// A group that reads a topic.
#[derive(Serialize)]
struct Reader {
    group: String,
    lag: Lag,
}

pub async fn topic(session: &mut Session<'_>, named: Named) -> Result<Topic> {
    let name = named.name;
    let request = DescribeTopicRequest { name: name.clone() };
    let described = session.call(request, |engine, request| engine.describe_topic(request)).await?;
    let visible = session.visible_groups().await?;
    let stats = session.stats().await?;
    let groups = visible.into_iter().filter_map(|group| {
        let stats = stats.groups.iter().find(|stats| stats.name == group.group)?;
        let mut lags = stats.lags.iter().filter(|lag| lag.topic == name).peekable();
        lags.peek()?;
        Some(Reader { lag: Lag::of(lags), group: group.group })
    });
    let [produced, consumed] = session.shared.metrics.topics.of(&name);
    Ok(Topic {
        groups: groups.collect(),
        config: described.config,
        partitions: described.partitions,
        bytes: described.bytes,
        produced: Traffic { records: produced.0, bytes: produced.1 },
        consumed: Traffic { records: consumed.0, bytes: consumed.1 },
        name,
    })
}
