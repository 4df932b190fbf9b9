//! `Consumer` and `RebalanceListener`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flymq_core as core;
use flymq_core::{Event, Rebalance, SharedConsumer};

use crate::client::Link;
use crate::error::Result;
use crate::host::Served;
use crate::options::Options;
use crate::producer::PATIENCE;
use crate::records::{GroupOffset, Message, Placement, StartOffset, TopicPartition, all};

/// Is told, on the thread that takes records, how the consumer's share of its group's partitions
/// changes. It may use the consumer, except for taking records; commits that it begins are finished
/// before partitions are given up. It is not told of what is given up by closing.
#[uniffi::export(callback_interface)]
pub trait RebalanceListener: Send + Sync {
    /// New partitions, of which no record was returned yet.
    fn assigned(&self, partitions: Vec<TopicPartition>);

    /// Partitions that are about to be given up. With auto-commit what was processed of them is
    /// committed afterwards.
    fn revoked(&self, partitions: Vec<TopicPartition>);

    /// Partitions that others may have by now: nothing can be committed any more.
    fn lost(&self, partitions: Vec<TopicPartition>);
}

/// Reads partitions in the background and hands their records out in order.
#[derive(uniffi::Object)]
pub struct Consumer {
    consumer: Served<Arc<SharedConsumer>>,
    listener: Mutex<Option<Arc<dyn RebalanceListener>>>,
    /// Kept for as long as the consumer is.
    _link: Arc<Link>,
}

impl Consumer {
    /// A consumer with these options.
    pub fn new(link: Arc<Link>, options: Options) -> Result<Arc<Self>> {
        let mut builder = link.client()?.consumer();
        for (name, value) in options {
            builder = builder.set(&name, &value)?;
        }
        let host = link.host().clone();
        let consumer = {
            let _context = host.enter();
            Arc::new(SharedConsumer::new(builder.build()))
        };
        let consumer = Served::new(host, consumer);
        Ok(Arc::new(Self { consumer, listener: Mutex::default(), _link: link }))
    }

    /// The consumer of the core, for a transaction.
    pub(crate) fn shared(&self) -> core::Result<Arc<SharedConsumer>> {
        self.consumer.get().cloned()
    }

    async fn run<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<SharedConsumer>) -> F + Send + 'static,
    ) -> Result<T>
    where
        F: Future<Output = core::Result<T>> + Send + 'static,
    {
        let consumer = self.consumer.get()?.clone();
        Ok(self.consumer.host().run(async move { work(consumer).await }).await?)
    }

    fn tell(&self, change: Rebalance) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(listener) = listener else { return };
        match change {
            Rebalance::Assigned(slots) => listener.assigned(all(slots)),
            Rebalance::Revoked(slots) => listener.revoked(all(slots)),
            Rebalance::Lost(slots) => listener.lost(all(slots)),
        }
    }
}

