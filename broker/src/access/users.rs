//! Users and rules as they are stored: one file in the data folder, for its owner's eyes only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flymq_auth::Verifier;
use flymq_protocol::messages::Acl;
use flymq_protocol::{ErrorCode, ProtocolError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rules::Rule;
use super::store::{Change, Current, Store};
use crate::Result;

const FILE: &str = "access.json";
const FILE_ASIDE: &str = "access.json.new";
const LOCK: &str = "access.lock";
const VERSION: u32 = 1;

/// Everything that is stored.
#[derive(Clone, Serialize, Deserialize)]
pub struct Stored {
    version: u32,
    /// From which the answers for users that do not exist are derived.
    pub secret: Base64,
    pub users: BTreeMap<String, User>,
    pub acls: BTreeSet<Acl>,
}

/// A user.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<StoredPassword>,
    /// Subject of the client certificate that logs the user in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub certificate: String,
}

/// What checks a user's password.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredPassword {
    salt: Base64,
    iterations: u32,
    stored_key: Base64,
    server_key: Base64,
}

impl StoredPassword {
    pub fn new(verifier: &Verifier) -> Self {
        Self {
            salt: Base64(verifier.salt.clone()),
            iterations: verifier.iterations,
            stored_key: Base64(verifier.stored_key.to_vec()),
            server_key: Base64(verifier.server_key.to_vec()),
        }
    }

    /// The reverse of [`new`](Self::new); `None` if the lengths of the keys are wrong.
    pub fn verifier(&self) -> Option<Verifier> {
        Some(Verifier {
            salt: self.salt.0.clone(),
            iterations: self.iterations,
            stored_key: self.stored_key.0.as_slice().try_into().ok()?,
            server_key: self.server_key.0.as_slice().try_into().ok()?,
        })
    }
}

/// Bytes that are written as base64.
#[derive(Clone, PartialEq)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Refuses what cannot be the name of a user or role.
pub fn check_name(name: &str) -> Result<()> {
    if (1..=255).contains(&name.len())
        && !name.chars().any(char::is_control)
        && flymq_auth::password::prepare(name, "the name").is_ok_and(|prepared| *prepared == name)
    {
        return Ok(());
    }
    Err(ProtocolError::new(
        ErrorCode::InvalidRequest,
        format!(
            "the name {:?} is not 1 to 255 bytes of printable text in its normal form",
            crate::topic::shorten(name)
        ),
    ))
}

impl Stored {
    pub fn new() -> Self {
        Self {
            version: VERSION,
            secret: Base64(rand::random::<[u8; 32]>().to_vec()),
            users: BTreeMap::new(),
            acls: BTreeSet::new(),
        }
    }

    /// Refuses a file that somebody has spoilt: what it does not say must not be guessed.
    pub fn check(&self) -> std::result::Result<(), String> {
        if self.version != VERSION {
            return Err(format!("its version is {}, this broker reads {VERSION}", self.version));
        }
        for (name, user) in &self.users {
            check_name(name).map_err(|e| e.message)?;
            if user.password.as_ref().is_some_and(|password| password.verifier().is_none()) {
                return Err(format!("the keys of user {name:?} are damaged"));
            }
        }
        self.acls.iter().try_for_each(|acl| Rule::parse(acl).map(drop)).map_err(|e| e.message)
    }
}

/// The file, which one process at a time may change.
pub struct AccessFile {
    folder: PathBuf,
    /// Held while a change is made.
    changing: Mutex<()>,
    /// Locked for as long as it is open.
    _lock: File,
}

fn failed(path: &Path, error: impl std::fmt::Display) -> ProtocolError {
    let message = format!("cannot use {}: {error}", path.display());
    ProtocolError::new(ErrorCode::StorageFailed, message)
}

/// Options for files that nobody but their owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
}

