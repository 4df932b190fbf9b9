//! The consumer: reads the partitions it is given, ahead of the application and in order.
//!
//! | module | holds |
//! | --- | --- |
//! | `builder` | options |
//! | `state`, `progress` | positions, what was read ahead, what is to be committed |
//! | `fetcher` | the task that reads ahead |
//! | `group` | the tasks of a membership |
//! | `rebalance` | telling the application of changes, on its own thread |
//! | `offsets` | committing |
//! | `shared` | one consumer for many threads |
//! | `unreadable` | records that cannot be decrypted or deserialized |

mod builder;
mod fetcher;
mod group;
mod names;
mod offsets;
mod progress;
mod rebalance;
mod shared;
mod state;
mod unreadable;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::admin::OffsetSpec;
use crate::client::Core;
use crate::error::{Error, Result};
use crate::link::FetchLane;
use crate::record::TopicPartition;
use builder::Options;
pub use builder::{ConsumerBuilder, OffsetReset, StartOffset};
use group::Group;
pub use group::{Assignor, Commit, GroupMetadata};
pub use rebalance::{Event, Rebalance};
use rebalance::{Listener, Revocation};
pub use shared::{BorrowedConsumer, SharedConsumer, Turn};
use state::State;
pub use unreadable::OnUnreadable;
use unreadable::Unreadable;

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
/// consumer.close(Duration::from_secs(10)).await?;
/// # flymq_core::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct Consumer {
    shared: Arc<Shared>,
    fetching: JoinHandle<()>,
    grouping: Option<JoinHandle<()>>,
    /// Only for `&mut self`, so it is never contended; the lock lets `&Consumer` be sent.
    listener: Mutex<Option<Listener>>,
    revocation: Option<Revocation>,
    /// Why the last commit before partitions were given up failed.
    uncommitted: Option<Error>,
}

struct Shared {
    core: Arc<Core>,
    options: Options,
    state: Mutex<State>,
    group: Option<Group>,
    unreadable: Unreadable,
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
    fn new(
        shared: Arc<Shared>,
        fetching: JoinHandle<()>,
        grouping: Option<JoinHandle<()>>,
    ) -> Self {
        Self {
            shared,
            fetching,
            grouping,
            listener: Mutex::default(),
            revocation: None,
            uncommitted: None,
        }
    }

    /// The brokers that its client was told of, as `host:port`.
    pub fn addresses(&self) -> &[String] {
        &self.shared.core.router.config().bootstrap
    }

    /// The group that it is a member of, if any.
    pub fn group_name(&self) -> Option<&str> {
        self.shared.group.as_ref().map(|group| group.options.group.as_str())
    }

    /// Reads these partitions from now on, and no others.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION, INVALID_ARGUMENT for a partition that is named twice; then the
    /// assignment stays as it was. INVALID_ARGUMENT too while the consumer is subscribed.
    pub async fn assign(
        &self,
        partitions: impl IntoIterator<Item = (String, u32, StartOffset)>,
    ) -> Result<()> {
        if self.shared.group.as_ref().is_some_and(|group| group.view().is_in_use()) {
            let message = "the group assigns this consumer's partitions: unsubscribe first";
            return Err(Error::invalid("assign", message));
        }
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
            let slot = |p: u32| TopicPartition::new(topic.clone(), p);
            positions.extend(placed.map(|((p, _), position)| (slot(*p), position)));
        }
        if let Some(group) = &self.shared.group {
            if let Err(error) = self.shared.finish_commits(group).await {
                tracing::warn!(group = group.options.group, %error, "could not commit");
            }
            group.view().by_hand = !positions.is_empty();
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
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.state().assignment()
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
        self.seek_to(topic, partition, position)
    }

    /// As [`seek`](Consumer::seek), to an offset, which takes no waiting.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the partition is not assigned.
    pub fn seek_to(&self, topic: &str, partition: u32, offset: u64) -> Result<()> {
        self.check_assigned("seek", topic, partition)?;
        self.shared.state().seek(topic, partition, offset);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Takes back what the last [`poll`](Consumer::poll) returned of a partition from an offset on, since
    /// it did not reach the application: it is returned again, and does not count as processed.
    pub fn unread(&self, topic: &str, partition: u32, offset: u64) {
        self.shared.state().unread(topic, partition, offset);
        self.shared.changed.notify_one();
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

/// Reads nothing more. A member of a group commits in the background what the application has come
/// back for, if it commits by itself, and leaves the group.
impl Drop for Consumer {
    fn drop(&mut self) {
        self.fetching.abort();
        if let Some(group) = &self.shared.group {
            if group.options.auto_commit.is_some() {
                drop(self.shared.auto_commit(group));
            }
            self.shared.update(group, |view| view.ended = true);
        }
        // The tasks keep their shares until they have noticed.
        self.shared.state().assign(Vec::new());
    }
}

fn not_assigned(operation: &'static str, topic: &str, partition: u32) -> Error {
    Error::invalid(operation, format!("partition {partition} of topic {topic:?} is not assigned"))
}
