//! Topic administration and metadata.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

fn one() -> u32 {
    1
}

/// Creates a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CreateTopicRequest {
    /// 1 to 249 of `a-z A-Z 0-9 . _ -`.
    pub name: String,
    /// How many partitions, at least 1.
    #[serde(default = "one")]
    pub partitions: u32,
    /// How many copies; 0 for the broker's default.
    #[serde(default)]
    pub replication: u16,
    /// Configuration that differs from the defaults.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Succeed without a change if the topic is there already.
    #[serde(default)]
    pub if_not_exists: bool,
}

/// The topic as it now is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CreateTopicResponse {
    /// How many partitions it has.
    pub partitions: u32,
    /// Whether this request created it.
    pub created: bool,
}

/// Deletes a topic and its records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeleteTopicRequest {
    /// The topic.
    pub name: String,
}

/// It is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeleteTopicResponse {}

/// Asks for all topics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListTopicsRequest {}

/// All topics, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListTopicsResponse {
    /// One entry a topic.
    #[serde(default)]
    pub topics: Vec<TopicSummary>,
}

/// A topic's name and size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicSummary {
    /// The topic.
    pub name: String,
    /// How many partitions it has; 0 where `error` is set.
    #[serde(default)]
    pub partitions: u32,
    /// Why there is nothing to say of it, by error code; 0 for no error.
    #[serde(default)]
    pub error: u16,
}

/// Asks which brokers there are, and for partition counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetadataRequest {
    /// The topics of interest, at most 10,000.
    #[serde(default)]
    pub topics: Vec<String>,
}

/// Brokers and partition counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetadataResponse {
    /// Every broker that serves this data. Any of them serves every partition.
    #[serde(default)]
    pub brokers: Vec<BrokerInfo>,
    /// One entry for each topic asked for.
    #[serde(default)]
    pub topics: Vec<TopicSummary>,
}

/// Where a broker listens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BrokerInfo {
    /// Its number in the cluster.
    pub id: u32,
    /// Host name or address that clients are to use.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Raises a topic's partition count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AddPartitionsRequest {
    /// The topic.
    pub name: String,
    /// The new count, not below the present one.
    pub partitions: u32,
}

/// The topic as it now is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AddPartitionsResponse {
    /// How many partitions it has.
    pub partitions: u32,
}

/// Asks for a topic's configuration and offsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DescribeTopicRequest {
    /// The topic.
    pub name: String,
}

/// A topic's configuration and offsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DescribeTopicResponse {
    /// Every configuration key with the value in force.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// One entry a partition, in order.
    #[serde(default)]
    pub partitions: Vec<PartitionInfo>,
    /// Bytes of records stored for the whole topic.
    #[serde(default)]
    pub bytes: u64,
}

/// One partition's offsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartitionInfo {
    /// The partition.
    pub partition: u32,
    /// Offset of the oldest record there is.
    pub earliest: u64,
    /// Offset that the next record will get.
    pub latest: u64,
}

/// Changes a topic's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlterTopicRequest {
    /// The topic.
    pub name: String,
    /// Keys to set, or with nil to put back to their default. Others stay as they are.
    pub config: BTreeMap<String, Option<String>>,
}

/// The configuration in force now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlterTopicResponse {
    /// Every key with its value.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
}
