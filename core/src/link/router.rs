//! Which broker to talk to: one at a time, the next when it fails.
//!
//! Any broker serves every partition, so there is nothing to route by but who is alive.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use flymq_protocol::ErrorCode;
use flymq_protocol::messages::Request;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tracing::Instrument;

use super::connection::Connection;
use crate::clock::after;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::tls::Connector;

/// How many readers share a connection. Each may have a request waiting at the broker, which takes
/// 256 at a time from one connection.
const READERS: usize = 64;

/// Requests that must not wait for each other's bytes use lanes of their own.
#[derive(Clone, Copy)]
pub(crate) enum Lane<'a> {
    /// Small requests and produce.
    Main,
    /// Fetches, whose answers may be large and late.
    Fetch(&'a FetchLane),
}

/// One reader's share of a connection.
pub(crate) struct FetchLane(Arc<Slot>);

/// When a failed request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Whenever the error says that it may help: the request has no effect, or the same one twice.
    Always,
    /// Only if it cannot have been carried out.
    Unsent,
}

pub(crate) struct Router {
    config: Config,
    connector: Option<Connector>,
    metrics: Arc<Metrics>,
    main: Slot,
    /// For up to [`READERS`] readers; stays.
    fetch: Arc<Slot>,
    /// For more of them; each goes with the last of its readers.
    more_fetch: std::sync::Mutex<Vec<Weak<Slot>>>,
    /// Index of the address that is in use, or to be tried next.
    current: AtomicUsize,
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct Slot {
    connection: ArcSwapOption<Connection>,
    /// Counts the rounds over all addresses that have failed.
    failed_rounds: AtomicU64,
    connecting: Mutex<Connecting>,
}

/// How connecting has gone, for whoever does it next.
#[derive(Default)]
struct Connecting {
    /// How many rounds in a row have failed, and when the next one may begin.
    failures: u32,
    not_before: Option<Instant>,
    last: Option<Error>,
}

impl Router {
    pub fn new(config: Config, connector: Option<Connector>, metrics: Arc<Metrics>) -> Self {
        Self {
            config,
            connector,
            metrics,
            main: Slot::default(),
            fetch: Arc::default(),
            more_fetch: std::sync::Mutex::default(),
            current: AtomicUsize::new(0),
            closed: watch::Sender::new(false),
        }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A lane for a reader, which has a connection in common with not too many others.
    pub fn fetch_lane(&self) -> FetchLane {
        // One reference is the router's.
        if Arc::strong_count(&self.fetch) <= READERS {
            return FetchLane(self.fetch.clone());
        }
        let mut more = self.more_fetch.lock().unwrap_or_else(PoisonError::into_inner);
        more.retain(|slot| slot.strong_count() > 0);
        let free = more.iter().find(|slot| slot.strong_count() < READERS).and_then(Weak::upgrade);
        let slot = free.unwrap_or_else(|| {
            let slot = Arc::default();
            more.push(Arc::downgrade(&slot));
            slot
        });
        FetchLane(slot)
    }

    fn slot<'a>(&'a self, lane: Lane<'a>) -> &'a Slot {
        match lane {
            Lane::Main => &self.main,
            Lane::Fetch(FetchLane(slot)) => slot,
        }
    }

    /// The lane's connection if there is one now.
    pub fn ready(&self, lane: Lane<'_>) -> Option<Arc<Connection>> {
        self.slot(lane).connection.load_full().filter(|c| c.is_open())
    }

    /// The lane's connection, made if need be by trying every address once.
    ///
    /// However many ask, one connects and the others get what comes of it; and between rounds that
    /// fail there is a pause, so that a broker in trouble is not stormed.
    pub async fn connection(&self, lane: Lane<'_>) -> Result<Arc<Connection>> {
        if let Some(connection) = self.ready(lane) {
            return Ok(connection);
        }
        let slot = self.slot(lane);
        let rounds = slot.failed_rounds.load(Ordering::Acquire);
        let mut connecting = slot.connecting.lock().await;
        if let Some(connection) = self.ready(lane) {
            return Ok(connection);
        }
        let failed_meanwhile = slot.failed_rounds.load(Ordering::Acquire) != rounds;
        if let Some(error) = connecting.last.clone().filter(|_| failed_meanwhile) {
            return Err(error);
        }
        if let Some(at) = connecting.not_before {
            // Asking again and again with the same password would look like guessing.
            if let Some(error) = connecting.last.clone().filter(Error::is_refusal)
                && at > Instant::now()
            {
                return Err(error);
            }
            tokio::select! {
                () = tokio::time::sleep_until(at) => {}
                () = self.closed() => {}
            }
        }
        self.leave_silent(slot);
        match self.connect().await {
            Ok(connection) => {
                *connecting = Connecting::default();
                slot.connection.store(Some(connection.clone()));
                // Closed at the same moment: whoever came second closes the connection.
                if let Err(error) = self.check_open() {
                    connection.close();
                    return Err(error);
                }
                Ok(connection)
            }
            Err(error) => {
                if connecting.failures == 0 && !error.is(ErrorCode::Closed) && !error.is_refusal() {
                    tracing::warn!(%error, "no broker can be reached; still trying");
                }
                let pause = match error.is_refusal() {
                    true => self.config.backoff_max,
                    false => self.backoff(connecting.failures),
                };
                connecting.failures += 1;
                connecting.not_before = Some(after(pause));
                connecting.last = Some(error.clone());
                slot.failed_rounds.fetch_add(1, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Tries every address once, beginning with the one in use.
    async fn connect(&self) -> Result<Arc<Connection>> {
        let addresses = &self.config.bootstrap;
        let mut failure = None;
        for _ in addresses {
            self.check_open()?;
            let index = self.current.load(Ordering::Relaxed) % addresses.len();
            let address = &addresses[index];
            let connector = self.connector.as_ref();
            let open = Connection::open(address, &self.config, connector, self.metrics.clone());
            let opened = match tokio::time::timeout(self.config.connect_timeout, open).await {
                Ok(opened) => opened,
                Err(_) => Err(Error::new(
                    ErrorCode::ConnectFailed,
                    "connect",
                    format!(
                        "{address} did not answer within {} ms",
                        self.config.connect_timeout.as_millis()
                    ),
                )),
            };
            match opened {
                Ok(connection) => return Ok(connection),
                // Other brokers of the cluster have the same users.
                Err(error) if error.is_refusal() => return Err(error),
                Err(error) => {
                    tracing::debug!(address, %error, "cannot connect");
                    self.move_on(index);
                    failure = Some(error);
                }
            }
        }
        Err(failure.unwrap_or_else(|| Error::invalid("connect", "no broker address is given")))
    }

    /// Turns to the next address, unless another lane has done so already.
    fn move_on(&self, from: usize) {
        let next = (from + 1) % self.config.bootstrap.len();
        let _ = self.current.compare_exchange(from, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Does not go back to a broker that stopped answering: it may well take connections still.
    fn leave_silent(&self, slot: &Slot) {
        let Some(old) = slot.connection.swap(None).filter(|c| c.fell_silent()) else { return };
        let index = self.current.load(Ordering::Relaxed);
        if self.config.bootstrap.get(index).is_some_and(|address| address == old.address()) {
            self.move_on(index);
        }
    }

    fn check_open(&self) -> Result<()> {
        if *self.closed.borrow() {
            return Err(Error::closed("request", "client"));
        }
        Ok(())
    }

    /// As [`connection`](Self::connection), again after failures that may pass, until the configured
    /// time is up.
    pub async fn reach(&self, lane: Lane<'_>, operation: &'static str) -> Result<Arc<Connection>> {
        let deadline = after(self.config.request_timeout);
        let mut last = None;
        loop {
            match tokio::time::timeout_at(deadline, self.connection(lane)).await {
                Ok(Err(error)) if error.is_retriable() => last = Some(error),
                Ok(result) => return result,
                Err(_) => return Err(last.unwrap_or_else(|| self.timed_out(operation))),
            }
        }
    }

    /// Makes a request, again after failures that may pass, until the configured time is up.
    pub async fn call<R: Request>(
        &self,
        lane: Lane<'_>,
        operation: &'static str,
        request: &R,
        retry: Retry,
    ) -> Result<R::Response>
    where
        R::Response: Send + 'static,
    {
        let deadline = after(self.config.request_timeout);
        self.call_until(lane, operation, request, retry, deadline).await
    }

    /// As [`call`](Self::call), until `deadline`.
    pub async fn call_until<R: Request>(
        &self,
        lane: Lane<'_>,
        operation: &'static str,
        request: &R,
        retry: Retry,
        deadline: Instant,
    ) -> Result<R::Response>
    where
        R::Response: Send + 'static,
    {
        let calling = self.attempts(lane, operation, request, retry, deadline);
        calling.instrument(tracing::debug_span!("call", operation)).await
    }

    async fn attempts<R: Request>(
        &self,
        lane: Lane<'_>,
        operation: &'static str,
        request: &R,
        retry: Retry,
        deadline: Instant,
    ) -> Result<R::Response>
    where
        R::Response: Send + 'static,
    {
        let mut last = None;
        let mut failures = 0;
        loop {
            self.check_open()?;
            let mut sent = false;
            let once = async {
                let connection = self.connection(lane).await?;
                sent = true;
                connection.call(operation, request).await
            };
            let error = match tokio::time::timeout_at(deadline, once).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => error,
                Err(_) => return Err(last.unwrap_or_else(|| self.timed_out(operation))),
            };
            let unsent = !sent || refused_unseen(&error);
            if !error.is_retriable() || (retry == Retry::Unsent && !unsent) {
                return Err(error);
            }
            tracing::debug!(%error, "will try again");
            self.metrics.retried();
            // Connecting has pauses of its own.
            let pause = if sent { self.backoff(failures) } else { Duration::ZERO };
            if after(pause) >= deadline {
                return Err(error);
            }
            last = Some(error);
            failures += u32::from(sent);
            tokio::time::sleep(pause).await;
        }
    }

    fn timed_out(&self, operation: &'static str) -> Error {
        Error::new(
            ErrorCode::Timeout,
            operation,
            format!("no answer came within {} ms", self.config.request_timeout.as_millis()),
        )
    }

    /// A random pause after `attempt` earlier failures, up to a bound that doubles with each.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let bound = self
            .config
            .backoff_initial
            .saturating_mul(1 << attempt.min(16))
            .min(self.config.backoff_max);
        bound.mul_f64(rand::random::<f64>())
    }

    /// Waits until the client is closed.
    pub async fn closed(&self) {
        // It fails only if the router is gone, which is as closed as can be.
        let _ = self.closed.subscribe().wait_for(|&closed| closed).await;
    }

    /// Closes all connections and refuses further requests.
    pub fn close(&self) {
        self.closed.send_replace(true);
        let more = self.more_fetch.lock().unwrap_or_else(PoisonError::into_inner);
        let more: Vec<_> = more.iter().filter_map(Weak::upgrade).collect();
        for slot in [&self.main, &self.fetch].into_iter().chain(more.iter().map(|slot| &**slot)) {
            if let Some(connection) = slot.connection.swap(None) {
                connection.close();
            }
        }
    }
}

/// Answers that say that the broker did not begin with the request.
pub(crate) fn refused_unseen(error: &Error) -> bool {
    error.is(ErrorCode::ShuttingDown)
        || error.is(ErrorCode::Overloaded)
        || error.is(ErrorCode::TooManyConnections)
        || error.is(ErrorCode::StorageFull)
        || error.is(ErrorCode::AuthRequired)
}
