//! `flymq_producer`: records in batches, in order within a partition, each stored exactly once.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use flymq_core::{Delivery, DeliveryListener, ErrorCode, Producer, Record, Result};

use crate::boundary::{self, given};
use crate::client::{Connected, flymq_client};
use crate::config::{Kind, apply, flymq_config};
use crate::error::flymq_error;
use crate::handle::{Handle, open};
use crate::host::{in_time, patience};
use crate::queue::{Queue, flymq_queue};
use crate::record::{content, flymq_record, record};
use crate::text::text;

/// How long a producer that is freed without being closed goes on, in milliseconds.
const LAST_MS: i64 = 30_000;

/// Sends records in batches, in order within a partition, each stored exactly once. Any number of
/// threads may use it.
pub struct flymq_producer(Handle<Sending>);

/// A producer of the core. It is dropped before its client.
struct Sending {
    producer: Producer,
    /// The queue for what becomes of records, and the same as who is told of that.
    reports: Option<(Arc<Queue>, Arc<dyn DeliveryListener>)>,
    client: Arc<Connected>,
}

impl Drop for Sending {
    /// Whoever forgets to close still has his records sent, while the client lives.
    fn drop(&mut self) {
        let producer = self.producer.clone();
        self.client.host.spawn(async move {
            let _ = producer.close(patience(LAST_MS)).await;
        });
    }
}

/// Makes a producer. `config` is of kind FLYMQ_CONFIG_PRODUCER, or NULL for the defaults. With a
/// `queue`, it brings a FLYMQ_EVENT_DELIVERY for each record that was taken in, exactly one, also when
/// the producer or the client is closed before; without one (NULL), records are sent without a word.
///
/// The caller frees the producer with flymq_producer_free().
///
/// Errors: INVALID_ARGUMENT for options that are not valid; CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_producer_new(
    client: Option<&flymq_client>,
    config: Option<&flymq_config>,
    queue: Option<&flymq_queue>,
    producer: Option<&mut MaybeUninit<*mut flymq_producer>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(producer, error, || {
        let client = flymq_client::get(client)?;
        let queue = queue.map(|queue| flymq_queue::get(Some(queue))).transpose()?;
        let builder = client.client.producer();
        let builder = apply(config, Kind::Producer, builder, |builder, n, v| builder.set(n, v))?;
        let producer = client.host.wait(async { builder.build() })?;
        let reports = queue.map(|queue| (queue.clone(), queue as Arc<dyn DeliveryListener>));
        let sending = Sending { producer, reports, client };
        Ok(flymq_producer(Handle::new("producer", sending)))
    })
}

/// Takes a record in, and has its event queued: at once where nothing has to be waited for, and as
/// `otherwise` does if not.
fn send(
    producer: Option<&flymq_producer>,
    topic: &str,
    record: Record,
    tag: *mut c_void,
    otherwise: impl FnOnce(&Sending, &str, Record) -> Result<Delivery>,
) -> Result<()> {
    let this = given(producer, "producer")?.0.peek()?;
    let tag = tag as u64;
    let taken = match &this.reports {
        None => this.producer.send_now(topic, record).map(|taken| taken.map(drop)),
        Some((queue, listener)) => {
            if queue.is_full() {
                this.client.host.wait(queue.admit())?;
            }
            this.producer.post_now(topic, record, listener, tag)
        }
    };
    let record = match taken {
        Ok(taken) => return taken,
        Err(record) => record,
    };
    let delivery = otherwise(&this, topic, record)?;
    if let Some((_, listener)) = &this.reports {
        delivery.report_to(listener, tag);
    }
    Ok(())
}

impl Sending {
    /// Waits for what keeps a record from being taken in.
    fn send_later(&self, topic: &str, record: Record) -> Result<Delivery> {
        self.client.host.wait(self.producer.send(topic, record))
    }

