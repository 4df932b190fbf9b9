//! What the broker counts of its own work, in Prometheus' terms.
//!
//! | module | holds |
//! | --- | --- |
//! | `topics` | records and bytes of each topic, for so many topics at most |
//! | `engine` | what engines count |
//! | `scrape` | the figures of a moment: counters, and what is asked for then |
//! | `read` | counters, for the console |
//! | `process` | memory, files and CPU of the process |
//!
//! Requests touch nothing but atomics. Everything that needs a lock or a walk is asked for when
//! somebody wants to know.

mod engine;
mod process;
mod read;
mod scrape;
mod topics;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use flymq_protocol::{ErrorCode, OpCode};
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

pub use engine::EngineMetrics;
pub use read::Latency;
pub use scrape::gather;
pub use topics::TopicTraffic;

/// Upper bounds of latencies, in seconds.
const LATENCIES: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Requests' opcodes are below this.
const OPCODES: usize = 128;

/// A broker's counters.
pub struct Metrics {
    registry: Registry,
    latency: HistogramVec,
    latency_of: [OnceLock<Histogram>; OPCODES],
    errors: IntCounterVec,
    auth_failures: IntCounter,
    connections: IntGaugeVec,
    accepted: IntCounterVec,
    refused: IntCounter,
    /// Records and bytes by topic.
    pub topics: TopicTraffic,
    /// What the engine counts.
    pub engine: EngineMetrics,
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Arc<Self> {
        let registry = Registry::new();
        let opts = HistogramOpts::new(
            "flymq_request_latency_seconds",
            "Time from a request's arrival to its answer, waiting for records included, by operation.",
        );
        let metrics = Self {
            latency: made(HistogramVec::new(opts.buckets(LATENCIES.to_vec()), &["operation"])),
            latency_of: [const { OnceLock::new() }; OPCODES],
            errors: made(IntCounterVec::new(
                Opts::new("flymq_errors_total", "Requests answered with an error."),
                &["operation", "code"],
            )),
            auth_failures: made(IntCounter::new(
                "flymq_auth_failures_total",
                "Attempts to log in that failed.",
            )),
            connections: made(IntGaugeVec::new(
                Opts::new(
                    "flymq_connections",
                    "Connections: in the TLS handshake, new until HELLO and AUTH are done, and open.",
                ),
                &["state", "transport"],
            )),
            accepted: made(IntCounterVec::new(
                Opts::new("flymq_connections_accepted_total", "Connections that were served."),
                &["transport"],
            )),
            refused: made(IntCounter::new(
                "flymq_connections_refused_total",
                "Connections that were turned away because there were too many.",
            )),
            topics: TopicTraffic::new(&registry),
            engine: EngineMetrics::new(&registry),
            registry,
        };
        metrics.latency_of(OpCode::Produce);
        for part in [
            Box::new(metrics.latency.clone()) as Box<dyn Collector>,
            Box::new(metrics.errors.clone()),
            Box::new(metrics.auth_failures.clone()),
            Box::new(metrics.connections.clone()),
            Box::new(metrics.accepted.clone()),
            Box::new(metrics.refused.clone()),
        ] {
            register(&metrics.registry, part);
        }
        Arc::new(metrics)
    }

    fn latency_of(&self, op: OpCode) -> &Histogram {
        self.latency_of[op as usize % OPCODES]
            .get_or_init(|| self.latency.with_label_values(&[op.name()]))
    }

    /// Takes note of a request that is answered.
    pub fn answered(&self, op: OpCode, arrived: Instant, error: Option<ErrorCode>) {
        self.latency_of(op).observe(arrived.elapsed().as_secs_f64());
        if let Some(code) = error {
            self.errors.with_label_values(&[op.name(), code.name()]).inc();
            if op == OpCode::Auth && code == ErrorCode::AuthFailed {
                self.auth_failures.inc();
            }
        }
    }

    /// Takes note of a request that is refused before it is looked into.
    pub fn refused(&self, code: ErrorCode) {
        self.errors.with_label_values(&["", code.name()]).inc();
    }

    /// Takes note of a connection that is turned away.
    pub fn turned_away(&self) {
        self.refused.inc();
    }

    /// Takes note of a TLS handshake, until the value is dropped.
    pub fn handshake(&self) -> Present {
        Present::new(self.connections.with_label_values(&["handshake", "tls"]))
    }

    /// Takes note of a connection, until the value is dropped.
    pub fn connection(self: &Arc<Self>, tls: bool) -> Connection {
        let transport = if tls { "tls" } else { "plain" };
        self.accepted.with_label_values(&[transport]).inc();
        let present = Present::new(self.connections.with_label_values(&["new", transport]));
        Connection { metrics: self.clone(), transport, present, open: false }
    }
}

/// Something that is there until it is dropped.
pub struct Present(IntGauge);

impl Present {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A connection that is counted.
pub struct Connection {
    metrics: Arc<Metrics>,
    transport: &'static str,
    present: Present,
    open: bool,
}

impl Connection {
    /// Whether it counts as open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Counts it as open from now on: HELLO and AUTH are done.
    pub fn open(&mut self) {
        self.open = true;
        let open = self.metrics.connections.with_label_values(&["open", self.transport]);
        self.present = Present::new(open);
    }
}

/// A metric of a name and labels that are written here in the source.
fn made<T>(metric: prometheus::Result<T>) -> T {
    metric.expect("a metric's name and labels are valid")
}

fn register(registry: &Registry, metric: Box<dyn Collector>) {
    registry.register(metric).expect("each metric is registered once");
}
