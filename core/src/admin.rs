//! Topics: creating, deleting, describing, altering; and where their records begin and end.

use std::collections::BTreeMap;

use flymq_protocol::messages::*;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};

/// A topic to create.
///
/// ```
/// use flymq_core::NewTopic;
///
/// let topic = NewTopic::new("orders").partitions(6).config("retention_ms", "86400000");
/// ```
#[derive(Clone, Debug)]
pub struct NewTopic(CreateTopicRequest);

impl NewTopic {
    /// A topic of one partition with default configuration.
    pub fn new(name: impl Into<String>) -> Self {
        Self(CreateTopicRequest { name: name.into(), partitions: 1, ..Default::default() })
    }

    /// How many partitions. Default 1.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.0.partitions = partitions;
        self
    }

    /// How many copies of each partition. Default: what the broker prefers.
    pub fn replication(mut self, replication: u16) -> Self {
        self.0.replication = replication;
        self
    }

    /// Sets a configuration key.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.config.insert(key.into(), value.into());
        self
    }

    /// Succeeds without a change if the topic is there already.
    pub fn if_not_exists(mut self) -> Self {
        self.0.if_not_exists = true;
        self
    }
}

/// A topic's name and number of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicListing {
    /// The topic.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
}

/// A topic's configuration and offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// The topic.
    pub name: String,
    /// Every configuration key with the value in force.
    pub config: BTreeMap<String, String>,
    /// One entry a partition, in order.
    pub partitions: Vec<PartitionDescription>,
    /// Bytes of records stored for the whole topic.
    pub bytes: u64,
}

/// Where one partition's records begin and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// The partition.
    pub partition: u32,
    /// Offset of the oldest record there is.
    pub earliest: u64,
    /// Offset that the next record will get.
    pub latest: u64,
}

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Its number in the cluster.
    pub id: u32,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A position in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The oldest record there is.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// The first record at or after this time, in milliseconds since 1970; the end of the log if
    /// there is none.
    Timestamp(i64),
}

impl Client {
    /// Creates a topic. Returns whether it was created, which it is not if it was there already and
    /// [`NewTopic::if_not_exists`] allowed that.
    ///
    /// # Errors
    ///
    /// TOPIC_EXISTS, INVALID_TOPIC_NAME, INVALID_PARTITIONS, INVALID_CONFIG.
    pub async fn create_topic(&self, topic: NewTopic) -> Result<bool> {
        let router = &self.core().router;
        // Trying again is harmless where it may find the topic there.
        let retry = if topic.0.if_not_exists { Retry::Always } else { Retry::Unsent };
        let answer = router.call(Lane::Main, "create_topic", &topic.0, retry).await?;
        self.core().forget_topic(&topic.0.name);
        Ok(answer.created)
    }

