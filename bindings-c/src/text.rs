//! Strings and bytes: C's into Rust's, and back.

use std::ffi::{CStr, CString, c_char, c_void};
use std::slice;

use bytes::Bytes;
use flymq_core::{Error, ErrorCode, Result};

use crate::boundary::invalid;

/// No key, value or header is longer: more than any broker takes.
const MAX_BYTES: usize = 1 << 30;
/// No list is longer.
const MAX_ITEMS: usize = 1_000_000;

/// A string that C has given.
///
/// # Safety
///
/// `text` is NULL or ends with a NUL, and stays as it is for `'a`.
pub unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: as the caller says.
    let given = unsafe { optional_text(text, name)? };
    given.ok_or_else(|| invalid(format!("{name} is NULL")))
}

/// As [`text`], where NULL means that there is none.
///
/// # Safety
///
/// As [`text`].
pub unsafe fn optional_text<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL, and ends with a NUL as the caller says.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| invalid(format!("{name} is not UTF-8")))
}

/// A copy of bytes that C has given; `None` for NULL without a length.
///
/// # Safety
///
/// `data` is NULL or points to `len` bytes, unless there are more than a GiB of them.
pub unsafe fn bytes(data: *const c_void, len: usize, name: &str) -> Result<Option<Bytes>> {
    match (data.is_null(), len) {
        (true, 0) => Ok(None),
        (true, _) => Err(invalid(format!("{name} is NULL, but its length is {len}"))),
        (false, ..=MAX_BYTES) => {
            // SAFETY: it is neither NULL nor too long, and there as the caller says.
            let data = unsafe { slice::from_raw_parts(data.cast::<u8>(), len) };
            Ok(Some(Bytes::copy_from_slice(data)))
        }
        (false, _) => {
            let message = format!("{name} has {len} bytes, more than any broker takes");
            Err(Error::new(ErrorCode::RecordTooLarge, "call", message))
        }
    }
}

/// A list that C has given.
///
/// # Safety
///
/// `list` is NULL or points to `len` items that stay as they are for `'a`, unless there are more than a
/// million of them.
pub unsafe fn items<'a, T>(list: *const T, len: usize, name: &str) -> Result<&'a [T]> {
    if list.is_null() || len > MAX_ITEMS {
        return Err(invalid(format!("{name} is NULL, or has more than {MAX_ITEMS} items")));
    }
    // SAFETY: it is neither NULL nor too long, and there as the caller says.
    Ok(unsafe { slice::from_raw_parts(list, len) })
}

/// A list of strings that C has given.
///
/// # Safety
///
/// As [`items`], and each is a string as [`text`] takes it.
pub unsafe fn texts(list: *const *const c_char, len: usize, name: &str) -> Result<Vec<String>> {
    // SAFETY: as the caller says.
    let list = unsafe { items(list, len, name)? };
    // SAFETY: each is a string, as the caller says.
    list.iter().map(|&item| unsafe { text(item, name) }.map(str::to_owned)).collect()
}

/// A string for C, up to its first NUL.
pub fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).expect("there is no NUL in it")
}
