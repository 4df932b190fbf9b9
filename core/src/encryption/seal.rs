//! Sealing keys and nonces.
//!
//! Each sealer encrypts with keys that nobody else has: derived from the shared key and a random salt.
//! Under one of them no nonce repeats, because a counter is part of it. The rest of the nonce is fresh
//! from the operating system with every record, for the one case that a counter does not cover: a
//! process that is forked, or whose memory is restored twice, has the same salt and the same counter
//! twice. `docs/security.md` works the bounds out.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::LessSafeKey;
use flymq_protocol::ErrorCode;
use rand::TryRng;
use rand::rngs::SysRng;

use super::format::NONCE_LEN;
use super::key::{EncryptionKey, SALT_LEN};
use crate::error::{Error, Result};

/// How many records are encrypted with one salt.
const RECORDS_PER_SALT: u32 = 1 << 24;

/// Gives every record a sealing key and a nonce that are used once.
#[derive(Default)]
pub(super) struct Sealer {
    turn: Mutex<Option<Turn>>,
}

/// Records that share a salt.
#[derive(Clone)]
struct Turn {
    key: Arc<EncryptionKey>,
    salt: [u8; SALT_LEN],
    derived: Arc<LessSafeKey>,
    counter: u32,
}

/// What one record is sealed with.
pub(super) struct Once {
    pub derived: Arc<LessSafeKey>,
    pub salt: [u8; SALT_LEN],
    pub nonce: [u8; NONCE_LEN],
}

impl Sealer {
    /// A pair of sealing key and nonce that is not used a second time.
    pub fn once(&self, key: &Arc<EncryptionKey>) -> Result<Once> {
        let mut nonce = [0; NONCE_LEN];
        let (counter, random) = nonce.split_at_mut(size_of::<u32>());
        // The dearest part, and outside the lock.
        fill(random)?;
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = |turn: &&mut Turn| {
            turn.counter < RECORDS_PER_SALT && (Arc::ptr_eq(&turn.key, key) || turn.key == *key)
        };
        let turn = match turn.as_mut().filter(usable) {
            Some(turn) => turn,
            None => turn.insert(Turn::begin(key.clone())?),
        };
        counter.copy_from_slice(&turn.counter.to_be_bytes());
        turn.counter += 1;
        Ok(Once { derived: turn.derived.clone(), salt: turn.salt, nonce })
    }
}

impl Turn {
    fn begin(key: Arc<EncryptionKey>) -> Result<Self> {
        let mut salt = [0; SALT_LEN];
        fill(&mut salt)?;
        Ok(Self { derived: Arc::new(key.derive(&salt)), key, salt, counter: 0 })
    }
}

/// Asks the operating system each time, since what a process keeps is kept by its clones too.
fn fill(bytes: &mut [u8]) -> Result<()> {
    SysRng.try_fill_bytes(bytes).map_err(|e| {
        let message = format!("the system has no random numbers to give: {e}");
        Error::with_source(ErrorCode::Internal, "encryption", message, e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn pair(once: &Once) -> ([u8; SALT_LEN], [u8; NONCE_LEN]) {
        (once.salt, once.nonce)
    }

    #[test]
    fn no_pair_repeats_and_the_counter_alone_sees_to_that() {
        let (sealer, key) = (Sealer::default(), Arc::new(EncryptionKey::generate()));
        let counters: Vec<[u8; 4]> =
            (0..1000).map(|_| *sealer.once(&key).unwrap().nonce.first_chunk().unwrap()).collect();
        let numbers: Vec<[u8; 4]> = (0..1000u32).map(u32::to_be_bytes).collect();
        assert_eq!(counters, numbers);
    }

    #[test]
    fn a_clone_of_the_process_goes_on_with_other_nonces() {
        let (sealer, key) = (Sealer::default(), Arc::new(EncryptionKey::generate()));
        sealer.once(&key).unwrap();
        // As fork and a virtual machine's snapshot do.
        let turn = sealer.turn.lock().unwrap().clone();
        let clone = Sealer { turn: Mutex::new(turn) };
        let pairs: HashSet<_> = (0..1000)
            .flat_map(|_| [pair(&sealer.once(&key).unwrap()), pair(&clone.once(&key).unwrap())])
            .collect();
        assert_eq!(pairs.len(), 2000);
        assert_eq!(pairs.iter().map(|(salt, _)| salt).collect::<HashSet<_>>().len(), 1);
    }

    #[test]
    fn a_salt_serves_a_bounded_number_of_records_of_one_key() {
        let (sealer, key) = (Sealer::default(), Arc::new(EncryptionKey::generate()));
        let first = sealer.once(&key).unwrap();
        sealer.turn.lock().unwrap().as_mut().unwrap().counter = RECORDS_PER_SALT - 1;
        assert_eq!(sealer.once(&key).unwrap().salt, first.salt);
        let second = sealer.once(&key).unwrap();
        assert_ne!(second.salt, first.salt);
        assert_eq!(second.nonce[..4], [0; 4]);
        let other = sealer.once(&Arc::new(EncryptionKey::generate())).unwrap();
        assert_ne!(other.salt, second.salt);
        assert_ne!(Sealer::default().once(&key).unwrap().salt, first.salt);
    }
}
