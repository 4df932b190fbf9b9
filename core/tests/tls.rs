//! The client and the broker within TLS: whom they trust, and what they say where they do not.

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::certs::{Ca, Identity, expired};
use common::fake::{FakeBroker, politely};
use common::{Proxy, config, trusting};
use flymq_broker::{Broker, ClientAuth, Pem};
use flymq_core::*;
use rcgen::date_time_ymd;

async fn start(tls: flymq_broker::TlsConfig) -> (tempfile::TempDir, Broker, String) {
    let dir = tempfile::tempdir().unwrap();
    let config = flymq_broker::Config {
        data_dir: dir.path().into(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: Some(tls),
        ..Default::default()
    };
    let broker = Broker::start(config).await.unwrap();
    let address = broker.local_addr().to_string();
    (dir, broker, address)
}

fn showing(mut config: Config, identity: &Identity) -> Config {
    config.tls.cert = Some(flymq_core::Pem::Memory(identity.cert.clone().into()));
    config.tls.key = Some(flymq_core::Pem::Memory(identity.key.clone().into()));
    config
}

async fn round_trip(client: &Client, topic: &str) {
    client.create_topic(NewTopic::new(topic).if_not_exists()).await.unwrap();
    let stored = client.produce(topic, Record::new("hello")).await.unwrap();
    let message = client.consume(topic, stored.partition, stored.offset).await.unwrap().unwrap();
    assert_eq!(message.value.as_deref(), Some(&b"hello"[..]));
}

/// Why a client cannot connect, which it says at once.
async fn refused(config: Config) -> Error {
    let began = Instant::now();
    let error = Client::with_config(config).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5), "{error} after {:?}", began.elapsed());
    error
}

/// Checks that a client is refused for good, in these words.
async fn fails(config: Config, words: &[&str]) {
    let error = refused(config).await;
    assert_eq!(error.code(), Some(ErrorCode::TlsFailed), "{error}");
    assert!(!error.is_retriable());
    for word in words {
        assert!(error.message().contains(word), "{word:?} is not in {error}");
    }
}

#[tokio::test]
async fn records_of_all_sizes_go_through() {
    let ca = Ca::new("ca");
    let (_dir, _broker, address) = start(ca.server().broker()).await;
    let client = Client::with_config(trusting(&address, &ca)).await.unwrap();
    round_trip(&client, "small").await;
    let topic = NewTopic::new("t").config("max_record_bytes", "16000000");
    client.create_topic(topic).await.unwrap();
    // Around the length of a TLS record, around what is read at a time, and far beyond.
    for (offset, size) in
        [0, 1, 16_383, 16_384, 16_385, 65_536, 1 << 20, 10_000_019].into_iter().enumerate()
    {
        let value: Bytes = (0..size).map(|i| (i * 31 + size) as u8).collect();
        let stored = client.produce("t", Record::new(value.clone())).await.unwrap();
        assert_eq!(stored.offset, offset as u64);
        let message = client.consume("t", 0, stored.offset).await.unwrap().unwrap();
        assert!(message.value == Some(value), "{size} bytes came back otherwise");
    }
    client.close().await;
}

#[tokio::test]
async fn a_broker_is_trusted_for_its_certificate_alone() {
    let ca = Ca::new("ca");
    let (_dir, _broker, address) = start(ca.server().broker()).await;
    let other = trusting(&address, &Ca::new("other"));
    fails(other.clone(), &[&address, "unknown CA", "tls_ca_file"]).await;
    let mut system = other.clone();
    system.tls.ca = None;
    fails(system, &["unknown CA", "tls_ca_file"]).await;
    let mut careless = other;
    careless.tls.insecure_skip_verify = true;
    round_trip(&Client::with_config(careless).await.unwrap(), "t").await;
}

