//! Groups from outside: which there are, who is in them, what they have processed.

use flymq_core as core;

use crate::client::Client;
use crate::error::Result;
use crate::records::{GroupOffset, StartOffset, TopicPartition, all};

/// A group in a list.
#[derive(Clone, Debug, uniffi::Record)]
pub struct GroupListing {
    /// The group.
    pub group: String,
    /// What it is doing: `empty`, `rebalancing`, `stable`.
    pub state: String,
    /// How many members it has.
    pub members: u32,
}

/// A group and its members.
#[derive(Clone, Debug, uniffi::Record)]
pub struct GroupDescription {
    /// The group.
    pub group: String,
    /// What it is doing: `empty`, `rebalancing`, `stable`.
    pub state: String,
    /// Counts assignments.
    pub generation: i32,
    /// How partitions are assigned: `sticky` or `range`.
    pub assignor: String,
    /// The members, by id.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, uniffi::Record)]
pub struct MemberDescription {
    /// The member.
    pub member_id: String,
    /// Its name that outlives restarts, if it has one.
    pub instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where its client came from.
    pub address: String,
    /// Topics that it subscribed to by name.
    pub topics: Vec<String>,
    /// Topics that it subscribed to by regular expression.
    pub pattern: Option<String>,
    /// The partitions that it holds.
    pub assignment: Vec<TopicPartition>,
}

impl From<core::MemberDescription> for MemberDescription {
    fn from(member: core::MemberDescription) -> Self {
        Self {
            member_id: member.member_id,
            instance_id: member.instance_id,
            client_id: member.client_id,
            address: member.address,
            topics: member.topics,
            pattern: member.pattern,
            assignment: all(member.assignment),
        }
    }
}

/// How far a group is behind in a partition.
#[derive(Clone, Debug, uniffi::Record)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The last offset processed; none if nothing is committed.
    pub committed: Option<i64>,
    /// The offset that the partition's next record will get.
    pub end: u64,
    /// How many offsets are yet to be processed, at most; none if nothing is committed.
    pub lag: Option<u64>,
}

impl From<core::PartitionLag> for PartitionLag {
    fn from(found: core::PartitionLag) -> Self {
        let core::PartitionLag { topic, partition, committed, end, lag } = found;
        Self { topic, partition, committed, end, lag }
    }
}

#[uniffi::export]
impl Client {
    /// The groups that have members or committed offsets, by name.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        self.run(|client| async move {
            let listing = |g: core::GroupListing| GroupListing {
                group: g.group,
                state: g.state.to_string(),
                members: g.members,
            };
            Ok(client.list_groups().await?.into_iter().map(listing).collect())
        })
        .await
    }

    /// A group and its members. UNKNOWN_GROUP.
    pub async fn describe_group(&self, group: String) -> Result<GroupDescription> {
        self.run(|client| async move {
            let found = client.describe_group(&group).await?;
            Ok(GroupDescription {
                group: found.group,
                state: found.state.to_string(),
                generation: found.generation,
                assignor: found.assignor,
                members: all(found.members),
            })
        })
        .await
    }

    /// Deletes a group's offsets. UNKNOWN_GROUP, GROUP_NOT_EMPTY.
    pub async fn delete_group(&self, group: String) -> Result<()> {
        self.run(|client| async move { client.delete_group(&group).await }).await
    }

    /// What a group has committed.
    pub async fn group_offsets(&self, group: String) -> Result<Vec<GroupOffset>> {
        self.run(|client| async move { Ok(all(client.group_offsets(&group).await?)) }).await
    }

    /// Sets where a group goes on: in these partitions of the topic, or in all. GROUP_NOT_EMPTY,
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION.
    #[uniffi::method(default(partitions = None))]
    pub async fn reset_group_offsets(
        &self,
        group: String,
        topic: String,
        to: StartOffset,
        partitions: Option<Vec<u32>>,
    ) -> Result<Vec<GroupOffset>> {
        self.run(|client| async move {
            let partitions = partitions.as_deref();
            Ok(all(client.reset_group_offsets(&group, &topic, partitions, to.into()).await?))
        })
        .await
    }

    /// How far a group is behind.
    pub async fn group_lag(&self, group: String) -> Result<Vec<PartitionLag>> {
        self.run(|client| async move { Ok(all(client.group_lag(&group).await?)) }).await
    }
}
