//! Topics, offsets, and how the cluster is.

use std::collections::BTreeMap;

use flymq_core::{NewTopic, OffsetSpec, Result};
use flymq_python_macros::mirrored;

use super::{AsyncFlyMQClient, Connected, FlyMQClient};
use crate::cluster::Status;
use crate::topics::TopicDescription;

#[mirrored(FlyMQClient, AsyncFlyMQClient)]
impl Connected {
    /// Create a topic. Return whether it was created, which it is not where it was there already
    /// and `if_not_exists` allowed that; else that raises TopicExistsError.
    #[pyo3(signature = (name, partitions=1, *, config=None, if_not_exists=false))]
    async fn create_topic(
        self,
        name: String,
        partitions: u32,
        config: Option<BTreeMap<String, String>>,
        if_not_exists: bool,
    ) -> Result<bool> {
        let mut topic = NewTopic::new(name).partitions(partitions);
        for (key, value) in config.unwrap_or_default() {
            topic = topic.config(key, value);
        }
        if if_not_exists {
            topic = topic.if_not_exists();
        }
        self.client.create_topic(topic).await
    }

    /// Delete a topic and its records.
    async fn delete_topic(self, name: String) -> Result<()> {
        self.client.delete_topic(&name).await
    }

    /// Return the names of all topics with their numbers of partitions.
    async fn list_topics(self) -> Result<BTreeMap<String, u32>> {
        let topics = self.client.list_topics().await?;
        Ok(topics.into_iter().map(|topic| (topic.name, topic.partitions)).collect())
    }

    /// Return a topic's configuration and its partitions' offsets.
    async fn describe_topic(self, name: String) -> Result<TopicDescription> {
        self.client.describe_topic(&name).await.map(TopicDescription)
    }

    /// Change a topic's configuration; a value of None puts a key back to its default. Return every
    /// key with the value in force.
    async fn alter_topic(
        self,
        name: String,
        config: BTreeMap<String, Option<String>>,
    ) -> Result<BTreeMap<String, String>> {
        self.client.alter_topic(&name, config).await
    }

    /// Raise a topic's number of partitions to `partitions`. Keys may change partitions then.
    async fn add_partitions(self, name: String, partitions: u32) -> Result<()> {
        self.client.add_partitions(&name, partitions).await
    }

    /// Return how many partitions a topic has.
    async fn partition_count(self, topic: String) -> Result<u32> {
        self.client.partition_count(&topic).await
    }

    /// Return the offset of the oldest record there is.
    #[pyo3(signature = (topic, partition=0))]
    async fn earliest(self, topic: String, partition: u32) -> Result<u64> {
        self.offset(topic, partition, OffsetSpec::Earliest).await
    }

    /// Return the offset that the next record will get.
    #[pyo3(signature = (topic, partition=0))]
    async fn latest(self, topic: String, partition: u32) -> Result<u64> {
        self.offset(topic, partition, OffsetSpec::Latest).await
    }

    /// Return the offset of the first record at or after a time in milliseconds since 1970; the end
    /// of the log if there is none.
    #[pyo3(signature = (topic, timestamp, partition=0))]
    async fn offset_at(self, topic: String, timestamp: i64, partition: u32) -> Result<u64> {
        self.offset(topic, partition, OffsetSpec::Timestamp(timestamp)).await
    }

    /// Return (earliest, latest) of each of the partitions, in their order.
    async fn list_offsets(self, topic: String, partitions: Vec<u32>) -> Result<Vec<(u64, u64)>> {
        let both = |p: &u32| [(*p, OffsetSpec::Earliest), (*p, OffsetSpec::Latest)];
        let queries: Vec<_> = partitions.iter().flat_map(both).collect();
        let offsets = self.client.list_offsets(&topic, &queries).await?;
        Ok(offsets.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    /// Return how the cluster is, as ClusterStatus: which brokers are alive, which nodes the engine
    /// has, and which partitions lack copies. Raises NotAuthorizedError without the permission to
    /// describe the cluster.
    async fn cluster_status(self) -> Result<Status> {
        self.client.cluster_status().await.map(Status)
    }
}

impl Connected {
    async fn offset(self, topic: String, partition: u32, spec: OffsetSpec) -> Result<u64> {
        let offsets = self.client.list_offsets(&topic, &[(partition, spec)]).await?;
        Ok(offsets[0])
    }
}
