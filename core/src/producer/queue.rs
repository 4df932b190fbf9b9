//! The batches of one partition: collecting, sealed, in flight.
//!
//! Sequences make every batch's fate certain. A batch that fails in a way that may pass stops the
//! partition until all others in flight are resolved; then what is unresolved is sent again, in
//! order, under the same sequences, and the broker answers those it has with their offsets.
//!
//! What was sent on a lost connection may still reach the broker, and late. Therefore a batch whose
//! records were given up stays in its place until it is resolved, if it was ever sent; and where the
//! sequences cannot go on, because a batch was refused for instance, the partition goes on under the
//! next epoch of its identity, by which the broker tells what comes late.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flymq_protocol::batch::advance_sequence;
use flymq_protocol::{BatchBuilder, Codec, RecordBatch};
use tokio::time::Instant;

use super::batch::{Flying, GivenUp, Identity, Limits, Open, Sealed};
use super::delivery::BatchFate;
use crate::record::Record;

#[derive(Default)]
pub(super) struct Queue {
    open: Option<Open>,
    /// Whether the open batch has waited long enough for company.
    due: bool,
    /// Counts the open batches, to tell them apart.
    opened: u64,
    /// What the last batch measured, as a guess at the next.
    last_size: usize,
    sealed: VecDeque<Sealed>,
    flying: VecDeque<Flying>,
    identity: Option<Identity>,
    next_sequence: i32,
    /// Set by a failure: nothing is sent until all in flight are resolved.
    stopped: bool,
    /// Nothing that is unresolved is stored, and the sequences cannot be continued.
    stale: bool,
    /// A batch was taken out that may be stored or not, so that the sequences cannot be continued.
    /// Those sent behind it are resolved under theirs first: the broker misses one, or does not.
    hole: bool,
    /// The identity was used up, so that the shared one must not be taken again.
    lost_identity: bool,
    /// Counts how often everything was forgotten, to tell answers that come late.
    pub round: u64,
    /// Whether a thread is handing batches to the connection. Only one may, or they would overtake
    /// each other.
    pub dispatching: bool,
    /// Whether the producer's task has been told to look after this partition.
    pub attended: bool,
    /// Something failed since the partition was stopped, other than for what failed before it.
    pub troubled: bool,
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

/// A record that is to be appended.
pub(super) struct Entry<'a> {
    pub record: &'a Record,
    /// Bytes it takes of the producer's buffer.
    pub size: usize,
    pub timestamp: i64,
}

/// What appending a record led to.
pub(super) struct Appended<T> {
    /// How the record's fate will be known.
    pub answer: T,
    /// The record began a batch, of this number, which is due after the producer's linger.
    pub opened: Option<u64>,
    /// A batch is full and may be sent.
    pub full: bool,
}

impl Queue {
    /// Adds a record to the open batch, beginning one if need be. `answer` is given the batch, the
    /// record's place in it and its timestamp.
    pub fn append<T>(
        &mut self,
        queue: &PartitionQueue,
        entry: &Entry<'_>,
        deadline: impl FnOnce() -> Instant,
        limits: &Limits,
        answer: impl FnOnce(&mut Open, u32, i64) -> T,
    ) -> Appended<T> {
        let Entry { record, size, timestamp } = *entry;
        let mut full = false;
        let most = self.most_bytes(limits);
        if self.open.as_ref().is_some_and(|open| open.builder.size() + size > most) {
            self.seal(limits.codec);
            full = true;
        }
        let opened = self.open.is_none();
        let guess = self.last_size;
        let open = self.open.get_or_insert_with(|| {
            let mut builder = BatchBuilder::new();
            builder.reserve(guess.max(size));
            Open {
                builder,
                fate: Arc::new(BatchFate::new(queue.topic.clone(), queue.partition)),
                held: 0,
                deadline: deadline(),
                reports: None,
            }
        });
        let index = open.builder.count();
        open.builder.push(
            record.key.as_deref(),
            record.value.as_deref(),
            &record.headers,
            timestamp,
        );
        open.held += size;
        let answer = answer(open, index, timestamp);
        if open.builder.size() >= most {
            self.seal(limits.codec);
            full = true;
        }
        self.opened += u64::from(opened);
        let still_open = opened && self.open.is_some();
        Appended { answer, opened: still_open.then_some(self.opened), full }
    }

    /// How large the open batch may get. Where it has to wait for others, more may come along with it: a
    /// few large batches under way do what many small ones do.
    fn most_bytes(&self, limits: &Limits) -> usize {
        match self.flying.len() < limits.max_in_flight {
            true => limits.batch_bytes,
            false => limits.crowded_bytes,
        }
    }

    /// Closes the open batch, if there is one.
    fn seal(&mut self, codec: Codec) {
        self.due = false;
        if let Some(mut open) = self.open.take() {
            self.last_size = open.builder.size();
            open.promise();
            self.sealed.push_back(Sealed {
                batch: open.builder.build(codec),
                fate: open.fate,
                held: open.held,
                deadline: open.deadline,
                given_up: false,
            });
        }
    }

