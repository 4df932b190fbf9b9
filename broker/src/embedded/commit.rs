//! The group commit: one write to the journal, and one sync of it, serves every change that waits.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fjall::{Keyspace, OwnedWriteBatch, PersistMode};
use flymq_protocol::{ErrorCode, ProtocolError};
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::segment::Segment;
use super::store::{Store, failed};
use crate::engine::Reply;
use crate::metrics::EngineMetrics;
use crate::{Durability, Result, now_ms};

/// How many bytes of records one commit takes at most.
const GROUP_BYTES: usize = 8 << 20;
/// With this many memtables waiting to be written the store is about to hold writers up.
const BUSY_MEMTABLES: usize = 2;
/// With this many runs in level 0 the store is about to hold writers up.
const BUSY_RUNS: usize = 16;

/// After how many bytes of changes it is looked at whether memory has to be written out.
const LOOK_EVERY: usize = 1 << 20;
/// Bytes of a change besides records, about.
const CHANGE_BYTES: usize = 256;
/// A commit that takes this long is no work for a thread that serves connections.
const SLOW: Duration = Duration::from_millis(5);

/// What is about to be committed.
pub struct Commit<'a> {
    pub store: &'a Store,
    pub batch: OwnedWriteBatch,
    /// Milliseconds since 1970, the same for all changes of the group.
    pub now: i64,
    /// What goes to the files of segments.
    writes: Vec<Write>,
}

/// Records that go to a segment's file.
struct Write {
    segment: Arc<Segment>,
    file: Arc<File>,
    position: u64,
    records: Bytes,
}

impl Commit<'_> {
    /// Has records written to a segment's opened file before the batch is. Returns what the store is to
    /// hold in their stead.
    pub fn write(&mut self, segment: &Arc<Segment>, file: Arc<File>, records: Bytes) -> Bytes {
        let position = segment.file.reserve(records.len());
        self.writes.push(Write { segment: segment.clone(), file, position, records });
        Bytes::copy_from_slice(&position.to_be_bytes())
    }

    /// Makes all that was staged as durable as the mode says: the records first, since the batch says
    /// that they are there.
    fn commit(self, durability: Durability) -> fjall::Result<()> {
        for Write { segment, file, position, records } in &self.writes {
            segment.file.write(file, *position, records)?;
        }
        let mode = match durability {
            Durability::Os => PersistMode::Buffer,
            Durability::Fsync => {
                // Once is enough for each: what is in sync costs nothing.
                self.writes.iter().try_for_each(|write| write.segment.file.sync())?;
                PersistMode::SyncData
            }
        };
        self.batch.durability(Some(mode)).commit()
    }
}

/// Something that enters the store with a group commit. Changes are staged and finished in the
/// order in which they came, one at a time.
pub trait Change: Send {
    /// Adds to the commit. A change that is refused adds nothing and remembers why. What it changes
    /// in memory is seen by the changes staged after it, and by no reader.
    fn stage(&mut self, commit: &mut Commit);
    /// Lets readers see the change if it was committed, and answers.
    fn finish(&mut self, now: i64, committed: Result<()>);
    /// How many bytes of records it has.
    fn bytes(&self) -> usize;
    /// Where most of it goes, if that is a segment.
    fn keyspace(&self) -> Option<Keyspace> {
        None
    }
}

/// The one place where records, offsets and the ends of transactions enter the store.
pub struct Committer {
    store: Arc<Store>,
    durability: Durability,
    metrics: EngineMetrics,
    /// Held while a group is staged, committed and finished.
    order: Mutex<()>,
    queue: Mutex<Vec<Box<dyn Change>>>,
    arrived: Condvar,
    /// Changes in the queue or taken from it and not yet committed. A change may only be made on
    /// the caller's thread while there are none, or it would overtake them.
    waiting: AtomicUsize,
    /// Whether the last commit had to wait, for the operating system to have room for instance.
    slow: AtomicBool,
    /// Bytes committed since the last look at how much is in memory.
    unlooked: AtomicUsize,
    closed: AtomicBool,
    failed: AtomicBool,
}

