//! A collector of OpenTelemetry: OTLP over HTTP, no more than a test needs of it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// What has come in.
#[derive(Default)]
pub struct Collected {
    /// Spans with the name of the service that sent them.
    pub spans: Vec<(String, Span)>,
    /// Metrics by name, as they came last.
    pub metrics: HashMap<String, Metric>,
    /// Heads of requests.
    pub heads: Vec<String>,
}

pub struct Collector {
    pub address: SocketAddr,
    pub collected: Arc<Mutex<Collected>>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let collected = Arc::<Mutex<Collected>>::default();
        let all = collected.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let collected = all.clone();
                std::thread::spawn(move || serve(stream.unwrap(), &collected));
            }
        });
        Self { address, collected }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(stream: TcpStream, collected: &Mutex<Collected>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some((head, body)) = request(&mut reader) {
        take(collected, head, &body);
        writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Some((head, body))
}

fn take(collected: &Mutex<Collected>, head: String, body: &[u8]) {
    let mut collected = collected.lock().unwrap();
    if head.starts_with("post /v1/traces ") {
        for of_resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
            let service = text(&of_resource.resource.unwrap().attributes, "service.name");
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            collected.spans.extend(spans.map(|span| (service.clone(), span)));
        }
    } else {
        assert!(head.starts_with("post /v1/metrics "), "{head}");
        for of_resource in ExportMetricsServiceRequest::decode(body).unwrap().resource_metrics {
            let metrics = of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            collected.metrics.extend(metrics.map(|metric| (metric.name.clone(), metric)));
        }
    }
    collected.heads.push(head);
}

/// The value of an attribute.
pub fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key} is {other:?} in {attributes:?}"),
    }
}
