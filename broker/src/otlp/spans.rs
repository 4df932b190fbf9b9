//! The broker's part in the traces of those who produce: a span for each batch that is stored, below
//! the span by which its first traced record was sent. W3C trace context travels in records' headers.

use flymq_protocol::messages::{ProduceRequest, ProduceResponse};
use flymq_protocol::{Header, RecordBatch};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{
    Link, Span, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan};

use crate::Result;

/// How many records of a batch are looked at for a trace that they belong to.
const LOOKED_AT: usize = 64;
/// A compressed batch is not unpacked for its traces if it has more bytes than this.
const UNPACKED: usize = 1 << 20;

/// Makes spans.
pub struct Spans {
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

/// A batch that is being stored.
pub(crate) struct Storing(SdkSpan);

impl Spans {
    pub fn new(provider: &SdkTracerProvider) -> Self {
        Self { tracer: provider.tracer("flymq-broker"), propagator: TraceContextPropagator::new() }
    }

    pub fn storing(&self, request: &ProduceRequest) -> Option<Storing> {
        let (parent, links) = self.origins(&request.batch)?;
        let span = self
            .tracer
            .span_builder(format!("store {}", request.topic))
            .with_kind(SpanKind::Server)
            .with_links(links)
            .with_attributes([
                KeyValue::new("messaging.system", "flymq"),
                KeyValue::new("messaging.operation.name", "store"),
                KeyValue::new("messaging.destination.name", request.topic.clone()),
                KeyValue::new("messaging.destination.partition.id", request.partition.to_string()),
                KeyValue::new("messaging.batch.message_count", i64::from(request.batch.count)),
            ])
            .start_with_context(&self.tracer, &parent);
        Some(Storing(span))
    }

    /// The first trace that is recorded and that a record of the batch belongs to, and links to the
    /// others.
    fn origins(&self, batch: &RecordBatch) -> Option<(Context, Vec<Link>)> {
        let mut parent: Option<Context> = None;
        let mut others: Vec<SpanContext> = Vec::new();
        let is_known = |other: &SpanContext, parent: &Context, others: &[SpanContext]| {
            let same = |known: &SpanContext| known.trace_id() == other.trace_id();
            same(parent.span().span_context()) || others.iter().any(same)
        };
        // What cannot be read the engine will refuse, and say why.
        for record in batch.records(UNPACKED).ok()?.take(LOOKED_AT) {
            let Ok(record) = record else { break };
            let found =
                self.propagator.extract_with_context(&Context::new(), &Headers(&record.headers));
            let origin = found.span().span_context().clone();
            match &parent {
                _ if !origin.is_sampled() => {}
                None => parent = Some(found),
                Some(parent) if !is_known(&origin, parent, &others) => others.push(origin),
                Some(_) => {}
            }
        }
        let link = |origin| Link::new(origin, Vec::new(), 0);
        Some((parent?, others.into_iter().map(link).collect()))
    }
}

impl Storing {
    /// Ends the span as the batch has ended.
    pub fn end(mut self, result: &Result<ProduceResponse>) {
        if let Err(error) = result {
            self.0.set_attribute(KeyValue::new("error.type", error.code.name()));
            self.0.set_status(Status::error(error.message.clone()));
        }
        self.0.end();
    }
}

struct Headers<'a>(&'a [Header]);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| name == key)?;
        std::str::from_utf8(value.as_ref()?).ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| &**name).collect()
    }
}
