//! Records and bytes of each topic. There may be more topics than an observer wants series of: those
//! beyond a limit are counted together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::{made, register};

/// How many topics are counted by themselves.
const MOST_TOPICS: usize = 1000;
/// The label of all others together. No topic can have this name.
pub const OTHER: &str = "(other)";

/// The counters of all topics.
pub struct TopicTraffic {
    families: [IntCounterVec; 4],
    most: usize,
    /// Replaced as a whole when a topic is new, so that looking one up takes no lock.
    known: ArcSwap<HashMap<String, Arc<TopicCounters>>>,
    changing: Mutex<()>,
    other: Arc<TopicCounters>,
}

/// The counters of a topic.
struct TopicCounters {
    produced: IntCounter,
    produced_bytes: IntCounter,
    consumed: IntCounter,
    consumed_bytes: IntCounter,
}

impl TopicTraffic {
    pub(super) fn new(registry: &Registry) -> Self {
        Self::limited(registry, MOST_TOPICS)
    }

    fn limited(registry: &Registry, most: usize) -> Self {
        let families = [
            ("flymq_messages_produced_total", "Records that were stored."),
            ("flymq_bytes_produced_total", "Bytes of records that were stored, as they came."),
            ("flymq_messages_consumed_total", "Records in answers to readers."),
            ("flymq_bytes_consumed_total", "Bytes of records in answers to readers, as stored."),
        ]
        .map(|(name, help)| {
            let family = made(IntCounterVec::new(Opts::new(name, help), &["topic"]));
            register(registry, Box::new(family.clone()));
            family
        });
        let other = counters(&families, OTHER);
        Self { families, most, known: ArcSwap::default(), changing: Mutex::new(()), other }
    }

    /// Counts records that were stored in a topic that exists.
    pub fn produced(&self, topic: &str, records: u64, bytes: usize) {
        self.with(topic, |counters| {
            counters.produced.inc_by(records);
            counters.produced_bytes.inc_by(bytes as u64);
        });
    }

    /// Counts records of a topic that exists which a reader is sent.
    pub fn consumed(&self, topic: &str, records: u64, bytes: usize) {
        self.with(topic, |counters| {
            counters.consumed.inc_by(records);
            counters.consumed_bytes.inc_by(bytes as u64);
        });
    }

    fn with(&self, topic: &str, count: impl FnOnce(&TopicCounters)) {
        let known = self.known.load();
        match known.get(topic) {
            Some(counters) => count(counters),
            None if known.len() >= self.most => count(&self.other),
            None => count(&self.add(topic)),
        }
    }

    fn add(&self, topic: &str) -> Arc<TopicCounters> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = HashMap::clone(&self.known.load());
        if known.len() >= self.most && !known.contains_key(topic) {
            return self.other.clone();
        }
        let entry = known.entry(topic.to_owned());
        let added = entry.or_insert_with(|| counters(&self.families, topic)).clone();
        self.known.store(Arc::new(known));
        added
    }

    /// Records and bytes of a topic: what was stored, and what readers were sent.
    pub fn of(&self, topic: &str) -> [(u64, u64); 2] {
        self.known.load().get(topic).map_or_else(Default::default, |counters| {
            [
                (counters.produced.get(), counters.produced_bytes.get()),
                (counters.consumed.get(), counters.consumed_bytes.get()),
            ]
        })
    }

    /// Forgets topics that are no more, so that others can be counted.
    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        if self.known.load().keys().all(|topic| exists(topic)) {
            return;
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = HashMap::clone(&self.known.load());
        known.retain(|topic, _| {
            let keep = exists(topic);
            if !keep {
                for family in &self.families {
                    // It is there, since it was made together with the entry.
                    let _ = family.remove_label_values(&[topic]);
                }
            }
            keep
        });
        self.known.store(Arc::new(known));
    }
}

fn counters(families: &[IntCounterVec; 4], topic: &str) -> Arc<TopicCounters> {
    let [produced, produced_bytes, consumed, consumed_bytes] =
        families.each_ref().map(|family| family.with_label_values(&[topic]));
    Arc::new(TopicCounters { produced, produced_bytes, consumed, consumed_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_beyond_the_limit_are_counted_together_until_others_go() {
        let registry = Registry::new();
        let traffic = TopicTraffic::limited(&registry, 2);
        for topic in ["a", "b", "c", "d", "a"] {
            traffic.produced(topic, 2, 10);
        }
        let produced = || -> Vec<(String, f64)> {
            let families = registry.gather();
            let family = families.iter().find(|f| f.name() == "flymq_messages_produced_total");
            let values = family.unwrap().get_metric().iter().map(|metric| {
                (metric.get_label()[0].value().to_owned(), metric.get_counter().get_value())
            });
            values.collect()
        };
        let pairs = |pairs: &[(&str, f64)]| -> Vec<_> {
            pairs.iter().map(|&(topic, count)| (topic.to_owned(), count)).collect()
        };
        assert_eq!(produced(), pairs(&[("(other)", 4.0), ("a", 4.0), ("b", 2.0)]));
        traffic.retain(|topic| topic != "b");
        traffic.produced("c", 1, 1);
        assert_eq!(produced(), pairs(&[("(other)", 4.0), ("a", 4.0), ("c", 1.0)]));
    }
}
