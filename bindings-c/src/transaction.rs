//! `flymq_transactional_producer` and `flymq_transaction`: records and offsets, all together or not at
//! all.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use flymq_core::{GroupMetadata, GroupOffsets, Record, Result, Transaction, TransactionalProducer};

use crate::boundary::{self, given, put};
use crate::client::{Connected, flymq_client};
use crate::config::{Kind, apply, flymq_config};
use crate::consumer::flymq_consumer;
use crate::error::flymq_error;
use crate::handle::{Handle, open};
use crate::host::patience;
use crate::partitions::flymq_partitions;
use crate::record::{content, flymq_record, record};
use crate::text::text;

/// Sends records in transactions, one at a time. Its name, the transactional id, stays the same when
/// the application restarts: a newer producer of a name puts the older one out of action. Any number of
/// threads may use it.
pub struct flymq_transactional_producer(Handle<Transacting>);

/// It is dropped before its client.
struct Transacting {
    producer: TransactionalProducer,
    client: Arc<Connected>,
}

/// An open transaction. Any number of threads may send in it, until one has committed or aborted.
pub struct flymq_transaction(Handle<Open>);

/// It is dropped before its client.
struct Open {
    transaction: Transaction,
    client: Arc<Connected>,
}

/// Makes a transactional producer, and fences older ones of its name. `config` is of kind
/// FLYMQ_CONFIG_TRANSACTIONAL_PRODUCER, or NULL for the defaults.
///
/// The caller frees it with flymq_transactional_producer_free().
///
/// Errors: INVALID_ARGUMENT for options or a name that are not valid; UNSUPPORTED_OPERATION from a broker
/// without transactions; NOT_AUTHORIZED, TIMEOUT, CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_transactional_producer_new(
    client: Option<&flymq_client>,
    transactional_id: *const c_char,
    config: Option<&flymq_config>,
    producer: Option<&mut MaybeUninit<*mut flymq_transactional_producer>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(producer, error, || {
        // SAFETY: as the header demands.
        let id = unsafe { text(transactional_id, "transactional_id")? };
        let client = flymq_client::get(client)?;
        let builder = client.client.transactional_producer(id);
        let builder =
            apply(config, Kind::TransactionalProducer, builder, |builder, n, v| builder.set(n, v))?;
        let producer = client.host.wait(builder.build())?;
        let handle = Handle::new("producer", Transacting { producer, client });
        Ok(flymq_transactional_producer(handle))
    })
}

/// Begins a transaction. Waits for the end of the one before, if that is under way.
///
/// The caller frees it with flymq_transaction_free(), which aborts it unless it has ended.
///
/// Errors: INVALID_TXN_STATE while another transaction of this producer is open; PRODUCER_FENCED, for
/// good, once there is a newer producer of this name; CLOSED; TIMEOUT, CONNECT_FAILED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_transactional_producer_begin(
    producer: Option<&flymq_transactional_producer>,
    transaction: Option<&mut MaybeUninit<*mut flymq_transaction>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(transaction, error, || {
        let this = open(producer.map(|producer| &producer.0), "producer")?;
        let transaction = this.client.host.wait(this.producer.begin())?;
        let client = this.client.clone();
        Ok(flymq_transaction(Handle::new("transaction", Open { transaction, client })))
    })
}

/// Takes no more records in and aborts the transaction that is open, for at most `timeout_ms`; a
/// negative one is for ever. Harmless when closed.
///
/// Errors: TIMEOUT if no broker could be told: it will abort by itself when the transaction's time is
/// up; INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_transactional_producer_close(
    producer: Option<&flymq_transactional_producer>,
    timeout_ms: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let Some(this) = given(producer, "producer")?.0.take()? else { return Ok(()) };
        this.client.host.wait(this.producer.close(patience(timeout_ms)))
    })
}

/// Frees a transactional producer; its transaction is freed by itself, before or after. No other call
/// with it may be under way. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_transactional_producer_free(
    producer: Option<Box<flymq_transactional_producer>>,
) {
    boundary::free(producer);
}

/// Begins a transaction of a producer that the client keeps for that, one at a time; the client's
/// option transactional_id names it.
///
/// The caller frees it with flymq_transaction_free(), which aborts it unless it has ended.
///
/// Errors: as flymq_transactional_producer_new() and flymq_transactional_producer_begin().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_begin(
    client: Option<&flymq_client>,
    transaction: Option<&mut MaybeUninit<*mut flymq_transaction>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(transaction, error, || {
        let client = flymq_client::get(client)?;
        let transaction = client.host.wait(client.client.transaction())?;
        Ok(flymq_transaction(Handle::new("transaction", Open { transaction, client })))
    })
}

