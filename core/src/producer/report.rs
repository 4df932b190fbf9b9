//! What becomes of records, told a batch at a time: for bindings, which bring it to another language.

use std::sync::Arc;

use super::delivery::BatchFate;
use crate::error::Error;

/// Is told what became of records by [`Delivery::report_to`](super::Delivery::report_to).
pub trait DeliveryListener: Send + Sync {
    /// The fate of these records is decided. Called on the thread that decides it, which must not be
    /// held up.
    fn decided(&self, report: DeliveryReport);
}

/// What became of records of one batch: either all of them are stored, or none is.
pub struct DeliveryReport {
    fate: Arc<BatchFate>,
    records: Vec<Reported>,
}

/// A record of which a listener is to be told.
#[derive(Clone, Copy)]
pub(super) struct Reported {
    pub index: u32,
    pub timestamp: i64,
    pub tag: u64,
}

impl DeliveryReport {
    /// Of a batch whose fate is decided.
    pub(super) fn new(fate: Arc<BatchFate>, records: Vec<Reported>) -> Self {
        Self { fate, records }
    }

    /// How many records it is about, at least one.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// The topic that they went to.
    pub fn topic(&self) -> &Arc<str> {
        self.fate.topic()
    }

    /// The partition that they went to.
    pub fn partition(&self) -> u32 {
        self.fate.partition()
    }

    /// Why they were given up; `None` if they are stored.
    pub fn error(&self) -> Option<&Error> {
        self.fate.outcome()?.as_ref().err()
    }

    /// The tag that came with a record, counted from 0.
    pub fn tag(&self, record: usize) -> u64 {
        self.records[record].tag
    }

    /// Where in the partition a record is stored; `None` if it is not.
    pub fn offset(&self, record: usize) -> Option<u64> {
        let base = *self.fate.outcome()?.as_ref().ok()?;
        Some(base + u64::from(self.records[record].index))
    }

    /// A record's timestamp, in milliseconds since 1970.
    pub fn timestamp(&self, record: usize) -> i64 {
        self.records[record].timestamp
    }
}
