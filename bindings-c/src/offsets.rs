//! Where a consumer is, and what its group has processed.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use flymq_core::{Commit, Consumer, Error, ErrorCode, GroupOffset, Result};

use crate::boundary::{self, given, put};
use crate::consumer::{Reading, flymq_consumer};
use crate::error::flymq_error;
use crate::event::flymq_event;
use crate::groups::offsets_table;
use crate::message::flymq_message;
use crate::partitions::{Place, flymq_partitions};
use crate::queue::Queue;
use crate::table::flymq_table;
use crate::text::text;

/// Goes on reading a partition elsewhere: `start` is a flymq_start, and says what `number` means. What was
/// read ahead is dropped; nothing is committed.
///
/// Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_consumer_seek(
    consumer: Option<&flymq_consumer>,
    topic: *const c_char,
    partition: u32,
    start: i32,
    number: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let start = Place::from_c(start, number)?.start()?;
        let this = flymq_consumer::get(consumer)?;
        let seek = async { this.shared.borrow().await?.seek(topic, partition, start).await };
        this.client.host.wait(seek)
    })
}

/// The offset of the next record that will be returned from a partition.
///
/// Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_consumer_position(
    consumer: Option<&flymq_consumer>,
    topic: *const c_char,
    partition: u32,
    position: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_consumer::get(consumer)?;
        put(position, this.with(|consumer| consumer.position(topic, partition))?);
        Ok(())
    })
}

/// How many offsets lie between a partition's position and its end, as of the last fetch: an upper
/// bound of the records to come; −1 before the first fetch.
///
/// Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_consumer_lag(
    consumer: Option<&flymq_consumer>,
    topic: *const c_char,
    partition: u32,
    lag: Option<&mut MaybeUninit<i64>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_consumer::get(consumer)?;
        let found = this.with(|consumer| consumer.lag(topic, partition))?;
        put(lag, found.map_or(-1, |lag| i64::try_from(lag).unwrap_or(i64::MAX)));
        Ok(())
    })
}

/// Returns no records of a partition until flymq_consumer_resume(). What was read ahead is kept.
///
/// Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_consumer_pause(
    consumer: Option<&flymq_consumer>,
    topic: *const c_char,
    partition: u32,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        flymq_consumer::get(consumer)?.with(|consumer| consumer.pause(topic, partition))
    })
}

/// Ends a flymq_consumer_pause().
///
/// Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_consumer_resume(
    consumer: Option<&flymq_consumer>,
    topic: *const c_char,
    partition: u32,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        flymq_consumer::get(consumer)?.with(|consumer| consumer.resume(topic, partition))
    })
}

fn commit(this: &Reading, begin: impl FnOnce(&Consumer) -> Commit) -> Result<()> {
    this.client.host.wait(async {
        let commit = begin(&*this.shared.borrow().await?);
        commit.await
    })
}

/// Commits all records that were returned, and waits until that is stored.
///
/// Errors: STALE_GENERATION if partitions were taken from this consumer, whose records others process
/// again then; INSTANCE_FENCED; GROUP_NOT_EMPTY if partitions are assigned by hand while the group has
/// members; STORAGE_FULL; INVALID_ARGUMENT without a group; TIMEOUT, CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_commit(
    consumer: Option<&flymq_consumer>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || commit(&*flymq_consumer::get(consumer)?, Consumer::commit_async))
}

/// Commits that a message, and all before it in its partition, is processed, and waits until that is
/// stored.
///
/// Errors: as flymq_consumer_commit().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_commit_message(
    consumer: Option<&flymq_consumer>,
    message: Option<&flymq_message>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let message = given(message, "message")?.content();
        let offset = message.offset as i64;
        let processed = GroupOffset::new(message.topic.clone(), message.partition, offset);
        commit(&*flymq_consumer::get(consumer)?, |c| c.commit_offsets_async([processed]))
    })
}

/// Commits offsets, each the last one processed of its partition, given as FLYMQ_START_OFFSET, and
/// waits until they are stored.
///
/// Errors: as flymq_consumer_commit().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_commit_offsets(
    consumer: Option<&flymq_consumer>,
    offsets: Option<&flymq_partitions>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let offsets = given(offsets, "offsets")?.processed()?;
        commit(&*flymq_consumer::get(consumer)?, |c| c.commit_offsets_async(offsets))
    })
}

/// As flymq_consumer_commit(), without waiting: what becomes of it comes as a FLYMQ_EVENT_COMMIT with
/// this `tag`, exactly once, if the consumer has a queue. Commits are stored in the order in which they
/// are begun.
///
/// Errors: CLOSED, INVALID_ARGUMENT; then there is no event.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_commit_async(
    consumer: Option<&flymq_consumer>,
    tag: *mut c_void,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        commit_async(&*flymq_consumer::get(consumer)?, tag, Consumer::commit_async)
    })
}

/// As flymq_consumer_commit_offsets(), without waiting, as flymq_consumer_commit_async().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_commit_offsets_async(
    consumer: Option<&flymq_consumer>,
    offsets: Option<&flymq_partitions>,
    tag: *mut c_void,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let offsets = given(offsets, "offsets")?.processed()?;
        let this = flymq_consumer::get(consumer)?;
        commit_async(&this, tag, |consumer| consumer.commit_offsets_async(offsets))
    })
}

/// Has the event of a commit queued once it is stored.
fn commit_async(
    this: &Reading,
    tag: *mut c_void,
    begin: impl FnOnce(&Consumer) -> Commit,
) -> Result<()> {
    let commit = this.with(|consumer| Ok(begin(consumer)))?;
    if let Some(queue) = &this.queue {
        let answer = Answer { queue: queue.clone(), tag: tag as usize, told: false };
        this.client.host.spawn(async move { answer.tell(commit.await) });
    }
    Ok(())
}

/// The event of a commit, which comes also when the client's threads end before.
struct Answer {
    queue: Arc<Queue>,
    tag: usize,
    told: bool,
}

impl Answer {
    fn tell(mut self, result: Result<()>) {
        self.told = true;
        self.queue.push(flymq_event::commit(self.tag, result));
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.told {
            let message = "the client was closed before the commit was stored";
            let error = Error::new(ErrorCode::Closed, "commit", message);
            self.queue.push(flymq_event::commit(self.tag, Err(error)));
        }
    }
}

/// What the group has committed of these partitions, or, for NULL, of those that are read, a row each:
/// topic, partition, offset (the last one processed, −1 for none), metadata. Those without a commit are
/// left out. The places in `partitions` do not count.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: UNKNOWN_TOPIC, UNKNOWN_PARTITION; INVALID_ARGUMENT without a group; TIMEOUT, CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_committed(
    consumer: Option<&flymq_consumer>,
    partitions: Option<&flymq_partitions>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_consumer::get(consumer)?;
        let committed = async {
            let consumer = this.shared.borrow().await?;
            let slots = partitions.map_or_else(|| consumer.assignment(), flymq_partitions::slots);
            consumer.committed(slots).await
        };
        Ok(offsets_table(this.client.host.wait(committed)?))
    })
}

/// Goes back to what is committed, or to where reading began where nothing is, so that records whose
/// transaction was aborted are returned once more.
///
/// Errors: as flymq_consumer_committed().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_rewind(
    consumer: Option<&flymq_consumer>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = flymq_consumer::get(consumer)?;
        this.client.host.wait(async { this.shared.borrow().await?.rewind().await })
    })
}
