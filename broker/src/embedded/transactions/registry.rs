//! All transactional ids.
//!
//! The registry changes while groups are staged, so in the order in which changes enter the store.
//! What readers see changes when they are published.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use fjall::OwnedWriteBatch;
use flymq_protocol::messages::MAX_NAMED;
use flymq_protocol::{ErrorCode, ProtocolError};

use super::contents::{Contents, Ended, Part};
use super::records::{self, Place, ProducerRecord};
use super::state::{End, Identity, Outcome, State, invalid};
use crate::Result;
use crate::embedded::commit::Commit;
use crate::embedded::keys::BatchHead;
use crate::embedded::offsets::{OffsetEntry, Offsets};
use crate::embedded::partition::Partition;
use crate::embedded::producer_ids::ProducerIds;
use crate::embedded::store::Store;
use crate::embedded::topics::Topic;
use crate::embedded::upkeep::Nudge;
use crate::groups::Millis;
use crate::topic::shorten;

/// How many transactional ids are remembered.
const MAX_IDS: usize = 100_000;
/// In how many partitions all open transactions together may have records.
const MAX_PARTS: usize = 100_000;
/// Bytes of offsets that all open transactions together may hold.
const MAX_OFFSET_BYTES: usize = 64 << 20;
/// All transactional ids.
pub struct Transactions {
    registry: Mutex<Registry>,
    pub(super) offsets: Arc<Offsets>,
    pub(super) bell: Nudge,
    started: Instant,
}

/// What is behind the lock. It is taken after a group's lock, and before those of a partition's writer
/// and of stored offsets.
pub struct Registry {
    producers: HashMap<Arc<str>, Producer>,
    /// Transactional ids by their present producer id.
    owners: HashMap<i64, Arc<str>>,
    /// When open transactions time out.
    deadlines: BTreeSet<(Millis, Arc<str>)>,
    /// How many partitions and bytes of offsets are in open transactions.
    parts: usize,
    offset_bytes: usize,
}

/// A transactional id.
struct Producer {
    state: State,
    timeout_ms: u32,
    /// Milliseconds since 1970.
    last_use: i64,
    deadline: Millis,
    open: Contents,
}

impl Transactions {
    pub(super) fn new(producers: Vec<(String, ProducerRecord)>, offsets: Arc<Offsets>) -> Self {
        let mut registry = Registry {
            producers: HashMap::new(),
            owners: HashMap::new(),
            deadlines: BTreeSet::new(),
            parts: 0,
            offset_bytes: 0,
        };
        for (id, record) in producers {
            let id: Arc<str> = id.into();
            registry.owners.insert(record.current.producer_id, id.clone());
            let producer = Producer {
                state: State::restore(record.current, record.last),
                timeout_ms: record.timeout_ms,
                last_use: record.last_use,
                deadline: 0,
                open: Contents::default(),
            };
            registry.producers.insert(id, producer);
        }
        Self {
            registry: Mutex::new(registry),
            offsets,
            bell: Nudge::default(),
            started: Instant::now(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds of the clock that time-outs are measured by.
    pub fn now(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }

    /// Ends the waits of [`run`](super::run).
    pub fn stop(&self) {
        self.bell.call();
    }

    /// Checks that a batch of `transaction` may be stored, while a group is staged.
    pub fn enlist<'a>(
        &'a self,
        id: &str,
        transaction: Identity,
        place: Place,
    ) -> Result<Enlistment<'a>> {
        let mut registry = self.lock();
        let (all, many) = (registry.parts, MAX_NAMED);
        let id = registry.name(id, transaction)?;
        let producer = registry.producer(&id)?;
        producer.state.join(transaction)?;
        let parts = &producer.open.parts;
        let is_new = !parts.contains_key(&place);
        if is_new && parts.len() >= many {
            return Err(ProtocolError::new(
                ErrorCode::InvalidRequest,
                format!("the transaction has records in {many} partitions, which is the limit"),
            ));
        }
        if is_new && all >= MAX_PARTS {
            return Err(ProtocolError::new(
                ErrorCode::Overloaded,
                format!("open transactions have records in {MAX_PARTS} partitions"),
            ));
        }
        Ok(Enlistment { registry, id, transaction, place, is_new })
    }
}

/// A batch that may become part of a transaction.
pub struct Enlistment<'a> {
    registry: MutexGuard<'a, Registry>,
    id: Arc<str>,
    transaction: Identity,
    place: Place,
    is_new: bool,
}

