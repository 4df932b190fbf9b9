//! What a client counts.

use std::collections::HashMap;
use std::time::Duration;

use flymq_core::{MetricsSnapshot, OperationMetrics};

/// What a client has counted up to now. Times are in microseconds; half of all requests took no longer
/// than `latency_p50_us`, and so on, FETCH left out because it waits for records to come.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Metrics {
    /// Open connections.
    pub connections: u64,
    /// Connections that were made.
    pub connections_opened: u64,
    /// Connections that could not be made.
    pub connections_failed: u64,
    /// Connections that were lost.
    pub connections_lost: u64,
    /// How often a lost connection was made again.
    pub reconnects: u64,
    /// How often another broker was turned to.
    pub failovers: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Bytes of records that producers hold.
    pub buffered_bytes: u64,
    /// Records that producers hold.
    pub buffered_records: u64,
    /// Bytes that consumers have read ahead.
    pub prefetched_bytes: u64,
    /// Records that brokers acknowledged.
    pub sent_records: u64,
    /// Records handed to the application.
    pub consumed_records: u64,
    /// How often a consumer's share of partitions has changed.
    pub rebalances: u64,
    /// Commits that brokers acknowledged.
    pub commits: u64,
    /// Records that consumers passed over because they could not be read.
    pub skipped_records: u64,
    /// Records that consumers sent to another topic because they could not be read.
    pub dead_letters: u64,
    /// Errors by their number.
    pub errors: HashMap<u16, u64>,
    /// Half of all requests took no longer.
    pub latency_p50_us: u64,
    /// 90 % took no longer.
    pub latency_p90_us: u64,
    /// 99 % took no longer.
    pub latency_p99_us: u64,
    /// 99.9 % took no longer.
    pub latency_p999_us: u64,
    /// The same for each operation by its name.
    pub operations: HashMap<String, OperationCounts>,
}

/// What was counted of an operation.
#[derive(Clone, Debug, uniffi::Record)]
pub struct OperationCounts {
    /// Requests that were answered.
    pub requests: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Half of all took no longer.
    pub latency_p50_us: u64,
    /// 99 % took no longer.
    pub latency_p99_us: u64,
}

fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

impl From<MetricsSnapshot> for Metrics {
    fn from(counted: MetricsSnapshot) -> Self {
        let operation = |counted: &OperationMetrics| OperationCounts {
            requests: counted.requests,
            errors: counted.errors,
            latency_p50_us: micros(counted.latency_p50),
            latency_p99_us: micros(counted.latency_p99),
        };
        let operations = counted.operations.iter();
        Self {
            connections: counted.connections,
            connections_opened: counted.connections_opened,
            connections_failed: counted.connections_failed,
            connections_lost: counted.connections_lost,
            reconnects: counted.reconnects,
            failovers: counted.failovers,
            requests: counted.requests,
            retries: counted.retries,
            buffered_bytes: counted.buffered_bytes,
            buffered_records: counted.buffered_records,
            prefetched_bytes: counted.prefetched_bytes,
            sent_records: counted.sent_records,
            consumed_records: counted.consumed_records,
            rebalances: counted.rebalances,
            commits: counted.commits,
            skipped_records: counted.skipped_records,
            dead_letters: counted.dead_letters,
            errors: counted.errors.iter().map(|(code, count)| (*code, *count)).collect(),
            latency_p50_us: micros(counted.latency_p50),
            latency_p90_us: micros(counted.latency_p90),
            latency_p99_us: micros(counted.latency_p99),
            latency_p999_us: micros(counted.latency_p999),
            operations: operations.map(|(name, o)| ((*name).to_owned(), operation(o))).collect(),
        }
    }
}
