//! After a power cut of a machine whose broker acknowledged what was not on the disk yet
//! ([`Durability::Os`](crate::Durability::Os)): a partition then ends before the first batch that did
//! not get there.

use std::collections::HashSet;
use std::io::ErrorKind;

use bytes::Bytes;

use super::keys::BatchHead;
use super::segment::{Records, Segment, damaged};
use super::store::{Store, failed};
use crate::Result;

/// Partitions of a topic whose end has been found.
pub type Ended = HashSet<u32>;

/// Removes the batches of a segment that was not closed from the first one on, in each partition,
/// whose records are not whole in the segment's file, and all of the partitions in `ended`, which
/// ended in the segment before.
pub fn cut(store: &Store, topic: &str, segment: &Segment, ended: &mut Ended) -> Result<()> {
    let mut records = Records::of(segment);
    let mut changes = store.changes();
    for guard in segment.keyspace.iter() {
        let (key, value) = guard.into_inner().map_err(|e| failed("cannot read a segment", e))?;
        let head = BatchHead::decode(&key).ok_or_else(damaged)?;
        let partition = head.partition;
        if !ended.contains(&partition) {
            let offset = head.base_offset();
            let whole = match records.get(&head, value) {
                Ok(records) => is_whole(head, records),
                Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::NotFound) => {
                    false
                }
                Err(e) => return Err(failed("cannot read a segment", e)),
            };
            if whole {
                continue;
            }
            tracing::warn!(topic, partition, offset, "records from here on did not reach the disk");
            ended.insert(partition);
        }
        changes.remove_batch(&segment.keyspace, &key);
    }
    changes.commit()?;
    segment.file.doubt();
    Ok(())
}

fn is_whole(head: BatchHead, records: Bytes) -> bool {
    head.into_batch(records).check_crc().is_ok()
}
