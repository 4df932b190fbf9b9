//! What an engine tells of itself, for health checks and metrics. It is asked a few times a minute,
//! never by a request.

use std::time::Duration;

/// Whether an engine can do its work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It can.
    #[default]
    Ok,
    /// It can do part of it; this is why. Clients are still well served here.
    Degraded(String),
    /// It cannot; this is why. Clients had better go elsewhere.
    Failed(String),
}

/// An engine's figures at a moment. What an engine does not know it leaves out.
#[derive(Clone, Debug, Default)]
pub struct EngineStats {
    /// Its topics.
    pub topics: Vec<TopicStats>,
    /// Its consumer groups.
    pub groups: Vec<GroupStats>,
    /// Its transactions.
    pub transactions: Option<TransactionStats>,
    /// The disk that it writes to.
    pub disk: Option<DiskStats>,
    /// The cluster behind it.
    pub cluster: Option<ClusterStats>,
}

/// A topic.
#[derive(Clone, Debug, Default)]
pub struct TopicStats {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// Bytes that it takes.
    pub bytes: Option<u64>,
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub struct GroupStats {
    /// Its name.
    pub name: String,
    /// `empty`, `rebalancing` or `stable`.
    pub state: &'static str,
    /// How many members it has.
    pub members: u32,
    /// How often it was decided anew who reads what.
    pub rebalances: u64,
    /// How far it is behind in each partition that it has committed an offset of.
    pub lags: Vec<PartitionLag>,
}

/// How far a group is behind in a partition.
#[derive(Clone, Debug, Default)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Records that it has yet to process; an upper bound where offsets have gaps.
    pub records: u64,
    /// How old the first of them is, by its own timestamp.
    pub time: Option<Duration>,
}

/// Transactions.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransactionStats {
    /// How many are open.
    pub open: u64,
    /// For how long the oldest of them is.
    pub oldest: Duration,
}

/// The disk that an engine writes to.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskStats {
    /// Bytes that may still be written.
    pub free: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// The cluster behind an engine that stores nothing itself.
#[derive(Clone, Debug, Default)]
pub struct ClusterStats {
    /// How many of its nodes this broker is connected to.
    pub connected_nodes: u64,
    /// How many nodes it has.
    pub nodes: u64,
    /// Partitions of which not all replicas are in sync.
    pub under_replicated_partitions: u64,
    /// Replicas that are not in sync, all partitions together.
    pub lagging_replicas: u64,
    /// Requests to it that failed since the broker started, by the error's name.
    pub errors: Vec<(String, u64)>,
}
