//! Polling, and telling the application of changes to what it reads, on its own thread of control.

use std::sync::PoisonError;
use std::time::Duration;

use flymq_protocol::ErrorCode;
use tokio::time::Instant;

use super::group::{Change, Commit, Group, Offsets, Slots, Topics};
use super::unreadable::Letter;
use super::{Consumer, Shared};
use crate::clock::after;
use crate::error::{Error, Result};
use crate::record::{Message, TopicPartition};

/// What [`Consumer::poll_event`] brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Records, at least one.
    Records(Vec<Message>),
    /// The consumer's share of its group's partitions changes.
    Rebalance(Rebalance),
}

/// A change of a consumer's share of its group's partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// New partitions, of which no record was returned yet: the application may seek.
    Assigned(Vec<TopicPartition>),
    /// Partitions that are about to be given up: the application may commit what it has processed of
    /// them. With auto-commit that happens afterwards by itself.
    Revoked(Vec<TopicPartition>),
    /// Partitions that others may have by now: nothing can be committed any more.
    Lost(Vec<TopicPartition>),
}

pub(super) type Listener = Box<dyn FnMut(&Consumer, &Rebalance) + Send>;

/// Giving up partitions once the application has come back from hearing of it.
pub(super) struct Revocation {
    slots: Slots,
    /// What has to be committed before.
    commit: Option<Commit>,
}

/// Where an attempt to bring the application up to date has got to.
enum Settled {
    /// It is to be told of this.
    News(Rebalance),
    /// It is up to date.
    Yes,
    /// A commit takes longer than the application wants to wait.
    NotYet,
}

fn list(slots: &Slots) -> Vec<TopicPartition> {
    slots.iter().cloned().collect()
}

impl Consumer {
    /// Reads these topics together with the other members of the consumer's group, and no others.
    /// Topics that do not exist are read once they do. Joining goes on in the background.
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
    /// # client.create_topic(flymq_core::NewTopic::new("orders").partitions(3)).await?;
    /// # client.produce_batch("orders", (0..10).map(|i| flymq_core::Record::new(format!("{i}")))).await?;
    /// use std::time::Duration;
    /// use flymq_core::Rebalance;
    ///
    /// let mut consumer = client.consumer().group("billing").auto_commit(None).build();
    /// consumer.on_rebalance(|_consumer, change| match change {
    ///     Rebalance::Assigned(partitions) => println!("has {partitions:?}"),
    ///     Rebalance::Revoked(partitions) => println!("gives up {partitions:?}"),
    ///     Rebalance::Lost(partitions) => println!("has lost {partitions:?}"),
    /// });
    /// consumer.subscribe(["orders"])?;
    /// let mut seen = 0;
    /// while seen < 10 {
    ///     for message in consumer.poll(500, Duration::from_secs(1)).await? {
    ///         println!("{:?}", message.value);
    ///         seen += 1;
    ///     }
    ///     consumer.commit().await?;
    /// }
    /// consumer.close(Duration::from_secs(10)).await?;
    /// # flymq_core::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the consumer has no group or its partitions are assigned by hand;
    /// INSTANCE_FENCED if another consumer has its instance id.
    pub fn subscribe(&self, topics: impl IntoIterator<Item = impl Into<String>>) -> Result<()> {
        let names: Vec<String> = topics.into_iter().map(Into::into).collect();
        self.set_topics(Topics { names, pattern: None })
    }

    /// As [`subscribe`](Consumer::subscribe), all topics whose whole names match a regular expression
    /// in RE2 syntax, now or later.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Consumer::subscribe). What is wrong with a pattern is told by the next poll.
    pub fn subscribe_pattern(&self, pattern: impl Into<String>) -> Result<()> {
        self.set_topics(Topics { names: Vec::new(), pattern: Some(pattern.into()) })
    }