#[uniffi::export]
impl Consumer {
    /// Has changes of the consumer's share of partitions told to a listener, in place of the one
    /// before.
    pub fn on_rebalance(&self, listener: Box<dyn RebalanceListener>) {
        let mut slot = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Arc::from(listener));
    }

    /// Reads these topics together with the other members of the consumer's group, and no others.
    /// Joining goes on in the background.
    ///
    /// INVALID_ARGUMENT if the consumer has no group or its partitions are assigned by hand;
    /// INSTANCE_FENCED.
    pub async fn subscribe(&self, topics: Vec<String>) -> Result<()> {
        self.run(|consumer| async move { consumer.borrow().await?.subscribe(topics) }).await
    }

    /// As `subscribe`, all topics whose whole names match a regular expression in RE2 syntax, now or
    /// later.
    pub async fn subscribe_pattern(&self, pattern: String) -> Result<()> {
        self.run(|consumer| async move { consumer.borrow().await?.subscribe_pattern(pattern) })
            .await
    }

    /// Reads these partitions from now on, and no others.
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION; INVALID_ARGUMENT while the consumer is subscribed.
    pub async fn assign(&self, partitions: Vec<Placement>) -> Result<()> {
        self.run(|consumer| async move {
            let placed = |p: Placement| (p.topic, p.partition, p.start.into());
            consumer.borrow().await?.assign(partitions.into_iter().map(placed)).await
        })
        .await
    }

    /// The partitions being read.
    pub async fn assignment(&self) -> Result<Vec<TopicPartition>> {
        self.run(|consumer| async move { Ok(all(consumer.borrow().await?.assignment())) }).await
    }

    /// Waits until there is something to take, for at most `timeout_ms`, and returns whether there is.
    /// Who calls it is done with all records that were taken before.
    pub async fn ready(&self, timeout_ms: u64) -> Result<bool> {
        self.run(
            move |consumer| async move { consumer.ready(Duration::from_millis(timeout_ms)).await },
        )
        .await
    }

    /// Takes at most `max_records` records that are there, without waiting, and tells the listener of
    /// rebalances. Who calls it is done with all records that were taken before.
    ///
    /// What reading met since the last call and will not pass by itself; INVALID_ARGUMENT while
    /// another thread, or a caller further up, is in this call.
    pub fn take(&self, max_records: u32) -> Result<Vec<Message>> {
        let consumer = self.consumer.get()?;
        let _turn = consumer.take_turn()?;
        loop {
            let event = {
                let _context = self.consumer.host().enter();
                consumer.take_event(max_records as usize)?
            };
            match event {
                None => return Ok(Vec::new()),
                Some(Event::Records(messages)) => return Ok(all(messages)),
                Some(Event::Rebalance(change)) => self.tell(change),
            }
        }
    }

    /// Takes back these records, which were taken last and did not reach the application: they are
    /// returned again, and do not count as processed.
    pub async fn unread(&self, messages: Vec<Message>) -> Result<()> {
        self.run(|consumer| async move {
            let consumer = consumer.borrow().await?;
            let mut seen = HashSet::new();
            for Message { topic, partition, offset, .. } in &messages {
                // The first one of a partition takes the others back too.
                if seen.insert((topic, partition)) {
                    consumer.unread(topic, *partition, *offset);
                }
            }
            Ok(())
        })
        .await
    }

    /// Goes on reading a partition elsewhere. INVALID_ARGUMENT if it is not assigned.
    pub async fn seek(&self, topic: String, partition: u32, start: StartOffset) -> Result<()> {
        self.run(move |consumer| async move {
            consumer.borrow().await?.seek(&topic, partition, start.into()).await
        })
        .await
    }

    /// Goes back to what is committed, or to where reading began where nothing is, so that records
    /// whose transaction was aborted are returned once more.
    pub async fn rewind(&self) -> Result<()> {
        self.run(|consumer| async move { consumer.borrow().await?.rewind().await }).await
    }

    /// Offset of the next record of a partition. INVALID_ARGUMENT if it is not assigned.
    pub async fn position(&self, topic: String, partition: u32) -> Result<u64> {
        self.run(
            move |consumer| async move { consumer.borrow().await?.position(&topic, partition) },
        )
        .await
    }

    /// How many offsets lie between a partition's position and its end, as far as is known.
    pub async fn lag(&self, topic: String, partition: u32) -> Result<Option<u64>> {
        self.run(move |consumer| async move { consumer.borrow().await?.lag(&topic, partition) })
            .await
    }

    /// Returns no records of a partition until it is resumed.
    pub async fn pause(&self, topic: String, partition: u32) -> Result<()> {
        self.run(move |consumer| async move { consumer.borrow().await?.pause(&topic, partition) })
            .await
    }

    /// Ends a pause.
    pub async fn resume(&self, topic: String, partition: u32) -> Result<()> {
        self.run(move |consumer| async move { consumer.borrow().await?.resume(&topic, partition) })
            .await
    }

    /// Commits all records that were returned, and waits until that is stored.
    ///
    /// STALE_GENERATION if partitions were taken from this consumer; INSTANCE_FENCED; GROUP_NOT_EMPTY;
    /// STORAGE_FULL; INVALID_ARGUMENT without a group.
    pub async fn commit(&self) -> Result<()> {
        self.run(|consumer| async move {
            let commit = consumer.borrow().await?.commit_async();
            commit.await
        })
        .await
    }

    /// Commits these offsets, each the last one processed of its partition.
    pub async fn commit_offsets(&self, offsets: Vec<GroupOffset>) -> Result<()> {
        self.run(|consumer| async move {
            let offsets: Vec<core::GroupOffset> = all(offsets);
            let commit = consumer.borrow().await?.commit_offsets_async(offsets);
            commit.await
        })
        .await
    }

    /// What the consumer's group has committed of these partitions; those of which nothing is
    /// committed are left out.
    pub async fn committed(&self, partitions: Vec<TopicPartition>) -> Result<Vec<GroupOffset>> {
        self.run(|consumer| async move {
            let slots: Vec<core::TopicPartition> = all(partitions);
            Ok(all(consumer.borrow().await?.committed(slots).await?))
        })
        .await
    }

    /// Gives all partitions up and, if it commits by itself, commits all records that were returned,
    /// and leaves the group. Harmless when closed.
    ///
    /// What became of the last commit; TIMEOUT if that or leaving took longer than `timeout_ms`.
    #[uniffi::method(default(timeout_ms = 30000))]
    pub async fn close(&self, timeout_ms: u64) -> Result<()> {
        self.run(
            move |consumer| async move { consumer.close(Duration::from_millis(timeout_ms)).await },
        )
        .await
    }

    /// Leaves the group at once, after a failure: what the last call returned does not count as
    /// processed.
    pub async fn abandon(&self) -> Result<()> {
        self.run(|consumer| async move {
            consumer.borrow().await?.abandon();
            consumer.close(PATIENCE).await
        })
        .await
    }
}
