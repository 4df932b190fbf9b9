//! Counters as they are, for those who want them otherwise than Prometheus.

use std::collections::BTreeMap;

use prometheus::core::Collector;
use prometheus::proto::{Histogram, MetricFamily, MetricType};
use serde::Serialize;

use super::Metrics;
use super::process::process;

/// A histogram of durations.
#[derive(Debug, Default, Serialize)]
pub struct Latency {
    /// What took so long.
    pub operation: String,
    /// How often it was done.
    pub count: u64,
    /// All durations together.
    pub seconds: f64,
    /// How many took at most so many seconds, ascending. What took longer is in `count` alone.
    pub buckets: Vec<(f64, u64)>,
}

impl Latency {
    fn of(operation: &str, histogram: &Histogram) -> Self {
        let buckets = histogram.get_bucket().iter();
        Self {
            operation: operation.to_owned(),
            count: histogram.get_sample_count(),
            seconds: histogram.get_sample_sum(),
            buckets: buckets.map(|b| (b.upper_bound(), b.cumulative_count())).collect(),
        }
    }
}

impl Metrics {
    /// Latencies by operation, for those that were used.
    pub fn latencies(&self) -> Vec<Latency> {
        let families = self.latency.collect();
        let metrics = families.iter().flat_map(MetricFamily::get_metric);
        let used = metrics.filter(|metric| metric.get_histogram().get_sample_count() > 0);
        used.map(|metric| Latency::of(metric.get_label()[0].value(), metric.get_histogram()))
            .collect()
    }

    /// How long the engine takes to bring changes to the disk.
    pub fn commits(&self) -> Latency {
        let families = self.engine.commit.collect();
        let metric = families.first().and_then(|family| family.get_metric().first());
        metric.map(|metric| Latency::of("", metric.get_histogram())).unwrap_or_default()
    }

    /// How many requests were answered with an error, by operation and error. What was refused before
    /// its operation was looked at has none.
    pub fn errors(&self) -> Vec<([String; 2], u64)> {
        let families = self.errors.collect();
        let metrics = families.iter().flat_map(MetricFamily::get_metric);
        let label = |metric: &prometheus::proto::Metric, name: &str| {
            let label = metric.get_label().iter().find(|label| label.name() == name);
            label.map_or_else(String::new, |label| label.value().to_owned())
        };
        metrics
            .map(|metric| {
                let by = [label(metric, "operation"), label(metric, "code")];
                (by, metric.get_counter().get_value() as u64)
            })
            .collect()
    }

    /// Counters and gauges that have no labels, the process' own among them.
    pub fn without_labels(&self) -> BTreeMap<String, f64> {
        let mut families = self.registry.gather();
        families.extend(process());
        families
            .iter()
            .filter_map(|family| {
                let metric = family.get_metric().first().filter(|m| m.get_label().is_empty())?;
                let value = match family.get_field_type() {
                    MetricType::COUNTER => metric.get_counter().get_value(),
                    MetricType::GAUGE => metric.get_gauge().get_value(),
                    _ => return None,
                };
                Some((family.name().to_owned(), value))
            })
            .collect()
    }
}
