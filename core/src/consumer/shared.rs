//! A consumer for callers that come from any thread.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, Notify};

use super::{Consumer, Event};
use crate::error::{Error, Result};

/// How often whoever wants the consumer for a moment reminds a poll of it.
const REMINDER: Duration = Duration::from_millis(10);

/// A [`Consumer`], which wants to be used by one task at a time, for many: a poll lets go of it while
/// it waits and others have something short to do. For bindings, above all.
pub struct SharedConsumer {
    /// `None` once closed.
    consumer: Mutex<Option<Consumer>>,
    /// Rung when a poll is to let others in.
    wanted: Notify,
}

impl SharedConsumer {
    /// Shares a consumer.
    pub fn new(consumer: Consumer) -> Self {
        Self { consumer: Mutex::new(Some(consumer)), wanted: Notify::new() }
    }

    /// The consumer for something short.
    ///
    /// # Errors
    ///
    /// CLOSED.
    pub async fn borrow(&self) -> Result<MappedMutexGuard<'_, Consumer>> {
        open(self.lock().await)
    }

    async fn lock(&self) -> MutexGuard<'_, Option<Consumer>> {
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

    /// As [`Consumer::poll_event`], letting others in while it waits.
    ///
    /// # Errors
    ///
    /// As [`Consumer::poll`]; CLOSED.
    pub async fn poll_event(&self, max_records: usize, timeout: Duration) -> Result<Option<Event>> {
        let began = tokio::time::Instant::now();
        loop {
            let mut consumer = open(self.consumer.lock().await)?;
            let left = timeout.saturating_sub(began.elapsed());
            tokio::select! {
                biased;
                event = consumer.poll_event(max_records, left) => return event,
                () = self.wanted.notified() => {}
            }
        }
    }

    /// Closes the consumer as [`Consumer::close`] does; harmless when closed. Whoever wants to hear of
    /// what is given up calls [`Consumer::begin_close`] and polls before.
    ///
    /// # Errors
    ///
    /// As [`Consumer::close`].
    pub async fn close(&self, timeout: Duration) -> Result<()> {
        let consumer = self.lock().await.take();
        match consumer {
            Some(consumer) => consumer.close(timeout).await,
            None => Ok(()),
        }
    }
}

fn open(guard: MutexGuard<'_, Option<Consumer>>) -> Result<MappedMutexGuard<'_, Consumer>> {
    MutexGuard::try_map(guard, Option::as_mut).map_err(|_| Error::closed("use", "consumer"))
}
