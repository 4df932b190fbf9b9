//! A consumer of the core that any thread or task may use.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use flymq_core::{Error, ErrorCode, Event, Message};
use pyo3::prelude::*;
use tokio::sync::{MappedMutexGuard, MutexGuard as AsyncGuard, Notify, OwnedMutexGuard};

use crate::errors;
use crate::handle::Resource;
use crate::wait::Failure;

/// How long `close()` waits for the last commit and for leaving the group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often whoever wants the consumer for a moment reminds a poll of it.
const REMINDER: Duration = Duration::from_millis(10);

/// A consumer of the core, which wants to be used by one task at a time, for many threads: a poll
/// lets go of it while it waits and others have something short to do.
#[derive(Clone)]
pub struct Reading(Arc<Shared>);

struct Shared {
    addresses: Vec<String>,
    group: Option<String>,
    /// `None` once closed.
    consumer: tokio::sync::Mutex<Option<flymq_core::Consumer>>,
    /// Rung when a poll is to let others in.
    wanted: Notify,
    /// Held by whoever polls, callbacks included.
    turn: Arc<tokio::sync::Mutex<()>>,
    polling: Mutex<Option<Poller>>,
    /// A rebalance that whoever polled did not wait for.
    untold: Mutex<Option<Event>>,
    runtime: tokio::runtime::Handle,
}

/// Who polls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Poller {
    Thread(ThreadId),
    /// A task of asyncio, by its address.
    Task(usize),
}

type Borrowed<'a> = MappedMutexGuard<'a, flymq_core::Consumer>;

impl Reading {
    /// Called within the runtime that serves the consumer.
    pub fn new(consumer: flymq_core::Consumer) -> Self {
        Self(Arc::new(Shared {
            addresses: consumer.addresses().to_vec(),
            group: consumer.group_name().map(str::to_owned),
            consumer: tokio::sync::Mutex::new(Some(consumer)),
            wanted: Notify::new(),
            turn: Arc::default(),
            polling: Mutex::default(),
            untold: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        }))
    }

    /// The brokers that its client was told of.
    pub fn told_of(&self) -> &[String] {
        &self.0.addresses
    }

    /// The group that it is a member of, if any.
    pub fn member_of(&self) -> Option<&str> {
        self.0.group.as_deref()
    }

    /// The consumer for something short.
    pub async fn borrow(&self) -> Result<Borrowed<'_>, Failure> {
        open(self.lock().await)
    }

    async fn lock(&self) -> AsyncGuard<'_, Option<flymq_core::Consumer>> {
        if let Ok(guard) = self.0.consumer.try_lock() {
            return guard;
        }
        let mut lock = pin!(self.0.consumer.lock());
        loop {
            self.0.wanted.notify_one();
            if let Ok(guard) = tokio::time::timeout(REMINDER, &mut lock).await {
                return guard;
            }
        }
    }

    /// Fails within a callback of a rebalance, which cannot poll.
    pub fn check_may_poll(&self, poller: Poller) -> PyResult<()> {
        if *lock(&self.0.polling) == Some(poller) {
            let message = "a rebalance callback cannot poll: return from it first";
            return Err(errors::from_entry(ErrorCode::InvalidArgument, message));
        }
        Ok(())
    }

    /// What the consumer brings within the time, to whom it is the turn of; `None` if others polled
    /// for all of it.
    pub async fn next(
        self,
        turn: Option<Turn>,
        poller: Poller,
        max: usize,
        timeout: Duration,
    ) -> Result<Option<Found>, Failure> {
        let began = Instant::now();
        let turn = match turn {
            Some(turn) => turn,
            None => {
                let turn = tokio::time::timeout(timeout, self.0.turn.clone().lock_owned());
                let Ok(guard) = turn.await else { return Ok(None) };
                *lock(&self.0.polling) = Some(poller);
                Turn { reading: self.clone(), _guard: guard }
            }
        };
        let untold = lock(&self.0.untold).take();
        let event = match untold {
            Some(event) => Some(event),
            None => self.event(max, timeout.saturating_sub(began.elapsed())).await?,
        };
        Ok(Some(Found { reading: self, turn: Some(turn), event, read: BTreeMap::new() }))
    }

    async fn event(&self, max: usize, timeout: Duration) -> Result<Option<Event>, Failure> {
        let began = Instant::now();
        loop {
            let mut consumer = open(self.0.consumer.lock().await)?;
            let left = timeout.saturating_sub(began.elapsed());
            tokio::select! {
                biased;
                event = consumer.poll_event(max, left) => return Ok(event?),
                () = self.0.wanted.notified() => {}
            }
        }
    }

    /// What has to be told before partitions are given up, as far as nothing has to be waited for.
    pub async fn pending(&self) -> Result<Option<Event>, Failure> {
        let untold = lock(&self.0.untold).take();
        match untold {
            Some(event) => Ok(Some(event)),
            None => Ok(self.borrow().await?.poll_event(0, Duration::ZERO).await?),
        }
    }

    /// Begins to close the consumer, or to leave the group.
    pub async fn prepare(&self, prepare: fn(&flymq_core::Consumer)) {
        self.lock().await.as_ref().map(prepare);
    }

    /// Ends what was prepared.
    pub async fn finish(&self, timeout: Option<Duration>) -> Result<(), Failure> {
        let Some(consumer) = self.lock().await.take() else { return Ok(()) };
        Ok(consumer.close(timeout.unwrap_or(CLOSE_TIMEOUT)).await?)
    }
}

