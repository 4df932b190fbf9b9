//! Groups from outside: which there are, who is in them, what they have processed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::*;

use crate::admin::OffsetSpec;
use crate::client::Client;
use crate::consumer::StartOffset;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};
use crate::record::{GroupOffset, TopicPartition};

/// What a group is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// It has no members.
    Empty,
    /// Partitions change hands.
    Rebalancing,
    /// Every member has what it is to have.
    Stable,
    /// A state that this version does not know.
    Other(String),
}

impl From<String> for GroupState {
    fn from(name: String) -> Self {
        match name.as_str() {
            "empty" => Self::Empty,
            "rebalancing" => Self::Rebalancing,
            "stable" => Self::Stable,
            _ => Self::Other(name),
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Rebalancing => "rebalancing",
            Self::Stable => "stable",
            Self::Other(name) => name,
        })
    }
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// The group.
    pub group: String,
    /// What it is doing.
    pub state: GroupState,
    /// How many members it has.
    pub members: u32,
}

/// A group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group.
    pub group: String,
    /// What it is doing.
    pub state: GroupState,
    /// Counts assignments.
    pub generation: i32,
    /// How partitions are assigned: `sticky` or `range`.
    pub assignor: String,
    /// The members, by id.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// The member.
    pub member_id: String,
    /// Its name that outlives restarts, if it has one.
    pub instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where its client came from.
    pub address: String,
    /// Its generation.
    pub generation: i32,
    /// Topics that it subscribed to by name.
    pub topics: Vec<String>,
    /// Topics that it subscribed to by regular expression.
    pub pattern: Option<String>,
    /// The partitions that it holds.
    pub assignment: Vec<TopicPartition>,
    /// The partitions that it will hold once the rebalance is over.
    pub target: Vec<TopicPartition>,
}

/// How far a group is behind in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The last offset processed; `None` if nothing is committed.
    pub committed: Option<i64>,
    /// The offset that the partition's next record will get.
    pub end: u64,
    /// How many offsets are yet to be processed, at most; `None` if nothing is committed.
    pub lag: Option<u64>,
}

fn partitions(topics: Vec<TopicPartitions>) -> Vec<TopicPartition> {
    let of = |t: TopicPartitions| {
        let topic: std::sync::Arc<str> = t.topic.into();
        t.partitions.into_iter().map(move |p| TopicPartition::new(topic.clone(), p))
    };
    topics.into_iter().flat_map(of).collect()
}

