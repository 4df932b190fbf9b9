//! `flymq_record`: a record to produce.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use flymq_core::{Record, Result};

use crate::boundary::{self, given, invalid};
use crate::error::flymq_error;
use crate::message::flymq_message;
use crate::text::{bytes, items, text};

/// A record to produce. It may be sent any number of times and changed in between; sending copies
/// it. One thread at a time may change it. The caller frees it with flymq_record_free().
pub struct flymq_record(Record);

/// A record with this key and value, copied.
///
/// # Safety
///
/// As [`bytes`].
pub unsafe fn record(
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
) -> Result<Record> {
    // SAFETY: as the header demands.
    let (key, value) = unsafe { (bytes(key, key_len, "key")?, bytes(value, value_len, "value")?) };
    let record = match value {
        Some(value) => Record::new(value),
        None => Record::default(),
    };
    Ok(match key {
        Some(key) => record.key(key),
        None => record,
    })
}

/// What a `flymq_record` holds.
pub fn content(record: Option<&flymq_record>) -> Result<Record> {
    Ok(given(record, "record")?.0.clone())
}

/// What the records of a list hold.
///
/// # Safety
///
/// `list` is NULL or points to `len` records or NULLs, unless there are more than a million of them.
pub unsafe fn contents(list: *const *const flymq_record, len: usize) -> Result<Vec<Record>> {
    // SAFETY: as the caller says.
    let list = unsafe { items(list, len, "records")? };
    // SAFETY: each is NULL or a record, as the caller says.
    list.iter().map(|&record| content(unsafe { record.as_ref() })).collect()
}

/// Makes a record with a key and a value, both copied. NULL with a length of 0 stands for none: a
/// record without a value marks its key as deleted.
///
/// The caller frees it with flymq_record_free().
///
/// Errors: INVALID_ARGUMENT for NULL with a length; RECORD_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_record_new(
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    out: Option<&mut MaybeUninit<*mut flymq_record>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(out, error, || {
        // SAFETY: as the header demands.
        unsafe { record(key, key_len, value, value_len) }.map(flymq_record)
    })
}

/// Makes a record from a message, to send it on: with its key, value, headers and timestamp. One that
/// was read encrypted (option decrypt=false) is sent on as it is.
///
/// The caller frees it with flymq_record_free().
///
/// Errors: INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_record_from_message(
    message: Option<&flymq_message>,
    out: Option<&mut MaybeUninit<*mut flymq_record>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(out, error, || {
        Ok(flymq_record(Record::forward(given(message, "message")?.content())))
    })
}

/// Adds a header; name and value are copied. Names may repeat and keep their order. NULL with a
/// length of 0 is a header without a value.
///
/// Errors: INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_record_add_header(
    record: Option<&mut flymq_record>,
    name: *const c_char,
    value: *const c_void,
    value_len: usize,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let header = unsafe { (text(name, "name")?.to_owned(), bytes(value, value_len, "value")?) };
        let record = record.ok_or_else(|| invalid("record is NULL"))?;
        record.0 = std::mem::take(&mut record.0).headers([header]);
        Ok(())
    })
}

/// Sends the record to this partition, whatever its key.
///
/// Errors: INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_record_set_partition(
    record: Option<&mut flymq_record>,
    partition: u32,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let record = record.ok_or_else(|| invalid("record is NULL"))?;
        record.0 = std::mem::take(&mut record.0).partition(partition);
        Ok(())
    })
}

/// Says when it happened, in milliseconds since 1970. Otherwise that is when it is sent.
///
/// Errors: INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_record_set_timestamp(
    record: Option<&mut flymq_record>,
    timestamp: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let record = record.ok_or_else(|| invalid("record is NULL"))?;
        record.0 = std::mem::take(&mut record.0).timestamp(timestamp);
        Ok(())
    })
}

/// Frees a record. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_record_free(record: Option<Box<flymq_record>>) {
    boundary::free(record);
}
