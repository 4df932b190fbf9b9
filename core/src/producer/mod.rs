//! The producer: records in, batches out, every record's fate told.

mod builder;
mod delivery;
mod driver;
mod queue;
#[cfg(test)]
mod queue_tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use flymq_protocol::partitioner::partition_for_key;
use flymq_protocol::{ErrorCode, batch};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::Instant;

pub use builder::{Compression, ProducerBuilder};
pub use delivery::Delivery;
use queue::{Identity, Limits, PartitionQueue, Sealed};

use crate::client::Core;
use crate::clock::{after, now_ms};
use crate::error::{Error, Result};
use crate::record::{Record, RecordMetadata};

/// Sends records in batches, in order within a partition, each stored exactly once.
///
/// Cheap to clone; clones share everything. When the last clone is dropped without
/// [`close`](Producer::close), records still under way are given up with an error.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let data = tempfile::tempdir().unwrap();
/// # let broker = flymq_broker::Broker::start(flymq_broker::Config {
/// #     data_dir: data.path().into(),
/// #     listen: "127.0.0.1:0".parse().unwrap(),
/// #     ..Default::default()
/// # }).await.unwrap();
/// # let address = broker.local_addr().to_string();
/// # let client = flymq_core::Client::connect(&address).await?;
/// # client.create_topic(flymq_core::NewTopic::new("clicks").partitions(3)).await?;
/// use std::time::Duration;
/// use flymq_core::{Compression, Record};
///
/// let producer = client.producer().compression(Compression::Lz4).build()?;
/// let mut deliveries = Vec::new();
/// for i in 0..1000 {
///     // Waits only while the buffer is full.
///     deliveries.push(producer.send("clicks", Record::new(format!("click {i}"))).await?);
/// }
/// producer.flush().await;
/// for delivery in deliveries {
///     let stored = delivery.await?;
///     assert!(stored.offset < 1000);
/// }
/// producer.close(Duration::from_secs(10)).await?;
/// # flymq_core::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

struct Handle {
    inner: Arc<Inner>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.abandon();
    }
}

struct Inner {
    core: Arc<Core>,
    limits: Limits,
    linger: Duration,
    delivery_timeout: Duration,
    /// Bytes of the buffer that are free.
    space: Semaphore,
    buffer_bytes: usize,
    topics: RwLock<HashMap<String, Arc<TopicState>>>,
    /// Shared by all partitions, until one needs another.
    identity: Mutex<Option<Identity>>,
    /// Held while an identity is asked for.
    asking: tokio::sync::Mutex<()>,
    agenda: Mutex<driver::Agenda>,
    attention: Notify,
    closed: AtomicBool,
    /// What last kept batches from being stored.
    trouble: Mutex<Option<Error>>,
}

/// A topic as the producer knows it.
struct TopicState {
    name: Arc<str>,
    /// Every partition there ever was. A topic made anew may have fewer, while records are still
    /// under way to the others.
    partitions: Vec<Arc<PartitionQueue>>,
    /// How many there are now.
    count: u32,
    /// The largest record it takes, as encoded.
    max_record: usize,
    /// A broker's answer has shown that some of this is no longer true.
    outdated: AtomicBool,
    /// Counts records without key, which go round.
    turn: AtomicU32,
    known_since: Instant,
}

/// How long a topic's partition count is taken for true.
const TOPIC_TTL: Duration = Duration::from_secs(60);

impl Producer {
    fn start(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        tokio::spawn(driver::run(inner.clone()));
        Self { handle: Arc::new(Handle { inner }) }
    }

    /// Takes a record in. Returns as soon as there is room for it; await the [`Delivery`] to learn
    /// where it was stored.
    ///
    /// The partition is the record's own if it names one, else Kafka's murmur2 of its key, else the
    /// next in turn. If the future is dropped before it is ready, the record is not sent.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION, RECORD_TOO_LARGE for a record that the topic does not take
    /// or the buffer could never hold, CLOSED.
    pub async fn send(&self, topic: &str, record: Record) -> Result<Delivery> {
        let inner = &self.handle.inner;
        let record = inner.core.seal(topic, record)?;
        let size = inner.admit(&record)?;
        let topic = match inner.known(topic) {
            // The limit may have been raised for a record that exceeds it.
            Some(topic) if topic.is_current() && topic.admit(&record, size).is_ok() => topic,
            _ => inner.learn(topic).await?,
        };
        topic.admit(&record, size)?;
        let space = match inner.space.try_acquire_many(size as u32) {
            Ok(space) => space,
            Err(_) => inner
                .space
                .acquire_many(size as u32)
                .await
                .map_err(|_| Error::closed("send", "producer"))?,
        };
        inner.append(&topic, &record, space)
    }

    /// Takes a record in if there is room for it now. Otherwise as [`send`](Producer::send).
    ///
    /// # Errors
    ///
    /// BUFFER_FULL if there is no room; INVALID_ARGUMENT if the topic's partitions are not known
    /// yet, which [`prepare`](Producer::prepare) sees to; and those of [`send`](Producer::send).
    pub fn try_send(&self, topic: &str, record: Record) -> Result<Delivery> {
        let inner = &self.handle.inner;
        let record = inner.core.seal(topic, record)?;
        let size = inner.admit(&record)?;
        let topic = inner.known(topic).ok_or_else(|| {
            Error::invalid("send", format!("the partitions of topic {topic:?} are not known yet"))
        })?;
        topic.admit(&record, size)?;
        let space = inner.space.try_acquire_many(size as u32).map_err(|error| match error {
            TryAcquireError::Closed => Error::closed("send", "producer"),
            TryAcquireError::NoPermits => Error::new(
                ErrorCode::BufferFull,
                "send",
                format!("the buffer of {} bytes has no room for {size} more", inner.buffer_bytes),
            ),
        })?;
        inner.append(&topic, &record, space)
    }