impl Client {
    /// The groups that have members or committed offsets, by name.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let data = tempfile::tempdir().unwrap();
    /// # let broker = flymq_broker::Broker::start(flymq_broker::Config {
    /// #     data_dir: data.path().into(),
    /// #     listen: "127.0.0.1:0".parse().unwrap(),
    /// #     ..Default::default()
    /// # }).await.unwrap();
    /// # let address = broker.local_addr().to_string();
    /// # let client = flymq_core::Client::connect(&address).await?;
    /// # client.create_topic(flymq_core::NewTopic::new("orders").partitions(3)).await?;
    /// use flymq_core::StartOffset;
    ///
    /// client.reset_group_offsets("billing", "orders", None, StartOffset::Latest).await?;
    /// for group in client.list_groups().await? {
    ///     println!("{} is {}", group.group, group.state);
    ///     for lag in client.group_lag(&group.group).await? {
    ///         println!("{}-{}: {:?} behind", lag.topic, lag.partition, lag.lag);
    ///     }
    /// }
    /// # assert_eq!(client.group_lag("billing").await?.len(), 3);
    /// # flymq_core::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        let router = &self.core().router;
        let request = ListGroupsRequest {};
        let answer = router.call(Lane::Main, "list_groups", &request, Retry::Always).await?;
        let listing = |g: GroupSummary| GroupListing {
            group: g.group,
            state: g.state.into(),
            members: g.members,
        };
        Ok(answer.groups.into_iter().map(listing).collect())
    }

    /// A group and its members.
    ///
    /// # Errors
    ///
    /// UNKNOWN_GROUP.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription> {
        let router = &self.core().router;
        let request = DescribeGroupRequest { group: group.to_owned() };
        let answer = router.call(Lane::Main, "describe_group", &request, Retry::Always).await?;
        let member = |m: GroupMember| MemberDescription {
            member_id: m.member_id,
            instance_id: m.instance_id,
            client_id: m.client_id,
            address: m.address,
            generation: m.generation,
            topics: m.topics,
            pattern: m.pattern,
            assignment: partitions(m.assignment),
            target: partitions(m.target),
        };
        Ok(GroupDescription {
            group: group.to_owned(),
            state: answer.state.into(),
            generation: answer.generation,
            assignor: answer.assignor,
            members: answer.members.into_iter().map(member).collect(),
        })
    }

    /// Deletes a group that has no members, with its offsets.
    ///
    /// # Errors
    ///
    /// UNKNOWN_GROUP, GROUP_NOT_EMPTY.
    pub async fn delete_group(&self, group: &str) -> Result<()> {
        let router = &self.core().router;
        let request = DeleteGroupRequest { group: group.to_owned() };
        router.call(Lane::Main, "delete_group", &request, Retry::Unsent).await?;
        Ok(())
    }

    /// All that a group has committed. Empty for a group that is not known.
    ///
    /// # Errors
    ///
    /// INVALID_GROUP.
    pub async fn group_offsets(&self, group: &str) -> Result<Vec<GroupOffset>> {
        let request = CommittedRequest { group: group.to_owned(), topics: None, stable: false };
        self.core().committed(&request).await
    }

    /// Has a group that has no members go on somewhere else in a topic: in all of its partitions, or
    /// in these. Returns what is committed now.
    ///
    /// # Errors
    ///
    /// GROUP_NOT_EMPTY while the group has members, UNKNOWN_TOPIC, UNKNOWN_PARTITION,
    /// OFFSET_OUT_OF_RANGE for an offset that is not in the log.
    pub async fn reset_group_offsets(
        &self,
        group: &str,
        topic: &str,
        partitions: Option<&[u32]>,
        to: StartOffset,
    ) -> Result<Vec<GroupOffset>> {
        let partitions = match partitions {
            Some(partitions) => partitions.to_vec(),
            None => (0..self.describe_topic(topic).await?.partitions.len() as u32).collect(),
        };
        let at = |spec| partitions.iter().map(|&p| (p, spec)).collect::<Vec<_>>();
        let positions = match to {
            StartOffset::Earliest => self.list_offsets(topic, &at(OffsetSpec::Earliest)).await?,
            StartOffset::Latest => self.list_offsets(topic, &at(OffsetSpec::Latest)).await?,
            StartOffset::Timestamp(time) => {
                self.list_offsets(topic, &at(OffsetSpec::Timestamp(time))).await?
            }
            StartOffset::Offset(offset) => {
                let earliest = self.list_offsets(topic, &at(OffsetSpec::Earliest)).await?;
                let isolation = Isolation::ReadUncommitted;
                let latest =
                    self.list_offsets_with(topic, &at(OffsetSpec::Latest), isolation).await?;
                for ((partition, earliest), latest) in partitions.iter().zip(earliest).zip(latest) {
                    if !(earliest..=latest).contains(&offset) {
                        let slot = TopicPartition::new(topic, *partition);
                        let message =
                            format!("{slot} has offsets {earliest} to {latest}, and not {offset}");
                        let code = ErrorCode::OffsetOutOfRange;
                        return Err(Error::new(code, "reset_group_offsets", message));
                    }
                }
                vec![offset; partitions.len()]
            }
        };
        let offsets: Vec<_> = partitions
            .iter()
            .zip(positions)
            .map(|(&p, position)| GroupOffset::new(topic, p, position as i64 - 1))
            .collect();
        self.commit_outside(group, &offsets).await?;
        Ok(offsets)
    }

    /// Commits for a group that has no members.
    async fn commit_outside(&self, group: &str, offsets: &[GroupOffset]) -> Result<()> {
        let wire = |o: &GroupOffset| CommittedOffset {
            topic: o.topic.to_string(),
            partition: o.partition,
            offset: Some(o.offset),
            metadata: o.metadata.clone(),
            error: 0,
        };
        let request = CommitRequest {
            group: group.to_owned(),
            member_id: String::new(),
            generation: -1,
            offsets: offsets.iter().map(wire).collect(),
        };
        let router = &self.core().router;
        let answer = router.call(Lane::Main, "commit", &request, Retry::Always).await?;
        match answer.failed.into_iter().next() {
            None => Ok(()),
            Some(failed) => {
                let slot = TopicPartition::new(failed.topic, failed.partition);
                Err(Error::from_code("commit", failed.error, slot.to_string()))
            }
        }
    }

    /// How far a group is behind, in every partition that it has committed or a member holds.
    ///
    /// # Errors
    ///
    /// INVALID_GROUP.
    pub async fn group_lag(&self, group: &str) -> Result<Vec<PartitionLag>> {
        let committed = self.group_offsets(group).await?;
        let mut slots: BTreeSet<TopicPartition> =
            committed.iter().map(GroupOffset::topic_partition).collect();
        match self.describe_group(group).await {
            Ok(description) => {
                slots.extend(description.members.into_iter().flat_map(|m| m.assignment));
            }
            // Only what it has committed, then.
            Err(error) if error.is(ErrorCode::UnknownGroup) => {}
            Err(error) => return Err(error),
        }
        let processed: BTreeMap<TopicPartition, GroupOffset> =
            committed.into_iter().map(|o| (o.topic_partition(), o)).collect();
        let slots: Vec<_> = slots.into_iter().collect();
        let mut lags = Vec::new();
        for of_topic in slots.chunk_by(|a, b| a.topic == b.topic) {
            let queries: Vec<_> =
                of_topic.iter().map(|slot| (slot.partition, OffsetSpec::Latest)).collect();
            let topic = &of_topic[0].topic;
            let ends = match self.list_offsets(topic, &queries).await {
                Ok(ends) => ends,
                // Deleted meanwhile.
                Err(error) if error.is(ErrorCode::UnknownTopic) => continue,
                Err(error) => return Err(error),
            };
            for (slot, end) in of_topic.iter().zip(ends) {
                let found = processed.get(slot);
                lags.push(PartitionLag {
                    topic: slot.topic.to_string(),
                    partition: slot.partition,
                    committed: found.map(|o| o.offset),
                    end,
                    lag: found.map(|o| end.saturating_sub(o.next())),
                });
            }
        }
        Ok(lags)
    }
}
