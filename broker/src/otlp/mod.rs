//! Traces and metrics for a collector of OpenTelemetry, by OTLP over HTTP.
//!
//! | module | holds |
//! | --- | --- |
//! | `client` | HTTP and HTTPS to the collector |
//! | `spans` | the broker's part in the traces of those who produce |
//! | `metrics` | the metrics that Prometheus would scrape, sent |

mod client;
mod metrics;
mod spans;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::messages::ProduceRequest;
use flymq_protocol::{ErrorCode, ProtocolError};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::Result;
use crate::server::Shared;
use client::Collector;
use spans::Spans;
pub(crate) use spans::Storing;

/// How long what is left may take to be sent when the broker stops.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Options of OTLP.
#[derive(Clone)]
pub struct OtlpConfig {
    /// Where the collector is, such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are
    /// added.
    pub endpoint: String,
    /// Headers of every request, which may be secret.
    pub headers: Vec<(String, String)>,
    /// How often metrics are sent. Default 60 s.
    pub metrics_interval: Duration,
}

impl OtlpConfig {
    /// A collector, and defaults for the rest.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            headers: Vec::new(),
            metrics_interval: Duration::from_secs(60),
        }
    }
}

impl fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("OtlpConfig")
            .field("endpoint", &self.endpoint)
            .field("headers", &names)
            .field("metrics_interval", &self.metrics_interval)
            .finish()
    }
}

/// What a broker sends to a collector.
pub(crate) struct Otlp {
    spans: Spans,
    provider: SdkTracerProvider,
    metrics: metrics::Sender,
    interval: Duration,
}

impl Otlp {
    /// Gets ready to send. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the address or a header cannot be.
    pub fn open(config: &OtlpConfig) -> Result<Self> {
        let collector = Arc::new(Collector::new(config)?);
        let attributes = [
            ("service.name", "flymq-broker".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", format!("{:016x}", rand::random::<u64>())),
        ];
        let resource = attributes.iter().map(|(key, value)| KeyValue::new(*key, value.clone()));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(collector.clone())
            .with_endpoint(collector.url("v1/traces"))
            .build()
            .map_err(|e| invalid(e.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            // Whether something is traced is for those to decide with whom it begins.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)))
            .with_resource(Resource::builder_empty().with_attributes(resource).build())
            .build();
        Ok(Self {
            spans: Spans::new(&provider),
            provider,
            metrics: metrics::Sender::new(collector, &attributes),
            interval: config.metrics_interval,
        })
    }

    /// Notes that a batch is about to be stored, if a record of it belongs to a trace.
    pub fn storing(&self, request: &ProduceRequest) -> Option<Storing> {
        self.spans.storing(request)
    }

    /// Sends metrics until the broker stops.
    pub async fn keep_sending(broker: Arc<Shared>) {
        let Some(otlp) = &broker.otlp else { return };
        let mut stopping = broker.stopping();
        loop {
            let stops = stopping.wait_for(|&stopping| stopping);
            if tokio::time::timeout(otlp.interval, stops).await.is_ok() {
                return;
            }
            otlp.metrics.send(&broker).await;
        }
    }

    /// Sends what is left.
    pub async fn close(&self, broker: &Shared) {
        if tokio::time::timeout(LAST_WORDS, self.metrics.send(broker)).await.is_err() {
            tracing::warn!("the last metrics could not be sent in time");
        }
        let provider = self.provider.clone();
        let closing = move || provider.shutdown_with_timeout(LAST_WORDS);
        match tokio::task::spawn_blocking(closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans could not be sent"),
            // The runtime is going down.
            Err(_) => {}
        }
    }
}

fn invalid(message: String) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidArgument, format!("OTLP cannot be set up: {message}"))
}