impl Committer {
    pub fn new(store: Arc<Store>, durability: Durability, metrics: EngineMetrics) -> Self {
        Self {
            store,
            durability,
            metrics,
            order: Mutex::new(()),
            queue: Mutex::new(Vec::new()),
            arrived: Condvar::new(),
            waiting: AtomicUsize::new(0),
            slow: AtomicBool::new(false),
            unlooked: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    /// Makes a change on the caller's thread if there is no disk to wait for, nothing to overtake,
    /// and the store is not busy enough to make it wait. Returns whether it was made.
    pub fn commit_here(&self, change: &mut dyn Change) -> bool {
        if self.durability != Durability::Os || self.closed.load(Ordering::Acquire) {
            return false;
        }
        let Ok(_order) = self.order.try_lock() else { return false };
        let is_busy = |keyspace: &Keyspace| {
            keyspace.sealed_memtable_count() >= BUSY_MEMTABLES
                || fjall::AbstractTree::l0_run_count(&keyspace.tree) >= BUSY_RUNS
        };
        let busy = match change.keyspace() {
            Some(keyspace) => is_busy(&keyspace),
            None => self.store.small().into_iter().any(is_busy),
        };
        let slow = self.slow.load(Ordering::Relaxed);
        if self.waiting.load(Ordering::Acquire) > 0 || busy || slow {
            return false;
        }
        self.commit(&mut [change]);
        true
    }

    /// Has a change made with the next group. Its place is decided by the order of the calls.
    /// Returns whether it was taken; it is not once the engine closes.
    pub fn enqueue(&self, change: Box<dyn Change>) -> bool {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let mut queue = lock(&self.queue);
        if self.closed.load(Ordering::Acquire) {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return false;
        }
        queue.push(change);
        drop(queue);
        self.arrived.notify_one();
        true
    }

    /// Writes what `stage` adds, and then lets `publish` show it to readers: on the caller's thread
    /// where [`commit_here`](Self::commit_here) does that, else with the next group. If `stage` fails
    /// it must not have added anything that matters.
    pub fn write<P, T>(
        &self,
        stage: impl FnOnce(&mut Commit) -> Result<P> + Send + 'static,
        publish: impl FnOnce(P) -> T + Send + 'static,
    ) -> Reply<T>
    where
        P: Send + 'static,
        T: Send + 'static,
    {
        let (stage, publish) = (Some(stage), Some(publish));
        let mut write = Closures { stage, publish, staged: None, result: None, done: None };
        if self.commit_here(&mut write) {
            return Reply::Ready(write.result.unwrap_or_else(|| Err(shutting_down())));
        }
        let (done, result) = oneshot::channel();
        write.done = Some(done);
        if !self.enqueue(Box::new(write)) {
            return Reply::Ready(Err(shutting_down()));
        }
        Reply::Later(async move { result.await.unwrap_or_else(|_| Err(shutting_down())) }.boxed())
    }

    /// Commits queued changes until [`close`](Self::close). Runs on a thread of its own.
    pub fn run(&self) {
        /// However the thread ends, nobody is left waiting for it.
        struct Ended<'a>(&'a Committer);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.close();
                lock(&self.0.queue).clear();
            }
        }
        let _ended = Ended(self);
        while let Some(mut group) = self.next_group() {
            let _order = lock(&self.order);
            let mut changes: Vec<&mut dyn Change> = Vec::with_capacity(group.len());
            changes.extend(group.iter_mut().map(|change| &mut **change as &mut dyn Change));
            self.commit(&mut changes);
            self.waiting.fetch_sub(group.len(), Ordering::AcqRel);
        }
    }

    /// Waits for changes; `None` once the engine closes and all are made.
    fn next_group(&self) -> Option<Vec<Box<dyn Change>>> {
        let mut queue = self
            .arrived
            .wait_while(lock(&self.queue), |queue| {
                queue.is_empty() && !self.closed.load(Ordering::Acquire)
            })
            .unwrap_or_else(PoisonError::into_inner);
        if queue.is_empty() {
            return None;
        }
        let mut bytes = 0;
        let fits = queue
            .iter()
            .take_while(|change| {
                bytes += change.bytes();
                bytes <= GROUP_BYTES
            })
            .count();
        let rest = queue.split_off(fits.max(1));
        Some(std::mem::replace(&mut *queue, rest))
    }

    /// Refuses further changes and lets [`run`](Self::run) return once the queue is empty.
    pub fn close(&self) {
        let _queue = lock(&self.queue);
        self.closed.store(true, Ordering::Release);
        self.arrived.notify_all();
    }

    /// What keeps changes from being made, if anything does.
    pub fn fault(&self) -> Option<&'static str> {
        if self.failed.load(Ordering::Acquire) {
            return Some("a write to the log has failed; all others are refused until a restart");
        }
        self.closed.load(Ordering::Acquire).then_some("the storage is closed")
    }

    /// Runs `change` while no commit is under way, to replace a topic's active segment for instance.
    pub fn between_commits<T>(&self, change: impl FnOnce() -> T) -> T {
        let _order = lock(&self.order);
        change()
    }

    /// Makes a group of changes, all or none. The caller holds `order`.
    fn commit(&self, changes: &mut [&mut dyn Change]) {
        let now = now_ms();
        if self.failed.load(Ordering::Acquire) {
            let error = failed("cannot write to the log", "an earlier write failed");
            changes.iter_mut().for_each(|change| change.finish(now, Err(error.clone())));
            return;
        }
        let batch = self.store.db.batch();
        let mut commit = Commit { store: &self.store, batch, now, writes: Vec::new() };
        changes.iter_mut().for_each(|change| change.stage(&mut commit));
        let began = Instant::now();
        let committed = commit.commit(self.durability).map_err(|error| {
            // The store refuses everything from here on, since it cannot know what is on the disk.
            // What was staged in memory is never published.
            self.failed.store(true, Ordering::Release);
            tracing::error!(%error, "cannot write to the log; refusing all writes until restart");
            failed("cannot write to the log", error)
        });
        let took = began.elapsed();
        self.slow.store(took >= SLOW, Ordering::Relaxed);
        self.metrics.commit.observe(took.as_secs_f64());
        self.metrics.changes.inc_by(changes.len() as u64);
        let bytes = changes.iter().map(|change| CHANGE_BYTES + change.bytes()).sum();
        if self.unlooked.fetch_add(bytes, Ordering::Relaxed) >= LOOK_EVERY {
            self.unlooked.store(0, Ordering::Relaxed);
            self.store.write_large_out(changes.iter().filter_map(|change| change.keyspace()));
        }
        changes.iter_mut().for_each(|change| change.finish(now, committed.clone()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn shutting_down() -> ProtocolError {
    ProtocolError::new(ErrorCode::ShuttingDown, "the broker is stopping")
}

/// A change made of two closures.
struct Closures<S, F, P, T> {
    stage: Option<S>,
    publish: Option<F>,
    staged: Option<Result<P>>,
    /// The answer, where nobody waits on `done`.
    result: Option<Result<T>>,
    done: Option<oneshot::Sender<Result<T>>>,
}

impl<S, F, P, T> Change for Closures<S, F, P, T>
where
    S: FnOnce(&mut Commit) -> Result<P> + Send,
    F: FnOnce(P) -> T + Send,
    P: Send,
    T: Send,
{
    fn stage(&mut self, commit: &mut Commit) {
        self.staged = self.stage.take().map(|stage| stage(commit));
    }

    fn finish(&mut self, _now: i64, committed: Result<()>) {
        let staged = committed.and(self.staged.take().unwrap_or_else(|| Err(shutting_down())));
        let result = match (staged, self.publish.take()) {
            (Ok(staged), Some(publish)) => Ok(publish(staged)),
            (Ok(_), None) => Err(shutting_down()),
            (Err(error), _) => Err(error),
        };
        match self.done.take() {
            // The session may be gone; the change is made all the same.
            Some(done) => drop(done.send(result)),
            None => self.result = Some(result),
        }
    }

    fn bytes(&self) -> usize {
        0
    }
}
