//! Committing what was processed, and reading what is committed.

use flymq_protocol::messages::CommittedRequest;

use super::group::{Commit, GroupMetadata, Offsets, Wanted, taken, to_wire};
use super::{Consumer, not_assigned};
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};
use crate::producer::GroupOffsets;
use crate::record::{GroupOffset, Message, TopicPartition};

impl Consumer {
    /// Commits all records that were returned, and waits until that is stored.
    ///
    /// # Errors
    ///
    /// STALE_GENERATION if partitions were taken from this consumer, whose records others process
    /// again then; INSTANCE_FENCED; GROUP_NOT_EMPTY if partitions are assigned by hand while the group
    /// has members; STORAGE_FULL; INVALID_ARGUMENT without a group.
    pub async fn commit(&self) -> Result<()> {
        self.commit_async().await
    }

    /// As [`commit`](Consumer::commit), without waiting: what comes back may be awaited or dropped.
    /// Commits are stored in the order in which they are begun.
    pub fn commit_async(&self) -> Commit {
        let positions = self.shared.state().positions();
        let lost = self.shared.group.as_ref().is_some_and(|group| group.view().has_lost());
        if let (true, Some((slot, _))) = (lost, positions.first()) {
            return Commit::failed(taken(slot));
        }
        self.begin_commit(positions.into_iter().map(|(slot, position)| {
            GroupOffset::new(slot.topic, slot.partition, position as i64 - 1)
        }))
    }

    /// Commits that a record, and all before it in its partition, is processed.
    ///
    /// # Errors
    ///
    /// As [`commit`](Consumer::commit).
    pub async fn commit_record(&self, message: &Message) -> Result<()> {
        let Message { topic, partition, offset, .. } = message;
        self.commit_offsets([GroupOffset::new(topic.clone(), *partition, *offset as i64)]).await
    }

    /// Commits these offsets, each the last one processed of its partition.
    ///
    /// # Errors
    ///
    /// As [`commit`](Consumer::commit); INVALID_REQUEST for a note that is too long.
    pub async fn commit_offsets(
        &self,
        offsets: impl IntoIterator<Item = GroupOffset>,
    ) -> Result<()> {
        self.begin_commit(offsets).await
    }

    /// As [`commit_offsets`](Consumer::commit_offsets), without waiting.
    pub fn commit_offsets_async(&self, offsets: impl IntoIterator<Item = GroupOffset>) -> Commit {
        self.begin_commit(offsets)
    }

    fn begin_commit(&self, offsets: impl IntoIterator<Item = GroupOffset>) -> Commit {
        let group = match self.group("commit") {
            Ok(group) => group,
            Err(error) => return Commit::failed(error),
        };
        let view = group.view();
        let mut state = self.shared.state();
        let mut wanted = Offsets::new();
        for offset in offsets {
            let slot = offset.topic_partition();
            let assigned = state.position(&slot.topic, slot.partition).is_some();
            let joins = match view.by_hand {
                true if assigned => 0,
                true => {
                    let error = not_assigned("commit", &slot.topic, slot.partition);
                    return Commit::failed(error);
                }
                false => match view.holding(&slot) {
                    Some(joins) => joins,
                    None => return Commit::failed(taken(&slot)),
                },
            };
            let GroupOffset { offset, metadata, .. } = offset;
            wanted.insert(slot, Wanted { offset, metadata, joins });
        }
        for (slot, wanted) in &wanted {
            state.committing(slot, wanted.offset.saturating_add(1).max(0) as u64);
        }
        drop(state);
        let commit = group.commits.add(wanted);
        drop(view);
        group.wake();
        commit
    }

    /// What the consumer's group has committed of these partitions; those of which nothing is
    /// committed are left out.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION; INVALID_ARGUMENT without a group.
    pub async fn committed(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<Vec<GroupOffset>> {
        let group = self.group("committed")?.options.group.clone();
        let mut partitions: Vec<_> = partitions.into_iter().collect();
        partitions.sort();
        let request = CommittedRequest { group, topics: Some(to_wire(&partitions)), stable: false };
        self.shared.core.committed(&request).await
    }

    /// All records that were returned, as a transaction stores them together with what was made from
    /// them: see [`Transaction::send_offsets`](crate::Transaction::send_offsets).
    ///
    /// # Errors
    ///
    /// STALE_GENERATION if partitions were taken from this consumer; INVALID_ARGUMENT without a group,
    /// or before it is a member.
    pub fn processed(&self) -> Result<GroupOffsets> {
        let group = self.group("processed")?;
        let positions = self.shared.state().positions();
        if let (true, Some((slot, _))) = (group.view().has_lost(), positions.first()) {
            return Err(taken(slot));
        }
        let member = group
            .metadata()
            .ok_or_else(|| Error::invalid("processed", "the consumer is not a member yet"))?;
        Ok(positions.into_iter().fold(GroupOffsets::new(member), |offsets, (slot, position)| {
            offsets.processed(GroupOffset::new(slot.topic, slot.partition, position as i64 - 1))
        }))
    }

    /// Goes back to what is committed, or to where reading began where nothing is, so that records
    /// whose transaction was aborted are returned once more.
    ///
    /// # Errors
    ///
    /// As [`committed`](Consumer::committed).
    pub async fn rewind(&self) -> Result<()> {
        let beginnings = self.shared.state().beginnings();
        let committed = self.committed(beginnings.iter().map(|(slot, _)| slot.clone())).await?;
        for (slot, began) in beginnings {
            let found = committed.iter().find(|offset| offset.topic_partition() == slot);
            // Partitions that were taken meanwhile need no seek.
            let _ =
                self.seek_to(&slot.topic, slot.partition, found.map_or(began, GroupOffset::next));
        }
        Ok(())
    }

    /// Whom the consumer acts for in its group, for a transaction that stores the group's offsets.
    /// `None` before it has become a member.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        self.shared.group.as_ref().and_then(|group| group.metadata())
    }
}

impl crate::client::Core {
    /// What a group has committed.
    pub(crate) async fn committed(&self, request: &CommittedRequest) -> Result<Vec<GroupOffset>> {
        let answer = self.router.call(Lane::Main, "committed", request, Retry::Always).await?;
        let mut committed = Vec::new();
        for found in answer.offsets {
            let slot = TopicPartition::new(found.topic, found.partition);
            if found.error != 0 {
                return Err(Error::from_code("committed", found.error, slot.to_string()));
            }
            let TopicPartition { topic, partition } = slot;
            let metadata = found.metadata;
            committed.extend(found.offset.map(|offset| GroupOffset {
                topic,
                partition,
                offset,
                metadata,
            }));
        }
        Ok(committed)
    }
}
