//! Traces and metrics that reach a collector: one trace from an HTTP request through a produce, a
//! consume and the next produce, with the broker's part in it.

#[path = "../common/mod.rs"]
mod common;

mod collector;

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::SocketAddr;

use async_trait::async_trait;
use bytes::Bytes;
use collector::{Collector, text};
use common::Broker;
use flymq_core::{Client, NewTopic, Producer, Record, otel};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry::trace::{FutureExt, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A client for the exporter's own thread.
#[derive(Debug)]
struct Plain(SocketAddr);

#[async_trait]
impl HttpClient for Plain {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut stream = std::net::TcpStream::connect(self.0)?;
        let (path, body) = (request.uri().path().to_owned(), request.into_body());
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n")?;
        stream.write_all(&body)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(Response::new(Bytes::new()))
    }
}

fn application(collector: &Collector) -> SdkTracerProvider {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Plain(collector.address))
        .with_endpoint(format!("{}/v1/traces", collector.endpoint()))
        .build()
        .unwrap();
    let resource = Resource::builder_empty().with_service_name("shop").build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    global::set_tracer_provider(provider.clone());
    global::set_text_map_propagator(TraceContextPropagator::new());
    provider
}

/// Answers `POST /checkout` once its order is stored.
async fn serve_checkout(producer: Producer) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let checkout = service_fn(|request: Request<hyper::body::Incoming>| {
            let producer = producer.clone();
            async move {
                let parent = global::get_text_map_propagator(|propagator| {
                    propagator.extract(&HeaderExtractor(request.headers()))
                });
                let tracer = global::tracer("shop");
                let span = tracer
                    .span_builder("POST /checkout")
                    .with_kind(SpanKind::Server)
                    .start_with_context(&tracer, &parent);
                let context = parent.with_span(span);
                let order = Record::new("order 17").key("ada");
                let sending = otel::send(&producer, "orders", order).with_context(context);
                sending.await.unwrap().await.unwrap();
                Ok::<_, Infallible>(Response::new(String::new()))
            }
        });
        http1::Builder::new().serve_connection(TokioIo::new(stream), checkout).await.unwrap();
    });
    address
}

async fn post_checkout(address: SocketAddr) {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /checkout HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 0\r\n\
         traceparent: 00-{TRACE}-{CALLER}-01\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn one_trace_leads_from_a_request_through_records_and_the_broker() {
    let collector = Collector::start();
    let provider = application(&collector);
    let dir = tempfile::tempdir().unwrap();
    let headers = dir.path().join("headers");
    std::fs::write(&headers, "X-Tenant: shop\n").unwrap();
    let endpoint = collector.endpoint();
    let options = ["--otlp-endpoint", &endpoint, "--otlp-headers-file", headers.to_str().unwrap()];
    let mut broker = Broker::start_with(&dir.path().join("data"), "127.0.0.1:0", &options);

    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&broker.address).await.unwrap();
        client.create_topic(NewTopic::new("orders")).await.unwrap();
        client.create_topic(NewTopic::new("invoices")).await.unwrap();
        let producer = client.producer().build().unwrap();
        // Of no trace, so that nothing is told of it.
        producer.send_and_wait("invoices", Record::new("invoice 16")).await.unwrap();

        post_checkout(serve_checkout(producer.clone()).await).await;

        let mut consumer = client.consumer().group("billing").build();
        consumer.subscribe(["orders"]).unwrap();
        let message = consumer.next().await.unwrap();
        let processing = otel::process(&message, Some("billing"));
        // What is forwarded has the headers of its trace once.
        let invoice = Record::forward(&message);
        let invoicing = otel::send(&producer, "invoices", invoice).with_context(processing);
        invoicing.await.unwrap().await.unwrap();
        consumer.close(std::time::Duration::from_secs(5)).await.unwrap();

        let mut reader = client.consumer().group("archive").build();
        reader.subscribe(["invoices"]).unwrap();
        assert_eq!(reader.next().await.unwrap().headers, []);
        let carried = reader.next().await.unwrap();
        assert_eq!(carried.headers.len(), 1);
        let context: Context = otel::extract(&carried);
        assert_eq!(context.span().span_context().trace_id().to_string(), TRACE);
        drop(reader);
        client.close().await;
    });
    provider.shutdown().unwrap();
    broker.terminate();

    let collected = collector.collected.lock().unwrap();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    for (_, span) in &collected.spans {
        assert_eq!(hex(&span.trace_id), TRACE, "{}", span.name);
    }
    let named = |name: &str| -> &(String, Span) {
        let mut found = collected.spans.iter().filter(|(_, span)| span.name == name);
        let span = found.next().unwrap_or_else(|| panic!("no span {name:?}"));
        assert!(found.next().is_none(), "two spans {name:?}");
        span
    };
    let mut parent = CALLER.to_owned();
    for (name, service, above) in [
        ("POST /checkout", "shop", None),
        ("send orders", "shop", None),
        ("store orders", "flymq-broker", Some("send orders")),
        ("process orders", "shop", Some("send orders")),
        ("send invoices", "shop", None),
        ("store invoices", "flymq-broker", Some("send invoices")),
    ] {
        if let Some(above) = above {
            parent = hex(&named(above).1.span_id);
        }
        let (from, span) = named(name);
        assert_eq!((&**from, hex(&span.parent_span_id)), (service, parent), "{name}");
        parent = hex(&span.span_id);
    }
    let (_, stored) = named("store orders");
    assert_eq!(text(&stored.attributes, "messaging.destination.name"), "orders");
    assert_eq!(text(&named("send orders").1.attributes, "messaging.system"), "flymq");

    // The broker's last words are its metrics.
    let metric = |name: &str| {
        let metric = collected.metrics.get(name).unwrap_or_else(|| panic!("no metric {name}"));
        metric.data.clone().unwrap()
    };
    let Data::Sum(produced) = metric("flymq_messages_produced_total") else { panic!("no sum") };
    let of = |topic: &str| {
        let mut points = produced.data_points.iter();
        let point = points.find(|point| text(&point.attributes, "topic") == topic).unwrap();
        point.value.unwrap()
    };
    assert_eq!((of("orders"), of("invoices")), (Value::AsDouble(1.0), Value::AsDouble(2.0)));
    let Data::Histogram(latency) = metric("flymq_produce_latency_seconds") else {
        panic!("no histogram")
    };
    let point = &latency.data_points[0];
    assert_eq!((point.count, point.bucket_counts.iter().sum()), (3, 3));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    let Data::Gauge(_) = metric("flymq_topics") else { panic!("no gauge") };
    assert!(collected.heads.iter().filter(|head| head.contains("x-tenant: shop")).count() >= 2);
}

#[test]
fn a_collector_that_is_not_there_keeps_nobody_waiting_and_a_wrong_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{gone}");
    let mut broker = Broker::start_with(dir.path(), "127.0.0.1:0", &["--otlp-endpoint", &endpoint]);
    broker.flymq(&["topic", "create", "t"]).good();
    broker.flymq_with(&["produce", "t"], "a\n").good();
    broker.terminate();
    let args = ["broker", "--data-dir", dir.path().to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let err =
        common::run(&[&args[..], &["--otlp-endpoint", "127.0.0.1:4318"]].concat(), b"").bad(1);
    assert!(err.contains("http://127.0.0.1:4318"), "{err}");
}
