//! Segments: a topic's log is cut into keyspaces that are filled one after another and dropped
//! whole. Dropping a keyspace gives its space back at once; removing single keys would not.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use fjall::{Guard, Keyspace};
use serde::{Deserialize, Serialize};

use super::keys::{BatchHead, KEY_LEN};
use super::store::failed;
use crate::Result;

/// What is stored of a closed segment, so that opening needs no scan of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    pub bytes: u64,
    pub max_timestamp: i64,
    pub last_append: i64,
}

/// One segment of a topic, with records of all its partitions.
pub struct Segment {
    /// Position in the topic's log, ascending from 0.
    pub number: u64,
    pub keyspace: Keyspace,
    /// When it was opened for writing, by this machine's clock.
    pub opened: i64,
    bytes: AtomicU64,
    max_timestamp: AtomicI64,
    last_append: AtomicI64,
}

impl Segment {
    pub fn new(number: u64, keyspace: Keyspace, now: i64) -> Self {
        Self::with_record(
            number,
            keyspace,
            SegmentRecord { bytes: 0, max_timestamp: i64::MIN, last_append: now },
        )
    }

    pub fn with_record(number: u64, keyspace: Keyspace, record: SegmentRecord) -> Self {
        Self {
            number,
            keyspace,
            opened: record.last_append,
            bytes: record.bytes.into(),
            max_timestamp: record.max_timestamp.into(),
            last_append: record.last_append.into(),
        }
    }

    /// Adds up a segment that was not closed before the broker stopped, by its keys alone.
    pub fn scan(number: u64, keyspace: Keyspace, now: i64) -> Result<Self> {
        let segment = Self::new(number, keyspace, now);
        for guard in segment.keyspace.iter() {
            let head = head(guard)?;
            segment.note(&head, now);
        }
        Ok(segment)
    }

    /// Takes note of an appended batch.
    pub fn note(&self, head: &BatchHead, now: i64) {
        self.bytes.fetch_add(head.size as u64 + KEY_LEN as u64, Relaxed);
        self.max_timestamp.fetch_max(head.max_timestamp, Relaxed);
        self.last_append.fetch_max(now, Relaxed);
    }

    /// Bytes of records and keys.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// The latest record timestamp, `i64::MIN` while empty.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp.load(Relaxed)
    }

    /// When the last batch came, by this machine's clock.
    pub fn last_append(&self) -> i64 {
        self.last_append.load(Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    pub fn record(&self) -> SegmentRecord {
        SegmentRecord {
            bytes: self.bytes(),
            max_timestamp: self.max_timestamp(),
            last_append: self.last_append(),
        }
    }
}

/// The head of a batch in an iteration, without its records.
pub fn head(guard: Guard) -> Result<BatchHead> {
    let key = guard.key().map_err(|e| failed("cannot read a segment", e))?;
    BatchHead::decode(&key).ok_or_else(damaged)
}

pub fn damaged() -> flymq_protocol::ProtocolError {
    failed("a segment is damaged", "a key is not that of a batch")
}