    /// Learns a topic's partitions beforehand, so that the first record need not wait for that.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC.
    pub async fn prepare(&self, topic: &str) -> Result<()> {
        self.handle.inner.learn(topic).await.map(|_| ())
    }

    /// Sends a record and waits until it is stored.
    pub async fn send_and_wait(&self, topic: &str, record: Record) -> Result<RecordMetadata> {
        self.send(topic, record).await?.await
    }

    /// Sends what has been taken in without further delay, and waits until each record is stored or
    /// given up. What became of them, their deliveries tell.
    pub async fn flush(&self) {
        self.handle.inner.flush().await;
    }

    /// Takes no more records in, flushes for at most `timeout`, and gives up what is left then.
    ///
    /// # Errors
    ///
    /// TIMEOUT if something was left.
    pub async fn close(&self, timeout: Duration) -> Result<()> {
        let inner = &self.handle.inner;
        inner.closed.store(true, Ordering::Release);
        let flushed = tokio::time::timeout(timeout, inner.flush()).await;
        inner.abandon();
        flushed.map_err(|_| {
            Error::new(
                ErrorCode::Timeout,
                "close",
                format!("some records were not stored within {} ms", timeout.as_millis()),
            )
        })
    }
}

impl TopicState {
    fn is_current(&self) -> bool {
        !self.outdated.load(Ordering::Relaxed)
    }

    /// Refuses a record that is too large here, because the broker would refuse its whole batch.
    fn admit(&self, record: &Record, size_at_most: usize) -> Result<()> {
        if size_at_most <= self.max_record {
            return Ok(());
        }
        // Only now is it worth being exact.
        let size = record.encoded_size();
        if size <= self.max_record {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::RecordTooLarge,
            "send",
            format!(
                "a record of {size} bytes exceeds the {} that topic {:?} takes",
                self.max_record, self.name
            ),
        ))
    }
}

impl Inner {
    fn new(
        core: Arc<Core>,
        limits: Limits,
        buffer_bytes: usize,
        linger: Duration,
        delivery_timeout: Duration,
    ) -> Self {
        Self {
            core,
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

    /// Checks a record that is about to be sent, and measures it.
    fn admit(&self, record: &Record) -> Result<usize> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::closed("send", "producer"));
        }
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

    fn known(&self, topic: &str) -> Option<Arc<TopicState>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).get(topic).cloned()
    }

    /// Asks for a topic's partition count, and keeps the queues of those known before.
    async fn learn(&self, topic: &str) -> Result<Arc<TopicState>> {
        let count = self.core.partition_count(topic).await?;
        let max_record = self.core.max_record_bytes(topic).await;
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let old = topics.get(topic);
        let name = old.map_or_else(|| Arc::from(topic), |old| old.name.clone());
        let mut partitions = old.map_or_else(Vec::new, |old| old.partitions.clone());
        for partition in partitions.len() as u32..count {
            partitions.push(Arc::new(PartitionQueue::new(name.clone(), partition)));
        }
        let state = Arc::new(TopicState {
            turn: AtomicU32::new(old.map_or_else(rand::random, |o| o.turn.load(Ordering::Relaxed))),
            name,
            partitions,
            count,
            max_record,
            outdated: AtomicBool::new(false),
            known_since: Instant::now(),
        });
        topics.insert(topic.to_owned(), state.clone());
        Ok(state)
    }

    /// Puts a record into its partition's batch, where it keeps the room it has been given.
    fn append(
        self: &Arc<Self>,
        topic: &TopicState,
        record: &Record,
        space: SemaphorePermit<'_>,
    ) -> Result<Delivery> {
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
        // Seen under the lock that giving up takes too: nothing can slip in behind it.
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::closed("send", "producer"));
        }
        let appended = queue.append(partition, record, size, timestamp, deadline, &self.limits);
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
        Ok(appended.delivery)
    }

    fn has_work(&self) -> bool {
        self.queues().iter().any(|partition| !partition.lock().is_idle())
    }

    fn queues(&self) -> Vec<Arc<PartitionQueue>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.values().flat_map(|topic| topic.partitions.iter().cloned()).collect()
    }

    async fn flush(self: &Arc<Self>) {
        let mut waiting = Vec::new();
        for partition in self.queues() {
            waiting.extend(partition.lock().undecided());
            self.dispatch(&partition);
        }
        for fate in waiting {
            delivery::decided(fate).await;
        }
    }

    /// Gives up everything that is not decided, and ends the producer's task.
    fn abandon(&self) {
        self.closed.store(true, Ordering::Release);
        self.space.close();
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

    /// Tells a batch's records their fate and gives their room back.
    fn decide(&self, sealed: Sealed, outcome: Result<u64>) {
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
    fn release(&self, held: usize, count: u32) {
        self.core.metrics.buffered(-(held as i64), -i64::from(count));
        self.space.add_permits(held);
    }
}
