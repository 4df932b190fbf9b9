//! A group as others see it.

use std::sync::Arc;

use flymq_protocol::messages::{DescribeGroupResponse, GroupMember, GroupSummary};

use super::group::Group;
use super::member::Member;
use super::slots::to_wire;

impl Group {
    pub fn state(&self) -> &'static str {
        if self.members.is_empty() {
            "empty"
        } else if self.members.values().all(|m| m.settled && m.generation == self.generation) {
            "stable"
        } else {
            "rebalancing"
        }
    }

    pub fn summary(&self, group: &str) -> GroupSummary {
        let members = self.members.len() as u32;
        GroupSummary { group: group.to_owned(), state: self.state().to_owned(), members }
    }

    /// How often it was decided anew who should hold what.
    pub fn rebalances(&self) -> u64 {
        u64::try_from(self.generation).unwrap_or(0)
    }

    pub fn describe(&self) -> DescribeGroupResponse {
        let member = |(id, member): (&Arc<str>, &Member)| GroupMember {
            member_id: id.to_string(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            address: member.address.clone(),
            generation: member.generation,
            topics: member.subscription.topics.clone(),
            pattern: member.subscription.pattern.as_ref().map(|p| p.text.clone()),
            assignment: to_wire(&member.held().cloned().collect()),
            target: to_wire(&member.target),
        };
        DescribeGroupResponse {
            state: self.state().to_owned(),
            generation: self.generation,
            assignor: self.assignor().name().to_owned(),
            members: self.members.iter().map(member).collect(),
        }
    }
}
