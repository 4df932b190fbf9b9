//! Segments: a topic's log is cut into pieces that are filled one after another and dropped whole.
//! A piece is a keyspace of batches and a file for the records of the large ones. Dropping both gives
//! their space back at once; removing single keys would not.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use fjall::{Guard, Keyspace, UserValue};
use serde::{Deserialize, Serialize};

use super::keys::{BatchHead, KEY_LEN};
use super::log_file::{self, LogFile};
use super::store::failed;
use crate::Result;

/// What is stored of a closed segment, so that opening needs no scan of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    pub bytes: u64,
    pub max_timestamp: i64,
    pub last_append: i64,
}

/// Where a segment's batches are.
pub struct Storage {
    pub keyspace: Keyspace,
    pub file: LogFile,
}

/// One segment of a topic, with records of all its partitions.
pub struct Segment {
    /// Position in the topic's log, ascending from 0.
    pub number: u64,
    /// Batches: to each its records, or its position in `file`.
    pub keyspace: Keyspace,
    pub file: LogFile,
    /// When it was opened for writing, by this machine's clock.
    pub opened: i64,
    bytes: AtomicU64,
    max_timestamp: AtomicI64,
    last_append: AtomicI64,
}

impl Segment {
    pub fn new(number: u64, storage: Storage, now: i64) -> Self {
        Self::with_record(
            number,
            storage,
            SegmentRecord { bytes: 0, max_timestamp: i64::MIN, last_append: now },
        )
    }

    pub fn with_record(number: u64, storage: Storage, record: SegmentRecord) -> Self {
        Self {
            number,
            keyspace: storage.keyspace,
            file: storage.file,
            opened: record.last_append,
            bytes: record.bytes.into(),
            max_timestamp: record.max_timestamp.into(),
            last_append: record.last_append.into(),
        }
    }

    /// Adds up a segment that was not closed before the broker stopped, by its keys alone.
    pub fn scan(&self, now: i64) -> Result<()> {
        for guard in self.keyspace.iter() {
            self.note(&head(guard)?, now);
        }
        Ok(())
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

/// Reads records of one segment, whose file it opens at most once.
pub struct Records<'a> {
    segment: &'a Segment,
    file: Option<Arc<File>>,
}

impl<'a> Records<'a> {
    pub fn of(segment: &'a Segment) -> Self {
        Self { segment, file: None }
    }

    /// The records of a batch for which the keyspace holds `value`.
    pub fn get(&mut self, head: &BatchHead, value: UserValue) -> io::Result<Bytes> {
        let size = head.size as usize;
        if value.len() == size {
            return Ok(value.into());
        }
        let position = value.as_ref().try_into().map(u64::from_be_bytes);
        let position = position.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.segment.file.reader()?),
        };
        log_file::read(file, position, size)
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