    fn set_topics(&self, topics: Topics) -> Result<()> {
        let group = self.group("subscribe")?;
        self.shared.update(group, |view| {
            if let Some(error) = view.failed().filter(|e| e.is(ErrorCode::InstanceFenced)) {
                return Err(error.clone().during("subscribe"));
            }
            if view.by_hand {
                let message = "the consumer's partitions are assigned by hand: assign none first";
                return Err(Error::invalid("subscribe", message));
            }
            view.wish(Some(topics), Instant::now());
            Ok(())
        })
    }

    /// Gives up all partitions, as in a rebalance, and leaves the group. The consumer may subscribe
    /// again or be assigned partitions by hand.
    ///
    /// # Errors
    ///
    /// CLOSED if the client is closed.
    pub async fn unsubscribe(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        let Some(group) = &shared.group else { return Ok(()) };
        shared.state().came_back();
        self.begin_unsubscribe();
        let far = after(Duration::MAX);
        while let Settled::News(change) = self.settle(far).await {
            self.tell(&change);
        }
        tokio::select! {
            () = group.until(|view| !view.is_in_use()) => Ok(()),
            () = shared.core.router.closed() => Err(Error::closed("unsubscribe", "client")),
        }
    }

    /// The first half of [`unsubscribe`](Consumer::unsubscribe), for those who use
    /// [`poll_event`](Consumer::poll_event), which does the rest.
    pub fn begin_unsubscribe(&self) {
        if let Some(group) = &self.shared.group {
            self.shared.update(group, |view| view.wish(None, Instant::now()));
        }
    }

