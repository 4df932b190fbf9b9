//! `Keyring`.

use std::sync::Arc;

use flymq_core as core;
use flymq_core::EncryptionKey;

use crate::error::Result;

/// Keys by their ids: one to encrypt with, and all to decrypt with.
#[derive(uniffi::Object)]
pub struct Keyring(core::Keyring);

impl Keyring {
    /// The keys, shared.
    pub(crate) fn keys(&self) -> core::Keyring {
        self.0.clone()
    }
}

#[uniffi::export]
impl Keyring {
    /// Reads the text of a keyring file: a key a line, as `ID:KEY` or `KEY` alone in base64 or hex, the
    /// one to encrypt with first.
    ///
    /// INVALID_ARGUMENT, with the number of the line that is wrong.
    #[uniffi::constructor]
    pub fn new(text: String) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(core::Keyring::parse(&text)?)))
    }

    /// A keyring with one key of 32 bytes under this id.
    ///
    /// INVALID_ARGUMENT for another length, or an id that is none.
    #[uniffi::constructor]
    pub fn with_key(id: String, key: Vec<u8>) -> Result<Arc<Self>> {
        let key = EncryptionKey::from_bytes(&key)?.with_id(id)?;
        Ok(Arc::new(Self(core::Keyring::new(key))))
    }

    /// Adds a key to decrypt with.
    ///
    /// INVALID_ARGUMENT for another key of an id that is there.
    pub fn add(&self, id: String, key: Vec<u8>) -> Result<()> {
        Ok(self.0.add(EncryptionKey::from_bytes(&key)?.with_id(id)?)?)
    }

    /// Encrypts with the key of this id from now on.
    ///
    /// INVALID_ARGUMENT if there is none.
    pub fn encrypt_with(&self, id: String) -> Result<()> {
        Ok(self.0.encrypt_with(&id)?)
    }

    /// The ids of all keys.
    pub fn ids(&self) -> Vec<String> {
        let mut ids = self.0.ids();
        ids.sort();
        ids
    }
}

/// A new random key in base64, as the text of a keyring has it.
#[uniffi::export]
pub fn generate_key() -> String {
    EncryptionKey::generate().to_base64().to_string()
}
