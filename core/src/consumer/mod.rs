//! The consumer: reads the partitions it is given, ahead of the application and in order.

mod fetcher;
mod state;
mod undecryptable;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flymq_protocol::messages::Isolation;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::admin::OffsetSpec;
use crate::client::Core;
use crate::clock::after;
use crate::encryption::OnUndecryptable;
use crate::error::{Error, Result};
use crate::link::FetchLane;
use crate::record::Message;
use state::State;
use undecryptable::Undecryptable;

/// Where reading a partition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOffset {
    /// At the oldest record there is.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// At this offset.
    Offset(u64),
    /// At the first record of this time or later, in milliseconds since 1970.
    Timestamp(i64),
}

/// What to do when a position lies outside the log, because retention has overtaken it for instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// Go on at the oldest record there is.
    #[default]
    Earliest,
    /// Go on behind the newest record.
    Latest,
    /// Report OFFSET_OUT_OF_RANGE and wait for a seek.
    Error,
}

/// Options of a consumer. Made by [`Client::consumer`](crate::Client::consumer).
#[derive(Clone, Debug)]
pub struct ConsumerBuilder {
    core: Arc<Core>,
    options: Options,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub max_wait: Duration,
    pub min_bytes: u32,
    pub fetch_bytes: u32,
    pub prefetch_bytes: usize,
    pub isolation: Isolation,
    pub reset: OffsetReset,
    pub on_undecryptable: OnUndecryptable,
}

impl ConsumerBuilder {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let options = Options {
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            fetch_bytes: 4 << 20,
            prefetch_bytes: 16 << 20,
            isolation: Isolation::default(),
            reset: OffsetReset::default(),
            on_undecryptable: OnUndecryptable::default(),
        };
        Self { core, options }
    }

    /// How long the broker may wait for records before it answers. Default 500 ms. New records are
    /// returned at once whatever this is.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.options.max_wait = wait;
        self
    }

    /// How many bytes the broker collects before it answers, within `max_wait`. Default 1.
    pub fn min_bytes(mut self, bytes: u32) -> Self {
        self.options.min_bytes = bytes;
        self
    }

    /// How many bytes of records are asked for at a time. Default 4 MiB.
    pub fn fetch_bytes(mut self, bytes: u32) -> Self {
        self.options.fetch_bytes = bytes;
        self
    }

    /// How many bytes may be read ahead of the application; one fetch more may be under way.
    /// Default 16 MiB.
    pub fn prefetch_bytes(mut self, bytes: usize) -> Self {
        self.options.prefetch_bytes = bytes;
        self
    }

    /// Which records of transactions are seen. Default read committed.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.options.isolation = isolation;
        self
    }

    /// What to do when a position lies outside the log. Default earliest.
    pub fn auto_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.options.reset = reset;
        self
    }

    /// What to do about records that cannot be decrypted. Default error.
    pub fn on_undecryptable(mut self, policy: OnUndecryptable) -> Self {
        self.options.on_undecryptable = policy;
        self
    }

    /// Starts the consumer, without partitions. Must be called within a tokio runtime.
    pub fn build(self) -> Consumer {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(self.core.metrics.clone())),
            lane: self.core.router.fetch_lane(),
            core: self.core,
            options: self.options,
            undecryptable: Undecryptable::default(),
            filled: Notify::new(),
            changed: Notify::new(),
        });
        let fetching = tokio::spawn(fetcher::run(shared.clone()));
        Consumer { shared, fetching }
    }
}