    /// Deletes a topic and its records.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        let request = DeleteTopicRequest { name: name.to_owned() };
        self.core().router.call(Lane::Main, "delete_topic", &request, Retry::Unsent).await?;
        self.core().forget_topic(name);
        Ok(())
    }

    /// All topics, by name.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>> {
        let request = ListTopicsRequest {};
        let answer =
            self.core().router.call(Lane::Main, "list_topics", &request, Retry::Always).await?;
        let listing = |t: TopicSummary| TopicListing { name: t.name, partitions: t.partitions };
        Ok(answer.topics.into_iter().map(listing).collect())
    }

    /// A topic's configuration and offsets.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC.
    pub async fn describe_topic(&self, name: &str) -> Result<TopicDescription> {
        let request = DescribeTopicRequest { name: name.to_owned() };
        let answer =
            self.core().router.call(Lane::Main, "describe_topic", &request, Retry::Always).await?;
        let partition = |p: PartitionInfo| PartitionDescription {
            partition: p.partition,
            earliest: p.earliest,
            latest: p.latest,
        };
        Ok(TopicDescription {
            name: name.to_owned(),
            config: answer.config,
            partitions: answer.partitions.into_iter().map(partition).collect(),
            bytes: answer.bytes,
        })
    }

    /// Changes a topic's configuration; `None` puts a key back to its default. Returns every key
    /// with the value in force.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, INVALID_CONFIG.
    pub async fn alter_topic(
        &self,
        name: &str,
        config: BTreeMap<String, Option<String>>,
    ) -> Result<BTreeMap<String, String>> {
        let request = AlterTopicRequest { name: name.to_owned(), config };
        let answer =
            self.core().router.call(Lane::Main, "alter_topic", &request, Retry::Always).await?;
        Ok(answer.config)
    }

    /// Raises a topic's number of partitions to `partitions`. Keys may land in other partitions from
    /// then on.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, INVALID_PARTITIONS.
    pub async fn add_partitions(&self, name: &str, partitions: u32) -> Result<()> {
        let request = AddPartitionsRequest { name: name.to_owned(), partitions };
        self.core().router.call(Lane::Main, "add_partitions", &request, Retry::Always).await?;
        self.core().forget_topic(name);
        Ok(())
    }

    /// Which brokers there are, as they want to be addressed. Any of them serves every partition.
    pub async fn brokers(&self) -> Result<Vec<BrokerAddress>> {
        let request = MetadataRequest::default();
        let answer =
            self.core().router.call(Lane::Main, "metadata", &request, Retry::Always).await?;
        let address = |b: BrokerInfo| BrokerAddress { id: b.id, host: b.host, port: b.port };
        Ok(answer.brokers.into_iter().map(address).collect())
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC.
    pub async fn partition_count(&self, topic: &str) -> Result<u32> {
        self.core().partition_count(topic).await
    }

    /// Offsets of partitions of one topic by position in time, in the order asked for.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION.
    pub async fn list_offsets(
        &self,
        topic: &str,
        queries: &[(u32, OffsetSpec)],
    ) -> Result<Vec<u64>> {
        self.list_offsets_with(topic, queries, Isolation::default()).await
    }

    /// As [`list_offsets`](Client::list_offsets). Read committed, which is the default, the end of
    /// the log is where the first open transaction begins.
    ///
    /// # Errors
    ///
    /// As [`list_offsets`](Client::list_offsets).
    pub async fn list_offsets_with(
        &self,
        topic: &str,
        queries: &[(u32, OffsetSpec)],
        isolation: Isolation,
    ) -> Result<Vec<u64>> {
        self.core().list_offsets(topic, queries, isolation).await
    }
}

impl crate::client::Core {
    pub(crate) async fn list_offsets(
        &self,
        topic: &str,
        queries: &[(u32, OffsetSpec)],
        isolation: Isolation,
    ) -> Result<Vec<u64>> {
        let query = |&(partition, spec): &(u32, OffsetSpec)| OffsetQuery {
            partition,
            timestamp: match spec {
                OffsetSpec::Earliest => EARLIEST,
                OffsetSpec::Latest => LATEST,
                // Times before 1970 would be taken for one of the two above.
                OffsetSpec::Timestamp(time) => time.max(0),
            },
        };
        let request = ListOffsetsRequest {
            topic: topic.to_owned(),
            partitions: queries.iter().map(query).collect(),
            isolation,
        };
        let answer = self.router.call(Lane::Main, "list_offsets", &request, Retry::Always).await?;
        if answer.partitions.len() != queries.len() {
            return Err(Error::new(
                flymq_protocol::ErrorCode::MalformedPayload,
                "list_offsets",
                "the broker answered for other partitions than it was asked for",
            ));
        }
        let found = |f: FoundOffset| match f.error {
            0 => Ok(f.offset),
            code => Err(Error::from_code(
                "list_offsets",
                code,
                format!("topic {topic:?}, partition {}", f.partition),
            )),
        };
        answer.partitions.into_iter().map(found).collect()
    }
}
