//! The metrics that Prometheus would scrape, sent: the same names, labels and values.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::Request;
use hyper::header::CONTENT_TYPE;
use opentelemetry_http::HttpClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prometheus::proto::{Metric as Sample, MetricFamily, MetricType};
use prost::Message;

use super::client::Collector;
use crate::metrics::gather;
use crate::server::Shared;

/// Sends metrics.
pub struct Sender {
    collector: Arc<Collector>,
    resource: Resource,
    started: u64,
}

impl Sender {
    pub fn new(collector: Arc<Collector>, attributes: &[(&str, String)]) -> Self {
        let attributes = attributes.iter().map(|(key, value)| attribute(key, value)).collect();
        let resource = Resource { attributes, ..Resource::default() };
        Self { collector, resource, started: now() }
    }

    /// Sends all metrics as they are. What cannot be sent is complained about, and the next time
    /// brings all that was missed: counters add up.
    pub async fn send(&self, broker: &Shared) {
        let sent = async {
            let families = gather(broker).await.map_err(|error| error.to_string())?;
            let request = Request::post(self.collector.url("v1/metrics"))
                .header(CONTENT_TYPE, "application/x-protobuf")
                .body(self.request(&families).encode_to_vec().into());
            let request = request.map_err(|error| error.to_string())?;
            let answer = self.collector.send_bytes(request).await.map_err(|e| e.to_string())?;
            match answer.status() {
                status if status.is_success() => Ok(()),
                status => Err(format!("the collector answered {status}")),
            }
        };
        if let Err(error) = sent.await {
            tracing::warn!(error, "cannot send metrics by OTLP");
        }
    }

    fn request(&self, families: &[MetricFamily]) -> ExportMetricsServiceRequest {
        let time = Times { started: self.started, now: now() };
        let scope = InstrumentationScope {
            name: "flymq-broker".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let metrics = families.iter().filter_map(|family| time.metric(family)).collect();
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope),
                    metrics,
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        }
    }
}

/// From when to when metrics are, in nanoseconds since 1970.
struct Times {
    started: u64,
    now: u64,
}

impl Times {
    fn metric(&self, family: &MetricFamily) -> Option<Metric> {
        let temporality = AggregationTemporality::Cumulative as i32;
        let samples = family.get_metric();
        let numbers = |value: fn(&Sample) -> f64| {
            samples.iter().map(|sample| self.number(sample, value(sample))).collect()
        };
        let data = match family.get_field_type() {
            MetricType::COUNTER => Data::Sum(Sum {
                data_points: numbers(|sample| sample.get_counter().get_value()),
                aggregation_temporality: temporality,
                is_monotonic: true,
            }),
            MetricType::GAUGE => {
                Data::Gauge(Gauge { data_points: numbers(|sample| sample.get_gauge().get_value()) })
            }
            MetricType::HISTOGRAM => Data::Histogram(Histogram {
                data_points: samples.iter().map(|sample| self.histogram(sample)).collect(),
                aggregation_temporality: temporality,
            }),
            // The broker has no others.
            MetricType::SUMMARY | MetricType::UNTYPED => return None,
        };
        Some(Metric {
            name: family.name().to_owned(),
            description: family.help().to_owned(),
            unit: unit(family.name()).to_owned(),
            data: Some(data),
            ..Metric::default()
        })
    }

    fn number(&self, sample: &Sample, value: f64) -> NumberDataPoint {
        NumberDataPoint {
            attributes: attributes(sample),
            start_time_unix_nano: self.started,
            time_unix_nano: self.now,
            value: Some(number_data_point::Value::AsDouble(value)),
            ..NumberDataPoint::default()
        }
    }

    fn histogram(&self, sample: &Sample) -> HistogramDataPoint {
        let histogram = sample.get_histogram();
        // Prometheus' buckets hold those below them, too.
        let mut below = 0;
        let mut bounds = Vec::new();
        let mut counts = Vec::new();
        for bucket in histogram.get_bucket() {
            counts.push(bucket.cumulative_count() - below);
            bounds.push(bucket.upper_bound());
            below = bucket.cumulative_count();
        }
        let count = histogram.get_sample_count().max(below);
        counts.push(count - below);
        HistogramDataPoint {
            attributes: attributes(sample),
            start_time_unix_nano: self.started,
            time_unix_nano: self.now,
            count,
            sum: Some(histogram.get_sample_sum()),
            bucket_counts: counts,
            explicit_bounds: bounds,
            ..HistogramDataPoint::default()
        }
    }
}

fn attributes(sample: &Sample) -> Vec<KeyValue> {
    sample.get_label().iter().map(|label| attribute(label.name(), label.value())).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// The unit that a name ends with.
fn unit(name: &str) -> &'static str {
    match name.trim_end_matches("_total").rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "",
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
