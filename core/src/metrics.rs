//! What the client counts, readable as a snapshot.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::error::Error;

/// Counters of one client and all that it made.
pub(crate) struct Metrics {
    connections: AtomicI64,
    requests: AtomicU64,
    retries: AtomicU64,
    buffered_bytes: AtomicI64,
    prefetched_bytes: AtomicI64,
    sent_records: AtomicU64,
    consumed_records: AtomicU64,
    errors: Mutex<BTreeMap<u16, u64>>,
    /// Microseconds; two digits are kept, up to a minute.
    latency: Mutex<Histogram<u64>>,
}

/// What a client counted up to now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsSnapshot {
    /// Connections open now.
    pub connections: u64,
    /// Requests answered, with a result or an error.
    pub requests: u64,
    /// Requests or batches that were sent again.
    pub retries: u64,
    /// Errors by code.
    pub errors: BTreeMap<u16, u64>,
    /// Bytes that producers hold and brokers have not acknowledged.
    pub buffered_bytes: u64,
    /// Bytes that consumers have read ahead of the application.
    pub prefetched_bytes: u64,
    /// Records acknowledged by brokers.
    pub sent_records: u64,
    /// Records handed to the application.
    pub consumed_records: u64,
    /// Time from request to answer: half of all requests took no longer.
    pub latency_p50: Duration,
    /// 90 % took no longer.
    pub latency_p90: Duration,
    /// 99 % took no longer.
    pub latency_p99: Duration,
    /// 99.9 % took no longer.
    pub latency_p999: Duration,
}

const LONGEST_US: u64 = 60_000_000;

impl Metrics {
    pub fn new() -> Self {
        Self {
            connections: AtomicI64::new(0),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            buffered_bytes: AtomicI64::new(0),
            prefetched_bytes: AtomicI64::new(0),
            sent_records: AtomicU64::new(0),
            consumed_records: AtomicU64::new(0),
            errors: Mutex::default(),
            latency: Mutex::new(
                Histogram::new_with_bounds(1, LONGEST_US, 2).expect("the bounds are valid"),
            ),
        }
    }

    pub fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub fn disconnected(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    pub fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub fn buffered(&self, bytes: i64) {
        self.buffered_bytes.fetch_add(bytes, Relaxed);
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

    pub fn answered(&self, took: Duration, error: Option<&Error>) {
        self.requests.fetch_add(1, Relaxed);
        if let Some(error) = error {
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            *errors.entry(error.code_number()).or_default() += 1;
        }
        let micros = took.as_micros().clamp(1, LONGEST_US.into()) as u64;
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
    }

    pub fn snapshot(&self) -> MetricsSnapshot {
        let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let quantile = |q| Duration::from_micros(latency.value_at_quantile(q));
        MetricsSnapshot {
            connections: self.connections.load(Relaxed).max(0) as u64,
            requests: self.requests.load(Relaxed),
            retries: self.retries.load(Relaxed),
            errors: self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            buffered_bytes: self.buffered_bytes.load(Relaxed).max(0) as u64,
            prefetched_bytes: self.prefetched_bytes.load(Relaxed).max(0) as u64,
            sent_records: self.sent_records.load(Relaxed),
            consumed_records: self.consumed_records.load(Relaxed),
            latency_p50: quantile(0.5),
            latency_p90: quantile(0.9),
            latency_p99: quantile(0.99),
            latency_p999: quantile(0.999),
        }
    }
}
