//! What is known of topics: it is believed for a while, or until it proves wrong.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use uuid::Uuid;

use super::Cluster;
use crate::Result;
use crate::kafka::errors;

/// The most topics that are remembered; what is known of others is asked for each time.
const MAX_TOPICS: usize = 100_000;

/// A topic as metadata describes it.
#[derive(Debug)]
pub struct Topic {
    pub name: String,
    pub id: Uuid,
    /// In the order of their numbers.
    pub partitions: Vec<Leader>,
    /// How large a record may be, once that has been asked for.
    pub max_record_bytes: OnceCell<usize>,
    /// When that was so.
    pub learnt: Instant,
    /// Whether it was found to be out of date.
    stale: AtomicBool,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The node's number, or -1 where there is none at the moment.
    pub node: i32,
    /// Rises with each change.
    pub epoch: i32,
}

impl Topic {
    /// Refuses a partition that the topic does not have.
    pub fn leader(&self, partition: u32) -> Result<Leader> {
        self.partitions.get(partition as usize).copied().ok_or_else(|| {
            ProtocolError::new(
                ErrorCode::UnknownPartition,
                format!(
                    "topic {} has partitions 0 to {}, not {partition}",
                    self.name,
                    self.partitions.len().saturating_sub(1)
                ),
            )
        })
    }
}

/// The error of a topic that does not exist, or is Kafka's own.
pub fn unknown_topic(name: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::UnknownTopic,
        format!("there is no topic {:?}", crate::topic::shorten(name)),
    )
}

/// Whether a topic is Kafka's own, or a gateway's.
pub fn is_internal(name: &str) -> bool {
    name.starts_with("__")
}

impl Cluster {
    /// What is known of a topic, asking if it is not known or has been for long.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, and those of asking.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>> {
        match self.cached(name) {
            Some(topic) => Ok(topic),
            None => self.learn(name).await,
        }
    }

    /// What is known of a topic without asking; `None` if that is nothing, or old.
    pub fn cached(&self, name: &str) -> Option<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(name).filter(|topic| self.is_fresh(topic)).cloned()
    }

    /// Whether what is known of a topic is still to be believed.
    pub fn is_fresh(&self, topic: &Topic) -> bool {
        !topic.stale.load(Ordering::Relaxed)
            && topic.learnt.elapsed() < self.config().metadata_max_age
    }

    /// Has what is known of a topic no longer believed, because it was found to be out of date.
    pub fn mark_stale(&self, topic: &Topic) {
        topic.stale.store(true, Ordering::Relaxed);
    }

    async fn learn(&self, name: &str) -> Result<Arc<Topic>> {
        if is_internal(name) || crate::topic::check_name(name).is_err() {
            return Err(unknown_topic(name));
        }
        let mut retry = self.retry();
        loop {
            let refreshing = self.refreshing.lock().await;
            // Many who miss the same ask once.
            if let Some(topic) = self.cached(name) {
                return Ok(topic);
            }
            let found = self.fetch_metadata(Some(&[name])).await;
            drop(refreshing);
            match found
                .and_then(|topics| topics.into_iter().next().unwrap_or(Err(unknown_topic(name))))
            {
                Ok(topic) => return Ok(topic),
                Err(error) if error.code.is_retriable() => retry.pause_or(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Every topic there is, Kafka's own left out, by name.
    pub async fn all_topics(&self) -> Result<Vec<Arc<Topic>>> {
        let mut topics: Vec<_> = self.ask_metadata(None).await?.into_iter().flatten().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The present state of each topic asked for, in that order.
    pub async fn topics(&self, names: &[&str]) -> Result<Vec<Result<Arc<Topic>>>> {
        let mut found: HashMap<String, Result<Arc<Topic>>> = HashMap::new();
        let legal = |name: &&str| !is_internal(name) && crate::topic::check_name(name).is_ok();
        let mut wanted: Vec<&str> = names.iter().copied().filter(legal).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if !wanted.is_empty() {
            let answers = self.ask_metadata(Some(&wanted)).await?;
            found = wanted.iter().map(|name| (*name).to_owned()).zip(answers).collect();
        }
        let lookup =
            |name: &&str| found.get(*name).cloned().unwrap_or_else(|| Err(unknown_topic(name)));
        Ok(names.iter().map(lookup).collect())
    }

    /// Forgets a topic that is gone.
    pub fn forget(&self, name: &str) {
        self.topics.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    async fn ask_metadata(&self, names: Option<&[&str]>) -> Result<Vec<Result<Arc<Topic>>>> {
        let mut retry = self.retry();
        loop {
            match self.fetch_metadata(names).await {
                Ok(topics) => return Ok(topics),
                Err(error) if error.code.is_retriable() => retry.pause_or(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks for metadata once: of the topics named, in their order, or with `None` of all.
    pub(super) async fn fetch_metadata(
        &self,
        names: Option<&[&str]>,
    ) -> Result<Vec<Result<Arc<Topic>>>> {
        let wanted = names.map(|names| {
            let topic = |name: &&str| {
                let name = TopicName(StrBytes::from_string((*name).to_owned()));
                MetadataRequestTopic::default().with_name(Some(name))
            };
            names.iter().map(topic).collect()
        });
        let request =
            MetadataRequest::default().with_topics(wanted).with_allow_auto_topic_creation(false);
        let response = self.anywhere(&request).await?;
        self.take_nodes(&response);
        let mut learnt = HashMap::new();
        let mut all = Vec::new();
        for topic in response.topics {
            let Some(name) = topic.name.as_ref().map(|name| name.0.to_string()) else { continue };
            if names.is_none() && (is_internal(&name) || topic.is_internal) {
                continue;
            }
            let topic = self.take_topic(&name, topic);
            match names {
                None => all.push(topic),
                Some(_) => {
                    learnt.insert(name, topic);
                }
            }
        }
        let Some(names) = names else { return Ok(all) };
        let found =
            |name: &&str| learnt.get(*name).cloned().unwrap_or_else(|| Err(unknown_topic(name)));
        Ok(names.iter().map(found).collect())
    }

    fn take_topic(&self, name: &str, topic: MetadataResponseTopic) -> Result<Arc<Topic>> {
        match topic.error_code {
            0 => {}
            // UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION
            3 | 17 => {
                self.forget(name);
                return Err(unknown_topic(name));
            }
            code => return Err(errors::error(code, &format!("learn of topic {name}"))),
        }
        let count = topic.partitions.len();
        let mut partitions = vec![Leader { node: -1, epoch: -1 }; count];
        for partition in topic.partitions {
            let slot =
                usize::try_from(partition.partition_index).ok().and_then(|i| partitions.get_mut(i));
            let Some(slot) = slot else {
                return Err(errors::malformed(format!("topic {name} has gaps in its partitions")));
            };
            *slot = Leader { node: partition.leader_id.0, epoch: partition.leader_epoch };
        }
        let topic = Arc::new(Topic {
            name: name.to_owned(),
            id: topic.topic_id,
            partitions,
            max_record_bytes: OnceCell::new(),
            learnt: Instant::now(),
            stale: AtomicBool::new(false),
        });
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if topics.len() >= MAX_TOPICS && !topics.contains_key(name) {
            topics.clear();
        }
        topics.insert(name.to_owned(), topic.clone());
        Ok(topic)
    }
}
