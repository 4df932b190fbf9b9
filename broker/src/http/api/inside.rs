//! How the broker itself is: connections, latencies, storage. Seen by those who may describe the
//! cluster.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use flymq_protocol::messages::{ClusterStatusRequest, ClusterStatusResponse};
use serde::Serialize;

use super::session::Session;
use crate::Result;
use crate::connections::Connected;
use crate::dispatch::cluster_status;
use crate::metrics::Latency;

/// How many connections are listed.
const MOST_LISTED: usize = 1000;

/// The connections of clients.
#[derive(Serialize)]
pub struct Connections {
    /// How many there are.
    count: usize,
    /// How many there may be.
    limit: usize,
    /// The newest of them, at most 1,000.
    connections: Vec<Connection>,
}

/// A connection.
#[derive(Serialize)]
struct Connection {
    id: u64,
    address: String,
    tls: bool,
    since_ms: i64,
    requests: u64,
    /// What the client calls itself.
    client_id: String,
    /// Library and version.
    software: String,
    /// Who has logged in, where users have to.
    user: Option<String>,
}

pub fn connections(session: &mut Session<'_>) -> Result<Connections> {
    session.observe()?;
    let (newest, count) = session.shared.connections.newest(MOST_LISTED);
    let line = |connected: &Connected| {
        let greeting = connected.greeting.get();
        Connection {
            id: connected.id,
            address: connected.address.clone(),
            tls: connected.tls,
            since_ms: connected.since_ms,
            requests: connected.requests.load(Ordering::Relaxed),
            client_id: greeting.map_or_else(String::new, |g| g.client_id.clone()),
            software: greeting.map_or_else(String::new, |g| g.software.clone()),
            user: connected.owner.user(),
        }
    };
    Ok(Connections {
        count,
        limit: session.shared.config.max_connections,
        connections: newest.iter().map(|connected| line(connected)).collect(),
    })
}

/// The latencies of operations since the broker started, as histograms.
#[derive(Serialize)]
pub struct Latencies {
    operations: Vec<Latency>,
    /// How long it takes to bring changes to the disk, which all who wait for it share.
    commits: Latency,
    /// Requests that were answered with an error: by operation and name of the error.
    errors: Vec<Errors>,
}

/// Answers with an error.
#[derive(Serialize)]
struct Errors {
    operation: String,
    error: String,
    count: u64,
}

pub fn latencies(session: &mut Session<'_>) -> Result<Latencies> {
    session.observe()?;
    let metrics = &session.shared.metrics;
    let errors = metrics.errors().into_iter();
    let errors = errors.map(|([operation, error], count)| Errors { operation, error, count });
    Ok(Latencies {
        operations: metrics.latencies(),
        commits: metrics.commits(),
        errors: errors.collect(),
    })
}

/// The engine.
#[derive(Serialize)]
pub struct Engine {
    /// Bytes that all topics take, where the engine knows.
    bytes: Option<u64>,
    disk: Option<Disk>,
    transactions: Option<Transactions>,
    cluster: ClusterStatusResponse,
    /// Bytes of requests and answers under way, and how many there may be.
    inflight_bytes: usize,
    inflight_limit_bytes: usize,
    /// The broker's process and counters: metrics without labels, by name.
    metrics: BTreeMap<String, f64>,
}

/// The disk that the engine writes to.
#[derive(Serialize)]
struct Disk {
    free_bytes: u64,
    bytes: u64,
    /// Below how many free bytes writes are refused.
    min_free_bytes: u64,
}

/// Open transactions.
#[derive(Serialize)]
struct Transactions {
    open: u64,
    oldest_ms: u64,
}

pub async fn engine(session: &mut Session<'_>) -> Result<Engine> {
    let shared = session.shared;
    let request = ClusterStatusRequest {};
    let cluster = session.call(request, |_, _| cluster_status(shared)).await?;
    let stats = session.stats().await?;
    Ok(Engine {
        bytes: stats.topics.iter().map(|topic| topic.bytes).sum(),
        disk: stats.disk.map(|disk| Disk {
            free_bytes: disk.free,
            bytes: disk.size,
            min_free_bytes: shared.config.min_free_bytes,
        }),
        transactions: stats.transactions.map(|transactions| Transactions {
            open: transactions.open,
            oldest_ms: u64::try_from(transactions.oldest.as_millis()).unwrap_or(u64::MAX),
        }),
        cluster,
        inflight_bytes: shared.budget.in_use(),
        inflight_limit_bytes: shared.budget.total(),
        metrics: shared.metrics.without_labels(),
    })
}
