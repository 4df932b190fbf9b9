//! A real Kafka for the tests of a file: the one that FLYMQ_TEST_KAFKA names, or a node of its
//! own, which the kernel ends with the tests.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
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

/// A cluster, and the folder that says how it is secured.
struct Cluster {
    servers: String,
    secrets: PathBuf,
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| match std::env::var("FLYMQ_TEST_KAFKA") {
        Ok(servers) => {
            let secrets = std::env::var("KAFKA_SECRETS").unwrap_or_default().into();
            Cluster { servers, secrets }
        }
        Err(_) => start(),
    })
}

/// Where the cluster is.
pub fn bootstrap_servers() -> &'static str {
    &cluster().servers
}

/// Addresses of its secured listeners, certificates and a password; see tools/kafka/security.py.
#[allow(dead_code)]
pub fn secrets() -> &'static Path {
    &cluster().secrets
}

fn start() -> Cluster {
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/kafka/kafka.py");
    let settings = SETTINGS.iter().flat_map(|setting| ["--set", setting]);
    let mut node = Command::new("python3")
        .arg(tool)
        .args(["run", "--secured"])
        .args(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python, Java and Maven, for a Kafka node");
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let mut value = |prefix: &str| {
        let line = lines.next().expect("a Kafka node that listens").expect("a line of kafka.py");
        line.strip_prefix(prefix).unwrap_or_else(|| panic!("{line}")).to_owned()
    };
    let (secrets, servers) = (value("secrets in ").into(), value("listening on "));
    // It ends when its standard input does.
    std::mem::forget(node);
    Cluster { servers, secrets }
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
