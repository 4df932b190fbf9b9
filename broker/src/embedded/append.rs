//! Appending: one commit to the journal, and one sync of it, serves every batch that waits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::Bytes;
use fjall::{OwnedWriteBatch, PersistMode};
use flymq_protocol::messages::ProduceResponse;
use flymq_protocol::{ErrorCode, ProtocolError, RecordBatch};
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::keys::BatchHead;
use super::partition::Partition;
use super::producers::{self, Verdict};
use super::segment::Segment;
use super::store::{Store, failed};
use super::topics::Topic;
use super::upkeep::Nudge;
use crate::engine::Reply;
use crate::{Durability, Result, now_ms};

/// Records up to this length are copied into the store's memory, so that they do not keep a whole
/// network buffer alive; longer ones fill most of theirs.
const COPY_UP_TO: usize = 16 << 10;
/// How many bytes of records one commit takes at most.
const GROUP_BYTES: usize = 8 << 20;
/// With this many memtables waiting to be written the store is about to hold writers up.
const BUSY_MEMTABLES: usize = 2;
/// With this many runs in level 0 the store is about to hold writers up.
const BUSY_RUNS: usize = 16;

/// A batch on its way into the log. It has been checked.
pub struct Append {
    pub topic: Arc<Topic>,
    pub partition: Arc<Partition>,
    pub batch: RecordBatch,
    pub max_timestamp: i64,
}

/// Where and how an append will be stored, once the group is committed.
struct Staged {
    segment: Arc<Segment>,
    head: BatchHead,
}

enum Outcome {
    Stored(Staged),
    Duplicate(u64),
    Refused(ProtocolError),
}

type Waiting = (Append, oneshot::Sender<Result<ProduceResponse>>);

/// The one place where batches enter the log.
pub struct Appender {
    store: Arc<Store>,
    durability: Durability,
    nudge: Arc<Nudge>,
    /// Held while a group is staged, committed and published.
    order: Mutex<()>,
    queue: Mutex<Vec<Waiting>>,
    arrived: Condvar,
    /// Appends in the queue or taken from it and not yet committed. An append may only be done on
    /// the caller's thread while there are none, or it would overtake them.
    waiting: AtomicUsize,
    closed: AtomicBool,
    failed: AtomicBool,
}

impl Appender {
    pub fn new(store: Arc<Store>, durability: Durability, nudge: Arc<Nudge>) -> Self {
        Self {
            store,
            durability,
            nudge,
            order: Mutex::new(()),
            queue: Mutex::new(Vec::new()),
            arrived: Condvar::new(),
            waiting: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    /// Appends a batch. Its place in the log is decided before this returns or in the order of the
    /// calls.
    pub fn append(&self, append: Append) -> Reply<ProduceResponse> {
        let append = match self.append_here(append) {
            Ok(result) => return Reply::Ready(result),
            Err(append) => append,
        };
        let (done, result) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::Acquire) {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Reply::Ready(Err(shutting_down()));
        }
        queue.push((append, done));
        drop(queue);
        self.arrived.notify_one();
        Reply::Later(async move { result.await.unwrap_or_else(|_| Err(shutting_down())) }.boxed())
    }

    /// Without a disk to wait for, the caller's thread does it, unless the store is busy enough to
    /// make it wait.
    fn append_here(&self, append: Append) -> std::result::Result<Result<ProduceResponse>, Append> {
        if self.durability != Durability::Os || self.closed.load(Ordering::Acquire) {
            return Err(append);
        }
        let Ok(_order) = self.order.try_lock() else { return Err(append) };
        let keyspace = &append.topic.active().keyspace;
        if self.waiting.load(Ordering::Acquire) > 0
            || keyspace.sealed_memtable_count() >= BUSY_MEMTABLES
            || fjall::AbstractTree::l0_run_count(&keyspace.tree) >= BUSY_RUNS
        {
            return Err(append);
        }
        let mut results = self.commit(std::slice::from_ref(&append));
        Ok(results.pop().unwrap_or_else(|| Err(shutting_down())))
    }

    /// Commits queued appends until [`close`](Self::close). Runs on a thread of its own.
    pub fn run(&self) {
        /// However the thread ends, nobody is left waiting for it.
        struct Ended<'a>(&'a Appender);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.close();
                self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
        let _ended = Ended(self);
        loop {
            let group = {
                let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let mut queue = self
                    .arrived
                    .wait_while(queue, |queue| {
                        queue.is_empty() && !self.closed.load(Ordering::Acquire)
                    })
                    .unwrap_or_else(PoisonError::into_inner);
                if queue.is_empty() {
                    return;
                }
                let mut bytes = 0;
                let fits = queue
                    .iter()
                    .take_while(|(append, _)| {
                        bytes += append.batch.records.len();
                        bytes <= GROUP_BYTES
                    })
                    .count();
                let rest = queue.split_off(fits.max(1));
                std::mem::replace(&mut *queue, rest)
            };
            let (appends, senders): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            let results = {
                let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
                let results = self.commit(&appends);
                self.waiting.fetch_sub(appends.len(), Ordering::AcqRel);
                results
            };
            for (sender, result) in senders.into_iter().zip(results) {
                // The session may be gone; the batch is stored all the same.
                let _ = sender.send(result);
            }
        }
    }

