//! Consumer groups and how far they are behind.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use flymq_protocol::messages::*;
use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::Result;
use crate::engine::stats::{GroupStats, PartitionLag};

/// How far a group is behind.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Lag {
    /// Records that it has yet to process.
    pub records: u64,
    /// How old the oldest of them is, where the engine knows.
    pub age_ms: Option<u64>,
}

impl Lag {
    /// Of many partitions: the records of all, and the oldest.
    pub fn of<'a>(lags: impl Iterator<Item = &'a PartitionLag>) -> Self {
        let one = |lag: &PartitionLag| Self {
            records: lag.records,
            age_ms: lag.time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        };
        lags.map(one).fold(Self::default(), Self::and)
    }

    pub fn and(self, other: Self) -> Self {
        Self { records: self.records + other.records, age_ms: self.age_ms.max(other.age_ms) }
    }
}

/// All groups that may be seen.
#[derive(Serialize)]
pub struct Groups {
    pub groups: Vec<GroupLine>,
}

/// A group in the list.
#[derive(Serialize)]
pub struct GroupLine {
    name: String,
    /// `empty`, `rebalancing` or `stable`.
    state: String,
    members: u32,
    /// How often it was decided anew who reads what.
    rebalances: u64,
    /// In the topics that may be seen.
    pub lag: Lag,
}

pub async fn groups(session: &mut Session<'_>) -> Result<Groups> {
    let visible = session.visible_groups().await?;
    let topics = session.visible_topic_names().await?;
    let stats = session.stats().await?;
    let stats: HashMap<&str, &GroupStats> =
        stats.groups.iter().map(|group| (&*group.name, group)).collect();
    let line = |group: GroupSummary| {
        let stats = stats.get(&*group.group);
        let lags = stats.into_iter().flat_map(|stats| &stats.lags);
        GroupLine {
            rebalances: stats.map_or(0, |stats| stats.rebalances),
            lag: Lag::of(lags.filter(|lag| topics.contains(&lag.topic))),
            name: group.group,
            state: group.state,
            members: group.members,
        }
    };
    Ok(Groups { groups: visible.into_iter().map(line).collect() })
}

/// Which group.
#[derive(Deserialize)]
pub struct Named {
    name: String,
}

/// A group.
#[derive(Serialize)]
pub struct Group {
    name: String,
    state: String,
    generation: i32,
    assignor: String,
    members: Vec<GroupMember>,
    /// Every partition that it has committed an offset of, or that a member holds.
    partitions: Vec<GroupPartition>,
}

/// A group's place in a partition.
#[derive(Serialize)]
struct GroupPartition {
    topic: String,
    partition: u32,
    /// The last processed offset.
    committed: Option<i64>,
    /// Offset of the oldest record there is.
    earliest: u64,
    /// Offset that the next record will get.
    latest: u64,
    /// Nothing where nothing is committed.
    lag: Option<Lag>,
    /// Who holds it.
    member_id: Option<String>,
}

pub async fn group(session: &mut Session<'_>, named: Named) -> Result<Group> {
    let name = named.name;
    let request = DescribeGroupRequest { group: name.clone() };
    let described = session.call(request, |engine, request| engine.describe_group(request)).await?;
    let request = CommittedRequest { group: name.clone(), topics: None, stable: false };
    let committed = session.call(request, |engine, request| engine.committed(request)).await?;
    let partitions = partitions(session, &name, &described.members, committed.offsets).await?;
    Ok(Group {
        name,
        state: described.state,
        generation: described.generation,
        assignor: described.assignor,
        members: described.members,
        partitions,
    })
}

async fn partitions(
    session: &mut Session<'_>,
    group: &str,
    members: &[GroupMember],
    offsets: Vec<CommittedOffset>,
) -> Result<Vec<GroupPartition>> {
    let visible = session.visible_topic_names().await?;
    let held: BTreeMap<(&str, u32), &str> = members
        .iter()
        .flat_map(|member| member.assignment.iter().map(move |held| (member, held)))
        .filter(|(_, held)| visible.contains(&held.topic))
        .flat_map(|(member, held)| {
            held.partitions.iter().map(move |&p| ((&*held.topic, p), &*member.member_id))
        })
        .collect();
    let committed: BTreeMap<(&str, u32), i64> = offsets
        .iter()
        .filter_map(|offset| Some(((&*offset.topic, offset.partition), offset.offset?)))
        .collect();
    let places: BTreeSet<(&str, u32)> = held.keys().chain(committed.keys()).copied().collect();
    let topics: HashSet<&str> = places.iter().map(|(topic, _)| *topic).collect();
    let mut ends = HashMap::new();
    for topic in topics {
        let request = DescribeTopicRequest { name: topic.to_owned() };
        // It may have been deleted since.
        if let Ok(described) = session.call(request, |engine, r| engine.describe_topic(r)).await {
            ends.extend(described.partitions.into_iter().map(|p| ((topic, p.partition), p)));
        }
    }
    let stats = session.stats().await?;
    let stats = stats.groups.iter().find(|stats| stats.name == group);
    let lags: HashMap<(&str, u32), &PartitionLag> = stats
        .into_iter()
        .flat_map(|stats| &stats.lags)
        .map(|lag| ((&*lag.topic, lag.partition), lag))
        .collect();
    let line = |place: (&str, u32)| {
        let end = ends.get(&place)?;
        Some(GroupPartition {
            topic: place.0.to_owned(),
            partition: place.1,
            committed: committed.get(&place).copied(),
            earliest: end.earliest,
            latest: end.latest,
            lag: lags.get(&place).map(|lag| Lag::of(std::iter::once(*lag))),
            member_id: held.get(&place).map(|id| (*id).to_owned()),
        })
    };
    Ok(places.into_iter().filter_map(line).collect())
}
