//! What a producer's clones and its task share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use flymq_protocol::partitioner::partition_for_key;
use flymq_protocol::{ErrorCode, batch};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError};

use super::batch::{Identity, Limits, Open, Sealed};
use super::delivery::{self, Delivery};
use super::driver;
use super::queue::Entry;
use super::report::{DeliveryListener, Reported};
use super::topics::TopicState;
use super::transaction::Coordinator;
use crate::client::Core;
use crate::clock::{after, now_ms};
use crate::error::{Error, Result};
use crate::record::Record;

pub(super) struct Inner {
    pub core: Arc<Core>,
    /// Where the batches belong to transactions.
    pub transaction: Option<Arc<Coordinator>>,
    pub limits: Limits,
    pub linger: Duration,
    pub delivery_timeout: Duration,
    /// Bytes of the buffer that are free.
    pub space: Semaphore,
    pub buffer_bytes: usize,
    pub topics: RwLock<HashMap<String, Arc<TopicState>>>,
    /// Shared by all partitions, until one needs another.
    pub identity: Mutex<Option<Identity>>,
    /// Held while an identity is asked for.
    pub asking: tokio::sync::Mutex<()>,
    pub agenda: Mutex<driver::Agenda>,
    pub attention: Notify,
    pub closed: AtomicBool,
    /// What last kept batches from being stored.
    pub trouble: Mutex<Option<Error>>,
}

impl Inner {
    pub fn new(
        core: Arc<Core>,
        transaction: Option<Arc<Coordinator>>,
        limits: Limits,
        buffer_bytes: usize,
        linger: Duration,
        delivery_timeout: Duration,
    ) -> Self {
        Self {
            core,
            transaction,
            limits,
            linger,
            delivery_timeout,
            space: Semaphore::new(buffer_bytes),
            buffer_bytes,
            topics: RwLock::default(),
            identity: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            agenda: Mutex::default(),
            attention: Notify::new(),
            closed: AtomicBool::new(false),
            trouble: Mutex::default(),
        }
    }

