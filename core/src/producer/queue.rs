//! The batches of one partition: collecting, sealed, in flight.
//!
//! Sequences make every batch's fate certain. A batch that fails in a way that may pass stops the
//! partition until all others in flight are resolved; then what is unresolved is sent again, in
//! order, under the same sequences, and the broker answers those it has with their offsets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flymq_protocol::batch::advance_sequence;
use flymq_protocol::{BatchBuilder, Codec, RecordBatch};
use tokio::time::Instant;

use super::delivery::{BatchFate, Delivery};
use crate::record::Record;

/// A producer's identity in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub id: i64,
    pub epoch: i16,
}

/// A batch that takes no more records.
pub(super) struct Sealed {
    pub batch: RecordBatch,
    pub fate: Arc<BatchFate>,
    /// Bytes it takes of the producer's buffer.
    pub held: usize,
    pub deadline: Instant,
    /// Whether a broker may have stored it.
    pub sent: bool,
}

struct Open {
    builder: BatchBuilder,
    fate: Arc<BatchFate>,
    held: usize,
    deadline: Instant,
}

/// A batch in flight and how it stands.
///
/// One that is decided keeps its place until all before it are: answers may overtake each other, and
/// the broker remembers only so many of a producer's last batches. The window is one of sequences.
struct Flying {
    /// `None` once it is decided.
    sealed: Option<Sealed>,
    sequence: i32,
    sent_at: Instant,
    /// It is sent under a sequence that it was sent under before.
    again: bool,
    /// It failed in a way that may pass.
    failed: bool,
    /// A batch before it was refused, so that it cannot have been stored under its sequence.
    resequence: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    open: Option<Open>,
    /// Whether the open batch has waited long enough for company.
    due: bool,
    sealed: VecDeque<Sealed>,
    flying: VecDeque<Flying>,
    identity: Option<Identity>,
    next_sequence: i32,
    /// Set by a failure: nothing is sent until all in flight are resolved.
    stopped: bool,
    /// The sequences cannot be continued under the present identity.
    stale: bool,
    /// The identity was lost at least once, so that the shared one must not be taken again.
    lost_identity: bool,
    /// Whether a thread is handing batches to the connection. Only one may, or they would overtake
    /// each other.
    pub dispatching: bool,
    /// Whether the producer's task has been told to look after this partition.
    pub attended: bool,
    /// How often in a row sending has failed.
    pub failures: u32,
}

/// What [`Queue::take`] found.
pub(super) enum Next {
    Send(RecordBatch),
    /// Nothing may be sent without an identity.
    NeedsIdentity,
    Nothing,
}

/// One partition of a topic, as a producer sees it.
pub(super) struct PartitionQueue {
    pub topic: Arc<str>,
    pub partition: u32,
    queue: Mutex<Queue>,
}

impl PartitionQueue {
    pub fn new(topic: Arc<str>, partition: u32) -> Self {
        Self { topic, partition, queue: Mutex::default() }
    }

    pub fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What appending a record led to.
pub(super) struct Appended {
    pub delivery: Delivery,
    /// The record began a batch, which is due after the producer's linger.
    pub opened: bool,
    /// A batch is full and may be sent.
    pub full: bool,
}

impl Queue {
    /// Adds a record to the open batch, beginning one if need be.
    pub fn append(
        &mut self,
        queue: &PartitionQueue,
        record: &Record,
        size: usize,
        timestamp: i64,
        deadline: impl FnOnce() -> Instant,
        limits: &Limits,
    ) -> Appended {
        let mut full = false;
        if self.open.as_ref().is_some_and(|open| open.builder.size() + size > limits.batch_bytes) {
            self.seal(limits.codec);
            full = true;
        }
        let opened = self.open.is_none();
        let open = self.open.get_or_insert_with(|| Open {
            builder: BatchBuilder::new(),
            fate: Arc::new(BatchFate::new(queue.topic.clone(), queue.partition)),
            held: 0,
            deadline: deadline(),
        });
        let index = open.builder.count();
        open.builder.push(
            record.key.as_deref(),
            record.value.as_deref(),
            &record.headers,
            timestamp,
        );
        open.held += size;
        let delivery = Delivery::new(open.fate.clone(), index, timestamp);
        if open.builder.size() >= limits.batch_bytes {
            self.seal(limits.codec);
            full = true;
        }
        Appended { delivery, opened: opened && self.open.is_some(), full }
    }

