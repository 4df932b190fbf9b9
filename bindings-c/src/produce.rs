//! `flymq_client`: producing without a producer, single records and many at once.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use flymq_core::{Record, RecordMetadata, Result};

use crate::boundary::{self, put};
use crate::client::flymq_client;
use crate::error::flymq_error;
use crate::record::{content, contents, flymq_record, record};
use crate::table::flymq_table;
use crate::text::text;

fn tell(
    stored: RecordMetadata,
    partition: Option<&mut MaybeUninit<u32>>,
    offset: Option<&mut MaybeUninit<u64>>,
) {
    put(partition, stored.partition);
    put(offset, stored.offset);
}

fn produce(client: Option<&flymq_client>, topic: &str, record: Record) -> Result<RecordMetadata> {
    let this = flymq_client::get(client)?;
    this.host.wait(this.client.produce(topic, record))
}

/// Sends a record with a key and a value and waits until it is stored, as durably as the broker is
/// configured. `partition` and `offset` get where it is; each may be NULL. NULL with a length of 0 is no
/// key, or no value, which marks the key as deleted. Records of one key go to one partition; without a
/// key they go round.
///
/// Many threads at once share batches. For high rates make a producer.
///
/// Errors: UNKNOWN_TOPIC, UNKNOWN_PARTITION, RECORD_TOO_LARGE, STORAGE_FULL, NOT_AUTHORIZED, TIMEOUT,
/// CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_produce(
    client: Option<&flymq_client>,
    topic: *const c_char,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    partition: Option<&mut MaybeUninit<u32>>,
    offset: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (topic, record) =
            unsafe { (text(topic, "topic")?, record(key, key_len, value, value_len)?) };
        tell(produce(client, topic, record)?, partition, offset);
        Ok(())
    })
}

/// As flymq_client_produce(), for a key and a value that are strings; each may be NULL.
///
/// Errors: as flymq_client_produce().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_produce_text(
    client: Option<&flymq_client>,
    topic: *const c_char,
    key: *const c_char,
    value: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands; a string has as many bytes as come before its NUL.
        let (topic, record) = unsafe {
            let len = |text: *const c_char| if text.is_null() { 0 } else { libc::strlen(text) };
            let record = record(key.cast(), len(key), value.cast(), len(value))?;
            (text(topic, "topic")?, record)
        };
        produce(client, topic, record).map(drop)
    })
}

/// As flymq_client_produce(), for a record that may have headers, a partition and a timestamp.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_produce_record(
    client: Option<&flymq_client>,
    topic: *const c_char,
    record: Option<&flymq_record>,
    partition: Option<&mut MaybeUninit<u32>>,
    offset: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        tell(produce(client, topic, content(record)?)?, partition, offset);
        Ok(())
    })
}

/// Sends `count` records to a topic and waits until all are stored. They share batches, and need few
/// requests. `table` gets a row for each, in their order: partition, offset, timestamp.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: as flymq_client_produce(), of the first record that fails; some of the others may be stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_produce_batch(
    client: Option<&flymq_client>,
    topic: *const c_char,
    records: *const *const flymq_record,
    count: usize,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_client::get(client)?;
        // SAFETY: as the header demands.
        let (topic, records) = unsafe { (text(topic, "topic")?, contents(records, count)?) };
        let stored = this.host.wait(this.client.produce_batch(topic, records))?;
        let row = |stored: RecordMetadata| {
            [stored.partition.into(), stored.offset.into(), stored.timestamp.into()]
        };
        Ok(flymq_table::new(&["partition", "offset", "timestamp"], stored.into_iter().map(row)))
    })
}
