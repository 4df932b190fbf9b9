//! How many bytes of records a fetch that waits for some could return.

use super::fetch::Target;
use super::keys;
use super::partition::Partition;
use super::segment::head;
use super::topics::Topic;

/// Counts the bytes that the reader may see, each batch once however often it is asked.
#[derive(Default)]
pub struct Tally {
    /// For each target where to count on.
    next: Vec<u64>,
    /// Bytes counted so far.
    bytes: u64,
    /// Bytes in the log when it was first asked, and no more than matter: also those of records that
    /// the reader does not see, or not yet.
    had: Option<u64>,
}

impl Tally {
    /// Whether there are `wanted` bytes.
    pub fn reaches<'a>(
        &mut self,
        wanted: u64,
        targets: impl Iterator<Item = &'a Target> + Clone,
    ) -> bool {
        let had = *self.had.get_or_insert_with(|| bytes_at_hand(wanted, targets.clone()));
        // Counting goes through the log; this does not, and tells where it would be in vain.
        let appended: u64 = targets.clone().map(Target::appended_since).sum();
        had + appended >= wanted && self.count(wanted, targets)
    }

    fn count<'a>(&mut self, wanted: u64, targets: impl Iterator<Item = &'a Target>) -> bool {
        for (i, target) in targets.enumerate() {
            if self.next.len() <= i {
                self.next.push(target.offset);
            }
            let Ok((topic, partition)) = &target.found else { continue };
            let end = partition.visible_end(target.isolation);
            scan(topic, partition, self.next[i], |head| {
                if head.last_offset >= end {
                    return false;
                }
                self.next[i] = head.last_offset + 1;
                if partition.shows(head, target.isolation) {
                    self.bytes += u64::from(head.size);
                }
                self.bytes < wanted
            });
        }
        self.bytes >= wanted
    }
}

fn bytes_at_hand<'a>(wanted: u64, targets: impl Iterator<Item = &'a Target>) -> u64 {
    let mut bytes = 0;
    for target in targets {
        if let Ok((topic, partition)) = &target.found {
            scan(topic, partition, target.offset, |head| {
                bytes += u64::from(head.size);
                bytes < wanted
            });
        }
    }
    bytes
}

/// Shows `visit` the batches from an offset on, until it has seen enough.
pub fn scan(
    topic: &Topic,
    partition: &Partition,
    offset: u64,
    mut visit: impl FnMut(&keys::BatchHead) -> bool,
) {
    let Some(first) = partition.segment_of(offset).filter(|_| offset < partition.end()) else {
        return;
    };
    for segment in topic.segments_from(first) {
        for guard in segment.keyspace.range(keys::range(partition.index, offset)) {
            // What cannot be read is reported when it is read.
            if !head(guard).is_ok_and(|head| visit(&head)) {
                return;
            }
        }
    }
}
