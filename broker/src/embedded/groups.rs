//! Consumer groups behind their locks: what the state machines decide is stored before anybody
//! learns of it.
//!
//! A group's changes enter the group commit under the group's lock, so that they are stored in the
//! order in which they were decided. An answer waits for all changes of its group before it, since it
//! may tell of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use flymq_protocol::messages::MAX_NAMED;
use flymq_protocol::{ErrorCode, ProtocolError};

use super::Inner;
use super::commit::Commit;
use super::offsets::Offsets;
use super::store::{Store, failed};
use super::topics::Topics;
use super::upkeep::Nudge;
use crate::engine::Reply;
use crate::groups::{Catalog, Changes, Group, GroupRecord, Limits, Millis, TopicSize};
use crate::{Config, Result};

/// How often members are looked for whose time is up.
const EXPIRE_EVERY: Duration = Duration::from_millis(100);

/// All groups that have members or offsets, and some that had.
pub struct Groups {
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
    catalog: RwLock<Arc<Catalog>>,
    limits: Limits,
    started: Instant,
    bell: Nudge,
}

/// One group.
pub struct Entry {
    pub name: String,
    state: Mutex<State>,
    /// Changes on their way into the store.
    in_flight: Arc<AtomicUsize>,
}

struct State {
    group: Group,
    /// Whether the entry was taken out, so that a new one counts.
    dropped: bool,
}

impl Groups {
    /// Brings all groups back from the store. Their members' sessions begin anew.
    pub fn load(
        store: &Store,
        topics: &Topics,
        offsets: &Offsets,
        config: &Config,
    ) -> Result<Self> {
        let groups = Self {
            entries: RwLock::default(),
            catalog: RwLock::new(Arc::new(catalog(topics))),
            limits: Limits {
                heartbeat_interval: config.heartbeat_interval.as_millis() as Millis,
                max_members: config.max_group_members,
            },
            started: Instant::now(),
            bell: Nudge::default(),
        };
        let mut stored: BTreeMap<String, (Option<GroupRecord>, Vec<_>)> = BTreeMap::new();
        for guard in store.groups.iter() {
            let (key, value) = guard.into_inner().map_err(|e| failed("cannot read groups", e))?;
            let damaged = |e: rmp_serde::decode::Error| failed("cannot read groups", e);
            let Some((group, member)) = parse_key(&key) else {
                return Err(failed("cannot read groups", "a key is damaged"));
            };
            let (record, members) = stored.entry(group.to_owned()).or_default();
            if member.is_empty() {
                *record = Some(rmp_serde::from_slice(&value).map_err(damaged)?);
            } else {
                members.push((member.into(), rmp_serde::from_slice(&value).map_err(damaged)?));
            }
        }
        let now = groups.now();
        let mut entries = BTreeMap::new();
        for name in offsets.groups() {
            entries.insert(name.clone(), Entry::new(name, Group::new(groups.limits)));
        }
        for (name, (record, members)) in stored {
            let record = record.ok_or_else(|| failed("cannot read groups", "one is incomplete"))?;
            let group = Group::restore(groups.limits, &record, members, now)?;
            entries.insert(name.clone(), Entry::new(name, group));
        }
        *groups.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
        Ok(groups)
    }

