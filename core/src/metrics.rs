//! What the client counts, readable as a snapshot.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flymq_protocol::OpCode;
use hdrhistogram::Histogram;

use crate::error::Error;

/// Counters of one client and all that it made.
#[derive(Default)]
pub(crate) struct Metrics {
    connections: AtomicI64,
    connections_opened: AtomicU64,
    connections_failed: AtomicU64,
    connections_lost: AtomicU64,
    reconnects: AtomicU64,
    failovers: AtomicU64,
    metadata_refreshes: AtomicU64,
    retries: AtomicU64,
    buffered_bytes: AtomicI64,
    buffered_records: AtomicI64,
    prefetched_bytes: AtomicI64,
    sent_records: AtomicU64,
    consumed_records: AtomicU64,
    rebalances: AtomicU64,
    commits: AtomicU64,
    skipped_records: AtomicU64,
    dead_letters: AtomicU64,
    /// Per request, not per record, so that one lock is cheap enough.
    answers: Mutex<Answers>,
}

#[derive(Clone, Default)]
struct Answers {
    errors: BTreeMap<u16, u64>,
    operations: BTreeMap<&'static str, Operation>,
}

#[derive(Clone)]
struct Operation {
    errors: u64,
    /// Microseconds; two digits are kept, up to a minute.
    latency: Histogram<u64>,
}

/// What a client counted up to now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsSnapshot {
    /// Connections open now.
    pub connections: u64,
    /// Connections that were made.
    pub connections_opened: u64,
    /// Attempts to connect that failed.
    pub connections_failed: u64,
    /// Connections that ended without either side having closed them in good order.
    pub connections_lost: u64,
    /// Connections that were made in place of one that had ended.
    pub reconnects: u64,
    /// How often the client went over to another broker.
    pub failovers: u64,
    /// How often the brokers were asked which ones there are.
    pub metadata_refreshes: u64,
    /// Every address of a broker that is known.
    pub endpoints: Vec<EndpointMetrics>,
    /// Requests answered, with a result or an error.
    pub requests: u64,
    /// Requests or batches that were sent again.
    pub retries: u64,
    /// Errors by code.
    pub errors: BTreeMap<u16, u64>,
    /// Requests, errors and latency by the operation's name on the wire, such as `PRODUCE`.
    pub operations: BTreeMap<&'static str, OperationMetrics>,
    /// Bytes that producers hold and brokers have not acknowledged.
    pub buffered_bytes: u64,
    /// Records that producers hold and brokers have not acknowledged.
    pub buffered_records: u64,
    /// Bytes that consumers have read ahead of the application.
    pub prefetched_bytes: u64,
    /// Records acknowledged by brokers.
    pub sent_records: u64,
    /// Records handed to the application.
    pub consumed_records: u64,
    /// How often a consumer's share of its group's partitions has changed.
    pub rebalances: u64,
    /// COMMIT requests that brokers acknowledged.
    pub commits: u64,
    /// Records that consumers passed over because they could not be decrypted.
    pub skipped_records: u64,
    /// Records that consumers sent to another topic because they could not be decrypted.
    pub dead_letters: u64,
    /// Time from request to answer: half of all requests took no longer. FETCH is left out of this
    /// and the next three, because it waits for records to come.
    pub latency_p50: Duration,
    /// 90 % took no longer.
    pub latency_p90: Duration,
    /// 99 % took no longer.
    pub latency_p99: Duration,
    /// 99.9 % took no longer.
    pub latency_p999: Duration,
}

/// How an address of a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointMetrics {
    /// `host:port`, as the application or a broker has named it.
    pub name: String,
    /// What the name stands for: an IP address and a port.
    pub address: String,
    /// Whether a broker has named it, and not the application.
    pub learnt: bool,
    /// Whether it is the one that the client has connected to last.
    pub in_use: bool,
    /// Whether it is used.
    pub circuit: Circuit,
    /// Failures in a row.
    pub failures: u64,
    /// What went wrong last, if anything has.
    pub last_error: Option<String>,
    /// When that was, in milliseconds since 1970.
    pub last_error_at: Option<i64>,
}

/// Whether an address is used: the state of its circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// It is.
    Closed,
    /// It has failed, and is left out for a while, unless no other one works.
    Open,
    /// It has failed, and is being tried again in the background.
    HalfOpen,
}

impl Circuit {
    /// `closed`, `open` or `half-open`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// What a client counted of one operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationMetrics {
    /// Requests answered, with a result or an error.
    pub requests: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Time from request to answer: half of them took no longer.
    pub latency_p50: Duration,
    /// 90 % took no longer.
    pub latency_p90: Duration,
    /// 99 % took no longer.
    pub latency_p99: Duration,
    /// 99.9 % took no longer.
    pub latency_p999: Duration,
}

const LONGEST_US: u64 = 60_000_000;

/// An empty histogram of microseconds.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 2).expect("the bounds are valid")
}

fn quantile(latency: &Histogram<u64>, q: f64) -> Duration {
    Duration::from_micros(latency.value_at_quantile(q))
}