    /// Marks the open batch as due, to be sent as soon as there is room in flight.
    pub fn make_due(&mut self) {
        self.due = self.open.is_some();
    }

    /// Marks the open batch as due if it is still the one of this number.
    pub fn make_due_if(&mut self, number: u64) {
        if self.opened == number {
            self.make_due();
        }
    }

    /// The next batch to send, which counts as in flight from then on.
    ///
    /// Where `pressed`, a batch that is not full waits until nothing is in flight: whoever sends
    /// faster than the broker stores is better served by larger batches than by earlier ones.
    pub fn take(&mut self, limits: &Limits, pressed: bool) -> Next {
        if self.stopped || self.flying.len() >= limits.max_in_flight {
            return Next::Nothing;
        }
        let full = self.open.as_ref().is_some_and(|o| o.builder.size() >= limits.batch_bytes);
        let due = self.due && (!pressed || self.flying.is_empty());
        if self.sealed.is_empty() && (full || due) {
            self.seal(limits.codec);
        }
        if self.sealed.is_empty() {
            return Next::Nothing;
        }
        let again = self.sealed.front().is_some_and(Sealed::was_sent);
        if !again && self.flying.iter().any(|f| f.again) {
            // Between batches sent again, others may be decided already; with new ones on top the
            // window could outgrow the broker's memory.
            return Next::Nothing;
        }
        if !again && self.hole {
            // What is in flight behind a hole was sent again.
            debug_assert!(self.flying.is_empty(), "unresolved batches behind a hole");
            self.begin_anew();
        }
        let Some(identity) = self.identity else { return Next::NeedsIdentity };
        let Some(mut sealed) = self.sealed.pop_front() else { return Next::Nothing };
        // A batch that is sent again keeps what it was sent under.
        if !again {
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

    /// Takes a batch out of flight, leaving a hole: because the broker refused it, or because its fate
    /// will never be known.
    pub fn without(&mut self, sequence: i32) -> Option<Sealed> {
        self.stopped = true;
        self.hole = true;
        self.take_out(self.position(sequence)?)
    }

    /// Stops the partition, to go on with sequences that begin anew, where the broker does not take
    /// the first unresolved batch and therefore none of them.
    pub fn forget_sequences(&mut self) {
        self.stopped = true;
        self.stale = true;
    }

    /// As [`forget_sequences`](Self::forget_sequences), where the broker does not know the producer.
    pub fn forget_identity(&mut self) {
        self.forget_sequences();
        self.identity = None;
    }

    /// Whether the broker may miss a batch before those in flight.
    pub fn has_hole(&self) -> bool {
        self.hole
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
        let stale = std::mem::take(&mut self.stale);
        while let Some(flying) = self.flying.pop_back() {
            if let Some(sealed) = flying.sealed {
                self.sealed.push_front(sealed);
            }
        }
        if stale {
            self.sealed.iter_mut().for_each(Sealed::unsend);
            self.begin_anew();
        }
        self.sealed.retain(|sealed| sealed.was_sent() || !sealed.given_up);
        self.stopped = false;
    }

    /// Goes on from sequence 0, where nothing is unresolved.
    fn begin_anew(&mut self) {
        self.identity = self.identity.and_then(Identity::next);
        self.lost_identity |= self.identity.is_none();
        self.next_sequence = 0;
        self.hole = false;
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

    /// Gives the batches up whose time is up. Those that were sent keep their place.
    pub fn expire(&mut self, now: Instant) -> Vec<GivenUp> {
        if self.open.as_ref().is_some_and(|open| open.deadline <= now) {
            self.seal(Codec::None);
        }
        let mut expired = Vec::new();
        let mut look = |sealed: &mut Sealed| {
            if sealed.deadline <= now && !sealed.given_up {
                expired.push(GivenUp::take(sealed));
            }
        };
        self.flying.iter_mut().filter_map(|f| f.sealed.as_mut()).for_each(&mut look);
        self.sealed.iter_mut().for_each(&mut look);
        self.sealed.retain(|sealed| sealed.was_sent() || !sealed.given_up);
        expired
    }

    /// Whether some batch's time is up.
    pub fn is_overdue(&self, now: Instant) -> bool {
        let flying = self.flying.iter().filter_map(|f| f.sealed.as_ref());
        let sealed = flying.chain(&self.sealed).map(|s| s.deadline);
        self.open.iter().map(|open| open.deadline).chain(sealed).any(|deadline| deadline <= now)
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

    /// Forgets everything, to begin anew under another identity. Returns what is undecided.
    pub fn reset(&mut self) -> Vec<Sealed> {
        let undecided = self.drain();
        *self = Self {
            opened: self.opened,
            last_size: self.last_size,
            round: self.round + 1,
            dispatching: self.dispatching,
            attended: self.attended,
            ..Self::default()
        };
        undecided
    }
}
