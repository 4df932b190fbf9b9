//! Health, and figures for metrics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::tally::scan;
use super::topics::Topic;
use crate::engine::stats::{
    DiskStats, EngineStats, GroupStats, Health, PartitionLag, TopicStats, TransactionStats,
};
use crate::now_ms;

pub fn health(inner: &Inner) -> Health {
    match inner.committer.fault() {
        Some(fault) => Health::Failed(fault.to_owned()),
        None if inner.space.is_short() => Health::Degraded(format!(
            "{}: records can be read and not written",
            inner.space.shortage()
        )),
        None => Health::Ok,
    }
}

pub fn stats(inner: &Inner) -> EngineStats {
    let topics = inner.topics.all();
    let (open, oldest) = inner.transactions.lock().open(inner.transactions.now());
    let by_id: HashMap<u32, &Arc<Topic>> = topics.iter().map(|topic| (topic.id, topic)).collect();
    EngineStats {
        topics: topics.iter().map(|topic| of_topic(topic)).collect(),
        groups: groups(inner, &by_id),
        transactions: Some(TransactionStats {
            open: open as u64,
            oldest: Duration::from_millis(oldest),
        }),
        disk: inner.space.free_of().map(|(free, size)| DiskStats { free, size }),
        cluster: None,
    }
}

fn of_topic(topic: &Topic) -> TopicStats {
    TopicStats {
        name: topic.name.clone(),
        partitions: topic.partitions().len() as u32,
        bytes: Some(topic.bytes()),
    }
}

fn groups(inner: &Inner, topics: &HashMap<u32, &Arc<Topic>>) -> Vec<GroupStats> {
    let now = now_ms();
    let of_group = |name: &str| {
        let mut stats = inner.groups.with(name, |_, group| GroupStats {
            state: group.state(),
            members: group.summary(name).members,
            rebalances: group.rebalances(),
            ..GroupStats::default()
        })?;
        let lag = |((topic, partition), committed): ((u32, u32), i64)| {
            lag(topics.get(&topic)?, partition, committed, now)
        };
        stats.lags = inner.offsets.stored(name).into_iter().filter_map(lag).collect();
        stats.name = name.to_owned();
        (stats.members > 0 || !stats.lags.is_empty()).then_some(stats)
    };
    inner.groups.all().iter().filter_map(|entry| of_group(&entry.name)).collect()
}

fn lag(topic: &Topic, partition: u32, committed: i64, now: i64) -> Option<PartitionLag> {
    let found = topic.partition(partition).ok()?;
    // What retention has dropped will never be processed.
    let next = u64::try_from(committed + 1).unwrap_or(0).max(found.start());
    let records = found.end().saturating_sub(next);
    let mut oldest = None;
    scan(topic, &found, next, |head| {
        oldest = Some(head.base_timestamp);
        false
    });
    let age = oldest.map_or(0, |timestamp| now.saturating_sub(timestamp));
    Some(PartitionLag {
        topic: topic.name.clone(),
        partition,
        records,
        time: Some(Duration::from_millis(u64::try_from(age).unwrap_or(0))),
    })
}
