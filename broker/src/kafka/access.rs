//! Users and rules in a topic that all gateways share.
//!
//! Each user and each rule is a record, and the newest of a key counts. A change is made within a
//! transaction, of a transactional id that all gateways use for this: beginning it puts any other
//! gateway out that is about to make one, and aborts what that has written. So whoever commits has
//! seen everything before, and of two that change at once one begins again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use flymq_protocol::messages::{Acl, CommitTxnRequest};
use flymq_protocol::{ErrorCode, ProtocolError};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::Inner;
use super::journal::{Entry, Journal};
use super::transactions::{self, Identity};
use crate::Result;
use crate::access::store::{Change, Current, Store};
use crate::access::users::{Base64, Stored, User};

const TOPIC: &str = "__flymq_access";
/// Gateways that were cut off may not miss that something was removed.
const CONFIG: [(&str, &str); 2] =
    [("cleanup.policy", "compact"), ("delete.retention.ms", "604800000")];
const TRANSACTIONAL_ID: &str = "__flymq_access";
const TRANSACTION_TIMEOUT_MS: u32 = 10_000;
/// How often changes of others are looked for.
const EVERY: Duration = Duration::from_millis(250);
/// How often a change is begun again because another gateway was quicker.
const ATTEMPTS: u32 = 20;

/// The topic, as far as it was read.
pub struct AccessTopic {
    log: Arc<Log>,
    runtime: Handle,
}

struct Log {
    inner: Arc<Inner>,
    journal: Journal,
    state: tokio::sync::Mutex<State>,
    /// Why it cannot be read at the moment.
    problem: Mutex<Option<String>>,
    /// Whether gateways have been here before.
    begun: AtomicBool,
}

struct State {
    stored: Stored,
    next: i64,
}

/// The record that is there before any other.
#[derive(Serialize, Deserialize)]
struct Beginning {
    version: u32,
    secret: Base64,
}

const BEGINNING: &str = "beginning";
const VERSION: u32 = 1;

impl AccessTopic {
    /// Reads everything, and goes on reading what others change. To be called within the runtime that
    /// serves the gateway.
    pub async fn open(inner: Arc<Inner>) -> Result<(Self, Arc<Current>)> {
        let journal = Journal::open(inner.clone(), TOPIC, &CONFIG).await?;
        let log = Arc::new(Log {
            inner,
            journal,
            state: tokio::sync::Mutex::new(State { stored: Stored::new(), next: 0 }),
            problem: Mutex::default(),
            begun: AtomicBool::new(false),
        });
        let mut state = log.state.lock().await;
        log.catch_up(&mut state).await?;
        let current = Arc::new(Current::new(state.stored.clone()));
        drop(state);
        if !log.begun.load(Ordering::Acquire) {
            log.change(&current, &mut |_| Ok(())).await?;
        }
        tokio::spawn(follow(Arc::downgrade(&log), current.clone()));
        Ok((Self { log, runtime: Handle::current() }, current))
    }
}

impl Store for AccessTopic {
    fn change(&self, current: &Current, change: &mut Change<'_>) -> Result<()> {
        self.runtime.block_on(self.log.change(current, change))
    }

