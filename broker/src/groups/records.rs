//! What of a group survives a restart.

use std::sync::Arc;

use flymq_protocol::messages::TopicPartitions;
use serde::{Deserialize, Serialize};

use super::Millis;
use super::member::Member;
use super::slots::{Catalog, TopicSize, from_wire, to_wire};
use super::subscription::{Assignor, Join, Subscription};
use crate::Result;

/// What has to be stored after an event, and before anybody learns of it.
#[derive(Debug, Default)]
pub struct Changes {
    pub group: Option<GroupRecord>,
    /// Members by id; `None` for those who are out.
    pub members: Vec<(Arc<str>, Option<MemberRecord>)>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.group.is_none() && self.members.is_empty()
    }
}

/// A group as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    pub generation: i32,
    /// The topics that are assigned.
    pub topics: Vec<(String, TopicSize)>,
}

impl GroupRecord {
    pub fn new(generation: i32, topics: &Catalog) -> Self {
        let topics = topics.iter().map(|(name, &size)| (name.to_string(), size)).collect();
        Self { generation, topics }
    }

    pub fn catalog(&self) -> Catalog {
        self.topics.iter().map(|(name, size)| (name.as_str().into(), *size)).collect()
    }
}

/// A member as it is stored. Its session begins anew after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRecord {
    instance_id: Option<String>,
    client_id: String,
    address: String,
    topics: Vec<String>,
    pattern: Option<String>,
    assignor: String,
    session_timeout: Millis,
    rebalance_timeout: Millis,
    pub generation: i32,
    previous: i32,
    told: Vec<TopicPartitions>,
    revoking: Vec<TopicPartitions>,
    target: Vec<TopicPartitions>,
    fenced: Vec<String>,
    untold: bool,
}

impl MemberRecord {
    pub fn new(member: &Member) -> Self {
        Self {
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            address: member.address.clone(),
            topics: member.subscription.topics.clone(),
            pattern: member.subscription.pattern.as_ref().map(|p| p.text.clone()),
            assignor: member.assignor.name().to_owned(),
            session_timeout: member.session_timeout,
            rebalance_timeout: member.rebalance_timeout,
            generation: member.generation,
            previous: member.previous,
            told: to_wire(&member.told),
            revoking: to_wire(&member.revoking),
            target: to_wire(&member.target),
            fenced: member.fenced.clone(),
            untold: member.untold,
        }
    }

    pub fn restore(self, member_id: Arc<str>, now: Millis) -> Result<Member> {
        let join = Join {
            member_id,
            generation: 0,
            instance_id: self.instance_id,
            subscription: Arc::new(Subscription::new(self.topics, self.pattern)?),
            assignor: Assignor::from_name(&self.assignor).unwrap_or_default(),
            session_timeout: self.session_timeout,
            rebalance_timeout: self.rebalance_timeout,
            client_id: self.client_id,
            address: self.address,
        };
        let mut member = Member::new(join, now);
        member.generation = self.generation;
        member.previous = self.previous;
        member.told = from_wire(&self.told);
        member.revoking = from_wire(&self.revoking);
        member.target = from_wire(&self.target);
        member.fenced = self.fenced;
        member.untold = self.untold;
        let revoking = !member.revoking.is_empty();
        member.revocation_ends = revoking.then_some(now + member.rebalance_timeout);
        member.see_if_settled();
        Ok(member)
    }
}