    pub fn now(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn find(&self, name: &str) -> Option<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn find_or_create(&self, name: &str) -> Result<Arc<Entry>> {
        if let Some(entry) = self.find(name) {
            return Ok(entry);
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_NAMED && !entries.contains_key(name) {
            return Err(ProtocolError::new(
                ErrorCode::InvalidRequest,
                format!("the broker holds {MAX_NAMED} groups, which is as many as it takes"),
            ));
        }
        let create = || Entry::new(name.to_owned(), Group::new(self.limits));
        Ok(entries.entry(name.to_owned()).or_insert_with(create).clone())
    }

    /// Takes a group's lock and does something with it; `None` if there is no such group.
    pub fn with<T>(&self, name: &str, work: impl FnOnce(&Entry, &mut Group) -> T) -> Option<T> {
        loop {
            let entry = self.find(name)?;
            let mut state = entry.lock();
            if !state.dropped {
                return Some(work(&entry, &mut state.group));
            }
        }
    }

    /// Takes a group's lock and does something with it; the group begins to exist if it did not.
    pub fn with_new<T>(&self, name: &str, work: impl FnOnce(&Entry, &mut Group) -> T) -> Result<T> {
        loop {
            let entry = self.find_or_create(name)?;
            let mut state = entry.lock();
            if !state.dropped {
                return Ok(work(&entry, &mut state.group));
            }
        }
    }

    /// Lets [`run`] return.
    pub fn stop(&self) {
        self.bell.call();
    }
}

impl Entry {
    fn new(name: String, group: Group) -> Arc<Self> {
        let state = Mutex::new(State { group, dropped: false });
        Arc::new(Self { name, state, in_flight: Arc::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores what the group's state machine changed, and answers then. To be called under the
    /// group's lock.
    pub fn store<T: Send + 'static>(
        &self,
        inner: &Inner,
        group: &mut Group,
        answer: Result<T>,
    ) -> Reply<T> {
        let changes = group.take_changes();
        let settled = changes.is_empty() && self.in_flight.load(Ordering::Acquire) == 0;
        let answer = match answer {
            Ok(answer) if !settled => answer,
            answer => return Reply::Ready(answer),
        };
        let name = self.name.clone();
        let stage = move |commit: &mut Commit| stage(commit, &name, changes);
        self.write(inner, stage, move |()| answer)
    }

    /// Writes with the next group commit, and lets later answers of the group wait for it. To be
    /// called under the group's lock.
    pub fn write<P: Send + 'static, T: Send + 'static>(
        &self,
        inner: &Inner,
        stage: impl FnOnce(&mut Commit) -> Result<P> + Send + 'static,
        publish: impl FnOnce(P) -> T + Send + 'static,
    ) -> Reply<T> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let in_flight = self.in_flight.clone();
        // Where the write fails, nothing is answered from memory any more.
        inner.committer.write(stage, move |staged| {
            let answer = publish(staged);
            in_flight.fetch_sub(1, Ordering::AcqRel);
            answer
        })
    }
}

/// Tells all groups which topics there are. To be called while topics cannot change.
pub fn topics_changed(inner: &Inner) {
    let catalog = Arc::new(catalog(&inner.topics));
    *inner.groups.catalog.write().unwrap_or_else(PoisonError::into_inner) = catalog.clone();
    for entry in inner.groups.all() {
        let group = &mut entry.lock().group;
        group.topics_changed(&catalog, inner.groups.now());
        entry.store(inner, group, Ok(()));
    }
}

fn catalog(topics: &Topics) -> Catalog {
    topics
        .all()
        .iter()
        .map(|topic| {
            let partitions = topic.partitions().len() as u32;
            (topic.name.as_str().into(), TopicSize { id: topic.id, partitions })
        })
        .collect()
}

/// Puts members out whose time is up, until the engine closes. Runs on a thread of its own.
pub fn run(inner: &Inner) {
    while !inner.closing.load(Ordering::Acquire) {
        inner.groups.bell.wait(EXPIRE_EVERY);
        for entry in inner.groups.all() {
            expire(inner, &entry);
        }
    }
}

fn expire(inner: &Inner, entry: &Entry) {
    let mut state = entry.lock();
    let group = &mut state.group;
    for member in group.expire(&inner.groups.catalog(), inner.groups.now()) {
        tracing::info!(group = entry.name, %member, "a member's time is up");
    }
    entry.store(inner, group, Ok(()));
    let is_idle = group.is_empty() && entry.in_flight.load(Ordering::Acquire) == 0;
    if !is_idle || inner.offsets.has(&entry.name) {
        return;
    }
    state.dropped = true;
    if state.group.is_stored() {
        let name = entry.name.clone();
        let stage = move |commit: &mut Commit| {
            remove(commit, &name);
            Ok(())
        };
        entry.write(inner, stage, |()| ());
    }
    drop(state);
    inner.groups.entries.write().unwrap_or_else(PoisonError::into_inner).remove(&entry.name);
}

fn stage(commit: &mut Commit, name: &str, changes: Changes) -> Result<()> {
    let encode = |e: rmp_serde::encode::Error| failed("cannot encode a group", e);
    let mut records = Vec::with_capacity(changes.members.len() + 1);
    if let Some(record) = changes.group {
        records.push((key(name, ""), Some(rmp_serde::to_vec(&record).map_err(encode)?)));
    }
    for (id, record) in changes.members {
        let value = record.map(|record| rmp_serde::to_vec(&record)).transpose().map_err(encode)?;
        records.push((key(name, &id), value));
    }
    for (key, value) in records {
        match value {
            Some(value) => commit.batch.insert(&commit.store.groups, key, value),
            None => commit.batch.remove(&commit.store.groups, key),
        }
    }
    Ok(())
}

/// Adds the removal of a group without members to a commit.
pub fn remove(commit: &mut Commit, name: &str) {
    commit.batch.remove(&commit.store.groups, key(name, ""));
}

/// The group's length in one byte, the group, and a member's id, or nothing for the group itself.
fn key(group: &str, member: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + group.len() + member.len());
    // Groups' names have at most 255 bytes.
    key.push(group.len() as u8);
    key.extend_from_slice(group.as_bytes());
    key.extend_from_slice(member.as_bytes());
    key
}

fn parse_key(key: &[u8]) -> Option<(&str, &str)> {
    let (&length, rest) = key.split_first()?;
    let (group, member) = rest.split_at_checked(length.into())?;
    Some((std::str::from_utf8(group).ok()?, std::str::from_utf8(member).ok()?))
}
