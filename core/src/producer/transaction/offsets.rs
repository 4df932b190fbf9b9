//! Offsets of a group that a transaction stores together with its records.

use flymq_protocol::messages::CommittedOffset;

use crate::consumer::GroupMetadata;
use crate::record::GroupOffset;

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

    /// Whom they are of.
    pub fn member(&self) -> &GroupMetadata {
        &self.member
    }

    /// Adds the last offset processed of a partition. The group goes on behind it.
    pub fn processed(mut self, processed: GroupOffset) -> Self {
        let GroupOffset { topic, partition, offset, metadata } = processed;
        let topic = topic.to_string();
        let offset = Some(offset);
        self.offsets.push(CommittedOffset { topic, partition, offset, metadata, error: 0 });
        self
    }
}
