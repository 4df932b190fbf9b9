//! `flymq_config`: options by their names, as the core has them.

use std::ffi::{CString, c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use flymq_core::{
    ClientBuilder, Config, ConsumerBuilder, Encryption, OptionInfo, ProducerBuilder, Result,
    TransactionalProducerBuilder, options,
};

use crate::boundary::{self, given, invalid, put};
use crate::broker;
use crate::callback::flymq_drop_fn;
use crate::error::flymq_error;
use crate::key_source::{KeySource, flymq_key_fn};
use crate::keyring::flymq_keyring;
use crate::text::{c_string, text};

/// What a configuration is for: which options there are.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum flymq_config_kind {
    /// For flymq_client_connect().
    FLYMQ_CONFIG_CLIENT = 1,
    /// For flymq_producer_new().
    FLYMQ_CONFIG_PRODUCER = 2,
    /// For flymq_consumer_new().
    FLYMQ_CONFIG_CONSUMER = 3,
    /// For flymq_transactional_producer_new().
    FLYMQ_CONFIG_TRANSACTIONAL_PRODUCER = 4,
    /// For flymq_broker_start().
    FLYMQ_CONFIG_BROKER = 5,
}

/// As C has given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Client,
    Producer,
    Consumer,
    TransactionalProducer,
    Broker,
}

impl Kind {
    fn from_c(kind: i32) -> Option<Self> {
        use flymq_config_kind::*;
        const KINDS: [(flymq_config_kind, Kind); 5] = [
            (FLYMQ_CONFIG_CLIENT, Kind::Client),
            (FLYMQ_CONFIG_PRODUCER, Kind::Producer),
            (FLYMQ_CONFIG_CONSUMER, Kind::Consumer),
            (FLYMQ_CONFIG_TRANSACTIONAL_PRODUCER, Kind::TransactionalProducer),
            (FLYMQ_CONFIG_BROKER, Kind::Broker),
        ];
        KINDS.into_iter().find(|(number, _)| *number as i32 == kind).map(|(_, kind)| kind)
    }

    fn options(self) -> Vec<&'static OptionInfo> {
        match self {
            Self::Client => ClientBuilder::options().collect(),
            Self::Producer => ProducerBuilder::options().collect(),
            Self::Consumer => ConsumerBuilder::options().collect(),
            Self::TransactionalProducer => TransactionalProducerBuilder::options().collect(),
            Self::Broker => broker::options().collect(),
        }
    }
}

/// Options to be. It may be used for any number of objects, and freed once they are made; they do
/// not notice later changes. Any thread may use it.
pub struct flymq_config {
    kind: Kind,
    pairs: Mutex<Vec<(String, String)>>,
    encryption: Mutex<Option<Encryption>>,
}

impl flymq_config {
    fn pairs(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a client encrypts with, if it was given keys.
    pub fn encryption(&self) -> Option<Encryption> {
        self.encryption.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn encrypt_with(&self, keys: impl FnOnce() -> Result<Encryption>) -> Result<()> {
        if self.kind != Kind::Client {
            return Err(invalid(format!("keys are for a client, not for {:?}", self.kind)));
        }
        let replaced =
            self.encryption.lock().unwrap_or_else(PoisonError::into_inner).replace(keys()?);
        // Without the lock: the application may be told that its source of keys is not needed any more.
        drop(replaced);
        Ok(())
    }
}

/// Applies a configuration of this kind; NULL sets nothing.
pub fn apply<T>(
    config: Option<&flymq_config>,
    kind: Kind,
    target: T,
    set: impl Fn(T, &str, &str) -> Result<T>,
) -> Result<T> {
    let Some(config) = config else { return Ok(target) };
    if config.kind != kind {
        let message = format!("the configuration is for {:?}, not {kind:?}", config.kind);
        return Err(invalid(message));
    }
    config.pairs().iter().try_fold(target, |target, (name, value)| set(target, name, value))
}

/// Makes a configuration without any option set. `kind` is a flymq_config_kind.
///
/// The caller frees it with flymq_config_free().
///
/// Errors: INVALID_ARGUMENT for another kind.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_config_new(
    kind: i32,
    config: Option<&mut MaybeUninit<*mut flymq_config>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(config, error, || {
        let kind = Kind::from_c(kind)
            .ok_or_else(|| invalid(format!("there is no kind {kind} of configuration")))?;
        Ok(flymq_config { kind, pairs: Mutex::default(), encryption: Mutex::default() })
    })
}

/// Sets an option. Names, defaults and meanings: flymq_config_option(), or docs/options.md. Both
/// strings are copied.
///
/// Errors: INVALID_ARGUMENT for a name that there is not. A client's value is looked at here too,
/// others are when the configuration is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_config_set(
    config: Option<&flymq_config>,
    name: *const c_char,
    value: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let config = given(config, "config")?;
        // SAFETY: as the header demands.
        let (name, value) = unsafe { (text(name, "name")?, text(value, "value")?) };
        match config.kind {
            Kind::Client => drop(Config::default().set(name, value)?),
            kind if kind.options().iter().any(|option| option.name == name) => {}
            kind => return Err(options::unknown(kind.options().into_iter(), "config", name)),
        }
        config.pairs().push((name.to_owned(), value.to_owned()));
        Ok(())
    })
}

