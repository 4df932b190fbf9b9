//! Health and metrics over HTTP, as those who watch a broker see them.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::certs::Ca;
use common::txn::Txn;
use common::{Client, batch, config, fetch, produce};
use flymq_broker::{Broker, ClientAuth, Config, Pem};
use flymq_protocol::messages::*;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

async fn start(change: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Broker) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.http_listen = Some("127.0.0.1:0".parse().unwrap());
    change(&mut config);
    (dir, Broker::start(config).await.unwrap())
}

/// What a server answered: status, head and body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }

    /// The value of a series, written as Prometheus does.
    fn value(&self, series: &str) -> Option<f64> {
        let line = self.body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    exchange(stream, &request).await
}

async fn get(broker: &Broker, path: &str) -> Answer {
    ask(broker.http_addr().unwrap(), "GET", path).await
}

#[tokio::test]
async fn nothing_listens_unless_it_is_asked_to() {
    let (_dir, broker) = common::start().await;
    assert_eq!(broker.http_addr(), None);
}

#[tokio::test]
async fn a_broker_that_serves_clients_is_ready() {
    let (_dir, broker) = start(|_| {}).await;
    let live = get(&broker, "/health/live").await;
    assert_eq!((live.status, live.json()), (200, json!({ "status": "ok" })));
    let ready = get(&broker, "/health/ready").await;
    let parts = json!({
        "status": "ok", "broker": { "status": "ok" }, "engine": { "status": "ok" }
    });
    assert_eq!((ready.status, ready.json()), (200, parts));
    assert!(ready.head.contains("cache-control: no-store"), "{}", ready.head);
}

#[tokio::test]
async fn a_disk_that_is_short_of_room_is_told_apart_from_a_broker_of_no_use() {
    let (_dir, broker) = start(|config| config.min_free_bytes = u64::MAX).await;
    let ready = get(&broker, "/health/ready").await;
    let parts = ready.json();
    assert_eq!((ready.status, &parts["status"]), (200, &json!("degraded")));
    assert_eq!(parts["broker"], json!({ "status": "ok" }));
    assert!(parts["engine"]["reason"].as_str().unwrap().contains("MiB left"), "{parts}");
}

