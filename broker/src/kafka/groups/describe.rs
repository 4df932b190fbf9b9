//! Groups as others see them, and deleting them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use futures_util::{StreamExt, TryStreamExt};
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup, Member as DescribedMember,
};
use kafka_protocol::messages::describe_groups_response::{
    DescribedGroup as ClassicGroup, DescribedGroupMember as ClassicMember,
};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DeleteGroupsRequest,
    DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest,
    ListGroupsResponse as Listed,
};

use super::{group_id, pattern};
use crate::Result;
use crate::groups::check_group;
use crate::kafka::cluster::is_internal;
use crate::kafka::coordinators::Kind;
use crate::kafka::topics::text;
use crate::kafka::{Inner, commits, errors};
use crate::topic::shorten;

/// How many groups are looked at together.
const AT_A_TIME: usize = 32;

/// A group, as Kafka describes it.
pub struct Described {
    pub state: &'static str,
    pub generation: i32,
    assignor: &'static str,
    pub members: Vec<Member>,
}

/// A member of it.
pub struct Member {
    pub id: String,
    pub instance_id: Option<String>,
    client_id: String,
    address: String,
    pub epoch: i32,
    /// By name.
    pub topics: Vec<String>,
    /// As Kafka has it.
    pub pattern: Option<String>,
    /// What it holds, also what it is giving up.
    pub held: Vec<TopicPartitions>,
    target: Vec<TopicPartitions>,
}

/// Finds a group of the protocol that FlyMQ's members use; `None` if there is none, or it is empty
/// and of another protocol.
pub async fn find(inner: &Inner, group: &str) -> Result<Option<Described>> {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
    let code = |r: &ConsumerGroupDescribeResponse| r.groups.first().map_or(0, |g| g.error_code);
    let answer = inner.cluster.coordinated(Kind::Group, group, &request, code).await?;
    let Some(found) = answer.groups.into_iter().next() else {
        return Err(errors::malformed("Kafka describes no group"));
    };
    match E::try_from_code(found.error_code) {
        None => Ok(Some(of_consumers(found))),
        Some(E::GroupIdNotFound) => Ok(None),
        Some(_) => Err(errors::error(found.error_code, "describe a group")),
    }
}

/// Finds a group of Kafka's older protocol, or one that only has offsets.
async fn find_classic(inner: &Inner, group: &str) -> Result<Option<Described>> {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
    let code = |r: &DescribeGroupsResponse| r.groups.first().map_or(0, |g| g.error_code);
    let answer = inner.cluster.coordinated(Kind::Group, group, &request, code).await?;
    let Some(found) = answer.groups.into_iter().next() else {
        return Err(errors::malformed("Kafka describes no group"));
    };
    match E::try_from_code(found.error_code) {
        None if &*found.group_state == "Dead" => Ok(None),
        None => Ok(Some(of_classic(found))),
        Some(E::GroupIdNotFound) => Ok(None),
        Some(_) => Err(errors::error(found.error_code, "describe a group")),
    }
}

/// Finds a group of either protocol.
pub async fn find_any(inner: &Inner, group: &str) -> Result<Option<Described>> {
    match find(inner, group).await? {
        Some(found) => Ok(Some(found)),
        None => find_classic(inner, group).await,
    }
}

/// How many members a group has.
pub async fn members(inner: &Inner, group: &str) -> Result<usize> {
    Ok(find_any(inner, group).await?.map_or(0, |group| group.members.len()))
}

fn state(kafka: &str) -> &'static str {
    match kafka {
        "Empty" | "Dead" => "empty",
        "Stable" => "stable",
        _ => "rebalancing",
    }
}

fn assignor(kafka: &str) -> &'static str {
    match kafka {
        "uniform" => "sticky",
        "range" => "range",
        _ => "",
    }
}

fn of_consumers(group: DescribedGroup) -> Described {
    let mut members: Vec<_> = group.members.into_iter().map(member).collect();
    members.sort_by(|a, b| a.id.cmp(&b.id));
    Described {
        state: if members.is_empty() { "empty" } else { state(&group.group_state) },
        generation: group.group_epoch,
        assignor: assignor(&group.assignor_name),
        members,
    }
}

fn member(member: DescribedMember) -> Member {
    let mut topics: Vec<_> =
        member.subscribed_topic_names.iter().map(|name| name.to_string()).collect();
    topics.sort_unstable();
    Member {
        id: member.member_id.to_string(),
        instance_id: member.instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        address: member.client_host.trim_start_matches('/').to_owned(),
        epoch: member.member_epoch,
        topics,
        pattern: member.subscribed_topic_regex.map(|p| p.to_string()).filter(|p| !p.is_empty()),
        held: by_name(member.assignment),
        target: by_name(member.target_assignment),
    }
}

fn by_name(assignment: Assignment) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for topic in assignment.topic_partitions {
        if !is_internal(&topic.topic_name) {
            let partitions = topic.partitions.into_iter().map(|partition| partition as u32);
            topics.entry(topic.topic_name.to_string()).or_default().extend(partitions);
        }
    }
    let topic = |(topic, mut partitions): (String, Vec<u32>)| {
        partitions.sort_unstable();
        TopicPartitions { topic, partitions }
    };
    topics.into_iter().map(topic).collect()
}

