//! How the cluster is.

use serde::{Deserialize, Serialize};

use super::topics::BrokerInfo;

/// Asks how the cluster is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterStatusRequest {}

/// How the cluster is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterStatusResponse {
    /// What stores the records: `embedded` or `kafka`.
    #[serde(default)]
    pub engine: String,
    /// Identity of the stored data.
    #[serde(default)]
    pub cluster_id: String,
    /// The brokers that are alive, by id.
    #[serde(default)]
    pub brokers: Vec<BrokerInfo>,
    /// The engine's own nodes, by id; none where the engine is within the broker.
    #[serde(default)]
    pub nodes: Vec<NodeInfo>,
    /// How many partitions there are, the engine's own included.
    #[serde(default)]
    pub partitions: u32,
    /// How many of them have fewer copies in sync than they should have.
    #[serde(default)]
    pub under_replicated: u32,
    /// How many of them cannot be used, because no node leads them.
    #[serde(default)]
    pub offline: u32,
    /// The partitions that are under-replicated or offline, up to 1,000.
    #[serde(default)]
    pub troubled: Vec<PartitionStatus>,
}

/// A node of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its number.
    pub id: u32,
    /// Where it listens for brokers.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is the one that was last known to control the cluster.
    #[serde(default)]
    pub controller: bool,
}

/// Where a partition's copies are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The node that leads it; nil for none.
    #[serde(default)]
    pub leader: Option<u32>,
    /// The nodes that should have a copy.
    #[serde(default)]
    pub replicas: Vec<u32>,
    /// Those of them whose copy is up to date.
    #[serde(default)]
    pub in_sync: Vec<u32>,
}