fn opened(transaction: Option<&flymq_transaction>) -> Result<Arc<Open>> {
    open(transaction.map(|transaction| &transaction.0), "transaction")
}

fn send(transaction: Option<&flymq_transaction>, topic: &str, record: Record) -> Result<()> {
    let this = opened(transaction)?;
    this.client.host.wait(this.transaction.send(topic, record)).map(drop)
}

/// Takes a record with a key and a value in, both copied, and returns as soon as there is room for it.
/// A transaction of which a record failed later does not commit. NULL with a length of 0 is no key, or
/// no value.
///
/// Errors: those of flymq_producer_send(), which do the transaction no harm; TXN_ABORTED if it is doomed;
/// INVALID_TXN_STATE if it is over; PRODUCER_FENCED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_transaction_send(
    transaction: Option<&flymq_transaction>,
    topic: *const c_char,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (topic, record) =
            unsafe { (text(topic, "topic")?, record(key, key_len, value, value_len)?) };
        send(transaction, topic, record)
    })
}

/// As flymq_transaction_send(), for a record that may have headers, a partition and a timestamp.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_transaction_send_record(
    transaction: Option<&flymq_transaction>,
    topic: *const c_char,
    record: Option<&flymq_record>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        send(transaction, topic, content(record)?)
    })
}

/// As flymq_transaction_send_record(), and waits until the record is stored, though not yet seen by
/// readers of what is committed. `partition` and `offset` get where; each may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_transaction_produce_record(
    transaction: Option<&flymq_transaction>,
    topic: *const c_char,
    record: Option<&flymq_record>,
    partition: Option<&mut MaybeUninit<u32>>,
    offset: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let record = content(record)?;
        let this = opened(transaction)?;
        let stored =
            this.client.host.wait(async { this.transaction.send(topic, record).await?.await })?;
        put(partition, stored.partition);
        put(offset, stored.offset);
        Ok(())
    })
}

/// Makes all that a consumer has returned part of the transaction: it counts as processed by the
/// consumer's group when, and only if, the transaction commits. The consumer must not commit by itself:
/// set its option auto_commit_interval_ms to 0.
///
/// Errors: STALE_GENERATION if partitions were taken from the consumer; TXN_ABORTED if the broker refused
/// the offsets; PRODUCER_FENCED; INVALID_TXN_STATE if the transaction is over; INVALID_ARGUMENT for a
/// consumer without a group, or one that is not a member yet; CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_transaction_send_offsets(
    transaction: Option<&flymq_transaction>,
    consumer: Option<&flymq_consumer>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = opened(transaction)?;
        let offsets = flymq_consumer::get(consumer)?.with(flymq_core::Consumer::processed)?;
        this.client.host.wait(this.transaction.send_offsets(offsets))
    })
}

/// As flymq_transaction_send_offsets(), for a group without members, whose partitions are assigned by
/// hand: the offsets are given as FLYMQ_START_OFFSET, each the last one processed of its partition.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_transaction_send_group_offsets(
    transaction: Option<&flymq_transaction>,
    group: *const c_char,
    offsets: Option<&flymq_partitions>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let group = unsafe { text(group, "group")? };
        let processed = given(offsets, "offsets")?.processed()?;
        let none = GroupOffsets::new(GroupMetadata::without_member(group));
        let offsets = processed.into_iter().fold(none, GroupOffsets::processed);
        let this = opened(transaction)?;
        this.client.host.wait(this.transaction.send_offsets(offsets))
    })
}

/// Waits until every record is stored, and makes all of them visible together with the offsets.
///
/// Errors: TXN_ABORTED: nothing of the transaction will be seen, and flymq_error_txn_is_repeatable() says
/// whether to run it again; TIMEOUT: whether it was committed is not known, call this again to find out;
/// PRODUCER_FENCED; INVALID_TXN_STATE if it is over; INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_transaction_commit(
    transaction: Option<&flymq_transaction>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = opened(transaction)?;
        this.client.host.wait(this.transaction.commit())
    })
}

/// Discards the transaction.
///
/// Errors: INVALID_TXN_STATE if it is over, or may be committed; TIMEOUT if no broker could be told: the
/// next transaction sees to it, or the transaction's time-out; INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_transaction_abort(
    transaction: Option<&flymq_transaction>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = opened(transaction)?;
        this.client.host.wait(this.transaction.abort())
    })
}

/// Frees a transaction; one that has not ended is aborted in the background. No other call with it may
/// be under way. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_transaction_free(transaction: Option<Box<flymq_transaction>>) {
    boundary::free(transaction);
}