    /// Closes the open batch, if there is one.
    fn seal(&mut self, codec: Codec) {
        self.due = false;
        if let Some(mut open) = self.open.take() {
            self.sealed.push_back(Sealed {
                batch: open.builder.build(codec),
                fate: open.fate,
                held: open.held,
                deadline: open.deadline,
                sent: false,
            });
        }
    }

    /// Marks the open batch as due, to be sent as soon as there is room in flight.
    pub fn make_due(&mut self) {
        self.due = self.open.is_some();
    }

    /// The next batch to send, which counts as in flight from then on.
    pub fn take(&mut self, limits: &Limits) -> Next {
        if self.stopped || self.flying.len() >= limits.max_in_flight {
            return Next::Nothing;
        }
        if self.sealed.is_empty() && self.due {
            self.seal(limits.codec);
        }
        if self.sealed.is_empty() {
            return Next::Nothing;
        }
        let Some(identity) = self.identity else { return Next::NeedsIdentity };
        let again = self.sealed.front().is_some_and(|s| s.batch.base_sequence >= 0);
        if !again && self.flying.iter().any(|f| f.again) {
            // Between batches sent again, others may be decided already; with new ones on top the
            // window could outgrow the broker's memory.
            return Next::Nothing;
        }
        let Some(mut sealed) = self.sealed.pop_front() else { return Next::Nothing };
        sealed.sent = true;
        // A batch that is sent again keeps what it was sent under.
        if sealed.batch.base_sequence < 0 {
            sealed.batch.producer_id = identity.id;
            sealed.batch.producer_epoch = identity.epoch;
            sealed.batch.base_sequence = self.next_sequence;
            self.next_sequence = advance_sequence(self.next_sequence, sealed.batch.count);
        }
        let batch = sealed.batch.clone();
        self.flying.push_back(Flying {
            sealed: Some(sealed),
            sequence: batch.base_sequence,
            sent_at: Instant::now(),
            again,
            failed: false,
            resequence: false,
        });
        Next::Send(batch)
    }

    fn position(&self, sequence: i32) -> Option<usize> {
        self.flying.iter().position(|f| f.sequence == sequence && f.sealed.is_some())
    }

    /// Takes a decided batch out, and its place if none before it is undecided.
    fn take_out(&mut self, at: usize) -> Option<Sealed> {
        let sealed = self.flying.get_mut(at)?.sealed.take();
        while self.flying.front().is_some_and(|f| f.sealed.is_none()) {
            self.flying.pop_front();
        }
        sealed
    }

    /// Takes a batch that was stored out of flight.
    pub fn stored(&mut self, sequence: i32) -> Option<Sealed> {
        self.failures = 0;
        self.take_out(self.position(sequence)?)
    }

    /// Stops the partition because a batch failed in a way that may pass.
    pub fn failed(&mut self, sequence: i32) {
        self.stopped = true;
        if let Some(at) = self.position(sequence) {
            self.flying[at].failed = true;
        }
    }

    /// Takes a batch out of flight that the broker refused for good and did not store. Those behind
    /// it take over its sequences.
    pub fn refused(&mut self, sequence: i32) -> Option<Sealed> {
        self.stopped = true;
        let at = self.position(sequence)?;
        if !self.flying[at].resequence {
            self.next_sequence = sequence;
            self.flying.iter_mut().skip(at + 1).for_each(|later| later.resequence = true);
        }
        self.take_out(at)
    }