#[tokio::test]
async fn a_broker_that_stops_is_not_ready_and_says_so_until_it_has_stopped() {
    let (_dir, broker) = start(|config| {
        config.max_frame_bytes = 24 << 20;
        config.max_inflight_bytes = 256 << 20;
    })
    .await;
    let address = broker.http_addr().unwrap();
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[("max_record_bytes", "16000000")]).await;
    client.produce("t", 0, &[&"x".repeat(8 << 20)]).await;
    // Far more than sockets hold, and it is not read until the end: this keeps the broker stopping.
    let mut request = fetch("t", 0, 0);
    request.topics[0].partitions[0].max_bytes = 8 << 20;
    request.max_bytes = 16 << 20;
    for _ in 0..4 {
        client.send(&request).await;
    }
    let first = client.receive().await.unwrap();
    assert_eq!(first.opcode, FetchRequest::OPCODE.response());
    let stopping = tokio::spawn(broker.shutdown());
    let parts = loop {
        let ready = ask(address, "GET", "/health/ready").await;
        if ready.status == 503 {
            break ready.json();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(parts["broker"], json!({ "status": "unavailable", "reason": "stopping" }));
    assert_eq!(parts["engine"], json!({ "status": "ok" }));
    assert_eq!(ask(address, "GET", "/health/live").await.status, 200);
    while client.receive().await.is_some() {}
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_is_not_there_is_answered_and_what_is_too_large_is_not_read() {
    let (_dir, broker) = start(|_| {}).await;
    let address = broker.http_addr().unwrap();
    let missing = get(&broker, "/metrics/..").await;
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("/health/ready"), "{}", missing.body);
    let refused = ask(address, "POST", "/metrics").await;
    assert_eq!(refused.status, 405);
    assert!(refused.head.contains("allow: get, head"), "{}", refused.head);
    let head = ask(address, "HEAD", "/metrics").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\nLong: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(exchange(stream, &request).await.status, 431);
    let stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(exchange(stream, "PRODUCE\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn connections_are_served_in_turn_and_take_nothing_from_clients() {
    let (_dir, broker) = start(|_| {}).await;
    let address = broker.http_addr().unwrap();
    let mut idle = Vec::new();
    for _ in 0..64 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut late = Box::pin(get(&broker, "/health/live"));
    Client::connect(&broker).await.call(&PingRequest {}).await.unwrap();
    assert!(futures_util::poll!(&mut late).is_pending());
    idle.pop();
    assert_eq!(late.await.status, 200);
}

#[tokio::test]
async fn metrics_add_up() {
    let (_dir, broker) = start(|_| {}).await;
    let mut client = Client::connect(&broker).await;
    client.create("orders", 2, &[]).await;
    let stored = batch(&["a", "b", "c"]);
    let bytes = stored.records.len() as f64;
    client.call(&produce("orders", 0, stored)).await.unwrap();
    client.fetch("orders", 0, 0).await;
    let request = ConsumeRequest { topic: "orders".into(), partition: 0, ..Default::default() };
    client.call(&request).await.unwrap();
    client.refused(&produce("nowhere", 0, batch(&["x"]))).await;
    let offsets = vec![CommittedOffset {
        topic: "orders".into(),
        partition: 0,
        offset: Some(0),
        ..Default::default()
    }];
    let commit = CommitRequest { group: "billing".into(), offsets, ..Default::default() };
    client.call(&commit).await.unwrap();
    let mut member = Client::connect(&broker).await;
    let member_id = "00000000-0000-4000-8000-000000000000".to_owned();
    let topics = vec!["orders".to_owned()];
    let join = SubscribeRequest { group: "b\"2".into(), member_id, topics, ..Default::default() };
    member.call(&join).await.unwrap();
    let mut txn = Txn::init(&broker, "payments").await;
    txn.begin().await;

    let metrics = get(&broker, "/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"), "{}", metrics.head);
    for (series, value) in [
        ("flymq_messages_produced_total{topic=\"orders\"}", 3.0),
        ("flymq_bytes_produced_total{topic=\"orders\"}", bytes),
        ("flymq_messages_consumed_total{topic=\"orders\"}", 4.0),
        ("flymq_errors_total{code=\"UNKNOWN_TOPIC\",operation=\"PRODUCE\"}", 1.0),
        ("flymq_request_latency_seconds_count{operation=\"PRODUCE\"}", 2.0),
        ("flymq_request_latency_seconds_count{operation=\"CONSUME\"}", 1.0),
        ("flymq_produce_latency_seconds_count", 2.0),
        ("flymq_produce_latency_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("flymq_connections{state=\"open\",transport=\"plain\"}", 3.0),
        ("flymq_connections_accepted_total{transport=\"plain\"}", 3.0),
        ("flymq_topics", 1.0),
        ("flymq_topic_partitions{topic=\"orders\"}", 2.0),
        ("flymq_consumer_groups{state=\"empty\"}", 1.0),
        ("flymq_consumer_group_lag{group=\"billing\",partition=\"0\",topic=\"orders\"}", 2.0),
        ("flymq_consumer_group_members{group=\"b\\\"2\"}", 1.0),
        ("flymq_consumer_group_rebalances_total{group=\"b\\\"2\"}", 1.0),
        ("flymq_transactions_open", 1.0),
        ("flymq_auth_failures_total", 0.0),
    ] {
        assert_eq!(metrics.value(series), Some(value), "{series} in\n{}", metrics.body);
    }
    // The records are from the year 1970.
    let age =
        "flymq_consumer_group_lag_seconds{group=\"billing\",partition=\"0\",topic=\"orders\"}";
    assert!(metrics.value(age).unwrap() > 50.0 * 365.0 * 86_400.0);
    for series in [
        "flymq_storage_bytes{topic=\"orders\"}",
        "flymq_storage_commit_seconds_count",
        "flymq_disk_free_bytes",
        "flymq_inflight_limit_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_cpu_seconds_total",
    ] {
        assert!(metrics.value(series).unwrap() > 0.0, "{series} in\n{}", metrics.body);
    }

    client.call(&DeleteTopicRequest { name: "orders".into() }).await.unwrap();
    drop(member);
    let metrics = get(&broker, "/metrics").await;
    assert!(!metrics.body.contains("topic=\"orders\""), "{}", metrics.body);
}

#[tokio::test]
async fn with_tls_it_is_https_and_asks_for_no_certificate() {
    let ca = Ca::new("ca");
    let mut tls = ca.server().broker();
    tls.client_ca = Some(Pem::Memory(ca.pem.clone().into_bytes()));
    tls.client_auth = ClientAuth::Required;
    let (_dir, broker) = start(|config| config.tls = Some(tls)).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut trusting = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    trusting.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = TlsConnector::from(Arc::new(trusting));
    let stream = TcpStream::connect(broker.http_addr().unwrap()).await.unwrap();
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let request = "GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(stream, request).await.status, 200);

    let mut plain = TcpStream::connect(broker.http_addr().unwrap()).await.unwrap();
    plain.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}
