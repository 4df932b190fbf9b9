//! One node of the cluster and the connections to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::link::{Api, Connection, Dialer, LinkError};
use super::stats::Stats;

/// What a connection is for. A node serves the requests of a connection one after another, so what
/// waits long must not stand in front of what does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Metadata, topics, groups, transactions. Equal numbers share a connection, and so an order.
    Control(usize),
    /// Appends. Equal numbers share a connection, and so an order.
    Produce(usize),
    /// Reads that are answered at once.
    Fetch(usize),
    /// Reads that wait for records.
    Poll(usize),
}

/// How many connections each purpose has at most.
pub const CONTROL_LANES: usize = 4;
pub const PRODUCE_LANES: usize = 4;
pub const FETCH_LANES: usize = 4;
pub const POLL_LANES: usize = 16;

impl Lane {
    fn index(self) -> usize {
        match self {
            Self::Control(n) => n % CONTROL_LANES,
            Self::Produce(n) => CONTROL_LANES + n % PRODUCE_LANES,
            Self::Fetch(n) => CONTROL_LANES + PRODUCE_LANES + n % FETCH_LANES,
            Self::Poll(n) => CONTROL_LANES + PRODUCE_LANES + FETCH_LANES + n % POLL_LANES,
        }
    }
}

const LANES: usize = CONTROL_LANES + PRODUCE_LANES + FETCH_LANES + POLL_LANES;

/// A node, as metadata names it.
pub struct Node {
    pub host: String,
    pub port: u16,
    dialer: Arc<Dialer>,
    stats: Arc<Stats>,
    lanes: [Mutex<Option<Arc<Connection>>>; LANES],
    /// Whether the node can be reached at all, as the last attempt found.
    health: std::sync::Mutex<Health>,
    next_fetch: AtomicUsize,
}

/// After a failed attempt to connect, others do not try again at once.
#[derive(Default)]
struct Health {
    failures: u32,
    blocked: Option<(Instant, LinkError)>,
}

impl Node {
    pub fn new(host: String, port: u16, dialer: Arc<Dialer>, stats: Arc<Stats>) -> Self {
        Self {
            host,
            port,
            dialer,
            stats,
            lanes: std::array::from_fn(|_| Mutex::default()),
            health: Default::default(),
            next_fetch: AtomicUsize::new(0),
        }
    }

    /// Sends a request over the lane's connection, which is made if need be.
    pub async fn call<R: Api>(&self, lane: Lane, request: &R) -> Result<R::Response, LinkError> {
        self.call_for(lane, request, Duration::ZERO).await
    }

    /// As [`call`](Self::call), for a request whose answer the node holds back for up to `wait`.
    pub async fn call_for<R: Api>(
        &self,
        lane: Lane,
        request: &R,
        wait: Duration,
    ) -> Result<R::Response, LinkError> {
        let connection = self.connection(lane).await?;
        let begun = Instant::now();
        let patience = self.dialer.config().request_timeout + wait;
        let answer = connection.call(request, patience).await;
        self.stats.answered(R::KEY, begun.elapsed(), answer.is_ok());
        answer
    }

    /// The lane whose turn it is among those for reads that are answered at once.
    pub fn fetch_lane(&self) -> Lane {
        Lane::Fetch(self.next_fetch.fetch_add(1, Ordering::Relaxed))
    }

    /// The lane's connection.
    pub async fn connection(&self, lane: Lane) -> Result<Arc<Connection>, LinkError> {
        let mut slot = self.lanes[lane.index()].lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(connection.clone());
        }
        // One whose time is over ends with the last of its calls.
        *slot = None;
        if let Some((until, error)) = &self.lock().blocked
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        match self.dialer.dial(&self.host, self.port).await {
            Ok(connection) => {
                *self.lock() = Health::default();
                self.stats.connected();
                let connection = Arc::new(connection);
                *slot = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                self.stats.not_connected();
                tracing::debug!(node = %self, ?error, "cannot connect to a Kafka node");
                let mut health = self.lock();
                let config = self.dialer.config();
                let pause = config.retry_backoff * 2_u32.saturating_pow(health.failures.min(10));
                let until = Instant::now() + pause.min(config.retry_backoff_max);
                *health =
                    Health { failures: health.failures + 1, blocked: Some((until, error.clone())) };
                Err(error)
            }
        }
    }

    /// Whether there is a connection that can be used, or none was refused.
    pub fn is_reachable(&self) -> bool {
        self.lock().failures == 0
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        let is_open = |lane: &&Mutex<Option<Arc<Connection>>>| {
            lane.try_lock().is_ok_and(|c| c.as_ref().is_some_and(|c| c.is_usable()))
        };
        self.lanes.iter().filter(is_open).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