#[tokio::test]
async fn certificates_out_of_their_time() {
    let ca = Ca::new("ca");
    let (_dir, _broker, address) = start(ca.issue(&["127.0.0.1"], expired).broker()).await;
    fails(trusting(&address, &ca), &[&address, "has expired"]).await;
    let future = ca.issue(&["127.0.0.1"], |p| p.not_before = date_time_ymd(2090, 1, 1));
    let (_dir, _broker, address) = start(future.broker()).await;
    fails(trusting(&address, &ca), &["not valid yet", "clock"]).await;
}

#[tokio::test]
async fn certificates_of_another_name() {
    let ca = Ca::new("ca");
    let (_dir, _broker, address) = start(ca.issue(&["broker.example"], |_| {}).broker()).await;
    let mut config = trusting(&address, &ca);
    fails(config.clone(), &["another name", "127.0.0.1", "broker.example", "tls_server_name"])
        .await;
    config.tls.server_name = Some("broker.example".to_owned());
    round_trip(&Client::with_config(config.clone()).await.unwrap(), "t").await;
    config.tls.server_name = Some("other.example".to_owned());
    fails(config, &["another name"]).await;
}

#[tokio::test]
async fn clients_show_certificates_where_they_must() {
    let (ca, clients) = (Ca::new("ca"), Ca::new("clients"));
    let good = clients.issue(&["billing"], |_| {});
    let late = clients.issue(&["billing"], expired);
    let foreign = Ca::new("other").issue(&["billing"], |_| {});
    let mut tls = ca.server().broker();
    tls.client_ca = Some(Pem::Memory(clients.pem.clone().into()));
    for (auth, without) in [(ClientAuth::Required, false), (ClientAuth::Optional, true)] {
        tls.client_auth = auth;
        let (_dir, _broker, address) = start(tls.clone()).await;
        let config = trusting(&address, &ca);
        if without {
            round_trip(&Client::with_config(config.clone()).await.unwrap(), "t").await;
        } else {
            fails(config.clone(), &["wants a client certificate", "tls_cert_file"]).await;
        }
        fails(showing(config.clone(), &foreign), &["CA that signed the client's"]).await;
        fails(showing(config.clone(), &late), &["client's certificate has expired"]).await;
        round_trip(&Client::with_config(showing(config, &good)).await.unwrap(), "t").await;
    }
}

#[tokio::test]
async fn tls_on_one_side_only_is_told_at_once() {
    let ca = Ca::new("ca");
    let (_dir, _broker, address) = start(ca.server().broker()).await;
    let error = refused(config(&address)).await;
    assert_eq!(error.code(), Some(ErrorCode::TlsRequired), "{error}");
    assert!(error.hint().contains("tls_enabled"), "{error}");

    let (_dir, _broker, address) = common::broker().await;
    fails(trusting(&address, &ca), &[&address, "does not use TLS here"]).await;
    // Whatever else answers with a frame.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let frame = [0xFB, 1, 0xFF, 0, 0, 0, 1, 0x80];
        tokio::io::AsyncWriteExt::write_all(&mut stream, &frame).await.unwrap();
        stream
    });
    fails(trusting(&address, &ca), &["does not use TLS here"]).await;
    drop(serving.await);
}

#[tokio::test]
async fn a_plain_client_names_a_tls_server_it_does_not_know() {
    let broker = FakeBroker::start(|request| match politely(request, 1) {
        Some(_) => common::fake::Reply::Bytes(Bytes::from_static(&[0x15, 3, 3, 0, 2, 2, 10])),
        None => common::fake::Reply::Hangup,
    })
    .await;
    let error = refused(config(&broker.address)).await;
    assert_eq!(error.code(), Some(ErrorCode::BadMagic), "{error}");
    assert!(error.message().contains("TLS") && error.hint().contains("TLS"), "{error}");
}

