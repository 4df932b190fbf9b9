//! Topics that gateways keep for themselves: one partition whose newest record of each key counts.
//!
//! Everything in them is small and read often, so it is read without waiting at the node: a request
//! that waits would stand in front of clients' requests, or behind them.
//!
//! `entries` has their records.

mod entries;

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, CreateTopicsResponse, FetchRequest, ListOffsetsRequest,
    MetadataRequest, ProduceRequest, TransactionalId,
};
use uuid::Uuid;

use super::errors::{self, Remedy, malformed, unavailable};
use super::link::LinkError;
use super::node::{Lane, Node};
use super::topics::{copies, text, topic_name};
use super::transactions::Identity;
use super::{Inner, retry};
use crate::Result;
pub use entries::Entry;

/// How much is read at a time.
const READ_BYTES: i32 = 4 << 20;
const READ_COMMITTED: i8 = 1;
/// In place of a time: the oldest record.
const EARLIEST: i64 = -2;

/// Such a topic.
pub struct Journal {
    inner: Arc<Inner>,
    name: &'static str,
    /// Where it is, as far as is known.
    place: tokio::sync::Mutex<Option<Place>>,
}

#[derive(Clone)]
struct Place {
    topic: Uuid,
    leader: Arc<Node>,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Where to read on.
    pub next: i64,
    /// Whether nothing more is there now.
    pub is_end: bool,
}

