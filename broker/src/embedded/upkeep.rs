//! What is done besides requests: closing full segments, dropping old ones, keeping memory small.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fjall::Keyspace;

use super::Inner;
use super::partition::Partition;
use super::producers;
use super::segment::Segment;
use super::store::{self, MetaKey, failed};
use super::topics::Topic;
use crate::{Result, now_ms};

/// How many memtables are written out before the last of them is waited for, and for how long.
const WRITTEN_AT_ONCE: u32 = 64;
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

/// How often forgotten producers are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);

/// A call for upkeep before its time, when a segment is full.
#[derive(Default)]
pub struct Nudge {
    called: Mutex<bool>,
    bell: Condvar,
}

impl Nudge {
    pub fn call(&self) {
        *self.called.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    pub fn wait(&self, at_most: Duration) {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut called, _) = self
            .bell
            .wait_timeout_while(called, at_most, |called| !*called)
            .unwrap_or_else(PoisonError::into_inner);
        *called = false;
    }
}

/// Runs until the engine closes, on a thread of its own.
pub fn run(inner: &Inner, every: Duration, producer_expiry: Duration) {
    let mut expired = Instant::now();
    while !inner.closing.load(Ordering::Acquire) {
        inner.nudge.wait(every);
        for topic in inner.topics.all() {
            if let Err(error) = roll(inner, &topic).and_then(|()| retain(inner, &topic)) {
                tracing::error!(topic = topic.name, %error, "upkeep failed");
            }
            topic.active().file.close_if_idle();
        }
        shrink_memory(inner);
        if inner.space.is_short() {
            free_journals(inner);
        }
        if expired.elapsed() >= EXPIRE_EVERY {
            expired = Instant::now();
            if let Err(error) = expire_producers(inner, producer_expiry) {
                tracing::error!(%error, "cannot expire producers");
            }
        }
    }
}

/// Closes a topic's active segment and opens the next, if its configuration says so.
pub fn roll(inner: &Inner, topic: &Topic) -> Result<()> {
    let Some(closed) = open_next(inner, topic)? else { return Ok(()) };
    // What is in a closed segment is on the disk. That takes a while, in which nothing else has to wait.
    closed.file.sync().map_err(|e| failed("cannot close a segment", e))?;
    closed.file.close();
    let _admin = inner.admin.lock().unwrap_or_else(PoisonError::into_inner);
    if topic.is_deleted() {
        return Ok(());
    }
    let mut changes = inner.store.changes();
    changes.put(MetaKey::Segment(topic.id, closed.number), &closed.record())?;
    changes.commit()?;
    // Nothing more will be added to it, so its records need not stay in memory.
    store::write_out(&closed.keyspace);
    Ok(())
}

/// Opens the next segment if the active one is full or old, which is returned then.
fn open_next(inner: &Inner, topic: &Topic) -> Result<Option<Arc<Segment>>> {
    let _admin = inner.admin.lock().unwrap_or_else(PoisonError::into_inner);
    let config = topic.config();
    let now = now_ms();
    let active = topic.active();
    let max_age = match config.retention_ms {
        -1 => config.segment_ms,
        retention => config.segment_ms.min(retention.max(1)),
    };
    let full = active.bytes() as i64 >= config.segment_bytes;
    let old = now - active.opened >= max_age;
    if topic.is_deleted() || active.is_empty() || !(full || old) {
        return Ok(None);
    }
    let number = active.number + 1;
    let storage = inner.store.segment(topic.id, number)?;
    let next = Arc::new(Segment::new(number, storage, now));
    inner.committer.between_commits(|| topic.push_segment(next));
    tracing::debug!(topic = topic.name, segment = number, "opened a segment");
    Ok(Some(active))
}

/// Drops segments of one topic as its configuration says.
pub fn retain(inner: &Inner, topic: &Topic) -> Result<()> {
    let _admin = inner.admin.lock().unwrap_or_else(PoisonError::into_inner);
    if topic.is_deleted() {
        return Ok(());
    }
    let config = topic.config();
    let now = now_ms();
    let segments = topic.segments();
    let mut bytes = topic.bytes() as i64;
    let mut keep_from = segments[0].number;
    let open_from = first_open_segment(topic);
    for segment in &segments[..segments.len() - 1] {
        let old = config.retention_ms >= 0 && now - segment.last_append() >= config.retention_ms;
        let over = config.retention_bytes >= 0 && bytes > config.retention_bytes;
        if (!old && !over) || segment.number >= open_from {
            break;
        }
        bytes -= segment.bytes() as i64;
        keep_from = segment.number + 1;
    }
    if keep_from > segments[0].number { drop_before(inner, topic, keep_from) } else { Ok(()) }
}