/// What the members of such a group hold is for their own protocol to say.
fn of_classic(group: ClassicGroup) -> Described {
    let member = |member: ClassicMember| Member {
        id: member.member_id.to_string(),
        instance_id: member.group_instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        address: member.client_host.trim_start_matches('/').to_owned(),
        epoch: 0,
        topics: Vec::new(),
        pattern: None,
        held: Vec::new(),
        target: Vec::new(),
    };
    Described {
        state: state(&group.group_state),
        generation: 0,
        assignor: "",
        members: group.members.into_iter().map(member).collect(),
    }
}

/// Describes a group.
pub async fn describe(
    inner: Arc<Inner>,
    request: DescribeGroupRequest,
) -> Result<DescribeGroupResponse> {
    let name = request.group;
    check_visible(&name)?;
    let found = find_any(&inner, &name).await?.ok_or_else(|| unknown(&name))?;
    if found.members.is_empty() && !has_offsets(&inner, &name).await? {
        return Err(unknown(&name));
    }
    let member = |member: Member| GroupMember {
        member_id: member.id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        address: member.address,
        generation: member.epoch,
        topics: member.topics,
        pattern: member.pattern.as_deref().map(pattern::from_kafka),
        assignment: member.held,
        target: member.target,
    };
    Ok(DescribeGroupResponse {
        state: found.state.to_owned(),
        generation: found.generation,
        assignor: found.assignor.to_owned(),
        members: found.members.into_iter().map(member).collect(),
    })
}

fn unknown(group: &str) -> ProtocolError {
    ProtocolError::new(ErrorCode::UnknownGroup, format!("there is no group {:?}", shorten(group)))
}

/// As [`check_group`]; groups of Kafka's own and of gateways are hidden.
fn check_visible(group: &str) -> Result<()> {
    check_group(group)?;
    if is_internal(group) { Err(unknown(group)) } else { Ok(()) }
}

/// Kafka keeps empty groups for a while; to FlyMQ there is no group without members and offsets.
async fn has_offsets(inner: &Inner, group: &str) -> Result<bool> {
    let stored = commits::stored(inner, group, None, false).await?;
    Ok(stored.topics.iter().any(|topic| !topic.partitions.is_empty()))
}

/// Names all groups, also such as have neither members nor offsets.
pub async fn names(inner: &Inner) -> Result<BTreeSet<String>> {
    let types = ["consumer", "classic"].map(text).into();
    let request = ListGroupsRequest::default().with_types_filter(types);
    let mut names = BTreeSet::new();
    // Each node knows the groups that it coordinates.
    for answer in inner.cluster.everywhere(&request, |r: &Listed| r.error_code).await? {
        let ours = answer.groups.into_iter().filter(|group| {
            matches!(&*group.protocol_type, "" | "consumer") && !is_internal(&group.group_id)
        });
        names.extend(ours.map(|group| group.group_id.to_string()));
    }
    Ok(names)
}

/// Tells of all groups.
pub async fn list(inner: Arc<Inner>, (): ()) -> Result<ListGroupsResponse> {
    let summaries = names(&inner).await?.into_iter().map(|group| summary(&inner, group));
    let groups: Vec<_> =
        futures_util::stream::iter(summaries).buffered(AT_A_TIME).try_collect().await?;
    Ok(ListGroupsResponse { groups: groups.into_iter().flatten().collect() })
}

async fn summary(inner: &Inner, group: String) -> Result<Option<GroupSummary>> {
    let Some(found) = find_any(inner, &group).await? else { return Ok(None) };
    let members = found.members.len() as u32;
    let exists = members > 0 || has_offsets(inner, &group).await?;
    Ok(exists.then(|| GroupSummary { group, state: found.state.to_owned(), members }))
}

/// Deletes a group without members.
pub async fn delete(inner: Arc<Inner>, request: DeleteGroupRequest) -> Result<DeleteGroupResponse> {
    let name = request.group;
    check_visible(&name)?;
    let found = find_any(&inner, &name).await?.ok_or_else(|| unknown(&name))?;
    if found.members.is_empty() && !has_offsets(&inner, &name).await? {
        return Err(unknown(&name));
    }
    let asked = DeleteGroupsRequest::default().with_groups_names(vec![group_id(&name)]);
    let code = |r: &DeleteGroupsResponse| r.results.first().map_or(0, |result| result.error_code);
    let answer = inner.cluster.coordinated(Kind::Group, &name, &asked, code).await?;
    match E::try_from_code(code(&answer)) {
        None => Ok(DeleteGroupResponse {}),
        Some(E::NonEmptyGroup) => Err(ProtocolError::new(
            ErrorCode::GroupNotEmpty,
            format!("group {:?} has members; stop them first", shorten(&name)),
        )),
        Some(E::GroupIdNotFound) => Err(unknown(&name)),
        Some(_) => Err(errors::error(code(&answer), "delete a group")),
    }
}