    /// Takes a batch out of flight whose fate will never be known. What follows needs another
    /// identity, because the broker may or may not have its sequences.
    pub fn unknown(&mut self, sequence: i32) -> Option<Sealed> {
        self.forget_identity();
        self.take_out(self.position(sequence)?)
    }

    /// Stops the partition until it has another identity.
    pub fn forget_identity(&mut self) {
        self.stopped = true;
        self.stale = true;
    }

    /// Whether a batch is the one that the broker expects first, all before it being resolved.
    pub fn is_first(&self, sequence: i32) -> bool {
        !self.stopped && self.position(sequence) == Some(0)
    }

    /// Whether the partition is stopped and nothing in flight is left to be answered.
    pub fn is_settled(&self) -> bool {
        self.stopped && self.flying.iter().all(|f| f.failed || f.sealed.is_none())
    }

    /// Puts what failed back in front, in order, and lets sending go on.
    pub fn resume(&mut self) {
        let fresh = std::mem::take(&mut self.stale);
        while let Some(flying) = self.flying.pop_back() {
            let Some(mut sealed) = flying.sealed else { continue };
            if fresh || flying.resequence {
                sealed.batch.base_sequence = -1;
            }
            self.sealed.push_front(sealed);
        }
        if fresh {
            self.identity = None;
            self.lost_identity = true;
            self.next_sequence = 0;
            self.sealed.iter_mut().for_each(|s| s.batch.base_sequence = -1);
        }
        self.stopped = false;
    }

    /// Gives the partition an identity, unless it has one.
    pub fn set_identity(&mut self, identity: Identity) {
        self.identity.get_or_insert(identity);
    }

    pub fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    /// Whether the identity that other partitions have will do. It will not once it was lost.
    pub fn may_share_identity(&self) -> bool {
        !self.lost_identity
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.open.is_none() && self.sealed.is_empty() && self.flying.is_empty()
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// When the longest unanswered batch was sent.
    pub fn oldest_unanswered(&self) -> Option<Instant> {
        self.flying.iter().find(|f| !f.failed && f.sealed.is_some()).map(|f| f.sent_at)
    }

    /// Takes the batches out whose time is up, none of which is waiting for an answer.
    pub fn expire(&mut self, now: Instant) -> Vec<Sealed> {
        let mut expired = Vec::new();
        if self.is_settled() {
            let late = |f: &Flying| f.sealed.as_ref().is_none_or(|s| s.deadline <= now);
            while self.flying.front().is_some_and(late) {
                expired.extend(self.flying.pop_front().and_then(|f| f.sealed));
            }
        }
        if self.flying.is_empty() {
            while self.sealed.front().is_some_and(|s| s.deadline <= now) {
                expired.extend(self.sealed.pop_front());
            }
            if self.sealed.is_empty() && self.open.as_ref().is_some_and(|o| o.deadline <= now) {
                self.seal(Codec::None);
                expired.extend(self.sealed.pop_front());
            }
        }
        if expired.iter().any(|s| s.sent) {
            self.forget_identity();
        }
        expired
    }

    /// The fates that are not decided yet. The open batch will be sent without lingering.
    pub fn undecided(&mut self) -> Vec<Arc<BatchFate>> {
        self.make_due();
        let open = self.open.iter().map(|o| &o.fate);
        let sealed = self.sealed.iter().map(|s| &s.fate);
        let flying = self.flying.iter().filter_map(|f| f.sealed.as_ref()).map(|s| &s.fate);
        flying.chain(sealed).chain(open).cloned().collect()
    }

    /// Takes everything out, to be given up.
    pub fn drain(&mut self) -> Vec<Sealed> {
        self.seal(Codec::None);
        let flying = self.flying.drain(..).filter_map(|f| f.sealed);
        flying.chain(self.sealed.drain(..)).collect()
    }
}

/// What bounds the batches of a producer.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub batch_bytes: usize,
    pub max_in_flight: usize,
    pub codec: Codec,
}
