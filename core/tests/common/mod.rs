//! A broker in a temporary folder, and a proxy that makes trouble between it and a client.

#![allow(dead_code)] // each test file uses its own part

#[path = "../../../broker/tests/common/certs.rs"]
pub mod certs;
pub mod cutter;
pub mod door;
pub mod fake;
pub mod guarded;
pub mod kafka_cutter;
pub mod members;
pub mod model;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flymq_broker::Broker;
use flymq_core::{Client, Config, Consumer, Error, ErrorCode, FetchOptions, Isolation, Message};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long records that are there may take to come.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// The Kafka cluster that FLYMQ_TEST_KAFKA names. Brokers are gateways to it then.
pub fn cluster() -> Option<String> {
    std::env::var("FLYMQ_TEST_KAFKA").ok()
}

/// Which of the scenarios that are for one engine alone are run.
pub fn engine() -> &'static str {
    if cluster().is_some() { "kafka" } else { "embedded" }
}

/// A broker of its own; or a gateway, with a cluster that is emptied if the folder is. Tests then have to
/// run one after the other.
pub async fn broker_in(dir: &Path, listen: SocketAddr) -> Broker {
    if let Some(cluster) = cluster() {
        return gateway_to(&cluster, dir, listen).await;
    }
    let config = flymq_broker::Config {
        data_dir: dir.into(),
        listen,
        heartbeat_interval: Duration::from_millis(50),
        ..Default::default()
    };
    Broker::start(config).await.unwrap()
}

/// What makes a broker a gateway to a cluster.
fn kafka(cluster: &str) -> flymq_broker::EngineConfig {
    flymq_broker::EngineConfig::Kafka(Box::new(flymq_broker::kafka::KafkaConfig::new(cluster)))
}

/// A gateway to a cluster, which is emptied if the folder is.
pub async fn gateway_to(cluster: &str, dir: &Path, listen: SocketAddr) -> Broker {
    let heartbeat_interval = Duration::from_millis(50);
    let engine = kafka(cluster);
    let config = flymq_broker::Config { engine, listen, heartbeat_interval, ..Default::default() };
    let broker = Broker::start(config).await.unwrap();
    if !dir.join("seen").exists() {
        let address = broker.local_addr().to_string();
        let client = Client::with_config(self::config(&address)).await.unwrap();
        empty(&client).await;
        client.close().await;
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("seen"), "").unwrap();
    }
    broker
}

/// Deletes all topics and groups.
async fn empty(client: &Client) {
    for topic in client.list_topics().await.unwrap() {
        client.delete_topic(&topic.name).await.unwrap();
    }
    for group in client.list_groups().await.unwrap() {
        let deleted = client.delete_group(&group.group).await;
        // Members with an instance id may still be expected back, and Kafka lets go of a group by itself
        // once there are no topics to its offsets.
        let expected = [ErrorCode::GroupNotEmpty, ErrorCode::UnknownGroup].map(Some);
        let as_expected = |error: &Error| expected.contains(&error.code());
        assert!(deleted.as_ref().err().is_none_or(as_expected), "{deleted:?}");
    }
}

pub async fn broker() -> (tempfile::TempDir, Broker, String) {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker_in(dir.path(), "127.0.0.1:0".parse().unwrap()).await;
    let address = broker.local_addr().to_string();
    (dir, broker, address)
}

/// Options with pauses short enough for tests, and with no other addresses than the given ones, so
/// that nobody finds a way around a proxy.
pub fn config(address: &str) -> Config {
    Config {
        metadata_max_age: Duration::ZERO,
        backoff_initial: Duration::from_millis(1),
        backoff_max: Duration::from_millis(20),
        ..Config::parse(address).unwrap()
    }
}

/// A client's options that trust a CA.
pub fn trusting(address: &str, ca: &certs::Ca) -> Config {
    let mut config = config(address);
    config.tls.enabled = true;
    config.tls.ca = Some(flymq_core::Pem::Memory(ca.pem.clone().into()));
    config
}

