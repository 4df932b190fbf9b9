//! What the broker keeps in memory of a partition: where it begins and ends, who waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use flymq_protocol::messages::Isolation;
use tokio::sync::Notify;

use super::keys::BatchHead;
use super::producers::ProducerState;
use super::transactions::Identity;
use super::visibility::Visibility;

/// One partition of a topic.
#[derive(Default)]
pub struct Partition {
    pub index: u32,
    /// Offset of the oldest record there is.
    start: AtomicU64,
    /// Offset behind the last record that readers may see.
    end: AtomicU64,
    /// Bytes ever appended since the broker started, for waiting fetches.
    appended: AtomicU64,
    /// Where the partition's records begin in each segment that has any: segment number and first
    /// offset, ascending.
    first_offsets: RwLock<Vec<(u64, u64)>>,
    /// Which transactions are open and which were aborted.
    pub visibility: Visibility,
    writer: Mutex<WriterState>,
    waiters: Mutex<Vec<Arc<Notify>>>,
}

/// What only appends read and change.
#[derive(Default)]
pub struct WriterState {
    /// The offset that the next record gets.
    pub next: u64,
    /// Identified producers by their id.
    pub producers: HashMap<i64, ProducerState>,
}

/// A lock whose data stays consistent even if a holder panicked: every change is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Partition {
    pub fn new(index: u32, start: u64, end: u64, first_offsets: Vec<(u64, u64)>) -> Self {
        Self {
            index,
            start: start.into(),
            end: end.into(),
            first_offsets: RwLock::new(first_offsets),
            writer: Mutex::new(WriterState { next: end, ..Default::default() }),
            ..Default::default()
        }
    }

    pub fn start(&self) -> u64 {
        self.start.load(Ordering::Acquire)
    }

    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Offset behind the last record that such a reader may see.
    pub fn visible_end(&self, isolation: Isolation) -> u64 {
        // In this order: by the time that a transaction's first record is before `end`, it is marked.
        let end = self.end();
        match isolation {
            Isolation::ReadUncommitted => end,
            Isolation::ReadCommitted => end.min(self.visibility.first_open()),
        }
    }

    /// Whether such a reader may see a batch, which is before its [`visible_end`](Self::visible_end).
    pub fn shows(&self, head: &BatchHead, isolation: Isolation) -> bool {
        if !head.transactional || isolation == Isolation::ReadUncommitted {
            return true;
        }
        let transaction = Identity { producer_id: head.producer_id, epoch: head.producer_epoch };
        // In this order: aborted transactions are forgotten when the start has passed them.
        !self.visibility.is_aborted(transaction) && head.last_offset >= self.start()
    }

    pub fn appended(&self) -> u64 {
        self.appended.load(Ordering::Acquire)
    }

    pub fn writer(&self) -> MutexGuard<'_, WriterState> {
        lock(&self.writer)
    }

    /// Lets readers see all up to `end`, of which `bytes` are new, and wakes those who wait.
    pub fn publish(&self, segment: u64, first_offset: u64, end: u64, bytes: u64) {
        {
            let known = self.first_offsets.read().unwrap_or_else(PoisonError::into_inner);
            if known.last().is_none_or(|&(last, _)| last < segment) {
                drop(known);
                let mut known = self.first_offsets.write().unwrap_or_else(PoisonError::into_inner);
                known.push((segment, first_offset));
            }
        }
        self.end.store(end, Ordering::Release);
        self.appended.fetch_add(bytes, Ordering::Release);
        self.wake();
    }

    /// Moves the end over offsets that have no records.
    pub fn skip_to(&self, end: u64) {
        self.end.store(end, Ordering::Release);
        self.wake();
    }

    /// Wakes every fetch that waits for this partition.
    pub fn wake(&self) {
        for waiter in lock(&self.waiters).drain(..) {
            waiter.notify_one();
        }
    }

    /// Has `waiter` notified once, at the next append. Undone by [`forget`](Self::forget).
    pub fn wait(&self, waiter: &Arc<Notify>) {
        lock(&self.waiters).push(waiter.clone());
    }

    pub fn forget(&self, waiter: &Arc<Notify>) {
        let mut waiters = lock(&self.waiters);
        if let Some(at) = waiters.iter().position(|w| Arc::ptr_eq(w, waiter)) {
            waiters.swap_remove(at);
        }
    }

    /// The segments that hold records at or after `offset`: number of the first one, or `None` if
    /// there are no records at all.
    pub fn segment_of(&self, offset: u64) -> Option<u64> {
        let known = self.first_offsets.read().unwrap_or_else(PoisonError::into_inner);
        let behind = known.partition_point(|&(_, first)| first <= offset);
        known.get(behind.saturating_sub(1)).map(|&(segment, _)| segment)
    }

    /// Where the log would begin if the segments before `segment` were dropped.
    pub fn start_from(&self, segment: u64) -> u64 {
        let known = self.first_offsets.read().unwrap_or_else(PoisonError::into_inner);
        let first = known.iter().find(|&&(number, _)| number >= segment);
        first.map_or(self.end(), |&(_, offset)| offset).max(self.start())
    }

    /// Forgets the segments before `segment`.
    pub fn drop_before(&self, segment: u64) {
        self.start.store(self.start_from(segment), Ordering::Release);
        let mut known = self.first_offsets.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|&(number, _)| number >= segment);
    }
}
