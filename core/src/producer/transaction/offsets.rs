//! Offsets of a group that a transaction stores together with its records.

use flymq_protocol::messages::CommittedOffset;

/// Who has processed records: a member of a group, or a group without members.
///
/// The broker refuses the offsets of a member whose generation is over, since its partitions may be
/// another's by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group.
    pub group: String,
    /// The member, or empty for a group that has none.
    pub member_id: String,
    /// The member's generation, or −1 without a member.
    pub generation: i32,
}

impl GroupMetadata {
    /// A group without members, whose partitions are assigned by hand.
    pub fn without_member(group: impl Into<String>) -> Self {
        Self { group: group.into(), member_id: String::new(), generation: -1 }
    }
}

/// What a group has processed. See [`Transaction::send_offsets`](super::Transaction::send_offsets).
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOffsets {
    pub(super) member: GroupMetadata,
    pub(super) offsets: Vec<CommittedOffset>,
}

impl GroupOffsets {
    /// Nothing yet.
    pub fn new(member: GroupMetadata) -> Self {
        Self { member, offsets: Vec::new() }
    }

    /// The offset of the last record processed in a partition. The group goes on behind it.
    pub fn processed(mut self, topic: impl Into<String>, partition: u32, offset: u64) -> Self {
        self.offsets.push(CommittedOffset {
            topic: topic.into(),
            partition,
            offset: Some(offset.min(i64::MAX as u64) as i64),
            ..Default::default()
        });
        self
    }
}