impl AccessFile {
    /// Whether a data folder has users or rules.
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Opens the file of a data folder, which it makes if need be.
    pub fn open(folder: &Path) -> Result<(Self, Stored)> {
        crate::embedded::prepare_folder(folder)?;
        let path = folder.join(LOCK);
        let lock = private().open(&path).map_err(|e| failed(&path, e))?;
        lock.try_lock().map_err(|e| match e {
            std::fs::TryLockError::WouldBlock => {
                failed(folder, "a broker runs on this folder; ask it to make the change")
            }
            std::fs::TryLockError::Error(e) => failed(&path, e),
        })?;
        let file = Self { folder: folder.to_owned(), changing: Mutex::default(), _lock: lock };
        let path = folder.join(FILE);
        let stored = match std::fs::read(&path) {
            Ok(bytes) => {
                let stored: Stored =
                    serde_json::from_slice(&bytes).map_err(|e| failed(&path, e))?;
                stored.check().map_err(|e| failed(&path, e))?;
                stored
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let stored = Stored::new();
                file.save(&stored)?;
                stored
            }
            Err(e) => return Err(failed(&path, e)),
        };
        Ok((file, stored))
    }

    /// Writes everything; it is on the disk when this returns.
    pub fn save(&self, stored: &Stored) -> Result<()> {
        let (path, aside) = (self.folder.join(FILE), self.folder.join(FILE_ASIDE));
        let write = || {
            let text = serde_json::to_vec_pretty(stored)?;
            // Made anew, so that its mode is what is said here.
            match std::fs::remove_file(&aside) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut file = private().open(&aside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            // Renamed when whole, so that a crash leaves either the old one or the new one.
            std::fs::rename(&aside, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|e: std::io::Error| failed(&path, e))
    }
}

impl Store for AccessFile {
    fn change(&self, current: &Current, change: &mut Change<'_>) -> Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stored = current.snapshot().stored.clone();
        change(&mut stored)?;
        self.save(&stored)?;
        current.publish(stored);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flymq_auth::Password;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_file_comes_back_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let (file, mut stored) = AccessFile::open(folder.path()).unwrap();
        let verifier = Verifier::generate(&Password::new("hunter2"), 4096).unwrap();
        let password = Some(StoredPassword::new(&verifier));
        stored.users.insert("ada".into(), User { password, ..User::default() });
        file.save(&stored).unwrap();
        let Err(busy) = AccessFile::open(folder.path()) else { panic!("it is locked") };
        assert!(busy.message.contains("a broker runs on this folder"), "{}", busy.message);
        drop(file);
        let (_file, again) = AccessFile::open(folder.path()).unwrap();
        assert_eq!(again.users["ada"].password.as_ref().unwrap().verifier().unwrap(), verifier);
        assert_eq!(again.secret.0, stored.secret.0);
        for name in [FILE, LOCK] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn a_spoilt_file_is_refused() {
        let good = serde_json::to_string(&Stored::new()).unwrap();
        for (from, to) in [
            (r#""version":1"#, r#""version":2"#),
            (r#""users":{}"#, r#""users":{"a\nb":{}}"#),
            (
                r#""users":{}"#,
                r#""users":{"a":{"password":{"salt":"","iterations":1,"stored_key":"AA==","server_key":"AA=="}}}"#,
            ),
            (r#""users":{}"#, r#""users":{"a":{"password":{"salt":"!"}}}"#),
            (r#""acls":[]"#, r#""acls":[{"principal":"x"}]"#),
            (
                r#""acls":[]"#,
                r#""acls":[{"principal":"user:a","permission":"maybe","operation":"read","resource":"topic","pattern":"literal","name":"t"}]"#,
            ),
            ("{", ""),
        ] {
            let folder = tempfile::tempdir().unwrap();
            drop(AccessFile::open(folder.path()).unwrap());
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            std::fs::write(folder.path().join(FILE), bad).unwrap();
            assert!(AccessFile::open(folder.path()).is_err(), "{to}");
        }
    }
}