impl Metrics {
    pub fn new() -> Self {
        Self::default()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub fn disconnected(&self, lost: bool) {
        self.connections.fetch_sub(1, Relaxed);
        self.connections_lost.fetch_add(lost.into(), Relaxed);
    }

    pub fn connect_succeeded(&self) {
        self.connections_opened.fetch_add(1, Relaxed);
    }

    pub fn connect_failed(&self) {
        self.connections_failed.fetch_add(1, Relaxed);
    }

    pub fn reconnected(&self) {
        self.reconnects.fetch_add(1, Relaxed);
    }

    pub fn failed_over(&self) {
        self.failovers.fetch_add(1, Relaxed);
    }

    pub fn refreshed(&self) {
        self.metadata_refreshes.fetch_add(1, Relaxed);
    }

    pub fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub fn buffered(&self, bytes: i64, records: i64) {
        self.buffered_bytes.fetch_add(bytes, Relaxed);
        self.buffered_records.fetch_add(records, Relaxed);
    }

    pub fn prefetched(&self, bytes: i64) {
        self.prefetched_bytes.fetch_add(bytes, Relaxed);
    }

    pub fn sent(&self, records: u64) {
        self.sent_records.fetch_add(records, Relaxed);
    }

    pub fn consumed(&self, records: u64) {
        self.consumed_records.fetch_add(records, Relaxed);
    }

    pub fn rebalanced(&self) {
        self.rebalances.fetch_add(1, Relaxed);
    }

    pub fn committed(&self) {
        self.commits.fetch_add(1, Relaxed);
    }

    pub fn skipped(&self) {
        self.skipped_records.fetch_add(1, Relaxed);
    }

    pub fn dead_letter(&self) {
        self.dead_letters.fetch_add(1, Relaxed);
    }

    pub fn answered(&self, op: OpCode, took: Duration, error: Option<&Error>) {
        let micros = took.as_micros().clamp(1, LONGEST_US.into()) as u64;
        let mut answers = self.answers();
        if let Some(error) = error {
            *answers.errors.entry(error.code_number()).or_default() += 1;
        }
        let operation = answers
            .operations
            .entry(op.name())
            .or_insert_with(|| Operation { errors: 0, latency: histogram() });
        operation.errors += u64::from(error.is_some());
        operation.latency.saturating_record(micros);
    }

    /// What was counted, beside the state of the endpoints.
    pub fn snapshot(&self, endpoints: Vec<EndpointMetrics>) -> MetricsSnapshot {
        // A copy, since every answer that comes in meanwhile has to be noted too.
        let answers = self.answers().clone();
        let mut all = histogram();
        let mut requests = 0;
        let mut operations = BTreeMap::new();
        for (&name, Operation { errors, latency }) in &answers.operations {
            requests += latency.len();
            if name != OpCode::Fetch.name() {
                all.add(latency).expect("the bounds are the same");
            }
            let operation = OperationMetrics {
                requests: latency.len(),
                errors: *errors,
                latency_p50: quantile(latency, 0.5),
                latency_p90: quantile(latency, 0.9),
                latency_p99: quantile(latency, 0.99),
                latency_p999: quantile(latency, 0.999),
            };
            operations.insert(name, operation);
        }
        let level = |gauge: &AtomicI64| gauge.load(Relaxed).max(0) as u64;
        MetricsSnapshot {
            connections: level(&self.connections),
            connections_opened: self.connections_opened.load(Relaxed),
            connections_failed: self.connections_failed.load(Relaxed),
            connections_lost: self.connections_lost.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
            failovers: self.failovers.load(Relaxed),
            metadata_refreshes: self.metadata_refreshes.load(Relaxed),
            endpoints,
            requests,
            retries: self.retries.load(Relaxed),
            errors: answers.errors,
            operations,
            buffered_bytes: level(&self.buffered_bytes),
            buffered_records: level(&self.buffered_records),
            prefetched_bytes: level(&self.prefetched_bytes),
            sent_records: self.sent_records.load(Relaxed),
            consumed_records: self.consumed_records.load(Relaxed),
            rebalances: self.rebalances.load(Relaxed),
            commits: self.commits.load(Relaxed),
            skipped_records: self.skipped_records.load(Relaxed),
            dead_letters: self.dead_letters.load(Relaxed),
            latency_p50: quantile(&all, 0.5),
            latency_p90: quantile(&all, 0.9),
            latency_p99: quantile(&all, 0.99),
            latency_p999: quantile(&all, 0.999),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flymq_protocol::ErrorCode;

    #[test]
    fn a_waiting_fetch_is_counted_but_does_not_blur_the_latency() {
        let metrics = Metrics::new();
        for _ in 0..10 {
            metrics.answered(OpCode::Produce, Duration::from_millis(2), None);
            metrics.answered(OpCode::Fetch, Duration::from_millis(500), None);
        }
        let error = Error::new(ErrorCode::Overloaded, "produce", "");
        metrics.answered(OpCode::Produce, Duration::from_millis(2), Some(&error));
        let snapshot = metrics.snapshot(Vec::new());
        assert_eq!(snapshot.requests, 21);
        assert!(snapshot.latency_p999 < Duration::from_millis(3), "{:?}", snapshot.latency_p999);
        let produce = &snapshot.operations["PRODUCE"];
        assert_eq!((produce.requests, produce.errors), (11, 1));
        assert!(snapshot.operations["FETCH"].latency_p50 > Duration::from_millis(490));
        assert_eq!(snapshot.errors, BTreeMap::from([(ErrorCode::Overloaded as u16, 1)]));
    }
}