/// Has clients encrypt and decrypt with a keyring, in place of the options of that. The keyring is
/// shared, not copied: clients notice what is changed of it later.
///
/// Errors: INVALID_ARGUMENT for a configuration of another kind than FLYMQ_CONFIG_CLIENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_config_set_keyring(
    config: Option<&flymq_config>,
    keyring: Option<&flymq_keyring>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let config = given(config, "config")?;
        config.encrypt_with(|| Ok(Encryption::new(given(keyring, "keyring")?.keys())))
    })
}

/// Has clients ask a function for their keys, a key management service for instance, in place of
/// keyrings and of the options of that. `function` is called with `context`, on any thread and on
/// several at a time. `drop_context`, if not NULL, is called with `context` once, when neither this
/// configuration nor a client needs it any more; in a forked child, never.
///
/// Errors: INVALID_ARGUMENT for a configuration of another kind than FLYMQ_CONFIG_CLIENT, and without
/// a function; then `drop_context` is not called.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_config_set_key_source(
    config: Option<&flymq_config>,
    function: flymq_key_fn,
    context: *mut c_void,
    drop_context: flymq_drop_fn,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let config = given(config, "config")?;
        config.encrypt_with(|| {
            let source = KeySource::new(function, context, drop_context);
            let source = source.ok_or_else(|| invalid("function is NULL"))?;
            Ok(Encryption::new(source))
        })
    })
}

/// Frees a configuration. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_config_free(config: Option<Box<flymq_config>>) {
    boundary::free(config);
}

/// An option as C has it, for as long as the library is loaded.
struct OptionText {
    name: CString,
    default: CString,
    doc: CString,
    secret: bool,
}

fn option_texts(kind: Kind) -> &'static [OptionText] {
    static TABLES: [OnceLock<Vec<OptionText>>; 5] = [const { OnceLock::new() }; 5];
    TABLES[kind as usize].get_or_init(|| {
        let text = |option: &OptionInfo| OptionText {
            name: c_string(option.name),
            default: c_string(option.default),
            doc: c_string(option.doc),
            secret: option.secret,
        };
        kind.options().into_iter().map(text).collect()
    })
}

/// How many options there are of a kind, a flymq_config_kind. 0 for another kind.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_config_option_count(kind: i32) -> usize {
    boundary::get(0, || Some(option_texts(Kind::from_c(kind)?).len()))
}

/// Describes an option: its name; its value where it is not set, "" for none; what it does, in a
/// sentence; whether it must not be shown. Each place may be NULL. The strings are never freed. A
/// name that ends in `_ms` takes milliseconds, one in `_bytes` bytes, one in `_file` the path of a
/// file.
///
/// Errors: INVALID_ARGUMENT for a kind or an index that there is not.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_config_option(
    kind: i32,
    index: usize,
    name: Option<&mut MaybeUninit<*const c_char>>,
    default_value: Option<&mut MaybeUninit<*const c_char>>,
    doc: Option<&mut MaybeUninit<*const c_char>>,
    secret: Option<&mut MaybeUninit<bool>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let found = Kind::from_c(kind).and_then(|kind| option_texts(kind).get(index));
        let found = found.ok_or_else(|| invalid("there is no such option"))?;
        put(name, found.name.as_ptr());
        put(default_value, found.default.as_ptr());
        put(doc, found.doc.as_ptr());
        put(secret, found.secret);
        Ok(())
    })
}