    pub fn check_open(&self, operation: &'static str) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::closed(operation, "producer"));
        }
        Ok(())
    }

    fn check_transaction(&self, transaction: u64) -> Result<()> {
        match &self.transaction {
            Some(coordinator) => coordinator.admit(transaction, "send"),
            None => Ok(()),
        }
    }

    /// Checks a record that is about to be sent, and measures it.
    fn admit(&self, record: &Record, transaction: u64) -> Result<usize> {
        self.check_open("send")?;
        self.check_transaction(transaction)?;
        if record.headers.len() > batch::MAX_HEADERS as usize {
            return Err(Error::invalid(
                "send",
                format!("a record has at most {} headers", batch::MAX_HEADERS),
            ));
        }
        let size = record.size();
        let most = self.buffer_bytes.min(16 << 20);
        if size > most {
            return Err(Error::new(
                ErrorCode::RecordTooLarge,
                "send",
                format!("a record of {size} bytes exceeds the limit of {most}"),
            ));
        }
        Ok(size)
    }

    /// Takes a record in once there is room for it. `transaction` is the number of the one that it
    /// belongs to, or 0.
    pub async fn send(
        self: &Arc<Self>,
        topic: &str,
        record: Record,
        transaction: u64,
    ) -> Result<Delivery> {
        let record = match self.send_now(topic, record, transaction, Open::delivery) {
            Ok(taken) => return taken,
            Err(record) => record,
        };
        let size = self.admit(&record, transaction)?;
        let topic = match self.known(topic) {
            Some(topic) if topic.is_current() && topic.admit(&record, size).is_ok() => topic,
            _ => self.learn(topic).await?,
        };
        topic.admit(&record, size)?;
        let space = self.space.acquire_many(size as u32).await;
        let space = space.map_err(|_| Error::closed("send", "producer"))?;
        self.append(&topic, &record, space, transaction, Open::delivery)
    }

    /// Takes a record in if nothing has to be waited for. Otherwise gives it back, encrypted where
    /// records are.
    pub fn send_now<T>(
        self: &Arc<Self>,
        topic: &str,
        record: Record,
        transaction: u64,
        answer: impl FnOnce(&mut Open, u32, i64) -> T,
    ) -> std::result::Result<Result<T>, Record> {
        let record = match self.core.seal(topic, record) {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        let size = match self.admit(&record, transaction) {
            Ok(size) => size,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(topic) = self.known(topic)
            && topic.is_current()
            // The limit may have been raised for a record that exceeds it.
            && topic.admit(&record, size).is_ok()
            && let Ok(space) = self.space.try_acquire_many(size as u32)
        {
            return Ok(self.append(&topic, &record, space, transaction, answer));
        }
        // What is encrypted once stays as it is.
        Err(Record { forwarded: true, ..record })
    }

    /// As [`send_now`](Inner::send_now), with a listener that is told what becomes of the record.
    pub fn post_now(
        self: &Arc<Self>,
        topic: &str,
        record: Record,
        transaction: u64,
        listener: &Arc<dyn DeliveryListener>,
        tag: u64,
    ) -> std::result::Result<Result<()>, Record> {
        self.send_now(topic, record, transaction, |batch, index, timestamp| {
            batch.report(listener, Reported { index, timestamp, tag });
        })
    }

    /// Takes a record in if there is room for it now.
    pub fn try_send(
        self: &Arc<Self>,
        topic: &str,
        record: Record,
        transaction: u64,
    ) -> Result<Delivery> {
        let record = self.core.seal(topic, record)?;
        let size = self.admit(&record, transaction)?;
        let topic = self.known(topic).ok_or_else(|| {
            Error::invalid("send", format!("the partitions of topic {topic:?} are not known yet"))
        })?;
        topic.admit(&record, size)?;
        let space = self.space.try_acquire_many(size as u32).map_err(|error| match error {
            TryAcquireError::Closed => Error::closed("send", "producer"),
            TryAcquireError::NoPermits => Error::new(
                ErrorCode::BufferFull,
                "send",
                format!("the buffer of {} bytes has no room for {size} more", self.buffer_bytes),
            ),
        })?;
        self.append(&topic, &record, space, transaction, Open::delivery)
    }

    /// Puts a record into its partition's batch, where it keeps the room it has been given.
    fn append<T>(
        self: &Arc<Self>,
        topic: &TopicState,
        record: &Record,
        space: SemaphorePermit<'_>,
        transaction: u64,
        answer: impl FnOnce(&mut Open, u32, i64) -> T,
    ) -> Result<T> {
        let count = topic.count;
        let size = space.num_permits();
        let index = match (record.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, count),
            (None, None) => topic.turn.fetch_add(1, Ordering::Relaxed) % count,
        };
        let partition =
            topic.partitions.get(index as usize).filter(|_| index < count).ok_or_else(|| {
                Error::new(
                    ErrorCode::UnknownPartition,
                    "send",
                    format!("topic {} has partitions 0 to {}, not {index}", topic.name, count - 1),
                )
            })?;
        let timestamp = record.timestamp.unwrap_or_else(now_ms);
        let deadline = || after(self.delivery_timeout);
        let mut queue = partition.lock();
        // Seen under the lock that giving up and committing take too: nothing can slip in behind it.
        self.check_open("send")?;
        self.check_transaction(transaction)?;
        let entry = Entry { record, size, timestamp };
        let appended = queue.append(partition, &entry, deadline, &self.limits, answer);
        space.forget();
        self.core.metrics.buffered(size as i64, 1);
        let at_once = appended.opened.is_some() && self.linger.is_zero();
        if at_once {
            queue.make_due();
        }
        drop(queue);
        if let Some(number) = appended.opened.filter(|_| !at_once) {
            self.remind(partition, number);
        }
        if appended.full || at_once {
            self.dispatch(partition);
        }
        Ok(appended.answer)
    }

    pub fn has_work(&self) -> bool {
        self.queues().iter().any(|partition| !partition.lock().is_idle())
    }

    pub async fn flush(self: &Arc<Self>) {
        let mut waiting = Vec::new();
        for partition in self.queues() {
            waiting.extend(partition.lock().undecided());
            self.dispatch(&partition);
        }
        for fate in waiting {
            delivery::decided(fate).await;
        }
    }

    /// Takes no more records in.
    pub fn shut(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Gives up everything that is not decided, and ends the producer's task.
    pub fn abandon(&self) {
        self.shut();
        self.space.close();
        if let Some(coordinator) = &self.transaction {
            coordinator.doom(coordinator.number(), &Error::closed("send", "producer"));
        }
        let mut abandoned = 0;
        for partition in self.queues() {
            let rest = partition.lock().drain();
            for sealed in rest {
                abandoned += u64::from(sealed.batch.count);
                self.decide(sealed, Err(Error::closed("send", "producer")));
            }
        }
        if abandoned > 0 {
            tracing::warn!(
                abandoned,
                "records were given up; close the producer to have them sent"
            );
        }
        self.attention.notify_one();
    }

    /// Has a transaction end by being aborted: nothing of it is sent any more.
    pub fn doom(&self, coordinator: &Coordinator, number: u64, error: &Error) {
        if coordinator.doom(number, error) {
            self.sweep(&Error::aborted("send", error));
        }
    }

    /// Forgets everything under way, to begin anew under another identity.
    pub fn sweep(&self, error: &Error) {
        for partition in self.queues() {
            let undecided = partition.lock().reset();
            for sealed in undecided {
                self.decide(sealed, Err(error.clone()));
            }
        }
    }

    /// Tells a batch's records their fate and gives their room back.
    pub fn decide(&self, sealed: Sealed, outcome: Result<u64>) {
        if outcome.is_ok() {
            self.core.metrics.sent(sealed.batch.count.into());
            self.note_trouble(None);
        }
        // What was given up holds nothing any more.
        if sealed.held > 0 {
            self.release(sealed.held, sealed.batch.count);
        }
        sealed.fate.decide(outcome);
    }

    /// Gives a batch's room back.
    pub fn release(&self, held: usize, count: u32) {
        self.core.metrics.buffered(-(held as i64), -i64::from(count));
        self.space.add_permits(held);
    }
}
