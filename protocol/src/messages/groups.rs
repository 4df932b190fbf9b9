//! Consumer groups. Shaped so that a gateway can relay them to Kafka's ConsumerGroupHeartbeat: the
//! client makes its member id, and the generation is Kafka's member epoch.

use serde::{Deserialize, Serialize};

pub(super) fn no_generation() -> i32 {
    -1
}

fn yes() -> bool {
    true
}

/// Partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPartitions {
    /// The topic.
    pub topic: String,
    /// Its partitions, ascending.
    pub partitions: Vec<u32>,
}

/// Joins a group, or joins it again after being told to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubscribeRequest {
    /// The group, 1 to 255 bytes.
    pub group: String,
    /// A UUID that the client made for this consumer.
    pub member_id: String,
    /// 0 to join, holding nothing; a member's generation to change what it subscribes to.
    #[serde(default)]
    pub generation: i32,
    /// A name that outlives restarts, so that a quick one does not rebalance.
    #[serde(default)]
    pub instance_id: Option<String>,
    /// Topics by name.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Topics by regular expression, matched against whole names.
    #[serde(default)]
    pub pattern: Option<String>,
    /// `sticky` or `range`; empty for the broker's default, `sticky`.
    #[serde(default)]
    pub assignor: String,
    /// After how long without a heartbeat the member is out, in milliseconds; 0 for 45,000.
    #[serde(default)]
    pub session_timeout_ms: u32,
    /// How long the member may take to give partitions up, in milliseconds; 0 for 60,000.
    #[serde(default)]
    pub rebalance_timeout_ms: u32,
}

/// The membership.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubscribeResponse {
    /// The member's generation, to be sent with heartbeats and commits.
    pub generation: i32,
    /// How often to send HEARTBEAT, in milliseconds.
    pub heartbeat_interval_ms: u32,
    /// The partitions that the member is to hold.
    #[serde(default)]
    pub assignment: Vec<TopicPartitions>,
}

/// Keeps a membership alive and says which partitions the member still holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatRequest {
    /// The group.
    pub group: String,
    /// The member.
    pub member_id: String,
    /// The member's generation.
    pub generation: i32,
    /// The partitions that the member holds; nil where that has not changed since it last said.
    #[serde(default)]
    pub owned: Option<Vec<TopicPartitions>>,
    /// As in SUBSCRIBE, for brokers that would not know it otherwise.
    #[serde(default)]
    pub instance_id: Option<String>,
    /// As in SUBSCRIBE.
    #[serde(default)]
    pub rebalance_timeout_ms: u32,
}

/// The member's state as the broker sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatResponse {
    /// The generation to use from now on.
    pub generation: i32,
    /// How often to send HEARTBEAT, in milliseconds.
    pub heartbeat_interval_ms: u32,
    /// The partitions that the member is to hold; nil where that has not changed.
    #[serde(default)]
    pub assignment: Option<Vec<TopicPartitions>>,
}

/// Leaves a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeaveRequest {
    /// The group.
    pub group: String,
    /// The member.
    pub member_id: String,
    /// The member's generation.
    pub generation: i32,
    /// Whether a member with an `instance_id` will be back before its session times out.
    #[serde(default)]
    pub returning: bool,
    /// As in SUBSCRIBE, for brokers that would not know it otherwise.
    #[serde(default)]
    pub instance_id: Option<String>,
}

/// The member is out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeaveResponse {}

/// Stores offsets of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommitRequest {
    /// The group.
    pub group: String,
    /// The member, or empty for a commit from outside an empty group.
    #[serde(default)]
    pub member_id: String,
    /// The member's generation; -1 without a member.
    #[serde(default = "no_generation")]
    pub generation: i32,
    /// What was processed.
    pub offsets: Vec<CommittedOffset>,
}

/// The last processed offset of a partition. The group resumes at the one after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The last processed offset; -1 to begin at offset 0; nil, in responses only, where nothing is
    /// committed.
    #[serde(default)]
    pub offset: Option<i64>,
    /// A note of the application, up to 4,096 bytes.
    #[serde(default)]
    pub metadata: String,
    /// In responses: why it was not stored or read, by error code; 0 for no error.
    #[serde(default)]
    pub error: u16,
}

/// What became of each offset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommitResponse {
    /// The offsets that could not be stored, each with its error.
    #[serde(default)]
    pub failed: Vec<CommittedOffset>,
}

/// Asks for a group's stored offsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommittedRequest {
    /// The group.
    pub group: String,
    /// The partitions of interest; nil for all that the group has committed.
    #[serde(default)]
    pub topics: Option<Vec<TopicPartitions>>,
    /// Whether a partition is refused while an open transaction has offsets of it.
    #[serde(default = "yes")]
    pub stable: bool,
}

/// A group's stored offsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommittedResponse {
    /// One entry a partition.
    #[serde(default)]
    pub offsets: Vec<CommittedOffset>,
}

/// Asks for all groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListGroupsRequest {}

/// The groups that have members or stored offsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListGroupsResponse {
    /// Every group, by name.
    #[serde(default)]
    pub groups: Vec<GroupSummary>,
}

/// A group in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// The group.
    pub group: String,
    /// `empty`, `rebalancing` or `stable`.
    #[serde(default)]
    pub state: String,
    /// How many members it has.
    #[serde(default)]
    pub members: u32,
}

/// Asks for one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DescribeGroupRequest {
    /// The group.
    pub group: String,
}

/// A group with its members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DescribeGroupResponse {
    /// `empty`, `rebalancing` or `stable`.
    #[serde(default)]
    pub state: String,
    /// The group's generation, to which its members come up.
    #[serde(default)]
    pub generation: i32,
    /// How partitions are assigned: `sticky` or `range`.
    #[serde(default)]
    pub assignor: String,
    /// The members, by id.
    #[serde(default)]
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    /// The member.
    pub member_id: String,
    /// Its stable name, if it has one.
    #[serde(default)]
    pub instance_id: Option<String>,
    /// What its client calls itself.
    #[serde(default)]
    pub client_id: String,
    /// The address that its client came from.
    #[serde(default)]
    pub address: String,
    /// Its generation.
    #[serde(default)]
    pub generation: i32,
    /// Topics that it subscribed to by name.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Topics that it subscribed to by regular expression.
    #[serde(default)]
    pub pattern: Option<String>,
    /// The partitions that it holds.
    #[serde(default)]
    pub assignment: Vec<TopicPartitions>,
    /// The partitions that it will hold once the rebalance is over.
    #[serde(default)]
    pub target: Vec<TopicPartitions>,
}

/// Deletes a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeleteGroupRequest {
    /// The group.
    pub group: String,
}

/// It is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeleteGroupResponse {}
