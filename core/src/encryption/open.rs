//! Derived keys of records that were read, remembered.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use lru::LruCache;

use super::format::{Preamble, TAG_LEN};
use super::key::EncryptionKey;
use super::keyring::KeyProvider;
use crate::error::Result;

/// How many derived keys are remembered: one for each client that sends, and one more for every 16
/// million of its records.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Decrypts, deriving each key once as long as it is in use.
pub(super) struct Opener {
    /// By key id and salt, which a preamble has one behind the other.
    derived: Mutex<LruCache<Box<[u8]>, Arc<LessSafeKey>>>,
}

impl Default for Opener {
    fn default() -> Self {
        Self { derived: Mutex::new(LruCache::new(REMEMBERED)) }
    }
}

/// Why a record cannot be opened.
pub(super) enum Refusal {
    UnknownKey,
    /// The tag is not that of key, record and context.
    Forged,
}

impl Opener {
    /// Decrypts `sealed`, which is what was encrypted and its tag.
    pub fn open(
        &self,
        keys: &dyn KeyProvider,
        preamble: &Preamble<'_>,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<std::result::Result<Vec<u8>, Refusal>> {
        let Some((encrypted, tag)) = sealed.split_last_chunk::<TAG_LEN>() else {
            return Ok(Err(Refusal::Forged));
        };
        let name = [preamble.key_id.as_bytes(), &preamble.salt].concat();
        let remembered = self.lock().get(&name[..]).cloned();
        let derived = match &remembered {
            Some(derived) => derived.clone(),
            None => match keys.find(preamble.key_id)? {
                Some(key) => Arc::new(EncryptionKey::derive(&key, &preamble.salt)),
                None => return Ok(Err(Refusal::UnknownKey)),
            },
        };
        let mut opened = vec![0; encrypted.len()];
        let nonce = Nonce::assume_unique_for_key(preamble.nonce);
        let outcome =
            derived.open_separate_gather(nonce, Aad::from(context), encrypted, tag, &mut opened);
        if outcome.is_err() {
            return Ok(Err(Refusal::Forged));
        }
        // Only now, so that made-up salts do not drive out the ones that are used.
        if remembered.is_none() {
            self.lock().put(name.into(), derived);
        }
        Ok(Ok(opened))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<Box<[u8]>, Arc<LessSafeKey>>> {
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn remembered(&self) -> usize {
        self.lock().len()
    }
}
