//! Where keys come from: a keyring in memory, files, the environment, or the application's own.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use super::key::{EncryptionKey, KEY_LEN, invalid};
use crate::error::Result;

/// A key in one of the ways that it can be written.
const KEY_VARIABLE: &str = "FLYMQ_ENCRYPTION_KEY";
/// The path of a keyring file.
const KEYRING_VARIABLE: &str = "FLYMQ_ENCRYPTION_KEYRING";
/// Far more than any keyring has.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Looks keys up, in a key management service for instance.
///
/// Both methods are called on the threads that serve the client, so they must not block for long.
pub trait KeyProvider: Send + Sync + 'static {
    /// The key to encrypt with. Asked for with every record: keep it at hand.
    ///
    /// # Errors
    ///
    /// Fails the call that sends the record.
    fn current(&self) -> Result<Arc<EncryptionKey>>;

    /// The key of an id that a record names, or `None` if there is no such key. The client remembers
    /// what it derives from a key, so that this is asked a few times for each producer's records; and
    /// for each record while the answer is `None`. An id must never come to mean another key.
    ///
    /// # Errors
    ///
    /// Fails the call that reads the record, or is treated as the consumer's policy says.
    fn find(&self, id: &str) -> Result<Option<Arc<EncryptionKey>>>;
}

/// Keys by their ids: one to encrypt with, and all to decrypt with. Clones share their keys, so that
/// keys can be added and changed while clients run.
///
/// To rotate keys without a pause: add the new key to all readers, then have the writers use it; take
/// the old one out of what readers start with when retention has dropped the last record under it.
///
/// ```
/// use flymq_core::{EncryptionKey, Keyring};
///
/// let keyring = Keyring::new(EncryptionKey::generate().with_id("2025")?);
/// keyring.add(EncryptionKey::generate().with_id("2026")?)?;
/// keyring.encrypt_with("2026")?;
/// # flymq_core::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Keyring(Arc<ArcSwap<Keys>>);

#[derive(Clone)]
struct Keys {
    current: Arc<EncryptionKey>,
    all: HashMap<String, Arc<EncryptionKey>>,
}

impl Keyring {
    /// A keyring with one key.
    pub fn new(current: EncryptionKey) -> Self {
        let current = Arc::new(current);
        let all = HashMap::from([(current.id().to_owned(), current.clone())]);
        Self(Arc::new(ArcSwap::from_pointee(Keys { current, all })))
    }

    /// Reads the text of a keyring file: a key a line, as `ID:KEY` or `KEY` alone (see
    /// [`EncryptionKey::parse`]), the one to encrypt with first. Empty lines and those that begin with
    /// `#` are passed over.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT, with the number of the line that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keyring: Option<Self> = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = match line.split_once(':') {
                Some((id, key)) => EncryptionKey::parse(key).and_then(|key| key.with_id(id.trim())),
                None => EncryptionKey::parse(line),
            };
            let added = key.and_then(|key| match &keyring {
                Some(keyring) => keyring.add(key),
                None => {
                    keyring = Some(Self::new(key));
                    Ok(())
                }
            });
            added.map_err(|e| invalid(format!("line {}: {}", index + 1, e.message())))?;
        }
        keyring.ok_or_else(|| invalid("there is no key in the keyring"))
    }

    /// Reads a keyring file (see [`parse`](Keyring::parse)). A file of exactly 32 bytes is one key as
    /// it is.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the file cannot be read or is no keyring.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let wrong =
            |what: &dyn fmt::Display| invalid(format!("keyring file {}: {what}", path.display()));
        let length = std::fs::metadata(path).map_err(|e| wrong(&e))?.len();
        if length > MAX_FILE_BYTES {
            return Err(wrong(&"it is too large to be one"));
        }
        let bytes = Zeroizing::new(std::fs::read(path).map_err(|e| wrong(&e))?);
        if bytes.len() == KEY_LEN {
            return EncryptionKey::from_bytes(&bytes).map(Self::new);
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong(&"it is not text"))?;
        Self::parse(text).map_err(|e| wrong(&e.message()))
    }

    /// The keyring that the environment names: FLYMQ_ENCRYPTION_KEYRING is the path of a keyring file,
    /// FLYMQ_ENCRYPTION_KEY a key. `None` without either; an empty variable is as good as none.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if both are set, or what is set is no key or no keyring.
    pub fn from_env() -> Result<Option<Self>> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::from_settings(read(KEYRING_VARIABLE), read(KEY_VARIABLE).map(Zeroizing::new))
    }

    fn from_settings(file: Option<String>, key: Option<Zeroizing<String>>) -> Result<Option<Self>> {
        match (file, key) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(invalid(format!("{KEYRING_VARIABLE} and {KEY_VARIABLE} are both set; use one")))
            }
            (Some(path), None) => Self::from_file(path).map(Some),
            (None, Some(key)) => EncryptionKey::parse(&key)
                .map(|key| Some(Self::new(key)))
                .map_err(|e| invalid(format!("{KEY_VARIABLE}: {}", e.message()))),
        }
    }

    /// Adds a key to decrypt with.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if another key has the same id: records could not be told apart by it.
    pub fn add(&self, key: EncryptionKey) -> Result<()> {
        let key = Arc::new(key);
        let id = key.id();
        let mut taken = false;
        self.0.rcu(|keys| {
            taken = keys.all.get(id).is_some_and(|known| *known != key);
            let mut keys = Keys::clone(keys);
            if !taken {
                keys.all.insert(id.to_owned(), key.clone());
            }
            keys
        });
        if taken {
            return Err(invalid(format!("the keyring has another key of id {id:?}")));
        }
        Ok(())
    }

    /// Encrypts with the key of this id from now on.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if there is no such key.
    pub fn encrypt_with(&self, id: &str) -> Result<()> {
        let Some(current) = self.0.load().all.get(id).cloned() else {
            return Err(invalid(format!("the keyring has no key of id {id:?}")));
        };
        self.0.rcu(|keys| Keys { current: current.clone(), all: keys.all.clone() });
        Ok(())
    }

    /// The ids of all keys, in no order.
    pub fn ids(&self) -> Vec<String> {
        self.0.load().all.keys().cloned().collect()
    }
}