#[tokio::test]
async fn options_that_cannot_work_are_told_before_connecting() {
    let ca = Ca::new("ca");
    let good = trusting("127.0.0.1:1", &ca);
    let identity = ca.server();
    let pem = |text: &str| Some(flymq_core::Pem::Memory(text.into()));
    let with = |change: &dyn Fn(&mut flymq_core::TlsConfig)| {
        let mut config = good.clone();
        change(&mut config.tls);
        config
    };
    let missing = || Some(flymq_core::Pem::File("/nowhere/ca.pem".into()));
    let stranger = ca.server();
    for (bad, words) in [
        (with(&|tls| tls.ca = missing()), "/nowhere/ca.pem"),
        (with(&|tls| tls.ca = pem("nothing")), "tls_ca_file"),
        (with(&|tls| tls.server_name = Some("a b".to_owned())), "a b"),
        (with(&|tls| tls.cert = pem(&identity.cert)), "tls_key_file"),
        (
            with(&|tls| (tls.cert, tls.key) = (pem(&identity.cert), pem(&stranger.key))),
            "do not go together",
        ),
        (with(&|tls| tls.enabled = false), "tls_enabled"),
    ] {
        let error = refused(bad).await;
        assert_eq!(error.code(), Some(ErrorCode::InvalidArgument), "{error}");
        assert!(error.message().contains(words), "{words:?} is not in {error}");
        assert!(!error.to_string().contains("PRIVATE KEY"));
    }
}

#[tokio::test]
async fn another_broker_is_found_through_tls() {
    let ca = Ca::new("ca");
    let (_dir, broker, _) = start(ca.server().broker()).await;
    let first = Proxy::start(broker.local_addr()).await;
    let second = Proxy::start(broker.local_addr()).await;
    let addresses = format!("{},{}", first.address, second.address);
    let mut config = trusting(&addresses, &ca);
    config.request_timeout = Duration::from_secs(10);
    first.cut_after(1);
    // Which one is tried first is a matter of chance.
    let client = loop {
        let client = Client::with_config(config.clone()).await.unwrap();
        if first.cuts() > 0 {
            break client;
        }
    };
    round_trip(&client, "t").await;
    // The one in use falls silent, and the other is back.
    second.let_through(false);
    first.cut_after(0);
    for _ in 0..10 {
        round_trip(&client, "t").await;
    }
    let total = client.list_offsets("t", &[(0, OffsetSpec::Latest)]).await.unwrap();
    assert_eq!(total, [11]);
}

#[tokio::test]
async fn handshakes_that_are_cut_may_be_tried_again() {
    let ca = Ca::new("ca");
    let (_dir, broker, _) = start(ca.server().broker()).await;
    let proxy = Proxy::start(broker.local_addr()).await;
    proxy.cut_after(2_500);
    let mut cut = 0;
    for _ in 0..30 {
        // Either way it is no fault of the certificates.
        if let Err(error) = Client::with_config(trusting(&proxy.address, &ca)).await {
            assert!(error.is_retriable(), "{error}");
            cut += 1;
        }
    }
    assert!(cut > 0, "nothing was cut");
    proxy.cut_after(0);
    round_trip(&Client::with_config(trusting(&proxy.address, &ca)).await.unwrap(), "t").await;
}

#[tokio::test]
async fn records_survive_cuts_within_tls() {
    let ca = Ca::new("ca");
    let (_dir, broker, _) = start(ca.server().broker()).await;
    let proxy = Proxy::start(broker.local_addr()).await;
    let client = Client::with_config(trusting(&proxy.address, &ca)).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    proxy.cut_after(60_000);
    let record = |i: u32| Record::new(format!("{i}{}", " ".repeat(500))).key("k");
    for chunk in 0..10 {
        let records = (chunk * 100..(chunk + 1) * 100).map(record);
        client.produce_batch("t", records).await.unwrap();
    }
    proxy.cut_after(0);
    let read = common::read_all(&client, "t").await;
    assert_eq!(read["k"], (0..1000).collect::<Vec<u64>>());
}
