//! `flymq_consumer`: reading partitions, alone or together with the other members of a group.
//!
//! Places and commits are in `offsets`, what a queue is fed with in `feed`.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use flymq_core::{Consumer, Event, Rebalance, Result, SharedConsumer};

use crate::boundary::{self, given, invalid};
use crate::callback::{Callback, flymq_drop_fn, flymq_event_fn};
use crate::client::{Connected, flymq_client};
use crate::config::{Kind, apply, flymq_config};
use crate::error::flymq_error;
use crate::event::flymq_event;
use crate::feed;
use crate::groups::slots_table;
use crate::handle::{Handle, open};
use crate::host::patience;
use crate::message::flymq_batch;
use crate::partitions::flymq_partitions;
use crate::queue::{Queue, flymq_queue};
use crate::table::flymq_table;
use crate::text::{text, texts};

/// Reads topics: together with the other members of a group, or partitions of its own choice.
///
/// One thread polls; meanwhile any other may use the rest.
pub struct flymq_consumer(Handle<Reading>);

impl flymq_consumer {
    pub fn get(consumer: Option<&Self>) -> Result<Arc<Reading>> {
        open(consumer.map(|consumer| &consumer.0), "consumer")
    }
}

/// What stands behind a consumer. It is dropped before its client.
pub struct Reading {
    pub shared: Arc<SharedConsumer>,
    pub queue: Option<Arc<Queue>>,
    tag: usize,
    listener: Mutex<Option<Arc<Callback>>>,
    pub client: Arc<Connected>,
}

impl Reading {
    /// Something that takes no waiting.
    pub fn with<T>(&self, work: impl FnOnce(&Consumer) -> Result<T>) -> Result<T> {
        self.client.host.wait(async { work(&*self.shared.borrow().await?) })
    }

    /// Tells the listener of a change, while nothing is locked.
    fn tell(&self, change: &Rebalance) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener {
            listener.tell(&flymq_event::rebalance(self.tag, change));
        }
    }

    /// Tells of all that has to be told before partitions are given up.
    fn tell_pending(&self) -> Result<()> {
        while let Some(event) = self.client.host.wait(self.shared.pending())? {
            if let Event::Rebalance(change) = event {
                self.tell(&change);
            }
        }
        Ok(())
    }
}

/// Makes a consumer, which reads nothing yet. `config` is of kind FLYMQ_CONFIG_CONSUMER, or NULL for the
/// defaults; its option group names the group, if there is to be one. `queue` may be NULL: it is for
/// flymq_consumer_start() and flymq_consumer_commit_async(). `tag` comes with the consumer's events.
///
/// The caller frees the consumer with flymq_consumer_free().
///
/// Errors: INVALID_ARGUMENT for options that are not valid; CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_new(
    client: Option<&flymq_client>,
    config: Option<&flymq_config>,
    queue: Option<&flymq_queue>,
    tag: *mut c_void,
    consumer: Option<&mut MaybeUninit<*mut flymq_consumer>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(consumer, error, || {
        let client = flymq_client::get(client)?;
        let queue = queue.map(|queue| flymq_queue::get(Some(queue))).transpose()?;
        let builder = client.client.consumer();
        let builder = apply(config, Kind::Consumer, builder, |builder, n, v| builder.set(n, v))?;
        let consumer = client.host.wait(async { builder.build() });
        let shared = Arc::new(SharedConsumer::new(consumer));
        let (tag, listener) = (tag as usize, Mutex::default());
        let reading = Reading { shared, queue, tag, listener, client };
        Ok(flymq_consumer(Handle::new("consumer", reading)))
    })
}

/// Reads these topics together with the other members of the group, and no others. Topics that do not
/// exist are read once they do. Joining goes on in the background, and while the consumer is polled.
///
/// Errors: INVALID_ARGUMENT if the consumer has no group, or its partitions are assigned by hand;
/// INSTANCE_FENCED; CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_consumer_subscribe(
    consumer: Option<&flymq_consumer>,
    topics: *const *const c_char,
    count: usize,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topics = unsafe { texts(topics, count, "topics")? };
        flymq_consumer::get(consumer)?.with(|consumer| consumer.subscribe(topics))
    })
}

/// As flymq_consumer_subscribe(), all topics whose whole names match a regular expression in RE2
/// syntax, now or later. What is wrong with a pattern is told by the next poll.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_consumer_subscribe_pattern(
    consumer: Option<&flymq_consumer>,
    pattern: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let pattern = unsafe { text(pattern, "pattern")? };
        flymq_consumer::get(consumer)?.with(|consumer| consumer.subscribe_pattern(pattern))
    })
}

/// Gives up all partitions, as in a rebalance, and leaves the group. The consumer may subscribe again.
///
/// Errors: CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_unsubscribe(
    consumer: Option<&flymq_consumer>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = flymq_consumer::get(consumer)?;
        this.with(|consumer| {
            consumer.begin_unsubscribe();
            Ok(())
        })?;
        this.tell_pending()?;
        this.client.host.wait(async { this.shared.borrow().await?.unsubscribe().await })
    })
}

