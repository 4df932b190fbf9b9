//! `flymq_key_fn`: the application's own source of keys.

use std::cell::Cell;
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use flymq_core::{EncryptionKey, Error, ErrorCode, KeyProvider, Result};
use zeroize::Zeroizing;

use crate::boundary::invalid;
use crate::callback::flymq_drop_fn;
use crate::text::text;

/// How many bytes a key has.
pub const FLYMQ_KEY_BYTES: usize = 32;
/// How much room there is for the id of a key: 64 characters and a NUL.
pub const FLYMQ_KEY_ID_SIZE: usize = 65;

/// Gives a key: the one of the id `wanted`, or for NULL the one to encrypt with now. It puts the key
/// into `key`, FLYMQ_KEY_BYTES of them, and if nothing is wanted the key's id into `id`, a string of up
/// to FLYMQ_KEY_ID_SIZE with its NUL; where that is left empty, the id follows from the key. Both are
/// wiped afterwards.
///
/// It returns FLYMQ_OK; FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY if there is no such key; or another code of
/// flymq_code, with which the call fails that sends or reads the record.
///
/// It is asked for the key to encrypt with at every record, and for each other a few times: keep keys
/// at hand, since records wait for it. An id never comes to mean another key. It must return, and
/// neither throw nor jump out. Calls of this library that may fail do so within it, with
/// INVALID_ARGUMENT: they might wait for what waits for the key.
pub type flymq_key_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        wanted: *const c_char,
        id: *mut c_char,
        key: *mut u8,
    ) -> i32,
>;

/// A function of the application that gives keys, with what it wants to be given.
pub struct KeySource {
    function: unsafe extern "C" fn(*mut c_void, *const c_char, *mut c_char, *mut u8) -> i32,
    context: usize,
    drop: flymq_drop_fn,
}

thread_local! {
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Fails within a function that gives keys.
pub fn check_not_asking() -> Result<()> {
    if ASKING.get() {
        return Err(invalid("a function that gives keys cannot call this library"));
    }
    Ok(())
}

impl KeySource {
    /// None without a function.
    pub fn new(function: flymq_key_fn, context: *mut c_void, drop: flymq_drop_fn) -> Option<Self> {
        Some(Self { function: function?, context: context as usize, drop })
    }

    /// `None` if there is no such key.
    fn ask(&self, wanted: Option<&str>) -> Result<Option<EncryptionKey>> {
        let mut id = Zeroizing::new([0_u8; FLYMQ_KEY_ID_SIZE]);
        let mut key = Zeroizing::new([0; FLYMQ_KEY_BYTES]);
        let name = wanted.map(CString::new).transpose();
        let name = name.map_err(|_| invalid("the id of a key has a NUL"))?;
        let name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
        let context = self.context as *mut c_void;
        ASKING.set(true);
        // SAFETY: who set the function said that it may be called with this context; there is as much
        // room as its type says.
        let code =
            unsafe { (self.function)(context, name, id.as_mut_ptr().cast(), key.as_mut_ptr()) };
        ASKING.set(false);
        if code != 0 {
            let code = u16::try_from(code).ok().and_then(ErrorCode::from_u16);
            return match code {
                Some(ErrorCode::UnknownEncryptionKey) => Ok(None),
                code => Err(failed(code.unwrap_or(ErrorCode::Internal))),
            };
        }
        let key = EncryptionKey::from_bytes(&*key)?;
        // Whatever was written, it ends within the room that there is.
        id[FLYMQ_KEY_ID_SIZE - 1] = 0;
        let id = match wanted {
            Some(wanted) => wanted,
            // SAFETY: it ends with a NUL, and stays until the end of this function.
            None => unsafe { text(id.as_ptr().cast(), "the id of a key")? },
        };
        Ok(Some(if id.is_empty() { key } else { key.with_id(id)? }))
    }
}

impl KeyProvider for KeySource {
    fn current(&self) -> Result<Arc<EncryptionKey>> {
        let key = self.ask(None)?.ok_or_else(|| failed(ErrorCode::UnknownEncryptionKey))?;
        Ok(Arc::new(key))
    }

    fn find(&self, id: &str) -> Result<Option<Arc<EncryptionKey>>> {
        Ok(self.ask(Some(id))?.map(Arc::new))
    }
}

impl Drop for KeySource {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: as above, and this is the last use of the context.
            unsafe { drop(self.context as *mut c_void) }
        }
    }
}

fn failed(code: ErrorCode) -> Error {
    let message = format!("the application's source of keys failed with {}", code.name());
    Error::new(code, "encryption", message)
}