/// Reads partitions in the background and hands their records out in order.
///
/// Not shared between tasks; make one for each.
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
/// # client.create_topic(flymq_core::NewTopic::new("clicks").partitions(2)).await?;
/// # client.produce_batch("clicks", (0..10).map(|i| flymq_core::Record::new(format!("{i}")))).await?;
/// use std::time::Duration;
/// use flymq_core::StartOffset;
///
/// let mut consumer = client.consumer().build();
/// let partitions = (0..2).map(|p| ("clicks".to_owned(), p, StartOffset::Earliest));
/// consumer.assign(partitions).await?;
/// let mut seen = 0;
/// while seen < 10 {
///     for message in consumer.poll(500, Duration::from_secs(1)).await? {
///         println!("{}-{}: {:?}", message.partition, message.offset, message.value);
///         seen += 1;
///     }
/// }
/// consumer.close();
/// # flymq_core::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct Consumer {
    shared: Arc<Shared>,
    fetching: JoinHandle<()>,
}

pub(crate) struct Shared {
    core: Arc<Core>,
    options: Options,
    state: Mutex<State>,
    undecryptable: Undecryptable,
    lane: FetchLane,
    /// Rung when there is something for the application.
    filled: Notify,
    /// Rung when there is something for the fetcher: room, partitions, a seek.
    changed: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumer {
    /// Reads these partitions from now on, and no others.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION, INVALID_ARGUMENT for a partition that is named twice; then the
    /// assignment stays as it was.
    pub async fn assign(
        &self,
        partitions: impl IntoIterator<Item = (String, u32, StartOffset)>,
    ) -> Result<()> {
        // One question a topic, in the order of the topics' first partitions.
        let mut topics: Vec<(String, Vec<(u32, StartOffset)>)> = Vec::new();
        for (topic, partition, start) in partitions {
            match topics.iter_mut().find(|(name, _)| *name == topic) {
                Some((_, starts)) if starts.iter().any(|(p, _)| *p == partition) => {
                    return Err(Error::invalid(
                        "assign",
                        format!("partition {partition} of topic {topic:?} is named twice"),
                    ));
                }
                Some((_, starts)) => starts.push((partition, start)),
                None => topics.push((topic, vec![(partition, start)])),
            }
        }
        let mut positions = Vec::new();
        for (topic, starts) in topics {
            let found = self.resolve(&topic, &starts).await?;
            let topic: Arc<str> = topic.into();
            let placed = starts.iter().zip(found);
            positions.extend(placed.map(|((p, _), position)| (topic.clone(), *p, position)));
        }
        self.shared.state().assign(positions);
        self.shared.changed.notify_one();
        Ok(())
    }

    async fn resolve(&self, topic: &str, starts: &[(u32, StartOffset)]) -> Result<Vec<u64>> {
        let query = |&(partition, start): &(u32, StartOffset)| {
            let spec = match start {
                StartOffset::Earliest => OffsetSpec::Earliest,
                StartOffset::Latest => OffsetSpec::Latest,
                StartOffset::Timestamp(time) => OffsetSpec::Timestamp(time),
                // Asked for all the same, so that a wrong name is noticed now.
                StartOffset::Offset(_) => OffsetSpec::Latest,
            };
            (partition, spec)
        };
        let queries: Vec<_> = starts.iter().map(query).collect();
        let isolation = self.shared.options.isolation;
        let found = self.shared.core.list_offsets(topic, &queries, isolation).await?;
        let place = |(&(_, start), found)| match start {
            StartOffset::Offset(offset) => offset,
            _ => found,
        };
        Ok(starts.iter().zip(found).map(place).collect())
    }

    /// The partitions being read.
    pub fn assignment(&self) -> Vec<(Arc<str>, u32)> {
        self.shared.state().assignment()
    }

    /// Returns at most `max_records` records, as soon as there are any; none if there are none
    /// within `timeout`.
    ///
    /// # Errors
    ///
    /// What reading met since the last call and will not pass by itself, such as UNKNOWN_TOPIC or,
    /// where [`OffsetReset::Error`] is set, OFFSET_OUT_OF_RANGE; for a record that cannot be decrypted,
    /// what [`OnUndecryptable`] says. Lost connections are made again in
    /// the background and are no error.
    pub async fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Message>> {
        let deadline = after(timeout);
        loop {
            let (messages, letter, has_room) = {
                let mut state = self.shared.state();
                let limit = self.shared.core.router.config().max_response_bytes;
                let messages =
                    state.take(max_records, limit, &|message| self.shared.open(message))?;
                let letter = state.letter();
                (messages, letter, state.has_room(self.shared.options.prefetch_bytes))
            };
            if has_room {
                self.shared.changed.notify_one();
            }
            if !messages.is_empty() {
                self.shared.core.metrics.consumed(messages.len() as u64);
                return Ok(messages);
            }
            if let Some(letter) = letter {
                let Message { topic, partition, offset, .. } = letter.message.clone();
                self.shared.post(letter).await?;
                self.shared.state().pass(&topic, partition, offset);
                continue;
            }
            tokio::select! {
                waited = tokio::time::timeout_at(deadline, self.shared.filled.notified()) => {
                    if waited.is_err() {
                        return Ok(Vec::new());
                    }
                }
                () = self.shared.core.router.closed() => {
                    return Err(Error::closed("poll", "client"));
                }
            }
        }
    }

    /// The next record, however long it takes.
    ///
    /// # Errors
    ///
    /// As [`poll`](Consumer::poll).
    pub async fn next(&mut self) -> Result<Message> {
        loop {
            let message = self.poll(1, Duration::from_secs(60)).await?.pop();
            if let Some(message) = message {
                return Ok(message);
            }
        }
    }

    /// Goes on reading a partition at another offset. What was read ahead is dropped.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the partition is not assigned.
    pub async fn seek(&self, topic: &str, partition: u32, start: StartOffset) -> Result<()> {
        self.check_assigned("seek", topic, partition)?;
        let position = match start {
            StartOffset::Offset(offset) => offset,
            start => self.resolve(topic, &[(partition, start)]).await?[0],
        };
        self.shared.state().seek(topic, partition, position);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Offset of the next record that [`poll`](Consumer::poll) will return from a partition.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the partition is not assigned.
    pub fn position(&self, topic: &str, partition: u32) -> Result<u64> {
        let position = self.shared.state().position(topic, partition);
        position.ok_or_else(|| not_assigned("position", topic, partition))
    }

    /// How many offsets lie between a partition's position and its end, as far as is known from the
    /// last fetch. An upper bound of the records to come, since offsets may have gaps. `None` before
    /// the first fetch.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the partition is not assigned.
    pub fn lag(&self, topic: &str, partition: u32) -> Result<Option<u64>> {
        let lag = self.shared.state().lag(topic, partition);
        lag.ok_or_else(|| not_assigned("lag", topic, partition))
    }

    /// Returns no records of a partition until [`resume`](Consumer::resume). What was read ahead is
    /// kept.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the partition is not assigned.
    pub fn pause(&self, topic: &str, partition: u32) -> Result<()> {
        self.set_paused("pause", topic, partition, true)
    }

    /// Ends a [`pause`](Consumer::pause).
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the partition is not assigned.
    pub fn resume(&self, topic: &str, partition: u32) -> Result<()> {
        self.set_paused("resume", topic, partition, false)
    }

    /// Reads nothing more. The same as dropping the consumer.
    pub fn close(self) {}

    fn set_paused(
        &self,
        operation: &'static str,
        topic: &str,
        partition: u32,
        paused: bool,
    ) -> Result<()> {
        self.check_assigned(operation, topic, partition)?;
        self.shared.state().set_paused(topic, partition, paused);
        self.shared.changed.notify_one();
        self.shared.filled.notify_one();
        Ok(())
    }

    fn check_assigned(&self, operation: &'static str, topic: &str, partition: u32) -> Result<()> {
        let known = self.shared.state().position(topic, partition);
        known.map(|_| ()).ok_or_else(|| not_assigned(operation, topic, partition))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.fetching.abort();
        // The fetching task keeps its share until it has noticed.
        self.shared.state().assign(Vec::new());
    }
}

fn not_assigned(operation: &'static str, topic: &str, partition: u32) -> Error {
    Error::invalid(operation, format!("partition {partition} of topic {topic:?} is not assigned"))
}