impl Enlistment<'_> {
    /// Adds the batch. Returns whether it is the transaction's first in its partition.
    pub fn add(
        mut self,
        commit: &mut Commit,
        topic: &Arc<Topic>,
        partition: &Arc<Partition>,
        head: &BatchHead,
    ) -> Result<bool> {
        let registry = &mut *self.registry;
        let first = head.base_offset();
        let producer = registry.producer(&self.id)?;
        let part = producer.open.parts.entry(self.place).or_insert_with(|| Part {
            topic: topic.clone(),
            partition: partition.clone(),
            first,
            last: first,
        });
        part.last = head.last_offset;
        if self.is_new {
            registry.parts += 1;
            let batch = &mut commit.batch;
            records::put_open(commit.store, batch, self.place, self.transaction, first);
        }
        Ok(self.is_new)
    }
}

fn unknown(id: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::UnknownProducer,
        format!("there is no transactional id {:?}", shorten(id)),
    )
}

impl Registry {
    fn producer(&mut self, id: &str) -> Result<&mut Producer> {
        self.producers.get_mut(id).ok_or_else(|| unknown(id))
    }

    /// The stored name of a transactional id, if the producer may be its.
    fn name(&self, id: &str, given: Identity) -> Result<Arc<str>> {
        let (name, _) = self.producers.get_key_value(id).ok_or_else(|| unknown(id))?;
        match self.owners.get(&given.producer_id) {
            Some(owner) if owner != name => Err(invalid(format!(
                "producer id {} belongs to another transactional id than {:?}",
                given.producer_id,
                shorten(id)
            ))),
            _ => Ok(name.clone()),
        }
    }

    /// Ids of producers with an open transaction.
    pub fn open_producers(&self) -> HashSet<i64> {
        let open = self.producers.values().filter(|producer| producer.state.is_open());
        open.map(|producer| producer.state.current().producer_id).collect()
    }

    /// How many transactions are open, and for how many milliseconds the oldest is.
    pub fn open(&self, now: Millis) -> (usize, Millis) {
        let opened = |(deadline, id): &(Millis, Arc<str>)| {
            let timeout = self.producers.get(id).map_or(0, |producer| producer.timeout_ms);
            deadline.saturating_sub(timeout.into())
        };
        let oldest = self.deadlines.iter().map(opened).min();
        (self.deadlines.len(), oldest.map_or(0, |opened| now.saturating_sub(opened)))
    }

    /// Opens a transaction.
    pub fn begin(&mut self, id: &str, given: Identity, now: Millis, time: i64) -> Result<()> {
        let id = self.name(id, given)?;
        let producer = self.producer(&id)?;
        if producer.state.begin(given)? {
            producer.last_use = time;
            producer.deadline = now + Millis::from(producer.timeout_ms);
            let deadline = (producer.deadline, id);
            self.deadlines.insert(deadline);
        }
        Ok(())
    }

    /// Adds offsets of a group to the open transaction, and has `offsets` hold them.
    pub fn add_offsets(
        &mut self,
        id: &str,
        given: Identity,
        group: &str,
        entries: Vec<OffsetEntry>,
        offsets: &Offsets,
    ) -> Result<()> {
        let all = self.offset_bytes;
        let id = self.name(id, given)?;
        let producer = self.producer(&id)?;
        producer.state.join(given)?;
        producer.open.check_offsets(group, &entries)?;
        let bytes = Contents::size(group, &entries);
        if all + bytes > MAX_OFFSET_BYTES {
            return Err(ProtocolError::new(
                ErrorCode::Overloaded,
                format!("open transactions hold {MAX_OFFSET_BYTES} bytes of offsets"),
            ));
        }
        offsets.hold(group, &entries, given.producer_id);
        producer.open.add_offsets(group, entries);
        self.offset_bytes += bytes;
        Ok(())
    }

    /// Stages a producer that takes the place of all before it under its name.
    pub fn init(
        &mut self,
        commit: &mut Commit,
        id: &str,
        timeout_ms: u32,
        ids: &ProducerIds,
        offsets: &Offsets,
    ) -> Result<(Identity, Option<Ended>)> {
        let Some((id, producer)) = self.producers.get_key_value(id) else {
            if self.producers.len() >= MAX_IDS {
                return Err(ProtocolError::new(
                    ErrorCode::InvalidRequest,
                    format!(
                        "the broker holds {MAX_IDS} transactional ids, which is as many as it takes"
                    ),
                ));
            }
            let first = fresh(ids, commit.store, &mut commit.batch)?;
            let producer = Producer {
                state: State::new(first),
                timeout_ms,
                last_use: commit.now,
                deadline: 0,
                open: Contents::default(),
            };
            let id: Arc<str> = id.into();
            producer.store(commit, &id)?;
            self.owners.insert(first.producer_id, id.clone());
            self.producers.insert(id, producer);
            return Ok((first, None));
        };
        let id = id.clone();
        let current = producer.state.current();
        let next = following(current, ids, commit)?;
        let was_open = producer.state.is_open();
        let ended = was_open
            .then(|| self.close(commit, &id, current, Outcome::Aborted, offsets))
            .transpose()?;
        self.owners.remove(&current.producer_id);
        self.owners.insert(next.producer_id, id.clone());
        let producer = self.producer(&id)?;
        producer.state.fence(next);
        producer.timeout_ms = timeout_ms;
        producer.last_use = commit.now;
        producer.store(commit, &id)?;
        Ok((next, ended))
    }

