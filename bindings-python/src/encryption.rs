//! `Keyring`, and the keys that a client is given.

use flymq_core::{Encryption, EncryptionKey};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMapping, PyString};

use crate::errors;

/// 32 bytes, or a string of base64 or hex. What is refused is not repeated.
pub struct Key(EncryptionKey);

impl<'py> FromPyObject<'_, 'py> for Key {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let key = if let Ok(bytes) = value.cast::<PyBytes>() {
            EncryptionKey::from_bytes(bytes.as_bytes())
        } else if let Ok(array) = value.cast::<PyByteArray>() {
            EncryptionKey::from_bytes(&array.to_vec())
        } else if let Ok(text) = value.cast::<PyString>() {
            EncryptionKey::parse(text.to_str()?)
        } else {
            return Err(PyTypeError::new_err(format!(
                "expected 32 bytes or a str of base64 or hex, not {}",
                value.get_type().name()?
            )));
        };
        key.map(Self).map_err(errors::from_core)
    }
}

/// Keys to decrypt with, by their ids, and one of them to encrypt with.
///
/// `keys` maps ids to keys: 32 bytes each, or a str of base64 or hex. The first encrypts. Clients that
/// were given the keyring notice when keys are added or changed, so that keys can be rotated while
/// they run. Keys are never shown.
#[pyclass(module = "flymq", frozen)]
pub struct Keyring(flymq_core::Keyring);

#[pymethods]
impl Keyring {
    #[new]
    fn new(keys: &Bound<'_, PyMapping>) -> PyResult<Self> {
        let mut keyring: Option<flymq_core::Keyring> = None;
        for pair in keys.items()?.iter() {
            let (id, Key(key)): (String, Key) = pair.extract()?;
            let key = key.with_id(id).map_err(errors::from_core)?;
            match &keyring {
                Some(keyring) => keyring.add(key).map_err(errors::from_core)?,
                None => keyring = Some(flymq_core::Keyring::new(key)),
            }
        }
        keyring.map(Self).ok_or_else(|| PyValueError::new_err("the keyring has no key"))
    }

    /// Add a key to decrypt with. Raises InvalidArgumentError if another key has this id.
    fn add(&self, id: String, key: Key) -> PyResult<()> {
        let key = key.0.with_id(id).map_err(errors::from_core)?;
        self.0.add(key).map_err(errors::from_core)
    }

    /// Encrypt with the key of this id from now on.
    fn encrypt_with(&self, id: &str) -> PyResult<()> {
        self.0.encrypt_with(id).map_err(errors::from_core)
    }

    /// Return the ids of all keys.
    fn ids(&self) -> Vec<String> {
        let mut ids = self.0.ids();
        ids.sort();
        ids
    }

    fn __repr__(&self) -> String {
        format!("<flymq.Keyring of {:?}>", self.ids())
    }
}

/// A Keyring, or a mapping of what one is made of.
#[derive(FromPyObject)]
pub enum Keys<'py> {
    Keyring(Bound<'py, Keyring>),
    Mapping(Bound<'py, PyMapping>),
}

/// Encryption with the keys given, else with those that the environment names, if any.
pub fn encryption(key: Option<Key>, keyring: Option<Keys<'_>>) -> PyResult<Option<Encryption>> {
    let keyring = match (key, keyring) {
        (Some(_), Some(_)) => {
            return Err(PyValueError::new_err(
                "give encryption_key or encryption_keyring, not both",
            ));
        }
        (Some(Key(key)), None) => Some(flymq_core::Keyring::new(key)),
        (None, Some(Keys::Keyring(keyring))) => Some(keyring.get().0.clone()),
        (None, Some(Keys::Mapping(keys))) => Some(Keyring::new(&keys)?.0),
        (None, None) => flymq_core::Keyring::from_env().map_err(errors::from_core)?,
    };
    Ok(keyring.map(Encryption::new))
}