    /// Takes a record in if there is room, and waits only to learn the topic's partitions.
    fn try_send(&self, topic: &str, record: Record) -> Result<Delivery> {
        match self.producer.try_send(topic, record.clone()) {
            Err(error) if error.code() == Some(ErrorCode::InvalidArgument) => {
                self.client.host.wait(self.producer.prepare(topic))?;
                self.producer.try_send(topic, record)
            }
            result => result,
        }
    }
}

/// Takes a record with a key and a value in, both copied, and returns as soon as there is room for it:
/// it waits while `buffer_bytes` of records are unacknowledged. `tag` comes back with the record's
/// event. NULL with a length of 0 is no key, or no value, which marks the key as deleted.
///
/// Errors, after which the record is not sent and has no event: UNKNOWN_TOPIC, UNKNOWN_PARTITION,
/// RECORD_TOO_LARGE, CLOSED, INVALID_ARGUMENT; BUFFER_FULL if a million events wait to be polled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_producer_send(
    producer: Option<&flymq_producer>,
    topic: *const c_char,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    tag: *mut c_void,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (topic, record) =
            unsafe { (text(topic, "topic")?, record(key, key_len, value, value_len)?) };
        send(producer, topic, record, tag, Sending::send_later)
    })
}

/// As flymq_producer_send(), but does not wait for room. It may wait once to learn a topic's partitions.
///
/// Errors: BUFFER_FULL, and those of flymq_producer_send().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_producer_try_send(
    producer: Option<&flymq_producer>,
    topic: *const c_char,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    tag: *mut c_void,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (topic, record) =
            unsafe { (text(topic, "topic")?, record(key, key_len, value, value_len)?) };
        send(producer, topic, record, tag, Sending::try_send)
    })
}

/// As flymq_producer_send(), for a record that may have headers, a partition and a timestamp.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_producer_send_record(
    producer: Option<&flymq_producer>,
    topic: *const c_char,
    record: Option<&flymq_record>,
    tag: *mut c_void,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        send(producer, topic, content(record)?, tag, Sending::send_later)
    })
}

/// As flymq_producer_try_send(), for a record that may have headers, a partition and a timestamp.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_producer_try_send_record(
    producer: Option<&flymq_producer>,
    topic: *const c_char,
    record: Option<&flymq_record>,
    tag: *mut c_void,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        send(producer, topic, content(record)?, tag, Sending::try_send)
    })
}

/// Learns a topic's partitions, so that not even the first flymq_producer_try_send() waits for that.
///
/// Errors: UNKNOWN_TOPIC, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_producer_prepare(
    producer: Option<&flymq_producer>,
    topic: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = open(producer.map(|producer| &producer.0), "producer")?;
        this.client.host.wait(this.producer.prepare(topic))
    })
}

/// Sends what was taken in without further delay, and waits until each record is stored or given up,
/// for at most `timeout_ms`; a negative one is for ever. What became of them, their events tell.
///
/// Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_producer_flush(
    producer: Option<&flymq_producer>,
    timeout_ms: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = open(producer.map(|producer| &producer.0), "producer")?;
        let flush = async {
            this.producer.flush().await;
            Ok(())
        };
        this.client.host.wait(in_time(timeout_ms, "flush", flush))
    })
}

/// Takes no more records in and sends what is left, for at most `timeout_ms`; a negative one is for
/// ever. Gives up what is left then. Harmless when closed.
///
/// Errors: TIMEOUT if something was given up; INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_producer_close(
    producer: Option<&flymq_producer>,
    timeout_ms: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let Some(this) = given(producer, "producer")?.0.take()? else { return Ok(()) };
        this.client.host.wait(this.producer.close(patience(timeout_ms)))
    })
}

/// Frees a producer; one that is not closed sends what is left in the background, while its client is
/// there. No other call with it may be under way. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_producer_free(producer: Option<Box<flymq_producer>>) {
    boundary::free(producer);
}