    fn problem(&self) -> Option<String> {
        self.log.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Log {
    /// Reads to the end. Returns whether anything was new.
    async fn catch_up(&self, state: &mut State) -> Result<bool> {
        let mut news = false;
        loop {
            let page = self.journal.read(state.next).await?;
            news |= !page.entries.is_empty();
            self.take(state, page.entries)?;
            state.next = page.next;
            if page.is_end {
                return Ok(news);
            }
        }
    }

    /// Takes entries over, all or none.
    fn take(&self, state: &mut State, entries: Vec<Entry>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut stored = state.stored.clone();
        for entry in entries {
            if entry.key == BEGINNING {
                self.begun.store(true, Ordering::Release);
            }
            apply(&mut stored, &entry).map_err(|why| damaged(&why))?;
        }
        stored.check().map_err(|why| damaged(&why))?;
        state.stored = stored;
        Ok(())
    }

    async fn change(&self, current: &Current, change: &mut Change<'_>) -> Result<()> {
        let mut state = self.state.lock().await;
        for attempt in 0..ATTEMPTS {
            match self.try_change(&mut state, change).await {
                // Another gateway was quicker.
                Err(error) if is_overtaken(&error) => {
                    let pause = 10 * u64::from(attempt + 1);
                    let pause = rand::random_range(pause..4 * pause);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                result => {
                    // Also after an error: what another has changed meanwhile was read.
                    current.publish(state.stored.clone());
                    return result;
                }
            }
        }
        Err(ProtocolError::new(
            ErrorCode::Overloaded,
            "other gateways change users and rules all the time",
        ))
    }

    async fn try_change(&self, state: &mut State, change: &mut Change<'_>) -> Result<()> {
        let inner = &self.inner;
        let id = || TRANSACTIONAL_ID.to_owned();
        let given = transactions::init(inner.clone(), (id(), TRANSACTION_TIMEOUT_MS)).await?;
        self.catch_up(state).await?;
        let mut stored = state.stored.clone();
        change(&mut stored)?;
        let mut entries = differences(&state.stored, &stored)?;
        if !self.begun.load(Ordering::Acquire) {
            entries.push((BEGINNING.to_owned(), Some(beginning(&stored)?)));
        }
        if entries.is_empty() {
            return Ok(());
        }
        let identity = Identity { producer_id: given.producer_id, epoch: given.producer_epoch };
        self.journal.append_in(TRANSACTIONAL_ID, identity, &entries).await?;
        let commit = CommitTxnRequest {
            transactional_id: id(),
            producer_id: given.producer_id,
            producer_epoch: given.producer_epoch,
        };
        transactions::commit(inner.clone(), commit).await?;
        self.catch_up(state).await.map(drop)
    }
}

/// Reads what others change, for as long as somebody wants to know.
async fn follow(log: Weak<Log>, current: Arc<Current>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(log) = log.upgrade() else { return };
        let mut state = log.state.lock().await;
        let news = log.catch_up(&mut state).await;
        let problem = match news {
            Ok(true) => {
                current.publish(state.stored.clone());
                None
            }
            Ok(false) => None,
            Err(error) => Some(error.to_string()),
        };
        drop(state);
        let mut known = log.problem.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, &problem) {
            (None, Some(error)) => {
                tracing::warn!(
                    error,
                    "cannot read users and rules; those that are known stay in force"
                );
            }
            (Some(_), None) => tracing::info!("users and rules are read again"),
            _ => {}
        }
        *known = problem;
    }
}

fn is_overtaken(error: &ProtocolError) -> bool {
    use ErrorCode::*;
    matches!(error.code, ProducerFenced | UnknownProducer | TxnAborted | InvalidTxnState)
}

fn damaged(why: &str) -> ProtocolError {
    let message = format!("topic {TOPIC} has what is not for users and rules: {why}");
    ProtocolError::new(ErrorCode::StorageFailed, message)
}

fn user_key(name: &str) -> String {
    format!("user:{name}")
}

fn to_json(value: &impl Serialize) -> Result<Bytes> {
    let encoded = serde_json::to_vec(value).map_err(|e| {
        ProtocolError::new(ErrorCode::Internal, format!("users and rules cannot be encoded: {e}"))
    })?;
    Ok(encoded.into())
}

fn acl_key(acl: &Acl) -> Result<String> {
    Ok(format!("acl:{}", String::from_utf8_lossy(&to_json(acl)?)))
}

fn beginning(stored: &Stored) -> Result<Bytes> {
    to_json(&Beginning { version: VERSION, secret: stored.secret.clone() })
}

/// The records that make the one into the other.
fn differences(old: &Stored, new: &Stored) -> Result<Vec<(String, Option<Bytes>)>> {
    let mut entries = BTreeMap::new();
    for name in old.users.keys().filter(|name| !new.users.contains_key(*name)) {
        entries.insert(user_key(name), None);
    }
    for (name, user) in new.users.iter().filter(|(name, user)| old.users.get(*name) != Some(user)) {
        entries.insert(user_key(name), Some(to_json(user)?));
    }
    for acl in old.acls.difference(&new.acls) {
        entries.insert(acl_key(acl)?, None);
    }
    for acl in new.acls.difference(&old.acls) {
        entries.insert(acl_key(acl)?, Some(Bytes::from_static(b"{}")));
    }
    Ok(entries.into_iter().collect())
}

fn apply(stored: &mut Stored, entry: &Entry) -> std::result::Result<(), String> {
    let Entry { key, value, .. } = entry;
    let value = value.as_deref();
    if let Some(name) = key.strip_prefix("user:") {
        match value {
            Some(value) => {
                let user: User =
                    serde_json::from_slice(value).map_err(|e| format!("{key}: {e}"))?;
                stored.users.insert(name.to_owned(), user);
            }
            None => {
                stored.users.remove(name);
            }
        }
    } else if let Some(acl) = key.strip_prefix("acl:") {
        let acl: Acl = serde_json::from_str(acl).map_err(|e| format!("{key}: {e}"))?;
        match value {
            Some(_) => stored.acls.insert(acl),
            None => stored.acls.remove(&acl),
        };
    } else if key == BEGINNING {
        let found: Beginning =
            serde_json::from_slice(value.unwrap_or_default()).map_err(|e| format!("{key}: {e}"))?;
        if found.version != VERSION {
            return Err(format!("its version is {}, this gateway reads {VERSION}", found.version));
        }
        stored.secret = found.secret;
    } else {
        return Err(format!("the key {:?} means nothing", crate::topic::shorten(key)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(name: &str) -> Acl {
        Acl {
            principal: "user:ada".into(),
            permission: "allow".into(),
            operation: "read".into(),
            resource: "topic".into(),
            pattern: "literal".into(),
            name: name.into(),
        }
    }

    fn entries(records: Vec<(String, Option<Bytes>)>) -> Vec<Entry> {
        let entry = |(key, value)| Entry { key, value, timestamp: 0 };
        records.into_iter().map(entry).collect()
    }

    #[test]
    fn records_make_the_same_of_it_elsewhere() {
        let (before, mut after) = (Stored::new(), Stored::new());
        after.secret = before.secret.clone();
        let roles = ["admin".to_owned()].into();
        after.users.insert("ada".into(), User { roles, ..User::default() });
        after.users.insert("bob:x".into(), User::default());
        after.acls.extend([acl("a"), acl("b")]);
        let mut elsewhere = Stored::new();
        let mut records = differences(&before, &after).unwrap();
        records.push((BEGINNING.into(), Some(beginning(&before).unwrap())));
        for entry in entries(records) {
            apply(&mut elsewhere, &entry).unwrap();
        }
        assert!(elsewhere.users == after.users && elsewhere.acls == after.acls);
        assert!(elsewhere.secret == before.secret);
        for entry in entries(differences(&after, &before).unwrap()) {
            assert_eq!(entry.value, None, "{}", entry.key);
            apply(&mut elsewhere, &entry).unwrap();
        }
        assert!(elsewhere.users.is_empty() && elsewhere.acls.is_empty());
        assert!(differences(&before, &before).unwrap().is_empty());
    }

    #[test]
    fn what_does_not_belong_there_is_refused() {
        let version = Beginning { version: 2, secret: Stored::new().secret };
        for (key, value) in [
            ("x", Bytes::from("{}")),
            ("user:ada", Bytes::from("{")),
            ("acl:{}", Bytes::from("{}")),
            (BEGINNING, to_json(&version).unwrap()),
            (BEGINNING, Bytes::new()),
        ] {
            let entry = Entry { key: key.into(), value: Some(value), timestamp: 0 };
            assert!(apply(&mut Stored::new(), &entry).is_err(), "{key}");
        }
    }
}
