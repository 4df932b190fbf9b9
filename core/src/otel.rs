//! Traces through records: spans for sending and processing, by OpenTelemetry's messaging conventions,
//! and their context in records' headers, as W3C Trace Context has it (`traceparent`, `tracestate`).
//!
//! Python's `flymq.otel` and Spring's observations do the same, so one trace goes on from language to
//! language. It takes a tracer provider and a propagator that the application has set:
//!
//! ```
//! # use flymq_core::{Client, Config, NewTopic, Record};
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let data = tempfile::tempdir().unwrap();
//! # let broker = flymq_broker::Broker::start(flymq_broker::Config {
//! #     data_dir: data.path().into(),
//! #     listen: "127.0.0.1:0".parse().unwrap(),
//! #     ..Default::default()
//! # }).await.unwrap();
//! # let client = Client::connect(&broker.local_addr().to_string()).await?;
//! # client.create_topic(NewTopic::new("orders")).await?;
//! # client.create_topic(NewTopic::new("invoices")).await?;
//! use flymq_core::otel;
//! use opentelemetry::trace::FutureExt;
//!
//! let producer = client.producer().build()?;
//! // A span `send orders`, below the one that is current.
//! otel::send(&producer, "orders", Record::new("order 17")).await?.await?;
//!
//! let mut consumer = client.consumer().group("billing").build();
//! consumer.subscribe(["orders"])?;
//! let message = consumer.next().await?;
//! // A span `process orders` in the trace of the message; what is sent within goes on with it.
//! let processing = otel::process(&message, Some("billing"));
//! async {
//!     otel::send(&producer, "invoices", Record::new("invoice 17")).await
//! }
//! .with_context(processing)
//! .await?;
//! # Ok::<(), flymq_core::Error>(())
//! # }).unwrap();
//! ```

use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};

use crate::error::{Error, Result};
use crate::producer::{Delivery, Producer};
use crate::record::{Header, Message, Record};

/// The name of the instrumentation.
const FLYMQ: &str = "flymq";

/// Sends a record as [`Producer::send`] does, as a span `send TOPIC` below the current one, which the
/// record carries on. The span ends with the delivery, whether that is awaited or not.
///
/// # Errors
///
/// Those of [`Producer::send`].
pub async fn send(producer: &Producer, topic: &str, record: Record) -> Result<Delivery> {
    let mut attributes = attributes("send", topic);
    if let [address] = producer.addresses()
        && let Some((host, port)) = address.rsplit_once(':')
    {
        attributes.push(KeyValue::new("server.address", host.to_owned()));
        attributes.extend(port.parse().ok().map(|port: i64| KeyValue::new("server.port", port)));
    }
    let tracer = global::tracer(FLYMQ);
    let span = tracer
        .span_builder(format!("send {topic}"))
        .with_kind(SpanKind::Producer)
        .with_attributes(attributes)
        .start(&tracer);
    let context = Context::current_with_span(span);
    let sent = producer.send(topic, inject(&context, record)).await;
    match &sent {
        Ok(delivery) => {
            let partition = delivery.partition().to_string();
            let partition = KeyValue::new("messaging.destination.partition.id", partition);
            context.span().set_attribute(partition);
            delivery.again().on_result(move |result| end(&context, result.err().as_ref()));
        }
        Err(error) => end(&context, Some(error)),
    }
    sent
}

/// A span `process TOPIC` in the trace in which a message was sent. It is current where the context
/// that is returned is, and ends when that is dropped.
pub fn process(message: &Message, group: Option<&str>) -> Context {
    let mut attributes = attributes("process", &message.topic);
    let partition = message.partition.to_string();
    attributes.push(KeyValue::new("messaging.destination.partition.id", partition));
    let group = group.map(|group| KeyValue::new("messaging.consumer.group.name", group.to_owned()));
    attributes.extend(group);
    let tracer = global::tracer(FLYMQ);
    let parent = extract(message);
    let span = tracer
        .span_builder(format!("process {}", message.topic))
        .with_kind(SpanKind::Consumer)
        .with_attributes(attributes)
        .start_with_context(&tracer, &parent);
    parent.with_span(span)
}

/// The record with the context in its headers, in place of one that it may have from another trace.
pub fn inject(context: &Context, mut record: Record) -> Record {
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(context, &mut Headers(&mut record.headers));
    });
    record
}

/// The context that a message was sent with.
pub fn extract(message: &Message) -> Context {
    global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &Carried(&message.headers))
    })
}

fn attributes(operation: &'static str, topic: &str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", "flymq"),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.destination.name", topic.to_owned()),
    ]
}

fn end(context: &Context, error: Option<&Error>) {
    let span = context.span();
    if let Some(error) = error {
        span.set_attribute(KeyValue::new("error.type", error.name().to_owned()));
        span.set_status(Status::error(error.message().to_owned()));
    }
    span.end();
}

struct Headers<'a>(&'a mut Vec<Header>);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.retain(|(name, _)| name != key);
        // An empty state says nothing.
        if !value.is_empty() {
            self.0.push((key.to_owned(), Some(value.into())));
        }
    }
}

struct Carried<'a>(&'a [Header]);

impl Extractor for Carried<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| name == key)?;
        std::str::from_utf8(value.as_ref()?).ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| &**name).collect()
    }
}
