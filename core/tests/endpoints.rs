//! Which addresses clients use: those they are given, what names stand for, and what brokers tell of.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use common::door::*;
use common::*;
use flymq_broker::Broker;
use flymq_core::*;

#[tokio::test]
async fn clients_do_not_all_turn_to_the_same_address() {
    let (_dir, broker, _) = broker().await;
    let mut doors = Vec::new();
    for _ in 0..3 {
        doors.push(Door::open(broker.local_addr()).await);
    }
    let addresses: Vec<_> = doors.iter().map(|door| door.address).collect();
    let mut clients = Vec::new();
    // Were it one in three, all of them would miss one of the doors once in a million times.
    for _ in 0..40 {
        clients.push(Client::with_config(several(&addresses)).await.unwrap());
    }
    assert!(doors.iter().all(|door| door.accepted() > 0));
}

/// A broker that tells clients to connect to 127.0.0.2, and is reached through a door elsewhere.
async fn advertising(
    dir: &Path,
    port: u16,
    host: &str,
    tls: Option<flymq_broker::TlsConfig>,
) -> Broker {
    let config = flymq_broker::Config {
        data_dir: dir.into(),
        listen: ([0, 0, 0, 0], port).into(),
        advertised_host: Some(host.to_owned()),
        tls,
        ..Default::default()
    };
    Broker::start(config).await.unwrap()
}

#[tokio::test]
async fn a_broker_is_listed_with_the_port_that_it_has_outside() {
    let dir = tempfile::tempdir().unwrap();
    let config = flymq_broker::Config {
        data_dir: dir.path().into(),
        listen: ([127, 0, 0, 1], 0).into(),
        advertised_host: Some("mq.example".to_owned()),
        advertised_port: Some(7),
        ..Default::default()
    };
    let broker = Broker::start(config).await.unwrap();
    let client = Client::with_config(several(&[broker.local_addr()])).await.unwrap();
    let brokers = client.brokers().await.unwrap();
    assert_eq!((brokers[0].host.as_str(), brokers[0].port), ("mq.example", 7));
}

