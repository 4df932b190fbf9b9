//! A consumer of the core that any thread may use.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use flymq_core::{Error, ErrorCode, Event};
use pyo3::prelude::*;
use tokio::sync::{MappedMutexGuard, MutexGuard as AsyncGuard, Notify};

use crate::errors;
use crate::handle::Resource;
use crate::wait::{Failure, Host};

/// How long `close()` waits for the last commit and for leaving the group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often whoever wants the consumer for a moment reminds a poll of it.
const REMINDER: Duration = Duration::from_millis(10);

/// A consumer of the core, which wants to be used by one task at a time, for many threads: a poll
/// lets go of it while it waits and others have something short to do.
pub struct Reading {
    /// `None` once closed.
    consumer: tokio::sync::Mutex<Option<flymq_core::Consumer>>,
    /// Rung when a poll is to let others in.
    wanted: Notify,
    /// Held by the thread that polls, callbacks included.
    turn: tokio::sync::Mutex<()>,
    polling: Mutex<Option<ThreadId>>,
}

type Borrowed<'a> = MappedMutexGuard<'a, flymq_core::Consumer>;

impl Reading {
    pub fn new(consumer: flymq_core::Consumer) -> Self {
        Self {
            consumer: tokio::sync::Mutex::new(Some(consumer)),
            wanted: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            polling: Mutex::default(),
        }
    }

    /// The consumer for something short.
    pub async fn borrow(&self) -> Result<Borrowed<'_>, Failure> {
        open(self.lock().await)
    }

    async fn lock(&self) -> AsyncGuard<'_, Option<flymq_core::Consumer>> {
        if let Ok(guard) = self.consumer.try_lock() {
            return guard;
        }
        let mut lock = pin!(self.consumer.lock());
        loop {
            self.wanted.notify_one();
            if let Ok(guard) = tokio::time::timeout(REMINDER, &mut lock).await {
                return guard;
            }
        }
    }

    /// What the consumer brings within the time.
    pub async fn event(&self, max: usize, timeout: Duration) -> Result<Option<Event>, Failure> {
        let began = Instant::now();
        loop {
            let mut consumer = open(self.consumer.lock().await)?;
            let left = timeout.saturating_sub(began.elapsed());
            tokio::select! {
                biased;
                event = consumer.poll_event(max, left) => return Ok(event?),
                () = self.wanted.notified() => {}
            }
        }
    }

    /// The turn of this thread to poll; `None` if another one does so for all of `timeout`.
    pub fn take_turn(
        &self,
        py: Python<'_>,
        host: &Host,
        timeout: Duration,
    ) -> PyResult<Option<Turn<'_>>> {
        let this_thread = Some(thread::current().id());
        if *self.polling() == this_thread {
            let message = "a rebalance callback cannot poll: return from it first";
            return Err(errors::from_entry(ErrorCode::InvalidArgument, message));
        }
        let turn =
            async { Ok::<_, Failure>(tokio::time::timeout(timeout, self.turn.lock()).await.ok()) };
        let Some(guard) = host.wait_unless_ready(py, turn)? else { return Ok(None) };
        *self.polling() = this_thread;
        Ok(Some(Turn { reading: self, _guard: guard }))
    }

    fn polling(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.polling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be told before partitions are given up, as far as nothing has to be waited for.
    pub async fn pending(&self) -> Result<Option<Event>, Failure> {
        Ok(self.borrow().await?.poll_event(0, Duration::ZERO).await?)
    }

    async fn begin_end(&self, prepare: impl FnOnce(&flymq_core::Consumer)) {
        self.lock().await.as_ref().map(prepare);
    }

    async fn finish(&self, timeout: Option<Duration>) -> Result<(), Failure> {
        let Some(consumer) = self.lock().await.take() else { return Ok(()) };
        Ok(consumer.close(timeout.unwrap_or(CLOSE_TIMEOUT)).await?)
    }

    /// Closes the consumer, which `prepare` has begun and during which `tell` may still use it.
    pub fn end(
        &self,
        py: Python<'_>,
        host: &Host,
        timeout: Option<Duration>,
        prepare: impl FnOnce(&flymq_core::Consumer) + Send,
        mut tell: impl FnMut(Event) -> PyResult<()>,
    ) -> PyResult<()> {
        host.wait(py, async {
            self.begin_end(prepare).await;
            Ok::<_, Failure>(())
        })?;
        let mut told = Ok(());
        // What polling fails with, such as being fenced, does not keep from closing.
        while let Ok(Some(event)) = host.wait(py, self.pending()) {
            told = told.and(tell(event));
        }
        host.wait(py, self.finish(timeout)).and(told)
    }
}

impl Resource for Arc<Reading> {
    const NAME: &'static str = "consumer";

    /// Whoever has not closed it by itself may not have processed what it returned last.
    async fn close(self, timeout: Option<Duration>) -> Result<(), Failure> {
        self.begin_end(flymq_core::Consumer::abandon).await;
        while let Ok(Some(_)) = self.pending().await {}
        self.finish(timeout).await
    }
}

fn open(guard: AsyncGuard<'_, Option<flymq_core::Consumer>>) -> Result<Borrowed<'_>, Failure> {
    let closed = |_| Error::new(ErrorCode::Closed, "use", "the consumer is closed");
    Ok(AsyncGuard::try_map(guard, Option::as_mut).map_err(closed)?)
}

/// This thread polls, and no other does.
pub struct Turn<'a> {
    reading: &'a Reading,
    _guard: AsyncGuard<'a, ()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.reading.polling() = None;
    }
}
