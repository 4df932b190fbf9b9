//! The broker at a glance.

use serde::Serialize;

use super::groups::Lag;
use super::session::Session;
use super::topics::Traffic;
use crate::config::{Durability, EngineConfig};
use crate::engine::stats::Health;
use crate::{Result, now_ms};

/// The broker, and totals of what may be seen.
#[derive(Serialize)]
pub struct Overview {
    version: &'static str,
    cluster_id: String,
    /// `embedded`, or `kafka` where a cluster stores the records.
    engine: &'static str,
    /// `ok`, `degraded` or `unavailable`.
    status: &'static str,
    /// Why it is not `ok`.
    reason: Option<String>,
    /// Where clients connect.
    address: String,
    /// What an acknowledgement means: `fsync` or `os`.
    durability: &'static str,
    tls: bool,
    /// Whether users have to log in.
    auth: bool,
    /// Who asks, where users have to log in.
    principal: Option<String>,
    /// The broker's clock.
    time_ms: i64,
    uptime_ms: u64,
    topics: usize,
    partitions: u64,
    /// Bytes on the disk, where the engine knows.
    bytes: Option<u64>,
    /// Since the broker started.
    produced: Traffic,
    /// Since the broker started.
    consumed: Traffic,
    groups: usize,
    /// All groups together.
    lag: Lag,
    /// Connections of clients; only for those who may see how the broker is.
    connections: Option<usize>,
}

pub async fn overview(session: &mut Session<'_>) -> Result<Overview> {
    let topics = super::topics::topics(session).await?;
    let groups = super::groups::groups(session).await?;
    let connections = session.may_observe().then(|| session.shared.connections.newest(0).1);
    let (status, reason) = match session.shared.engine.health().wait().await? {
        Health::Ok => ("ok", None),
        Health::Degraded(why) => ("degraded", Some(why)),
        Health::Failed(why) => ("unavailable", Some(why)),
    };
    let shared = session.shared;
    Ok(Overview {
        version: env!("CARGO_PKG_VERSION"),
        cluster_id: shared.engine.cluster_id(),
        engine: match shared.config.engine {
            EngineConfig::Embedded => "embedded",
            #[cfg(feature = "kafka")]
            EngineConfig::Kafka(_) => "kafka",
        },
        status,
        reason,
        address: format!("{}:{}", shared.advertised_host(), shared.advertised_port()),
        durability: match shared.config.durability {
            Durability::Fsync => "fsync",
            Durability::Os => "os",
        },
        tls: shared.tls.is_some(),
        auth: shared.access.is_some(),
        principal: session.principal(),
        time_ms: now_ms(),
        uptime_ms: u64::try_from(shared.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        topics: topics.topics.len(),
        partitions: topics.topics.iter().map(|topic| u64::from(topic.partitions)).sum(),
        bytes: topics.topics.iter().map(|topic| topic.bytes).sum(),
        produced: topics.topics.iter().map(|topic| topic.produced).sum(),
        consumed: topics.topics.iter().map(|topic| topic.consumed).sum(),
        groups: groups.groups.len(),
        lag: groups.groups.iter().map(|group| group.lag).fold(Lag::default(), Lag::and),
        connections,
    })
}