    /// Has every change of the consumer's share of partitions told to `listener`, from within
    /// [`poll`](Consumer::poll), [`unsubscribe`](Consumer::unsubscribe) and
    /// [`close`](Consumer::close), so on the thread that calls them. Commits that it begins with
    /// [`commit_async`](Consumer::commit_async) are finished before partitions are given up. To wait
    /// for something while partitions change hands, use [`poll_event`](Consumer::poll_event).
    pub fn on_rebalance(&mut self, listener: impl FnMut(&Consumer, &Rebalance) + Send + 'static) {
        let slot = self.listener.get_mut().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Box::new(listener));
    }

    /// Returns at most `max_records` records, as soon as there are any; none if there are none
    /// within `timeout`.
    ///
    /// A member of a group has to poll at least once every `max_poll_interval`. Coming back means that
    /// all records of the call before are processed, as far as auto-commit is concerned.
    ///
    /// # Errors
    ///
    /// What reading met since the last call and will not pass by itself, such as UNKNOWN_TOPIC or,
    /// where [`OffsetReset::Error`](crate::OffsetReset::Error) is set, OFFSET_OUT_OF_RANGE; for a
    /// record that cannot be decrypted, what [`OnUnreadable`](crate::OnUnreadable) says. Lost
    /// connections are made again in the background and are no error; a consumer that was put out of
    /// its group joins again. INSTANCE_FENCED ends that, and so does a subscription that the broker
    /// will not have.
    pub async fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Message>> {
        let deadline = after(timeout);
        loop {
            match self.event(max_records, deadline).await? {
                Some(Event::Records(messages)) => return Ok(messages),
                Some(Event::Rebalance(change)) => self.tell(&change),
                None => return Ok(Vec::new()),
            }
        }
    }

    /// As [`poll`](Consumer::poll), but returns changes of the consumer's share of partitions rather
    /// than tell them to a listener. Calling it again says that the application is done with what the
    /// call before returned: partitions that are to be given up are given up then.
    ///
    /// # Errors
    ///
    /// As [`poll`](Consumer::poll).
    pub async fn poll_event(
        &mut self,
        max_records: usize,
        timeout: Duration,
    ) -> Result<Option<Event>> {
        self.event(max_records, after(timeout)).await
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

    /// Reads nothing more. A member of a group gives its partitions up as in a rebalance, commits, if
    /// it commits by itself, all records that were returned, and leaves the group.
    ///
    /// # Errors
    ///
    /// What became of the last commit; TIMEOUT if that or leaving took longer than `timeout`.
    pub async fn close(mut self, timeout: Duration) -> Result<()> {
        let deadline = after(timeout);
        let shared = self.shared.clone();
        let Some(group) = &shared.group else { return Ok(()) };
        shared.state().came_back();
        self.uncommitted = None;
        self.begin_close();
        while let Settled::News(change) = self.settle(deadline).await {
            self.tell(&change);
        }
        let last = shared.finish_commits(group);
        let committed = tokio::time::timeout_at(deadline, last).await;
        shared.update(group, |view| view.ended = true);
        let late = |_| {
            let message = format!("not done within {} ms", timeout.as_millis());
            Error::new(ErrorCode::Timeout, "close", message)
        };
        if let Some(task) = self.grouping.as_mut() {
            // A task that panicked has nothing more to wait for.
            let _ = tokio::time::timeout_at(deadline, task).await.map_err(late)?;
        }
        committed.map_err(late)??;
        self.uncommitted.take().map_or(Ok(()), Err)
    }

    /// The first half of [`close`](Consumer::close), for those who use
    /// [`poll_event`](Consumer::poll_event): that brings nothing more but what is to be given up.
    pub fn begin_close(&self) {
        if let Some(group) = &self.shared.group {
            self.shared.update(group, |view| view.close());
        }
    }

    /// As [`begin_close`](Consumer::begin_close), after a failure: what the last call returned does not
    /// count as processed, and is returned again to whoever reads its partitions next.
    pub fn abandon(&self) {
        self.shared.state().abandon();
        self.begin_close();
    }

    async fn event(&mut self, max_records: usize, deadline: Instant) -> Result<Option<Event>> {
        let shared = self.shared.clone();
        let _polling = shared.group.as_ref().map(Group::polling);
        shared.state().came_back();
        loop {
            match self.settle(deadline).await {
                Settled::News(change) => return Ok(Some(Event::Rebalance(change))),
                Settled::NotYet => return Ok(None),
                Settled::Yes => {}
            }
            if let Some(error) = shared.group.as_ref().and_then(|g| g.view().failed().cloned()) {
                return Err(error.during("poll"));
            }
            let (messages, letter, has_room) = {
                let mut state = shared.state();
                let limit = shared.core.router.config().max_response_bytes;
                let messages = state.take(max_records, limit, &|message| shared.open(message))?;
                (messages, state.letter(), state.has_room(shared.options.prefetch_bytes))
            };
            if has_room {
                shared.changed.notify_one();
            }
            if !messages.is_empty() {
                shared.core.metrics.consumed(messages.len() as u64);
                return Ok(Some(Event::Records(messages)));
            }
            if let Some(letter) = letter {
                shared.put_away(&letter).await?;
                continue;
            }
            if !shared.filled_by(deadline).await? {
                return Ok(None);
            }
        }
    }

    /// Waits until [`poll_event`](Consumer::poll_event) has something to bring, for at most `timeout`,
    /// and returns whether it has. It takes nothing: whoever stops waiting loses nothing, and has the
    /// rest of it done without waiting. Calling it counts as coming back, as polling does.
    ///
    /// # Errors
    ///
    /// CLOSED; why a dead letter cannot be stored. Any other error is for `poll_event` to bring.
    pub async fn ready(&mut self, timeout: Duration) -> Result<bool> {
        let deadline = after(timeout);
        let shared = self.shared.clone();
        let _polling = shared.group.as_ref().map(Group::polling);
        shared.state().came_back();
        loop {
            if !self.give_up(deadline).await {
                return Ok(false);
            }
            if shared.group.as_ref().is_some_and(|group| group.view().has_news()) {
                return Ok(true);
            }
            let (letter, has_news) = {
                let state = shared.state();
                (state.letter(), state.has_news())
            };
            match letter {
                Some(letter) => shared.put_away(&letter).await?,
                None if has_news => return Ok(true),
                None if !shared.filled_by(deadline).await? => return Ok(false),
                None => {}
            }
        }
    }

    /// Gives partitions up whose owner has heard that they are to be; returns whether that is done. May
    /// be dropped while it waits, and is taken up again by the next call.
    async fn give_up(&mut self, deadline: Instant) -> bool {
        let shared = self.shared.clone();
        let Some(group) = &shared.group else { return true };
        if group.view().has_lost() {
            // There is nothing to give up any more.
            if let Some(revocation) = self.revocation.take() {
                shared.drop_partitions(group, &revocation.slots);
            }
        }
        if let Some(revocation) = &mut self.revocation {
            let commit = revocation.commit.get_or_insert_with(|| shared.finish_commits(group));
            match tokio::time::timeout_at(deadline, commit).await {
                Err(_) => return false,
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let group = &group.options.group;
                    tracing::warn!(group, %error, "could not commit before giving partitions up");
                    self.uncommitted = Some(error);
                }
            }
            shared.drop_partitions(group, &revocation.slots);
            self.revocation = None;
        }
        true
    }

    /// Brings what is read in line with what the group assigns, one step at a time. May be dropped
    /// while it waits, and is taken up again by the next call.
    async fn settle(&mut self, deadline: Instant) -> Settled {
        let shared = self.shared.clone();
        let Some(group) = &shared.group else { return Settled::Yes };
        if !self.give_up(deadline).await {
            return Settled::NotYet;
        }
        let change = {
            let mut view = group.view();
            let Some(change) = view.change() else { return Settled::Yes };
            // Both at once, so that nobody sees one without the other.
            match change {
                Change::Lost(slots) => {
                    shared.state().remove(&slots);
                    Rebalance::Lost(list(&slots))
                }
                Change::Revoked(slots) => {
                    let revoked = list(&slots);
                    self.revocation = Some(Revocation { slots, commit: None });
                    Rebalance::Revoked(revoked)
                }
                Change::Assigned(places) => {
                    let assigned = places.iter().map(|(slot, _)| slot.clone()).collect();
                    shared.state().add(places);
                    Rebalance::Assigned(assigned)
                }
            }
        };
        shared.core.metrics.rebalanced();
        shared.changed.notify_one();
        group.wake();
        Settled::News(change)
    }

    /// Tells the listener, if there is one.
    fn tell(&mut self, change: &Rebalance) {
        tracing::debug!(?change, "partitions change hands");
        // Taken out, because it is given the consumer.
        let slot = self.listener.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(mut listener) = slot.take() else { return };
        listener(self, change);
        let slot = self.listener.get_mut().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(listener);
    }

    pub(super) fn group(&self, operation: &'static str) -> Result<&Group> {
        let message = "the consumer has no group: name one when building it";
        self.shared.group.as_ref().ok_or_else(|| Error::invalid(operation, message))
    }
}