    /// Refuses further appends and lets [`run`](Self::run) return once the queue is empty.
    pub fn close(&self) {
        let _queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::Release);
        self.arrived.notify_all();
    }

    /// Runs `change` while no append is under way, to replace a topic's active segment for instance.
    pub fn between_appends<T>(&self, change: impl FnOnce() -> T) -> T {
        let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        change()
    }

    /// Stores a group of appends, all or none. The caller holds `order`.
    fn commit(&self, appends: &[Append]) -> Vec<Result<ProduceResponse>> {
        let mode = match self.durability {
            Durability::Fsync => PersistMode::SyncData,
            Durability::Os => PersistMode::Buffer,
        };
        let now = now_ms();
        let mut batch = self.store.db.batch().durability(Some(mode));
        let outcomes: Vec<_> = appends
            .iter()
            .map(|append| self.stage(&mut batch, append, now).unwrap_or_else(Outcome::Refused))
            .collect();
        if let Err(error) = batch.commit() {
            // The store refuses everything from here on, since it cannot know what is on the disk.
            // What was staged in memory is never published.
            self.failed.store(true, Ordering::Release);
            tracing::error!(%error, "cannot write to the log; refusing all writes until restart");
            let error = failed("cannot write to the log", error);
            return appends.iter().map(|_| Err(error.clone())).collect();
        }
        let publish = |(append, outcome)| self.publish(append, outcome, now);
        appends.iter().zip(outcomes).map(publish).collect()
    }

    fn stage(&self, changes: &mut OwnedWriteBatch, append: &Append, now: i64) -> Result<Outcome> {
        if self.failed.load(Ordering::Acquire) {
            return Err(failed("cannot write to the log", "an earlier write failed"));
        }
        let Append { topic, partition, batch, max_timestamp } = append;
        if topic.is_deleted() {
            return Err(ProtocolError::new(
                ErrorCode::UnknownTopic,
                format!("topic {} was deleted", topic.name),
            ));
        }
        let mut writer = partition.writer();
        let base_offset = writer.next;
        if batch.producer_id >= 0 {
            let known = writer.producers.get(&batch.producer_id);
            if let Verdict::Duplicate(offset) = producers::judge(known, batch)? {
                return Ok(Outcome::Duplicate(offset));
            }
            let state = writer.producers.entry(batch.producer_id).or_default();
            state.record(batch, base_offset, now);
            let value =
                rmp_serde::to_vec(state).map_err(|e| failed("cannot encode a producer", e))?;
            let key = producers::key(topic.id, partition.index, batch.producer_id);
            changes.insert(&self.store.producers, key, value);
        }
        writer.next += u64::from(batch.count);

        let segment = topic.active();
        let head = BatchHead::new(partition.index, base_offset, batch, *max_timestamp);
        let records = if batch.records.len() <= COPY_UP_TO {
            Bytes::copy_from_slice(&batch.records)
        } else {
            batch.records.0.clone()
        };
        changes.insert(&segment.keyspace, head.encode(), records);
        Ok(Outcome::Stored(Staged { segment, head }))
    }

    /// Lets readers see what has been committed.
    fn publish(&self, append: &Append, outcome: Outcome, now: i64) -> Result<ProduceResponse> {
        match outcome {
            Outcome::Stored(Staged { segment, head }) => {
                let base_offset = head.base_offset();
                segment.note(&head, now);
                if segment.bytes() as i64 >= append.topic.config().segment_bytes {
                    self.nudge.call();
                }
                let (end, bytes) = (head.last_offset + 1, head.size.into());
                append.partition.publish(segment.number, base_offset, end, bytes);
                Ok(ProduceResponse { base_offset, duplicate: false })
            }
            Outcome::Duplicate(base_offset) => Ok(ProduceResponse { base_offset, duplicate: true }),
            Outcome::Refused(error) => Err(error),
        }
    }
}

fn shutting_down() -> ProtocolError {
    ProtocolError::new(ErrorCode::ShuttingDown, "the broker is stopping")
}
