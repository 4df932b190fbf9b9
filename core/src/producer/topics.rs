//! Topics as the producer knows them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use tokio::time::Instant;

use super::inner::Inner;
use super::queue::PartitionQueue;
use crate::error::{Error, Result};
use crate::record::Record;

/// A topic as the producer knows it.
pub(super) struct TopicState {
    pub name: Arc<str>,
    /// Every partition there ever was. A topic made anew may have fewer, while records are still
    /// under way to the others.
    pub partitions: Vec<Arc<PartitionQueue>>,
    /// How many there are now.
    pub count: u32,
    /// The largest record it takes, as encoded.
    pub max_record: usize,
    /// A broker's answer has shown that some of this is no longer true.
    pub outdated: AtomicBool,
    /// Counts records without key, which go round.
    pub turn: AtomicU32,
    pub known_since: Instant,
}

/// How long a topic's partition count is taken for true.
pub(super) const TOPIC_TTL: Duration = Duration::from_secs(60);

impl TopicState {
    pub fn is_current(&self) -> bool {
        !self.outdated.load(Ordering::Relaxed)
    }

    /// Refuses a record that is too large here, because the broker would refuse its whole batch.
    pub fn admit(&self, record: &Record, size_at_most: usize) -> Result<()> {
        if size_at_most <= self.max_record {
            return Ok(());
        }
        // Only now is it worth being exact.
        let size = record.encoded_size();
        if size <= self.max_record {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::RecordTooLarge,
            "send",
            format!(
                "a record of {size} bytes exceeds the {} that topic {:?} takes",
                self.max_record, self.name
            ),
        ))
    }
}

impl Inner {
    pub fn known(&self, topic: &str) -> Option<Arc<TopicState>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).get(topic).cloned()
    }

    /// Asks for a topic's partition count, and keeps the queues of those known before.
    pub async fn learn(&self, topic: &str) -> Result<Arc<TopicState>> {
        let count = self.core.partition_count(topic).await?;
        let max_record = self.core.max_record_bytes(topic).await?;
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let old = topics.get(topic);
        let name = old.map_or_else(|| Arc::from(topic), |old| old.name.clone());
        let mut partitions = old.map_or_else(Vec::new, |old| old.partitions.clone());
        for partition in partitions.len() as u32..count {
            partitions.push(Arc::new(PartitionQueue::new(name.clone(), partition)));
        }
        let state = Arc::new(TopicState {
            turn: AtomicU32::new(old.map_or_else(rand::random, |o| o.turn.load(Ordering::Relaxed))),
            name,
            partitions,
            count,
            max_record,
            outdated: AtomicBool::new(false),
            known_since: Instant::now(),
        });
        topics.insert(topic.to_owned(), state.clone());
        Ok(state)
    }

    pub fn queues(&self) -> Vec<Arc<PartitionQueue>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.values().flat_map(|topic| topic.partitions.iter().cloned()).collect()
    }

    /// Has a topic looked up again at the next record.
    pub fn forget_topic(&self, topic: &str) {
        self.core.forget_topic(topic);
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = topics.get(topic) else { return };
        if state.partitions.iter().all(|p| p.lock().is_idle()) {
            topics.remove(topic);
        } else {
            // With records under way its queues stay; they will meet the same answer.
            state.outdated.store(true, Ordering::Relaxed);
        }
    }

    /// Asks again for partition counts that were learnt long ago.
    pub async fn refresh_topics(self: Arc<Self>) {
        let old: Vec<String> = {
            let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
            let is_old = |t: &TopicState| t.known_since.elapsed() > TOPIC_TTL;
            topics.iter().filter(|(_, t)| is_old(t)).map(|(name, _)| name.clone()).collect()
        };
        for topic in old {
            self.core.forget_topic(&topic);
            if let Err(error) = self.learn(&topic).await {
                tracing::debug!(topic, %error, "cannot refresh a topic");
            }
        }
    }
}
