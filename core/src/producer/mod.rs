//! The producer: records in, batches out, every record's fate told.

mod delivery;
mod driver;
mod queue;
#[cfg(test)]
mod queue_tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flymq_protocol::partitioner::partition_for_key;
use flymq_protocol::{Codec, ErrorCode, batch};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

pub use delivery::Delivery;
use queue::{Identity, Limits, PartitionQueue, Sealed};

use crate::client::Core;
use crate::error::{Error, Result};
use crate::record::{Record, RecordMetadata};

/// How batches are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4: fast.
    Lz4,
    /// Zstandard: small.
    Zstd,
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Lz4 => Self::Lz4,
            Compression::Zstd => Self::Zstd,
        }
    }
}

impl std::str::FromStr for Compression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "lz4" => Ok(Self::Lz4),
            "zstd" => Ok(Self::Zstd),
            other => Err(Error::invalid(
                "producer",
                format!("there is no compression {other:?}; use none, lz4 or zstd"),
            )),
        }
    }
}

/// Options of a producer. Made by [`Client::producer`](crate::Client::producer).
#[derive(Clone, Debug)]
pub struct ProducerBuilder {
    core: Arc<Core>,
    linger: Duration,
    batch_bytes: usize,
    buffer_bytes: usize,
    max_in_flight: usize,
    compression: Compression,
    delivery_timeout: Duration,
}

impl ProducerBuilder {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            linger: Duration::from_millis(5),
            batch_bytes: 128 << 10,
            buffer_bytes: 32 << 20,
            max_in_flight: 5,
            compression: Compression::None,
            delivery_timeout: Duration::from_secs(120),
        }
    }

    /// How long a record may wait for others to share its batch. Default 5 ms; 0 sends at once,
    /// together with whatever else came while earlier batches were under way.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// At what size a batch is sent without waiting longer. Default 128 KiB.
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// How many bytes of records may be unacknowledged. Sending more waits. Default 32 MiB.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// How many batches of a partition may be under way at a time, 1 to 5. Default 5.
    pub fn max_in_flight(mut self, batches: usize) -> Self {
        self.max_in_flight = batches;
        self
    }

    /// How batches are compressed. Default not at all.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// After how long a record that could not be delivered is given up. Default 120 s.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// Starts the producer. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for options out of bounds.
    pub fn build(self) -> Result<Producer> {
        let check = |good, message: &str| {
            if good { Ok(()) } else { Err(Error::invalid("producer", message)) }
        };
        check((1..=5).contains(&self.max_in_flight), "max_in_flight is 1 to 5")?;
        check((1..=16 << 20).contains(&self.batch_bytes), "batch_bytes is 1 to 16 MiB")?;
        check(
            (self.batch_bytes..=1 << 30).contains(&self.buffer_bytes),
            "buffer_bytes is at least batch_bytes and at most 1 GiB",
        )?;
        let inner = Arc::new(Inner {
            limits: Limits {
                batch_bytes: self.batch_bytes,
                max_in_flight: self.max_in_flight,
                codec: self.compression.into(),
            },
            space: Semaphore::new(self.buffer_bytes),
            buffer_bytes: self.buffer_bytes,
            linger: self.linger,
            delivery_timeout: self.delivery_timeout,
            topics: RwLock::default(),
            identity: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            agenda: Mutex::default(),
            attention: Notify::new(),
            closed: AtomicBool::new(false),
            core: self.core,
        });
        tokio::spawn(driver::run(inner.clone()));
        Ok(Producer { handle: Arc::new(Handle { inner }) })
    }
}

/// Sends records in batches, in order within a partition, each stored exactly once.
///
/// Cheap to clone; clones share everything. When the last clone is dropped without
/// [`close`](Producer::close), records still under way are given up with an error.
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
}

/// A topic as the producer knows it.
struct TopicState {
    name: Arc<str>,
    partitions: Vec<Arc<PartitionQueue>>,
    /// Counts records without key, which go round.
    turn: AtomicU32,
    known_since: Instant,
}

/// How long a topic's partition count is taken for true.
const TOPIC_TTL: Duration = Duration::from_secs(60);

impl Producer {
    /// Takes a record in. Returns as soon as there is room for it; await the [`Delivery`] to learn
    /// where it was stored.
    ///
    /// The partition is the record's own if it names one, else Kafka's murmur2 of its key, else the
    /// next in turn. If the future is dropped before it is ready, the record is not sent.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION, RECORD_TOO_LARGE for a record that the buffer could never
    /// hold, CLOSED.
    pub async fn send(&self, topic: &str, record: Record) -> Result<Delivery> {
        let inner = &self.handle.inner;
        let size = inner.admit(&record)?;
        let topic = match inner.known(topic) {
            Some(topic) => topic,
            None => inner.learn(topic).await?,
        };
        let space = match inner.space.try_acquire_many(size as u32) {
            Ok(space) => space,
            Err(_) => inner
                .space
                .acquire_many(size as u32)
                .await
                .map_err(|_| Error::closed("send", "producer"))?,
        };
        let delivery = inner.append(&topic, &record, size)?;
        space.forget();
        inner.core.metrics.buffered(size as i64);
        Ok(delivery)
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

impl Inner {
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
            known_since: Instant::now(),
        });
        topics.insert(topic.to_owned(), state.clone());
        Ok(state)
    }

    /// Puts a record into its partition's batch. Room for it has been taken.
    fn append(
        self: &Arc<Self>,
        topic: &TopicState,
        record: &Record,
        size: usize,
    ) -> Result<Delivery> {
        let count = topic.partitions.len() as u32;
        let index = match (record.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, count),
            (None, None) => topic.turn.fetch_add(1, Ordering::Relaxed) % count,
        };
        let partition = topic.partitions.get(index as usize).ok_or_else(|| {
            Error::new(
                ErrorCode::UnknownPartition,
                "send",
                format!("topic {} has partitions 0 to {}, not {index}", topic.name, count - 1),
            )
        })?;
        let timestamp = record.timestamp.unwrap_or_else(now_ms);
        let deadline = || Instant::now() + self.delivery_timeout;
        let mut queue = partition.lock();
        // Seen under the lock that giving up takes too: nothing can slip in behind it.
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::closed("send", "producer"));
        }
        let appended = queue.append(partition, record, size, timestamp, deadline, &self.limits);
        if appended.opened && self.linger.is_zero() {
            queue.make_due();
        }
        drop(queue);
        if appended.opened && !self.linger.is_zero() {
            self.remind(partition);
        }
        if appended.full || (appended.opened && self.linger.is_zero()) {
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
        for partition in self.queues() {
            let rest = partition.lock().drain();
            for sealed in rest {
                self.decide(sealed, Err(Error::closed("send", "producer")));
            }
        }
        self.attention.notify_one();
    }

    /// Tells a batch's records their fate and gives their room back.
    fn decide(&self, sealed: Sealed, outcome: Result<u64>) {
        if outcome.is_ok() {
            self.core.metrics.sent(sealed.batch.count.into());
        }
        self.core.metrics.buffered(-(sealed.held as i64));
        self.space.add_permits(sealed.held);
        sealed.fate.decide(outcome);
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}