impl KeyProvider for Keyring {
    fn current(&self) -> Result<Arc<EncryptionKey>> {
        Ok(self.0.load().current.clone())
    }

    fn find(&self, id: &str) -> Result<Option<Arc<EncryptionKey>>> {
        Ok(self.0.load().all.get(id).cloned())
    }
}

impl From<EncryptionKey> for Keyring {
    fn from(key: EncryptionKey) -> Self {
        Self::new(key)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.load();
        let mut ids: Vec<_> = keys.all.keys().collect();
        ids.sort();
        f.debug_struct("Keyring").field("current", &keys.current.id()).field("ids", &ids).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_is_documented() {
        let (old, new) = (EncryptionKey::generate(), EncryptionKey::generate());
        let text = format!("# keys\n\n 2026: {} \n{}\n", *new.to_base64(), *old.to_base64());
        let keyring = Keyring::parse(&text).unwrap();
        assert_eq!(keyring.current().unwrap().id(), "2026");
        assert_eq!(*keyring.find(old.id()).unwrap().unwrap(), old);
        assert_eq!(keyring.find("2025").unwrap(), None);
        assert_eq!(keyring.ids().len(), 2);

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, [7; KEY_LEN]).unwrap();
        let raw = Keyring::from_file(&path).unwrap();
        assert_eq!(*raw.current().unwrap(), EncryptionKey::from_bytes(&[7; KEY_LEN]).unwrap());
        std::fs::write(&path, text.replace("2026", "a b")).unwrap();
        let error = Keyring::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains(path.to_str().unwrap()), "{error}");
        assert!(!error.contains(&new.to_base64()[..8]), "{error}");
        assert!(Keyring::from_file(dir.path().join("none")).is_err());
        assert!(Keyring::parse("# nothing").is_err());
    }

    #[test]
    fn the_environment_names_a_key_or_a_file() {
        let key = EncryptionKey::generate();
        let settings = |file: Option<&str>, key: Option<&str>| {
            let key = key.map(|key| Zeroizing::new(key.to_owned()));
            Keyring::from_settings(file.map(str::to_owned), key)
        };
        assert!(settings(None, None).unwrap().is_none());
        let keyring = settings(None, Some(&key.to_base64())).unwrap().unwrap();
        assert_eq!(*keyring.current().unwrap(), key);
        let error = settings(None, Some("hunter2")).unwrap_err().to_string();
        assert!(error.contains(KEY_VARIABLE) && !error.contains("hunter2"), "{error}");
        assert!(settings(Some("/dev/null/none"), None).is_err());
        assert!(settings(Some("f"), Some(&key.to_base64())).is_err());
    }

    #[test]
    fn an_id_never_comes_to_mean_another_key() {
        let keyring = Keyring::new(EncryptionKey::generate().with_id("a").unwrap());
        let current = EncryptionKey::clone(&keyring.current().unwrap());
        keyring.add(current).unwrap();
        let error = keyring.add(EncryptionKey::generate().with_id("a").unwrap()).unwrap_err();
        assert!(error.message().contains("another key of id \"a\""), "{error}");
        assert!(keyring.encrypt_with("b").is_err());
        assert_eq!(format!("{keyring:?}"), "Keyring { current: \"a\", ids: [\"a\"] }");
    }
}
