//! Connections by lane: made when they are needed, to one broker after the other until one works.
//!
//! Any broker serves every partition, so there is nothing to route by but who is alive. A client
//! stays with the broker that it has found until that fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use flymq_protocol::ErrorCode;
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;

use super::attempts::{Attempts, Dialer, unreachable};
use super::connection::Connection;
use super::endpoints::Endpoints;
use super::names::Names;
use crate::clock::after;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::metrics::{EndpointMetrics, Metrics};
use crate::tls::Connector;

/// How many readers share a connection. Each may have a request waiting at the broker, which takes
/// 256 at a time from one connection.
const READERS: usize = 64;

/// How long a round of connecting waits at least for those who have not answered yet.
const STRAGGLERS: Duration = Duration::from_secs(1);

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

pub(crate) struct Router {
    pub(super) dialer: Arc<Dialer>,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) names: Arc<Names>,
    main: Slot,
    /// For up to [`READERS`] readers; stays.
    fetch: Arc<Slot>,
    /// For more of them; each goes with the last of its readers.
    more_fetch: std::sync::Mutex<Vec<Weak<Slot>>>,
    closed: watch::Sender<bool>,
    /// Rung when there may be something to look after, see `upkeep`.
    pub(super) attention: Arc<Notify>,
}

#[derive(Default)]
struct Slot {
    connection: ArcSwapOption<Connection>,
    /// Counts the rounds over all endpoints that have failed.
    failed_rounds: AtomicU64,
    connecting: Mutex<Connecting>,
}

/// How connecting has gone, for whoever does it next.
#[derive(Default)]
struct Connecting {
    attempts: Attempts,
    /// How many rounds in a row have failed, and when the next one may begin.
    failures: u32,
    not_before: Option<Instant>,
    last: Option<Error>,
    /// There was a connection before.
    again: bool,
}

impl Router {
    pub fn new(config: Config, connector: Option<Connector>, metrics: Arc<Metrics>) -> Self {
        let endpoints = Arc::new(Endpoints::default());
        Self {
            names: Names::new(&config, endpoints.clone()),
            dialer: Arc::new(Dialer { config, connector, metrics }),
            endpoints,
            main: Slot::default(),
            fetch: Arc::default(),
            more_fetch: std::sync::Mutex::default(),
            closed: watch::Sender::new(false),
            attention: Arc::default(),
        }
    }

    pub fn config(&self) -> &Config {
        &self.dialer.config
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.dialer.metrics
    }

    /// The endpoints that are known, and how they are.
    pub fn endpoints(&self) -> Vec<EndpointMetrics> {
        self.endpoints.snapshot()
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

    /// Why there is no connection, as far as that is known.
    pub fn trouble(&self) -> Option<Error> {
        let failures = self.endpoints.failures();
        (self.ready(Lane::Main).is_none() && !failures.is_empty()).then(|| unreachable(failures))
    }

    /// The lane's connection, made if need be by trying every endpoint once.
    ///
    /// However many ask, one connects and the others get what comes of it; and between rounds that
    /// fail there is a pause, so that a broker in trouble is not stormed.
    pub async fn connection(&self, lane: Lane<'_>) -> Result<Arc<Connection>> {
        self.connection_within(lane, self.config().backoff_max.max(STRAGGLERS)).await
    }

    /// As [`connection`](Self::connection), but waits for as long as connecting may take.
    pub async fn first_connection(&self) -> Result<Arc<Connection>> {
        // By then all attempts have come to their ends.
        self.connection_within(Lane::Main, self.config().connect_timeout * 2).await
    }

    async fn connection_within(
        &self,
        lane: Lane<'_>,
        patience: Duration,
    ) -> Result<Arc<Connection>> {
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
        self.leave(slot);
        let opened = tokio::select! {
            opened = self.connect(&mut connecting.attempts, patience) => opened,
            () = self.closed() => Err(Error::closed("request", "client")),
        };
        match opened {
            Ok(connection) => {
                let again = connecting.again;
                *connecting = Connecting { again: true, ..Connecting::default() };
                slot.connection.store(Some(connection.clone()));
                // Those that failed are looked after from now on.
                self.attention.notify_one();
                // Closed at the same moment: whoever came second closes the connection.
                if let Err(error) = self.check_open() {
                    connection.close();
                    return Err(error);
                }
                if again {
                    self.metrics().reconnected();
                }
                if let Some(before) = self.endpoints.turn_to(&connection.endpoint) {
                    self.metrics().failed_over();
                    let to = &connection.endpoint;
                    tracing::info!(from = %before, %to, "has gone over to another broker");
                }
                Ok(connection)
            }
            Err(error) => {
                if error.is(ErrorCode::Closed) {
                    connecting.attempts = Attempts::default();
                }
                if connecting.failures == 0 && !error.is(ErrorCode::Closed) && !error.is_refusal() {
                    tracing::warn!(%error, "no broker can be reached; still trying");
                }
                let pause = match error.is_refusal() {
                    true => self.config().backoff_max,
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

    /// Tries every endpoint once.
    async fn connect(
        &self,
        attempts: &mut Attempts,
        patience: Duration,
    ) -> Result<Arc<Connection>> {
        self.check_open()?;
        self.names.look_up().await;
        let endpoints = self.endpoints.by_preference();
        let opened = attempts.round(&self.dialer, endpoints, patience).await;
        opened.map_err(|mut failures| {
            let refused = failures.iter().any(|(_, error)| error.is_refusal());
            if !refused {
                failures.extend(self.names.troubles());
            }
            unreachable(failures)
        })
    }

    /// Leaves the lane's connection, if there was one. Neither a broker that stops nor one that did
    /// not answer any more is gone back to for now, although it may well take connections still.
    fn leave(&self, slot: &Slot) {
        let Some(old) = slot.connection.swap(None) else { return };
        if let Some(error) = old.reason_to_leave() {
            old.endpoint.failed(&error, self.config().backoff_max);
        }
    }

    pub(super) fn check_open(&self) -> Result<()> {
        if *self.closed.borrow() {
            return Err(Error::closed("request", "client"));
        }
        Ok(())
    }

    /// A random pause after `attempt` earlier failures, up to a bound that doubles with each.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let Config { backoff_initial, backoff_max, .. } = self.config();
        let bound = backoff_initial.saturating_mul(1 << attempt.min(16)).min(*backoff_max);
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
        self.attention.notify_one();
        let more = self.more_fetch.lock().unwrap_or_else(PoisonError::into_inner);
        let more: Vec<_> = more.iter().filter_map(Weak::upgrade).collect();
        for slot in [&self.main, &self.fetch].into_iter().chain(more.iter().map(|slot| &**slot)) {
            if let Some(connection) = slot.connection.swap(None) {
                connection.close();
            }
            // Whoever is connecting sees to it himself.
            if let Ok(mut connecting) = slot.connecting.try_lock() {
                connecting.attempts = Attempts::default();
            }
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.attention.notify_one();
    }
}
