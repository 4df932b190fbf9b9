//! What an open transaction consists of, and what its end does to that.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flymq_protocol::messages::MAX_NAMED;
use flymq_protocol::{ErrorCode, ProtocolError};

use super::records::{self, Place};
use super::state::{Identity, Outcome};
use crate::Result;
use crate::embedded::commit::Commit;
use crate::embedded::offsets::{OffsetEntry, Offsets};
use crate::embedded::partition::Partition;
use crate::embedded::topics::Topic;

/// What an offset takes besides its metadata and its group's name.
const OFFSET_BYTES: usize = 128;

/// What an open transaction consists of.
#[derive(Default)]
pub struct Contents {
    pub parts: HashMap<Place, Part>,
    offsets: BTreeMap<String, BTreeMap<Place, OffsetEntry>>,
    offset_count: usize,
    /// Bytes of offsets that were added.
    pub offset_bytes: usize,
}

/// A transaction's records in one partition.
pub struct Part {
    pub topic: Arc<Topic>,
    pub partition: Arc<Partition>,
    pub first: u64,
    pub last: u64,
}

/// A transaction whose end has been staged.
pub struct Ended {
    transaction: Identity,
    outcome: Outcome,
    parts: Vec<Part>,
    offsets: Vec<(String, Vec<OffsetEntry>)>,
}

impl Contents {
    /// How many bytes offsets count for. Those that are replaced count again; that is simple, and
    /// bounded all the same.
    pub fn size(group: &str, entries: &[OffsetEntry]) -> usize {
        entries.iter().map(|e| OFFSET_BYTES + group.len() + e.metadata.len()).sum()
    }

    /// Adds offsets of a group. They replace earlier ones of the same partitions.
    pub fn add_offsets(&mut self, group: &str, entries: Vec<OffsetEntry>) {
        self.offset_bytes += Self::size(group, &entries);
        let known = self.offsets.entry(group.to_owned()).or_default();
        let before = known.len();
        known.extend(entries.into_iter().map(|entry| (entry.place(), entry)));
        self.offset_count += known.len() - before;
    }

    /// Checks that offsets may be added.
    pub fn check_offsets(&self, group: &str, entries: &[OffsetEntry]) -> Result<()> {
        let known = self.offsets.get(group);
        let is_new = |e: &&OffsetEntry| known.is_none_or(|known| !known.contains_key(&e.place()));
        let count = self.offset_count + entries.iter().filter(is_new).count();
        if count <= MAX_NAMED {
            return Ok(());
        }
        Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("offsets of {count} partitions exceed a transaction's limit of {MAX_NAMED}"),
        ))
    }

    /// Stages what an end does to the partitions and groups that took part.
    pub fn end(
        self,
        commit: &mut Commit,
        transaction: Identity,
        outcome: Outcome,
        offsets: &Offsets,
    ) -> Ended {
        let mut ended = Ended { transaction, outcome, parts: Vec::new(), offsets: Vec::new() };
        let (store, batch) = (commit.store, &mut commit.batch);
        for (place, part) in self.parts {
            records::remove_open(store, batch, place, transaction);
            // Deleting the topic has ended its part.
            if part.topic.is_deleted() {
                continue;
            }
            if outcome == Outcome::Aborted {
                let span = (part.first, part.last);
                records::put_aborted(store, batch, place, transaction, span);
            }
            ended.parts.push(part);
        }
        if outcome == Outcome::Committed {
            for (group, entries) in self.offsets {
                let mut entries = entries.into_values().collect();
                offsets.stage(commit, &group, &mut entries);
                ended.offsets.push((group, entries));
            }
        }
        ended
    }
}

impl Ended {
    /// Shows the end to readers.
    pub fn publish(self, offsets: &Offsets) {
        for (group, entries) in self.offsets {
            offsets.publish(&group, entries);
        }
        for part in self.parts {
            match self.outcome {
                Outcome::Committed => part.partition.visibility.commit(part.first),
                Outcome::Aborted => {
                    part.partition.visibility.abort(self.transaction, (part.first, part.last));
                }
            }
            part.partition.wake();
        }
        offsets.release(self.transaction.producer_id);
    }
}