fn at(last: u8, broker: &Broker) -> SocketAddr {
    ([127, 0, 0, last], broker.local_addr().port()).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_are_learnt_of_used_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let broker = advertising(dir.path(), 0, "127.0.0.2", None).await;
    let mut door = Door::open(at(1, &broker)).await;
    let options =
        Config { metadata_max_age: Duration::from_millis(100), ..several(&[door.address]) };
    let client = Client::with_config(options.clone()).await.unwrap();
    until("the broker is learnt of", || endpoint(&client, at(2, &broker)).is_some()).await;
    assert!(endpoint(&client, at(2, &broker)).unwrap().learnt);
    // An address that was given goes before one that was learnt.
    assert_eq!(client.broker().await.unwrap().address, door.address.to_string());
    let refreshes = client.metrics().metadata_refreshes;
    until("it is asked again", || client.metrics().metadata_refreshes > refreshes).await;
    door.shut().await;
    client.ping().await.unwrap();
    assert_eq!(client.broker().await.unwrap().address, at(2, &broker).to_string());

    // Another one has taken its place.
    let (old, new) = (at(2, &broker), at(3, &broker));
    broker.shutdown().await;
    let _broker = advertising(dir.path(), new.port(), "127.0.0.3", None).await;
    client.ping().await.unwrap();
    until("the new one is learnt of", || endpoint(&client, new).is_some()).await;
    assert_eq!(endpoint(&client, old), None);
    assert!(endpoint(&client, door.address).is_some_and(|door| !door.learnt));

    let aloof = Config { metadata_max_age: Duration::ZERO, ..options };
    door.reopen().await;
    let client = Client::with_config(aloof).await.unwrap();
    client.ping().await.unwrap();
    assert_eq!(client.metrics().endpoints.len(), 1);
    assert_eq!(client.metrics().metadata_refreshes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_learnt_of_has_to_prove_its_name() {
    let ca = certs::Ca::new("ca");
    for (names, trusted) in [(["127.0.0.1", "127.0.0.2"], true), (["127.0.0.1", "b"], false)] {
        let dir = tempfile::tempdir().unwrap();
        let tls = ca.issue(&names, |_| {}).broker();
        let broker = advertising(dir.path(), 0, "127.0.0.2", Some(tls)).await;
        let mut door = Door::open(at(1, &broker)).await;
        let options = Config {
            metadata_max_age: Duration::from_secs(300),
            request_timeout: Duration::from_secs(2),
            ..trusting(&door.address.to_string(), &ca)
        };
        let client = Client::with_config(options).await.unwrap();
        until("the broker is learnt of", || endpoint(&client, at(2, &broker)).is_some()).await;
        door.shut().await;
        match client.ping().await {
            Ok(_) => assert!(trusted),
            Err(error) => {
                assert!(!trusted, "{error}");
                assert!(error.to_string().contains(&door.address.to_string()), "{error}");
                let learnt = endpoint(&client, at(2, &broker)).unwrap().last_error.unwrap();
                assert!(learnt.contains("certificate"), "{learnt}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_of_another_cluster_is_not_taken_for_one_that_was_learnt_of() {
    let (dir, other_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let broker = advertising(dir.path(), 0, "127.0.0.2", None).await;
    let mut door = Door::open(at(1, &broker)).await;
    let options = Config {
        metadata_max_age: Duration::from_secs(300),
        request_timeout: Duration::from_secs(2),
        ..several(&[door.address])
    };
    let client = Client::with_config(options).await.unwrap();
    let learnt = at(2, &broker);
    until("the broker is learnt of", || endpoint(&client, learnt).is_some()).await;
    broker.shutdown().await;
    door.shut().await;
    let _other = broker_in(other_dir.path(), learnt).await;
    let error = client.ping().await.unwrap_err();
    assert!(error.to_string().contains("another cluster"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_address_of_a_name_is_used_and_changes_are_seen() {
    let (dir, broker, _) = broker().await;
    let target = broker.local_addr();
    let mut door = Door::open_at("127.0.0.2:0".parse().unwrap(), target).await;
    let port = door.address.port();
    let address = |last: u8| SocketAddr::from(([127, 0, 0, last], port));
    let hosts = dir.path().join("hosts");
    let point_to = |lasts: &[u8]| {
        let lines: Vec<_> = lasts.iter().map(|last| format!("127.0.0.{last} flymq.test")).collect();
        std::fs::write(&hosts, lines.join("\n")).unwrap();
    };
    // Nobody listens at the first.
    point_to(&[3, 2]);
    let options =
        Config { hosts_file: Some(hosts.clone()), ..several(&[format!("flymq.test:{port}")]) };
    let client = Client::with_config(options).await.unwrap();
    assert_eq!(client.broker().await.unwrap().address, format!("flymq.test:{port}"));
    assert!(endpoint(&client, address(2)).unwrap().in_use);
    assert!(endpoint(&client, address(3)).is_some());
    door.shut().await;
    point_to(&[4]);
    let _moved = Door::open_at(address(4), target).await;
    client.ping().await.unwrap();
    let endpoints = client.metrics().endpoints;
    assert_eq!(endpoints.len(), 1, "{endpoints:?}");
    assert_eq!(endpoints[0].address, address(4).to_string());
}

/// What every library's tests do with conformance/failover.
struct Scenario {
    folder: tempfile::TempDir,
    addresses: [SocketAddr; 2],
    brokers: [Option<Broker>; 2],
    client: Option<Client>,
    produced: Vec<serde_json::Value>,
}

impl Scenario {
    async fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            addresses: [vacant().await, vacant().await],
            brokers: [None, None],
            client: None,
            produced: Vec::new(),
        }
    }

    async fn step(&mut self, step: &serde_json::Value) -> Result<()> {
        let number = |name: &serde_json::Value| usize::from(name == "b");
        let broker = number(&step["broker"]);
        let address = self.addresses[broker];
        match step["do"].as_str().unwrap() {
            "start" => {
                // Gateways share their records.
                let shared = cluster().is_some();
                let dir = self.folder.path().join(if shared { 0 } else { broker }.to_string());
                self.brokers[broker] = Some(broker_in(&dir, address).await);
                let topic = NewTopic::new("t").if_not_exists();
                Client::connect(&address.to_string()).await?.create_topic(topic).await?;
            }
            "stop" => self.brokers[broker].take().unwrap().shutdown().await,
            "connect" => {
                let brokers = step["brokers"].as_array().unwrap().iter();
                let addresses: Vec<_> = brokers.map(|b| self.addresses[number(b)]).collect();
                let config = Config {
                    request_timeout: Duration::from_secs(3),
                    backoff_max: Duration::from_millis(200),
                    ..several(&addresses)
                };
                self.client = Some(Client::with_config(config).await?);
            }
            "ping" => drop(self.client().ping().await?),
            "produce" => {
                let record = Record::new(step["value"].as_str().unwrap().to_owned());
                self.client().produce("t", record).await?;
                self.produced.push(step["value"].clone());
            }
            "stored" => {
                let reader = Client::connect(&address.to_string()).await?;
                let values = contents(&reader, "t", Isolation::ReadCommitted).await;
                let produced = serde_json::json!(self.produced);
                let expected = if cluster().is_some() { &produced } else { &step["values"] };
                assert_eq!(expected, &serde_json::json!(values), "{step}");
            }
            "circuit" => {
                let works = || circuit(self.client(), address) == Some(Circuit::Closed);
                until(&step.to_string(), || step["works"] == works()).await;
            }
            "failovers" => assert_eq!(step["count"], self.client().metrics().failovers, "{step}"),
            other => panic!("there is no step {other}"),
        }
        Ok(())
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_of_all_libraries() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/failover/scenarios.json");
    let scenarios: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for scenario in scenarios.as_array().unwrap() {
        let name = &scenario["name"];
        let mut world = Scenario::new().await;
        for step in scenario["steps"].as_array().unwrap() {
            match (world.step(step).await, step.get("error")) {
                (outcome, None) => outcome.unwrap_or_else(|error| panic!("{name}: {error}")),
                (Ok(()), Some(_)) => panic!("{name}: {step} succeeded"),
                (Err(error), Some(expected)) => {
                    assert_eq!(expected, error.name(), "{name}: {error}");
                    let named =
                        |address: &SocketAddr| error.message().contains(&address.to_string());
                    assert!(world.addresses.iter().all(named), "{name}: {error}");
                }
            }
        }
    }
}
