//! One consumer for many threads, as the languages around this crate have them.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, Notify};
use tokio::time::Instant;

use super::{Consumer, Event};
use crate::clock::after;
use crate::error::{Error, Result};

/// How often whoever wants the consumer for a moment reminds a poll of it.
const REMINDER: Duration = Duration::from_millis(10);

/// A [`Consumer`] that any thread may use: one polls, and while it waits it lets others in who have
/// something short to do.
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
/// # client.create_topic(flymq_core::NewTopic::new("clicks")).await?;
/// use std::time::Duration;
/// use flymq_core::{SharedConsumer, StartOffset};
///
/// let consumer = SharedConsumer::new(client.consumer().build());
/// consumer.borrow().await?.assign([("clicks".to_owned(), 0, StartOffset::Earliest)]).await?;
/// let (polled, position) = tokio::join!(
///     consumer.poll_event(500, Duration::from_millis(100)),
///     async { consumer.borrow().await?.position("clicks", 0) },
/// );
/// assert_eq!((polled?, position?), (None, 0));
/// consumer.close(Duration::from_secs(10)).await?;
/// # flymq_core::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct SharedConsumer {
    /// `None` once closed.
    consumer: Mutex<Option<Consumer>>,
    /// Rung when a poll is to let others in.
    wanted: Notify,
    polling: AtomicBool,
}

/// The consumer, for something short.
pub type BorrowedConsumer<'a> = MappedMutexGuard<'a, Consumer>;

impl SharedConsumer {
    /// Shares a consumer.
    pub fn new(consumer: Consumer) -> Self {
        Self {
            consumer: Mutex::new(Some(consumer)),
            wanted: Notify::new(),
            polling: AtomicBool::new(false),
        }
    }

    /// The consumer, for something short, which must not be polling.
    ///
    /// # Errors
    ///
    /// CLOSED.
    pub async fn borrow(&self) -> Result<BorrowedConsumer<'_>> {
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

    /// The right to poll, for as long as it is kept.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT while it is someone's: another thread, or a caller further up that tells of a
    /// rebalance.
    pub fn take_turn(&self) -> Result<Turn<'_>> {
        if self.polling.swap(true, SeqCst) {
            let message = "the consumer is being polled, by another thread or around this callback";
            return Err(Error::invalid("poll", message));
        }
        Ok(Turn(self))
    }

    /// As [`Consumer::poll_event`]. Whoever does more between two of them, such as telling of a
    /// rebalance, [takes the turn](Self::take_turn) for all of it.
    ///
    /// # Errors
    ///
    /// As [`Consumer::poll`]; CLOSED.
    pub async fn poll_event(&self, max_records: usize, timeout: Duration) -> Result<Option<Event>> {
        let deadline = after(timeout);
        loop {
            let mut consumer = open(self.consumer.lock().await)?;
            let left = deadline.saturating_duration_since(Instant::now());
            tokio::select! {
                biased;
                event = consumer.poll_event(max_records, left) => return event,
                () = self.wanted.notified() => {}
            }
        }
    }

    /// As [`Consumer::ready`].
    ///
    /// # Errors
    ///
    /// As [`Consumer::ready`].
    pub async fn ready(&self, timeout: Duration) -> Result<bool> {
        let deadline = after(timeout);
        loop {
            let mut consumer = open(self.consumer.lock().await)?;
            let left = deadline.saturating_duration_since(Instant::now());
            tokio::select! {
                biased;
                ready = consumer.ready(left) => return ready,
                () = self.wanted.notified() => {}
            }
        }
    }

    /// As [`poll_event`](Self::poll_event), without waiting: brings what is there now. Nothing also if
    /// another thread has the consumer for something short. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// As [`Consumer::poll`]; CLOSED.
    pub fn take_event(&self, max_records: usize) -> Result<Option<Event>> {
        let Ok(guard) = self.consumer.try_lock() else { return Ok(None) };
        let mut consumer = open(guard)?;
        let polled = pin!(consumer.poll_event(max_records, Duration::ZERO));
        match polled.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => event,
            // Dropped, which loses nothing.
            Poll::Pending => Ok(None),
        }
    }

    /// What has to be told before partitions are given up, as far as nothing has to be waited for.
    ///
    /// # Errors
    ///
    /// As [`Consumer::poll`]; CLOSED.
    pub async fn pending(&self) -> Result<Option<Event>> {
        self.borrow().await?.poll_event(0, Duration::ZERO).await
    }

    /// The first half of [`close`](Self::close), for those who tell of what is given up themselves:
    /// until [`pending`](Self::pending) brings no more, or fails.
    pub async fn begin_close(&self) {
        self.lock().await.as_ref().map(Consumer::begin_close);
    }

    /// As [`Consumer::close`]. Harmless when closed.
    ///
    /// # Errors
    ///
    /// As [`Consumer::close`].
    pub async fn close(&self, timeout: Duration) -> Result<()> {
        let Some(consumer) = self.lock().await.take() else { return Ok(()) };
        consumer.close(timeout).await
    }
}

fn open(guard: MutexGuard<'_, Option<Consumer>>) -> Result<BorrowedConsumer<'_>> {
    MutexGuard::try_map(guard, Option::as_mut).map_err(|_| Error::closed("use", "consumer"))
}

/// The right to poll, given back when it is dropped.
pub struct Turn<'a>(&'a SharedConsumer);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.polling.store(false, SeqCst);
    }
}