impl Journal {
    /// A topic with this configuration, which is made unless it is there.
    pub async fn open(
        inner: Arc<Inner>,
        name: &'static str,
        config: &[(&'static str, &str)],
    ) -> Result<Self> {
        let journal = Self { inner, name, place: Default::default() };
        if journal.find().await?.is_none() {
            journal.create(config).await?;
        }
        Ok(journal)
    }

    async fn create(&self, config: &[(&'static str, &str)]) -> Result<()> {
        let cluster = &self.inner.cluster;
        let copies = copies(&self.inner, 0)?;
        let least = cluster.config().min_insync_replicas.min((copies - 1).max(1) as u16);
        let least = least.to_string();
        let safe = [("min.insync.replicas", &*least), ("unclean.leader.election.enable", "false")];
        let configs = config.iter().copied().chain(safe).map(|(name, value)| {
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(topic_name(self.name))
            .with_num_partitions(1)
            .with_replication_factor(copies)
            .with_configs(configs.collect());
        let timeout = cluster.config().request_timeout.as_millis().try_into().unwrap_or(i32::MAX);
        let request =
            CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout);
        let code = |r: &CreateTopicsResponse| r.topics.first().map_or(0, |t| t.error_code);
        let answer = cluster.administer(&request, code).await?;
        match E::try_from_code(code(&answer)) {
            // Another gateway may have been quicker.
            None | Some(E::TopicAlreadyExists) => Ok(()),
            Some(_) => {
                let message = answer.topics.first().and_then(|t| t.error_message.as_deref());
                let what = format!("create topic {}", self.name);
                Err(errors::error_with(code(&answer), &what, message))
            }
        }
    }

    /// Asks where the topic is; `None` if there is none.
    async fn find(&self) -> Result<Option<Place>> {
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name(self.name)));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(false);
        let cluster = &self.inner.cluster;
        let mut retry = cluster.retry();
        loop {
            let asked = async {
                let found = cluster.anywhere(&request).await?;
                let topic = found.topics.into_iter().next();
                let topic = topic.ok_or_else(|| malformed("Kafka says nothing of a topic"))?;
                match E::try_from_code(topic.error_code) {
                    None => {}
                    Some(E::UnknownTopicOrPartition) => return Ok(None),
                    Some(_) => return Err(errors::error(topic.error_code, "find a topic")),
                }
                let leader = topic.partitions.first().map_or(-1, |p| p.leader_id.0);
                if leader < 0 {
                    return Err(unavailable(format!("topic {} has no leader", self.name)));
                }
                cluster.refresh_nodes().await?;
                Ok(Some(Place { topic: topic.topic_id, leader: cluster.node(leader)? }))
            };
            match asked.await {
                Ok(place) => return Ok(place),
                Err(error) if error.code.is_retriable() => retry.pause_or(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn place(&self, retry: &mut retry::Retry) -> Result<Place> {
        let mut known = self.place.lock().await;
        loop {
            if let Some(place) = &*known {
                return Ok(place.clone());
            }
            *known = self.find().await?;
            if known.is_none() {
                // Not every node knows of a new topic yet.
                retry.pause_or(unavailable(format!("there is no topic {}", self.name))).await?;
            }
        }
    }

    /// Reads what there is from an offset on.
    pub async fn read(&self, from: i64) -> Result<Page> {
        let mut retry = self.inner.cluster.retry();
        loop {
            let place = self.place(&mut retry).await?;
            match self.read_at(&place, from).await {
                Ok(page) => return Ok(page),
                Err(error) if error.code.is_retriable() => {
                    *self.place.lock().await = None;
                    retry.pause_or(error).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn read_at(&self, place: &Place, from: i64) -> Result<Page> {
        let partition = FetchPartition::default()
            .with_partition(0)
            .with_fetch_offset(from)
            .with_partition_max_bytes(READ_BYTES);
        let topic =
            FetchTopic::default().with_topic_id(place.topic).with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_max_wait_ms(0)
            .with_max_bytes(READ_BYTES)
            .with_isolation_level(READ_COMMITTED)
            .with_topics(vec![topic]);
        let answer = place.leader.call(place.leader.fetch_lane(), &request).await?;
        let what = format!("read topic {}", self.name);
        if answer.error_code != 0 {
            return Err(errors::error(answer.error_code, &what));
        }
        let mut topics = answer.responses.into_iter();
        let found = topics.next().and_then(|topic| topic.partitions.into_iter().next());
        let found = found.ok_or_else(|| malformed("Kafka says nothing of a partition"))?;
        match E::try_from_code(found.error_code) {
            None => {}
            // Kafka has dropped what was there, and does not say here where it goes on.
            Some(E::OffsetOutOfRange) => {
                return Ok(Page { next: self.earliest(place).await?, ..Page::default() });
            }
            Some(_) => return Err(errors::error(found.error_code, &what)),
        }
        let (entries, next) = entries::decode(&found, from)?;
        // Kafka sends a batch at least, where there is one.
        let is_end = next == from || next >= found.last_stable_offset;
        Ok(Page { entries, next, is_end })
    }

    /// The offset of the oldest record that there is.
    async fn earliest(&self, place: &Place) -> Result<i64> {
        let partition = ListOffsetsPartition::default().with_timestamp(EARLIEST);
        let topic = ListOffsetsTopic::default()
            .with_name(topic_name(self.name))
            .with_partitions(vec![partition]);
        let request =
            ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let answer = place.leader.call(Lane::Control(0), &request).await?;
        let mut topics = answer.topics.into_iter();
        let found = topics.next().and_then(|topic| topic.partitions.into_iter().next());
        let found = found.ok_or_else(|| malformed("Kafka says nothing of a partition"))?;
        match found.error_code {
            0 => Ok(found.offset),
            code => Err(errors::error(code, &format!("find the beginning of {}", self.name))),
        }
    }

    /// Writes an entry that may be written twice if an answer is lost.
    pub async fn append(&self, key: &str, value: Option<Bytes>) -> Result<()> {
        let records = entries::encode(&[(key.to_owned(), value)], None)?;
        self.write(None, records).await
    }

    /// Writes entries within a transaction.
    pub async fn append_in(
        &self,
        transactional_id: &str,
        identity: Identity,
        entries: &[(String, Option<Bytes>)],
    ) -> Result<()> {
        self.write(Some(transactional_id), entries::encode(entries, Some(identity))?).await
    }

    async fn write(&self, transactional_id: Option<&str>, records: Bytes) -> Result<()> {
        let timeout = self.inner.cluster.config().request_timeout;
        let mut retry = self.inner.cluster.retry();
        loop {
            let place = self.place(&mut retry).await?;
            let partition =
                PartitionProduceData::default().with_index(0).with_records(Some(records.clone()));
            let topic = TopicProduceData::default()
                .with_topic_id(place.topic)
                .with_partition_data(vec![partition]);
            let request = ProduceRequest::default()
                .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
                .with_acks(-1)
                .with_timeout_ms(timeout.as_millis().try_into().unwrap_or(i32::MAX))
                .with_topic_data(vec![topic]);
            let error = match place.leader.call(Lane::Control(0), &request).await {
                Ok(answer) => {
                    let mut topics = answer.responses.iter();
                    let written = topics.next().and_then(|t| t.partition_responses.first());
                    match written.map(|partition| partition.error_code) {
                        None => return Err(malformed("Kafka says nothing of a partition")),
                        Some(0) => return Ok(()),
                        Some(code) if errors::remedy(code) == Remedy::Final => {
                            let what = format!("write to topic {}", self.name);
                            return Err(errors::error(code, &what));
                        }
                        Some(code) => errors::error(code, "write"),
                    }
                }
                Err(error @ LinkError::Refused(_)) => return Err(error.into()),
                Err(error) => error.into(),
            };
            *self.place.lock().await = None;
            retry.pause_or(error).await?;
        }
    }
}