/// The oldest segment with records of a transaction that is open, or a number above all.
fn first_open_segment(topic: &Topic) -> u64 {
    let open = |partition: &Arc<Partition>| match partition.visibility.first_open() {
        u64::MAX => None,
        first => partition.segment_of(first),
    };
    topic.partitions().iter().filter_map(open).min().unwrap_or(u64::MAX)
}

/// Drops all segments before `number`. What remains is stored first: a crash in between leaves
/// strays, which the next start removes.
fn drop_before(inner: &Inner, topic: &Topic, number: u64) -> Result<()> {
    let mut record = topic.record();
    record.first_segment = number;
    let mut changes = inner.store.changes();
    let mut gone = Vec::new();
    for partition in topic.partitions().iter() {
        let start = partition.start_from(number);
        changes.put(MetaKey::Bounds(topic.id, partition.index), &(start, partition.end()))?;
        let aborted = partition.visibility.aborted_before(start);
        for &transaction in &aborted {
            changes.remove_aborted((topic.id, partition.index), transaction);
        }
        gone.push((partition.clone(), aborted));
    }
    for segment in topic.segments().iter().take_while(|s| s.number < number) {
        changes.remove(MetaKey::Segment(topic.id, segment.number));
    }
    changes.put(MetaKey::Topic(&topic.name), &record)?;
    changes.commit()?;
    topic.set_record(record)?;
    for (partition, aborted) in gone {
        // In this order: readers take a transaction that is not listed for aborted if its records
        // are before the start.
        partition.drop_before(number);
        partition.visibility.forget(&aborted);
    }
    for segment in topic.take_before(number) {
        tracing::info!(topic = topic.name, segment = segment.number, "retention drops a segment");
        inner.metrics.dropped_segments.inc();
        inner.metrics.dropped_bytes.inc_by(segment.bytes());
        inner.store.drop_segment(segment.keyspace.clone(), &segment.file)?;
    }
    Ok(())
}

/// Has memtables written out, the largest first, while all together exceed their allowance. Each
/// topic's own limit does not bound them when there are many topics.
fn shrink_memory(inner: &Inner) {
    let allowance = inner.write_buffer_bytes;
    let total = inner.store.db.write_buffer_size();
    if total <= allowance {
        return;
    }
    let mut tables: Vec<_> = inner
        .topics
        .all()
        .iter()
        .map(|topic| topic.active())
        .map(|segment| (store::memtable_bytes(&segment.keyspace), segment))
        .collect();
    tables.sort_unstable_by_key(|(size, _)| std::cmp::Reverse(*size));
    let mut excess = total - allowance;
    let largest = tables.iter().take_while(|&&(size, _)| {
        let wanted = excess > 0 && size > 0;
        excess = excess.saturating_sub(size);
        wanted
    });
    write_out(inner, largest.map(|(_, segment)| &segment.keyspace));
}

/// Has memtables written out, a few at a time: each is a task in a queue that must not become full.
fn write_out<'a>(inner: &Inner, keyspaces: impl Iterator<Item = &'a Keyspace>) {
    for (count, keyspace) in (1..).zip(keyspaces) {
        store::write_out(keyspace);
        let since = Instant::now();
        while count % WRITTEN_AT_ONCE == 0
            && keyspace.sealed_memtable_count() > 0
            && since.elapsed() < WRITTEN_WITHIN
            && !inner.closing.load(Ordering::Acquire)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Has all memtables written out, so that the journals they came through can go, and with them what
/// was deleted: the store keeps a dropped segment's files for as long as a journal mentions it. Costs
/// nothing when repeated while no writes come in.
fn free_journals(inner: &Inner) {
    let topics = inner.topics.all();
    let segments: Vec<_> = topics.iter().map(|topic| topic.active()).collect();
    let own = inner.store.small();
    write_out(inner, segments.iter().map(|segment| &segment.keyspace).chain(own));
}

fn expire_producers(inner: &Inner, expiry: Duration) -> Result<()> {
    let before = now_ms() - expiry.as_millis() as i64;
    // An append in between could bring a producer back, and its new state would be removed.
    inner.committer.between_commits(|| {
        let open = inner.transactions.lock().open_producers();
        let mut changes = inner.store.changes();
        for topic in inner.topics.all() {
            for partition in topic.partitions().iter() {
                partition.writer().producers.retain(|&id, state| {
                    let keep = state.last_append >= before || open.contains(&id);
                    if !keep {
                        changes.remove_producer(&producers::key(topic.id, partition.index, id));
                    }
                    keep
                });
            }
        }
        changes.commit()
    })
}
