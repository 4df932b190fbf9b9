//! `flymq_error`: what went wrong, and what to do about it.

use std::ffi::{CString, c_char};

use flymq_core::{Error, ErrorCode};

use crate::boundary;
use crate::text::c_string;

/// What went wrong, where, and what to do about it. It never changes; any thread may read it.
///
/// Functions that may fail return 0, which is FLYMQ_OK, or the code of the error. Their last
/// parameter is a place for the error itself, or NULL for who does not want it. That place is always
/// written, with NULL where nothing went wrong. The caller owns the error and frees it with
/// flymq_error_free().
pub struct flymq_error {
    error: Error,
    name: CString,
    message: CString,
    hint: CString,
    operation: CString,
}

impl flymq_error {
    pub fn new(error: Error) -> Self {
        Self {
            name: c_string(error.name()),
            message: c_string(error.message()),
            hint: c_string(error.hint()),
            operation: c_string(error.operation()),
            error,
        }
    }

    pub fn code(&self) -> i32 {
        self.error.code_number().into()
    }
}

/// The number of the error in the table of codes. Codes that this version does not know are passed
/// on as the broker sent them. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_code(error: Option<&flymq_error>) -> i32 {
    boundary::get(0, || error.map(flymq_error::code))
}

/// The code's stable name, such as "UNKNOWN_TOPIC". Lives as long as the error; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_name(error: Option<&flymq_error>) -> *const c_char {
    boundary::get(std::ptr::null(), || Some(error?.name.as_ptr()))
}

/// What happened, for a person. Lives as long as the error; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_message(error: Option<&flymq_error>) -> *const c_char {
    boundary::get(std::ptr::null(), || Some(error?.message.as_ptr()))
}

/// What to do next, in one sentence. Lives as long as the error; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_hint(error: Option<&flymq_error>) -> *const c_char {
    boundary::get(std::ptr::null(), || Some(error?.hint.as_ptr()))
}

/// What was being done, such as "produce". Lives as long as the error; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_operation(error: Option<&flymq_error>) -> *const c_char {
    boundary::get(std::ptr::null(), || Some(error?.operation.as_ptr()))
}

/// Whether the same call may succeed if it is made again. False for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_is_retriable(error: Option<&flymq_error>) -> bool {
    boundary::get(false, || Some(error?.error.is_retriable()))
}

/// Whether what the call was made on can do nothing more, and is to be closed. False for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_is_fatal(error: Option<&flymq_error>) -> bool {
    boundary::get(false, || Some(error?.error.is_fatal()))
}

/// Whether nothing will come of the transaction that the call was made on: it is to be aborted.
/// False for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_txn_requires_abort(error: Option<&flymq_error>) -> bool {
    boundary::get(false, || Some(error?.error.code() == Some(ErrorCode::TxnAborted)))
}

/// Whether the transaction may succeed if it is run again from its beginning. True only if
/// flymq_error_txn_requires_abort() is. False for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_txn_is_repeatable(error: Option<&flymq_error>) -> bool {
    boundary::get(false, || Some(error?.error.is_abortable()))
}

/// Frees an error that a function gave to the caller. Not for errors borrowed from an event. NULL is
/// harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_error_free(error: Option<Box<flymq_error>>) {
    boundary::free(error);
}
