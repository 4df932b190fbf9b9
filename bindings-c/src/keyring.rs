//! `flymq_keyring`: keys that can be changed while clients use them.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr;

use flymq_core::{EncryptionKey, Keyring};

use crate::boundary::{self, given, invalid};
use crate::error::flymq_error;
use crate::table::flymq_table;
use crate::text::text;

/// Keys to decrypt with, by their ids, and one of them to encrypt with. Clients whose configuration
/// was given it with flymq_config_set_keyring() notice what changes, so that keys can be rotated while
/// they run. Any thread may use it; keys are never shown.
pub struct flymq_keyring(Keyring);

impl flymq_keyring {
    /// The keys, shared with whoever has them already.
    pub fn keys(&self) -> Keyring {
        self.0.clone()
    }
}

/// Makes a keyring with a key, which encrypts. `key` is 32 bytes as base64 or hex; both strings are
/// copied.
///
/// The caller frees it with flymq_keyring_free(), at any time: clients keep what they use.
///
/// Errors: INVALID_ARGUMENT for what is no key or no id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_keyring_new(
    id: *const c_char,
    key: *const c_char,
    keyring: Option<&mut MaybeUninit<*mut flymq_keyring>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(keyring, error, || {
        // SAFETY: as the header demands.
        let (id, key) = unsafe { (text(id, "id")?, text(key, "key")?) };
        Ok(flymq_keyring(Keyring::new(EncryptionKey::parse(key)?.with_id(id)?)))
    })
}

/// Adds a key to decrypt with, as flymq_keyring_new() takes it.
///
/// Errors: INVALID_ARGUMENT for what is no key or no id, and if another key has this id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_keyring_add(
    keyring: Option<&flymq_keyring>,
    id: *const c_char,
    key: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (id, key) = unsafe { (text(id, "id")?, text(key, "key")?) };
        given(keyring, "keyring")?.0.add(EncryptionKey::parse(key)?.with_id(id)?)
    })
}

/// Encrypts with the key of this id from now on.
///
/// Errors: INVALID_ARGUMENT if there is no such key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_keyring_encrypt_with(
    keyring: Option<&flymq_keyring>,
    id: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let id = unsafe { text(id, "id")? };
        given(keyring, "keyring")?.0.encrypt_with(id)
    })
}

/// The ids of all keys, a row each, in their order: id.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_keyring_ids(
    keyring: Option<&flymq_keyring>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let mut ids = given(keyring, "keyring")?.0.ids();
        ids.sort();
        Ok(flymq_table::new(&["id"], ids.into_iter().map(|id| [id.into()])))
    })
}

/// Frees a keyring. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_keyring_free(keyring: Option<Box<flymq_keyring>>) {
    boundary::free(keyring);
}

/// Makes a random key and puts it into `key` as base64 with a NUL behind: 45 bytes. `size` is how many
/// there is room for.
///
/// Errors: INVALID_ARGUMENT without room for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_generate_key(
    key: *mut c_char,
    size: usize,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let made = EncryptionKey::generate().to_base64();
        if key.is_null() || size <= made.len() {
            let needed = made.len() + 1;
            return Err(invalid(format!("key is NULL, or has room for less than {needed} bytes")));
        }
        // SAFETY: there is room for all of it, as the caller says, and nobody else knows of `made`.
        unsafe {
            ptr::copy_nonoverlapping(made.as_ptr().cast(), key, made.len());
            key.add(made.len()).write(0);
        }
        Ok(())
    })
}
