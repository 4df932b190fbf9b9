//! A real Kafka for the tests of a file: the one that FLYMQ_TEST_KAFKA names, or a node of its
//! own, which the kernel ends with the tests.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use flymq_broker::config::EngineConfig;
use flymq_broker::kafka::KafkaConfig;
use flymq_broker::{Broker, Config};

/// What makes groups quick enough for tests.
const SETTINGS: [&str; 4] = [
    "group.consumer.assignment.interval.ms=0",
    "group.consumer.min.session.timeout.ms=500",
    "group.consumer.min.heartbeat.interval.ms=100",
    "group.consumer.heartbeat.interval.ms=1000",
];

/// Where the cluster is.
pub fn bootstrap_servers() -> &'static str {
    static SERVERS: OnceLock<String> = OnceLock::new();
    SERVERS.get_or_init(|| match std::env::var("FLYMQ_TEST_KAFKA") {
        Ok(servers) => servers,
        Err(_) => start(),
    })
}

fn start() -> String {
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/kafka/kafka.py");
    let settings = SETTINGS.iter().flat_map(|setting| ["--set", setting]);
    let mut node = Command::new("python3")
        .arg(tool)
        .arg("run")
        .args(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python, Java and Maven, for a Kafka node");
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let ready = lines.find_map(|line| {
        let line = line.expect("a line of tools/kafka/kafka.py");
        line.strip_prefix("listening on ").map(str::to_owned)
    });
    // It ends when its standard input does.
    std::mem::forget(node);
    ready.expect("a Kafka node that listens")
}

/// A gateway to the cluster.
pub async fn gateway() -> Broker {
    gateway_with(|_| ()).await
}

/// A gateway with other options.
pub async fn gateway_with(change: impl FnOnce(&mut Config)) -> Broker {
    let mut config = Config {
        engine: EngineConfig::Kafka(Box::new(KafkaConfig::new(bootstrap_servers()))),
        listen: "127.0.0.1:0".parse().unwrap(),
        ..Config::default()
    };
    change(&mut config);
    Broker::start(config).await.unwrap()
}
