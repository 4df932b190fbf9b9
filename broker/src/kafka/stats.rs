//! What the engine counts of its work with the cluster.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use kafka_protocol::messages::ApiKey;

/// Upper bounds of the buckets that latencies are counted in, in microseconds.
pub const LATENCY_BUCKETS_US: [u64; 12] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000,
];

/// Kinds of requests that are counted apart.
const KINDS: [&str; 3] = ["produce", "fetch", "other"];

/// Counters. Counting takes a few atomic additions.
#[derive(Default)]
pub struct Stats {
    kinds: [Kind; KINDS.len()],
    connects: AtomicU64,
    failed_connects: AtomicU64,
    retries: AtomicU64,
}

#[derive(Default)]
struct Kind {
    requests: AtomicU64,
    failures: AtomicU64,
    micros: AtomicU64,
    buckets: [AtomicU64; LATENCY_BUCKETS_US.len() + 1],
}

/// The counters at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaStats {
    /// Requests to nodes, by kind.
    pub requests: Vec<RequestStats>,
    /// Connections that were made since the start.
    pub connects: u64,
    /// Attempts to connect that failed.
    pub failed_connects: u64,
    /// Attempts beyond the first of an operation.
    pub retries: u64,
    /// Nodes that metadata names.
    pub nodes: u64,
    /// Those of them that could not be reached when it was last tried.
    pub unreachable_nodes: u64,
    /// Connections that are open.
    pub connections: u64,
}

/// What was asked of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestStats {
    /// `produce`, `fetch` or `other`.
    pub kind: &'static str,
    /// Requests that were sent.
    pub requests: u64,
    /// Those that were not answered, or not with what was to be read.
    pub failures: u64,
    /// How long their answers took together, in microseconds, long polls included.
    pub micros: u64,
    /// How many answers took at most as long as the bound in [`LATENCY_BUCKETS_US`], each counted
    /// once; the last is for those that took longer than all bounds.
    pub buckets: Vec<u64>,
}

impl Stats {
    /// Counts a request that has ended.
    pub fn answered(&self, key: ApiKey, took: Duration, answered: bool) {
        let kind = match key {
            ApiKey::Produce => &self.kinds[0],
            ApiKey::Fetch => &self.kinds[1],
            _ => &self.kinds[2],
        };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        kind.requests.fetch_add(1, Relaxed);
        kind.micros.fetch_add(micros, Relaxed);
        let bucket = LATENCY_BUCKETS_US.partition_point(|&bound| bound < micros);
        kind.buckets[bucket].fetch_add(1, Relaxed);
        if !answered {
            kind.failures.fetch_add(1, Relaxed);
        }
    }

    /// Counts a connection.
    pub fn connected(&self) {
        self.connects.fetch_add(1, Relaxed);
    }

    /// Counts a connection that did not come about.
    pub fn not_connected(&self) {
        self.failed_connects.fetch_add(1, Relaxed);
    }

    /// Counts an attempt beyond the first.
    pub fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// The counters now, without those of nodes.
    pub fn snapshot(&self) -> KafkaStats {
        let request = |(name, kind): (&'static str, &Kind)| RequestStats {
            kind: name,
            requests: kind.requests.load(Relaxed),
            failures: kind.failures.load(Relaxed),
            micros: kind.micros.load(Relaxed),
            buckets: kind.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect(),
        };
        KafkaStats {
            requests: KINDS.into_iter().zip(&self.kinds).map(request).collect(),
            connects: self.connects.load(Relaxed),
            failed_connects: self.failed_connects.load(Relaxed),
            retries: self.retries.load(Relaxed),
            ..KafkaStats::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fall_into_their_buckets() {
        let stats = Stats::default();
        stats.answered(ApiKey::Produce, Duration::from_micros(250), true);
        stats.answered(ApiKey::Produce, Duration::from_micros(251), false);
        stats.answered(ApiKey::Metadata, Duration::from_secs(60), true);
        let requests = stats.snapshot().requests;
        assert_eq!((requests[0].requests, requests[0].failures), (2, 1));
        assert_eq!(requests[0].buckets[..3], [1, 1, 0]);
        assert_eq!(requests[2].buckets.last(), Some(&1));
        assert_eq!(
            requests[1],
            RequestStats { kind: "fetch", buckets: vec![0; 13], ..Default::default() }
        );
    }
}