impl Shared {
    /// Commits what was processed, if that is to be done by itself. What comes back is done when that
    /// and all commits before it are.
    pub(super) fn finish_commits(&self, group: &Group) -> Commit {
        match group.options.auto_commit {
            Some(_) => self.auto_commit(group),
            None => {
                let commit = group.commits.add(Offsets::new());
                group.wake();
                commit
            }
        }
    }

    /// Waits until there is something for the application; returns whether that is so by the deadline.
    async fn filled_by(&self, deadline: Instant) -> Result<bool> {
        tokio::select! {
            waited = tokio::time::timeout_at(deadline, self.filled.notified()) => Ok(waited.is_ok()),
            () = self.core.router.closed() => Err(Error::closed("poll", "client")),
        }
    }

    /// Stores a dead letter and goes on behind it.
    async fn put_away(&self, letter: &Letter) -> Result<()> {
        self.deliver(letter).await?;
        let Message { topic, partition, offset, .. } = &letter.message;
        self.state().pass(topic, *partition, *offset);
        Ok(())
    }

    /// Stops reading partitions, and tells the broker.
    fn drop_partitions(&self, group: &Group, slots: &Slots) {
        self.state().remove(slots);
        self.update(group, |view| view.give_up(slots));
        self.changed.notify_one();
    }
}