    /// Stages the end of a transaction. Returns the identity of the next.
    pub fn end(
        &mut self,
        commit: &mut Commit,
        id: &str,
        given: Identity,
        outcome: Outcome,
        ids: &ProducerIds,
        offsets: &Offsets,
    ) -> Result<(Identity, Option<Ended>)> {
        let id = self.name(id, given)?;
        let current = self.producer(&id)?.state.current();
        let next = following(current, ids, commit)?;
        let producer = self.producer(&id)?;
        if producer.state.end(given, outcome, next)? == End::Again {
            return Ok((current, None));
        }
        let ended = self.close(commit, &id, current, outcome, offsets)?;
        self.owners.remove(&current.producer_id);
        self.owners.insert(next.producer_id, id.clone());
        let producer = self.producer(&id)?;
        producer.last_use = commit.now;
        producer.store(commit, &id)?;
        Ok((next, Some(ended)))
    }

    /// Stages what an end does besides the producer's own state.
    fn close(
        &mut self,
        commit: &mut Commit,
        id: &Arc<str>,
        transaction: Identity,
        outcome: Outcome,
        offsets: &Offsets,
    ) -> Result<Ended> {
        let producer = self.producer(id)?;
        let deadline = (producer.deadline, id.clone());
        let open = std::mem::take(&mut producer.open);
        self.deadlines.remove(&deadline);
        self.parts -= open.parts.len();
        self.offset_bytes -= open.offset_bytes;
        Ok(open.end(commit, transaction, outcome, offsets))
    }

    /// Takes note of which transactions are overdue.
    pub fn take_overdue(&mut self, now: Millis) -> Vec<(Arc<str>, Identity)> {
        let mut overdue = Vec::new();
        while self.deadlines.first().is_some_and(|(deadline, _)| *deadline <= now)
            && let Some((_, id)) = self.deadlines.pop_first()
        {
            if let Some(producer) = self.producers.get(&id) {
                overdue.push((id, producer.state.current()));
            }
        }
        overdue
    }

    /// Whether a transaction is still open.
    pub fn is_open(&self, id: &str, transaction: Identity) -> bool {
        let producer = self.producers.get(id);
        producer.is_some_and(|p| p.state.is_open() && p.state.current() == transaction)
    }

    /// Stages that ids are forgotten which were last used before `time`.
    pub fn forget_idle(&mut self, commit: &mut Commit, time: i64) {
        self.producers.retain(|id, producer| {
            let keep = producer.state.is_open() || producer.last_use >= time;
            if !keep {
                tracing::info!(transactional_id = %shorten(id), "forgot an idle transactional id");
                records::remove_producer(commit.store, &mut commit.batch, id);
                self.owners.remove(&producer.state.current().producer_id);
            }
            keep
        });
    }
}

impl Producer {
    fn store(&self, commit: &mut Commit, id: &str) -> Result<()> {
        let record = ProducerRecord {
            current: self.state.current(),
            last: self.state.last(),
            timeout_ms: self.timeout_ms,
            last_use: self.last_use,
        };
        records::put_producer(commit.store, &mut commit.batch, id, &record)
    }
}

fn fresh(ids: &ProducerIds, store: &Store, batch: &mut OwnedWriteBatch) -> Result<Identity> {
    Ok(Identity { producer_id: ids.transactional(store, batch)?, epoch: 0 })
}

/// The identity after `current`.
pub(super) fn following_in(
    current: Identity,
    ids: &ProducerIds,
    store: &Store,
    batch: &mut OwnedWriteBatch,
) -> Result<Identity> {
    current.next().map_or_else(|| fresh(ids, store, batch), Ok)
}

fn following(current: Identity, ids: &ProducerIds, commit: &mut Commit) -> Result<Identity> {
    following_in(current, ids, commit.store, &mut commit.batch)
}
