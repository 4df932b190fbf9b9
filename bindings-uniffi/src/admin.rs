//! Topics: creating, deleting, describing, altering; and where their records begin and end.

use std::collections::HashMap;

use flymq_core as core;
use flymq_core::{Isolation, OffsetSpec};

use crate::client::Client;
use crate::error::Result;
use crate::records::StartOffset;

/// A topic's name and number of partitions.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TopicListing {
    /// The topic.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
}

/// A topic's configuration and offsets.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TopicDescription {
    /// The topic.
    pub name: String,
    /// Every configuration key with the value in force.
    pub config: HashMap<String, String>,
    /// One entry a partition, in order.
    pub partitions: Vec<PartitionDescription>,
    /// Bytes of records stored for the whole topic.
    pub bytes: u64,
}

/// Where one partition's records begin and end.
#[derive(Clone, Debug, uniffi::Record)]
pub struct PartitionDescription {
    /// The partition.
    pub partition: u32,
    /// Offset of the oldest record there is.
    pub earliest: u64,
    /// Offset that the next record will get.
    pub latest: u64,
}

/// Where a broker listens.
#[derive(Clone, Debug, uniffi::Record)]
pub struct BrokerAddress {
    /// Its number in the cluster.
    pub id: u32,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

#[uniffi::export]
impl Client {
    /// Creates a topic. Returns whether it was created, which it is not if it was there already and
    /// `if_not_exists` allows that.
    ///
    /// TOPIC_EXISTS, INVALID_TOPIC_NAME, INVALID_PARTITIONS, INVALID_CONFIG.
    #[uniffi::method(default(partitions = 1, if_not_exists = false, config))]
    pub async fn create_topic(
        &self,
        name: String,
        partitions: u32,
        config: HashMap<String, String>,
        if_not_exists: bool,
    ) -> Result<bool> {
        let mut topic = core::NewTopic::new(name).partitions(partitions);
        if if_not_exists {
            topic = topic.if_not_exists();
        }
        for (key, value) in config {
            topic = topic.config(key, value);
        }
        self.run(|client| async move { client.create_topic(topic).await }).await
    }

    /// Deletes a topic and its records. UNKNOWN_TOPIC.
    pub async fn delete_topic(&self, name: String) -> Result<()> {
        self.run(|client| async move { client.delete_topic(&name).await }).await
    }

    /// All topics, by name.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>> {
        self.run(|client| async move {
            let listing =
                |t: core::TopicListing| TopicListing { name: t.name, partitions: t.partitions };
            Ok(client.list_topics().await?.into_iter().map(listing).collect())
        })
        .await
    }

    /// A topic's configuration and offsets. UNKNOWN_TOPIC.
    pub async fn describe_topic(&self, name: String) -> Result<TopicDescription> {
        self.run(|client| async move {
            let found = client.describe_topic(&name).await?;
            let partition = |p: core::PartitionDescription| PartitionDescription {
                partition: p.partition,
                earliest: p.earliest,
                latest: p.latest,
            };
            Ok(TopicDescription {
                name: found.name,
                config: found.config.into_iter().collect(),
                partitions: found.partitions.into_iter().map(partition).collect(),
                bytes: found.bytes,
            })
        })
        .await
    }

    /// Changes a topic's configuration; no value puts a key back to its default. Returns every key
    /// with the value in force. UNKNOWN_TOPIC, INVALID_CONFIG.
    pub async fn alter_topic(
        &self,
        name: String,
        config: HashMap<String, Option<String>>,
    ) -> Result<HashMap<String, String>> {
        self.run(|client| async move {
            let altered = client.alter_topic(&name, config.into_iter().collect()).await?;
            Ok(altered.into_iter().collect())
        })
        .await
    }

    /// Raises a topic's number of partitions. Keys may land in other partitions from then on.
    /// UNKNOWN_TOPIC, INVALID_PARTITIONS.
    pub async fn add_partitions(&self, name: String, partitions: u32) -> Result<()> {
        self.run(move |client| async move { client.add_partitions(&name, partitions).await }).await
    }

    /// How many partitions a topic has. UNKNOWN_TOPIC.
    pub async fn partition_count(&self, topic: String) -> Result<u32> {
        self.run(|client| async move { client.partition_count(&topic).await }).await
    }

    /// The offset of a partition that a position stands for. Read committed, which is the default, the
    /// end of the log is where the first open transaction begins. UNKNOWN_TOPIC, UNKNOWN_PARTITION.
    #[uniffi::method(default(isolation = None))]
    pub async fn offset(
        &self,
        topic: String,
        partition: u32,
        at: StartOffset,
        isolation: Option<Isolation>,
    ) -> Result<u64> {
        let spec = match at {
            StartOffset::Earliest => OffsetSpec::Earliest,
            StartOffset::Latest => OffsetSpec::Latest,
            StartOffset::At { offset } => return Ok(offset),
            StartOffset::Since { timestamp_ms } => OffsetSpec::Timestamp(timestamp_ms),
        };
        let isolation = isolation.unwrap_or_default();
        self.run(move |client| async move {
            let found = client.list_offsets_with(&topic, &[(partition, spec)], isolation).await?;
            // The core has checked that there is one answer for each question.
            Ok(found[0])
        })
        .await
    }

    /// Which brokers there are, as they want to be addressed.
    pub async fn brokers(&self) -> Result<Vec<BrokerAddress>> {
        self.run(|client| async move {
            let address =
                |b: core::BrokerAddress| BrokerAddress { id: b.id, host: b.host, port: b.port };
            Ok(client.brokers().await?.into_iter().map(address).collect())
        })
        .await
    }
}
