//! The operations on groups.

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};

use super::commit::Commit;
use super::groups::{self, Entry};
use super::{Inner, offsets};
use crate::Result;
use crate::engine::{Client, Reply};
use crate::groups::{Group, Join, check_group};
use crate::topic::shorten;

fn now_or<T>(result: Result<Reply<T>>) -> Reply<T> {
    result.unwrap_or_else(|error| Reply::Ready(Err(error)))
}

pub fn subscribe(
    inner: &Inner,
    request: SubscribeRequest,
    client: Client,
) -> Reply<SubscribeResponse> {
    let join = |mut request: SubscribeRequest| {
        check_group(&request.group)?;
        let name = std::mem::take(&mut request.group);
        let member = request.generation != 0;
        let join = Join::new(request, client.client_id, client.address)?;
        let id = join.member_id.clone();
        let work = |entry: &Entry, group: &mut Group| {
            let joined = group.subscribe(join, &inner.groups.catalog(), inner.groups.now());
            entry.store(inner, group, joined)
        };
        if member {
            return inner.groups.with(&name, work).ok_or_else(|| unknown_member(&name, &id));
        }
        inner.groups.with_new(&name, work)
    };
    now_or(join(request))
}

pub fn heartbeat(inner: &Inner, request: HeartbeatRequest) -> Reply<HeartbeatResponse> {
    let HeartbeatRequest { group: name, member_id, generation, owned, .. } = request;
    as_member(inner, &name, &member_id, |entry, group| {
        let now = inner.groups.now();
        let answer = group.heartbeat(&member_id, generation, owned.as_deref(), now);
        entry.store(inner, group, answer)
    })
}

pub fn leave(inner: &Inner, request: LeaveRequest) -> Reply<LeaveResponse> {
    let LeaveRequest { group: name, member_id, generation, returning, .. } = request;
    as_member(inner, &name, &member_id, |entry, group| {
        let (catalog, now) = (inner.groups.catalog(), inner.groups.now());
        let left = group.leave(&member_id, generation, returning, &catalog, now);
        entry.store(inner, group, left)
    })
}

fn as_member<T>(
    inner: &Inner,
    name: &str,
    member_id: &str,
    work: impl FnOnce(&Entry, &mut Group) -> Reply<T>,
) -> Reply<T> {
    now_or(check_group(name).and_then(|()| {
        inner.groups.with(name, work).ok_or_else(|| unknown_member(name, member_id))
    }))
}

fn unknown_member(group: &str, member_id: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::UnknownMember,
        format!("group {:?} has no member {:?}", shorten(group), shorten(member_id)),
    )
}

/// Does `work`, which stores offsets or is about to, if a member of this generation may do so now;
/// for an empty id, if the group has no members. The group does not change meanwhile.
pub fn while_current<T>(
    inner: &Inner,
    group: &str,
    member_id: &str,
    generation: i32,
    work: impl FnOnce(&Entry) -> T,
) -> Result<T> {
    check_group(group)?;
    let checked = |entry: &Entry, group: &mut Group| {
        group.check_commit(member_id, generation)?;
        Ok(work(entry))
    };
    if member_id.is_empty() {
        return inner.groups.with_new(group, checked)?;
    }
    inner.groups.with(group, checked).ok_or_else(|| unknown_member(group, member_id))?
}

pub fn commit(inner: &Inner, request: CommitRequest) -> Reply<CommitResponse> {
    let CommitRequest { group, member_id, generation, offsets } = request;
    let commit = || {
        inner.space.admit(0)?;
        let (mut entries, failed) = offsets::check(&inner.topics, offsets)?;
        while_current(inner, &group, &member_id, generation, |entry| {
            let (staging, publishing) = (inner.offsets.clone(), inner.offsets.clone());
            let name = entry.name.clone();
            let stage = move |commit: &mut Commit| {
                staging.stage(commit, &name, &mut entries);
                Ok((name, entries))
            };
            entry.write(inner, stage, move |(name, entries)| {
                publishing.publish(&name, entries);
                CommitResponse { failed }
            })
        })
    };
    now_or(commit())
}

pub fn committed(inner: &Inner, request: CommittedRequest) -> Result<CommittedResponse> {
    let CommittedRequest { group, topics, stable } = request;
    check_group(&group)?;
    Ok(CommittedResponse { offsets: inner.offsets.read(&inner.topics, &group, topics, stable)? })
}

pub fn list(inner: &Inner) -> ListGroupsResponse {
    let entries = inner.groups.all();
    let groups = entries.iter().filter_map(|entry| {
        let summary = inner.groups.with(&entry.name, |_, group| group.summary(&entry.name))?;
        (summary.members > 0 || inner.offsets.has(&entry.name)).then_some(summary)
    });
    ListGroupsResponse { groups: groups.collect() }
}

fn unknown_group(group: &str) -> ProtocolError {
    ProtocolError::new(ErrorCode::UnknownGroup, format!("there is no group {:?}", shorten(group)))
}

pub fn describe(inner: &Inner, request: DescribeGroupRequest) -> Result<DescribeGroupResponse> {
    let name = request.group;
    check_group(&name)?;
    let described = inner.groups.with(&name, |_, group| {
        (!group.is_empty() || inner.offsets.has(&name)).then(|| group.describe())
    });
    described.flatten().ok_or_else(|| unknown_group(&name))
}

pub fn delete(inner: &Inner, request: DeleteGroupRequest) -> Reply<DeleteGroupResponse> {
    let name = request.group;
    let delete = |entry: &Entry, group: &mut Group| {
        if !group.is_empty() {
            let summary = group.summary(&entry.name);
            return Err(ProtocolError::new(
                ErrorCode::GroupNotEmpty,
                format!("the group has {} members; stop them first", summary.members),
            ));
        }
        if !inner.offsets.has(&entry.name) {
            return Err(unknown_group(&entry.name));
        }
        let (staging, publishing) = (inner.offsets.clone(), inner.offsets.clone());
        let name = entry.name.clone();
        let stage = move |commit: &mut Commit| {
            staging.stage_removal(&mut commit.batch, commit.store, &name);
            groups::remove(commit, &name);
            Ok(name)
        };
        Ok(entry.write(inner, stage, move |name| {
            publishing.forget_group(&name);
            DeleteGroupResponse {}
        }))
    };
    now_or(
        check_group(&name)
            .and_then(|()| inner.groups.with(&name, delete).ok_or_else(|| unknown_group(&name))?),
    )
}
