//! What engines count.

use prometheus::{Histogram, HistogramOpts, IntCounter, Registry};

use super::{LATENCIES, made, register};

/// Counters that an engine is given when it is opened.
#[derive(Clone)]
pub struct EngineMetrics {
    /// Time that a commit takes: the write to the journal, and the sync where durability wants one.
    pub commit: Histogram,
    /// Records, offsets and other changes that were made by commits.
    pub changes: IntCounter,
    /// Segments that retention has dropped.
    pub dropped_segments: IntCounter,
    /// Bytes that retention has dropped.
    pub dropped_bytes: IntCounter,
}

impl EngineMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let commit = HistogramOpts::new(
            "flymq_storage_commit_seconds",
            "Time to bring a group of changes into the journal and, with durability fsync, to the disk.",
        );
        let counter = |name, help| {
            let counter = made(IntCounter::new(name, help));
            register(registry, Box::new(counter.clone()));
            counter
        };
        let commit = made(Histogram::with_opts(commit.buckets(LATENCIES.to_vec())));
        register(registry, Box::new(commit.clone()));
        Self {
            commit,
            changes: counter(
                "flymq_storage_changes_total",
                "Batches, offsets and ends of transactions that were committed.",
            ),
            dropped_segments: counter(
                "flymq_retention_dropped_segments_total",
                "Segments that retention has dropped.",
            ),
            dropped_bytes: counter(
                "flymq_retention_dropped_bytes_total",
                "Bytes of records that retention has dropped.",
            ),
        }
    }
}