/// The next records, exactly so many.
pub async fn take(consumer: &mut Consumer, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let more = consumer.poll(count - messages.len(), TAKEN_WITHIN).await.unwrap();
        assert!(!more.is_empty(), "{} of {count} came", messages.len());
        messages.extend(more);
    }
    messages
}

/// All records of a topic as `key → values`, in the order of each partition.
pub async fn read_all(client: &Client, topic: &str) -> BTreeMap<String, Vec<u64>> {
    let mut by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for partition in client.describe_topic(topic).await.unwrap().partitions {
        let mut offset = partition.earliest;
        while offset < partition.latest {
            let options = FetchOptions { max_bytes: 4 << 20, ..Default::default() };
            let messages = client.fetch(topic, partition.partition, offset, options).await.unwrap();
            let Some(last) = messages.last() else { break };
            offset = last.offset + 1;
            for message in messages {
                let text = |b: bytes::Bytes| String::from_utf8(b.to_vec()).unwrap();
                let number = text(message.value.unwrap()).trim().parse().unwrap();
                by_key.entry(text(message.key.unwrap())).or_default().push(number);
            }
        }
    }
    by_key
}

/// Stands between client and broker. Connections can be cut after a random number of bytes, or held
/// up.
pub struct Proxy {
    pub address: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    target: SocketAddr,
    /// Every connection is cut after up to this many bytes, either way; 0 for never.
    cut_after: AtomicU64,
    cuts: AtomicU64,
    flowing: watch::Sender<bool>,
    seed: AtomicU64,
}

impl Proxy {
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            target,
            cut_after: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            flowing: watch::Sender::new(true),
            seed: AtomicU64::new(0x9e37_79b9_7f4a_7c15),
        });
        let accepting = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(accepting.clone().relay(client));
            }
        });
        Self { address, state, task }
    }

    pub fn cut_after(&self, bytes: u64) {
        self.state.cut_after.store(bytes, Ordering::Relaxed);
    }

    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::Relaxed)
    }

    /// Lets bytes through, or holds them up.
    pub fn let_through(&self, flowing: bool) {
        self.state.flowing.send_replace(flowing);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    /// The next number of a fixed pseudo-random sequence (splitmix64).
    fn random(&self) -> u64 {
        let mut z = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    async fn relay(self: Arc<Self>, client: TcpStream) {
        let Ok(broker) = TcpStream::connect(self.target).await else { return };
        let (client_in, client_out) = client.into_split();
        let (broker_in, broker_out) = broker.into_split();
        // Whichever way ends first takes the other with it.
        tokio::select! {
            () = self.pump(client_in, broker_out) => {}
            () = self.pump(broker_in, client_out) => {}
        }
    }

    async fn pump(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut flowing = self.flowing.subscribe();
        let limit = self.cut_after.load(Ordering::Relaxed);
        let mut left = if limit == 0 { u64::MAX } else { self.random() % limit };
        let mut buffer = vec![0; 16 << 10];
        loop {
            let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
            if flowing.wait_for(|&flowing| flowing).await.is_err() {
                return;
            }
            let pass = (read as u64).min(left) as usize;
            if to.write_all(&buffer[..pass]).await.is_err() {
                return;
            }
            left -= pass as u64;
            if left == 0 {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }
}

/// All values that a reader of this isolation sees in a topic, sorted.
pub async fn contents(client: &Client, topic: &str, isolation: Isolation) -> Vec<String> {
    let mut values = Vec::new();
    for partition in 0..client.partition_count(topic).await.unwrap() {
        let mut offset = 0;
        loop {
            let options = FetchOptions { isolation, ..Default::default() };
            let messages = client.fetch(topic, partition, offset, options).await.unwrap();
            let Some(last) = messages.last() else { break };
            offset = last.offset + 1;
            let text =
                |m: flymq_core::Message| String::from_utf8(m.value.unwrap().to_vec()).unwrap();
            values.extend(messages.into_iter().map(text));
        }
    }
    values.sort();
    values
}