/// Reads these partitions from now on, each from its place, and no others, without sharing them.
///
/// Errors: UNKNOWN_TOPIC, UNKNOWN_PARTITION, INVALID_ARGUMENT for a partition that is named twice; then
/// the assignment stays as it was. INVALID_ARGUMENT too while the consumer is subscribed; CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_assign(
    consumer: Option<&flymq_consumer>,
    partitions: Option<&flymq_partitions>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let starts = given(partitions, "partitions")?.starts()?;
        let this = flymq_consumer::get(consumer)?;
        this.client.host.wait(async { this.shared.borrow().await?.assign(starts).await })
    })
}

/// The partitions that are read, a row each: topic, partition.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_assignment(
    consumer: Option<&flymq_consumer>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_consumer::get(consumer)?;
        Ok(slots_table(&this.with(|consumer| Ok(consumer.assignment()))?))
    })
}

/// Has every change of the consumer's partitions told to `function`: by flymq_consumer_poll(),
/// flymq_consumer_unsubscribe() and flymq_consumer_close(), on the thread that calls them. It gets
/// FLYMQ_EVENT_ASSIGNED, _REVOKED and _LOST, and may call everything but those three. Partitions are
/// given up once it has returned.
///
/// It takes the place of a function set before. `drop_context`, if not NULL, is called with `context`
/// when the function is not needed any more. NULL for `function` takes it away.
///
/// Errors: CLOSED, INVALID_ARGUMENT; then `drop_context` is not called.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_on_rebalance(
    consumer: Option<&flymq_consumer>,
    function: flymq_event_fn,
    context: *mut c_void,
    drop_context: flymq_drop_fn,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = flymq_consumer::get(consumer)?;
        let listener = Callback::new(function, context, drop_context).map(Arc::new);
        let mut slot = this.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = std::mem::replace(&mut *slot, listener);
        drop(slot);
        drop(replaced);
        Ok(())
    })
}

/// Gives records as soon as there are any, at most `max_records`; NULL, without an error, if there are
/// none within `timeout_ms`, for which a negative one is for ever. Coming back says that all records of
/// the call before are processed, as far as automatic commits are concerned; a member of a group has to
/// come back every max_poll_interval_ms.
///
/// The caller frees the batch with flymq_batch_free(). One thread polls at a time.
///
/// Errors: what reading met and will not pass by itself, such as UNKNOWN_TOPIC, OFFSET_OUT_OF_RANGE,
/// DECRYPTION_FAILED, NOT_AUTHORIZED, INSTANCE_FENCED. Lost connections are made again in the background.
/// CLOSED, also while it waits; INVALID_ARGUMENT while another call polls.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_poll(
    consumer: Option<&flymq_consumer>,
    max_records: usize,
    timeout_ms: i64,
    batch: Option<&mut MaybeUninit<*mut flymq_batch>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make_some(batch, error, || {
        let this = flymq_consumer::get(consumer)?;
        let _turn = this.shared.take_turn()?;
        let (began, timeout) = (Instant::now(), patience(timeout_ms));
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            match this.client.host.wait(this.shared.poll_event(max_records, left))? {
                Some(Event::Records(messages)) => return Ok(Some(flymq_batch::new(messages))),
                Some(Event::Rebalance(change)) => this.tell(&change),
                None => return Ok(None),
            }
        }
    })
}

/// Has the consumer bring its records and changes of partitions as events of its queue, for good, in
/// place of flymq_consumer_poll(): at most `max_records` an event. It brings the next event once the
/// application has freed the one before, which says that it is processed.
///
/// What is given up by flymq_consumer_close() brings no event.
///
/// Errors: INVALID_ARGUMENT for a consumer without a queue, or one that is polled; CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_start(
    consumer: Option<&flymq_consumer>,
    max_records: usize,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = flymq_consumer::get(consumer)?;
        let queue = this.queue.clone();
        let queue = queue.ok_or_else(|| invalid("the consumer was made without a queue"))?;
        // For good: nobody else may poll after this.
        std::mem::forget(this.shared.take_turn()?);
        this.client.host.spawn(feed::run(this.shared.clone(), queue, this.tag, max_records.max(1)));
        Ok(())
    })
}

/// Gives up all partitions, telling of it as flymq_consumer_on_rebalance() says, commits what was
/// returned, if commits are automatic, and leaves the group, for at most `timeout_ms`; a negative one is
/// for ever. Other calls under way end with CLOSED. Harmless when closed.
///
/// Errors: what became of the last commit; TIMEOUT; INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_close(
    consumer: Option<&flymq_consumer>,
    timeout_ms: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let handle = &given(consumer, "consumer")?.0;
        let Ok(this) = handle.get() else { return handle.take().map(drop) };
        this.client.host.wait(this.shared.begin_close());
        // What polling fails with, such as being fenced, does not keep from closing.
        let _ = this.tell_pending();
        let closed = this.client.host.wait(this.shared.close(patience(timeout_ms)));
        handle.take()?;
        closed
    })
}

/// Frees a consumer; one that is not closed leaves its group in the background, and what it returned
/// last does not count as processed. No other call with it may be under way. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_consumer_free(consumer: Option<Box<flymq_consumer>>) {
    boundary::free(consumer);
}