impl Resource for Reading {
    const NAME: &'static str = "consumer";

    /// Whoever has not closed it by itself may not have processed what it returned last.
    async fn close(self, timeout: Option<Duration>) -> Result<(), Failure> {
        self.prepare(flymq_core::Consumer::abandon).await;
        while let Ok(Some(_)) = self.pending().await {}
        self.finish(timeout).await
    }
}

fn open(guard: AsyncGuard<'_, Option<flymq_core::Consumer>>) -> Result<Borrowed<'_>, Failure> {
    let closed = |_| Error::new(ErrorCode::Closed, "use", "the consumer is closed");
    Ok(AsyncGuard::try_map(guard, Option::as_mut).map_err(closed)?)
}

/// Somebody polls, and nobody else does.
pub struct Turn {
    reading: Reading,
    _guard: OwnedMutexGuard<()>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        *lock(&self.reading.0.polling) = None;
    }
}

/// The first offset in each of the partitions.
type Firsts = BTreeMap<(Arc<str>, u32), u64>;

/// What a poll has brought. Dropped before it has reached Python, since a task was cancelled for
/// instance, it comes again.
pub struct Found {
    reading: Reading,
    turn: Option<Turn>,
    event: Option<Event>,
    /// What was taken out and may still come again.
    read: Firsts,
}

impl Found {
    pub fn take(&mut self) -> Option<Event> {
        self.event.take()
    }

    /// Messages that were taken out come again, unless all is done.
    pub fn reading(&mut self, messages: &[Message]) {
        self.read = firsts(messages);
    }

    /// All of it has reached Python, and it is the turn of the same one again.
    pub fn done(mut self) -> Option<Turn> {
        self.event = None;
        self.read.clear();
        self.turn.take()
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        let read = match self.event.take() {
            Some(Event::Records(messages)) => firsts(&messages),
            None => std::mem::take(&mut self.read),
            rebalance => {
                *lock(&self.reading.0.untold) = rebalance;
                return;
            }
        };
        if read.is_empty() {
            return;
        }
        if let Ok(consumer) = self.reading.0.consumer.try_lock() {
            return unread(consumer.as_ref(), read);
        }
        // Until that is done nobody else polls.
        let (reading, turn) = (self.reading.clone(), self.turn.take());
        self.reading.0.runtime.spawn(async move {
            unread(reading.lock().await.as_ref(), read);
            drop(turn);
        });
    }
}

fn unread(consumer: Option<&flymq_core::Consumer>, read: Firsts) {
    if let Some(consumer) = consumer {
        for ((topic, partition), offset) in read {
            consumer.unread(&topic, partition, offset);
        }
    }
}

fn firsts(messages: &[Message]) -> Firsts {
    let mut firsts = Firsts::new();
    for message in messages {
        let slot = (message.topic.clone(), message.partition);
        firsts.entry(slot).or_insert(message.offset);
    }
    firsts
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
