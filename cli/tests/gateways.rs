//! Gateways as processes, over a real Kafka: one is killed and the client goes on through the other.

mod common;
#[path = "../../broker/tests/common/kafka.rs"]
#[allow(dead_code, reason = "gateways within the test's own process are for others")]
mod kafka;

use std::collections::BTreeMap;
use std::path::Path;

use common::*;
use flymq_core::{Client, Config, ErrorCode, FetchOptions, NewTopic, Record};

const ROUNDS: u32 = 12;

fn gateway(listen: &str) -> Broker {
    let options = ["--engine", "kafka", "--kafka-bootstrap", kafka::bootstrap_servers()];
    Broker::start_with(Path::new("unused"), listen, &options)
}

/// How often each value is seen by a reader of committed records.
async fn seen(client: &Client, topic: &str, partition: u32) -> BTreeMap<String, usize> {
    let mut values = BTreeMap::new();
    let mut offset = 0;
    loop {
        let found = client.fetch(topic, partition, offset, FetchOptions::default()).await.unwrap();
        let Some(last) = found.last() else { return values };
        offset = last.offset + 1;
        for message in found {
            let value = String::from_utf8(message.value.unwrap().to_vec()).unwrap();
            *values.entry(value).or_default() += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_go_on_when_their_gateway_is_killed() {
    let mut gateways = [gateway("127.0.0.1:0"), gateway("127.0.0.1:0")];
    let addresses = gateways.each_ref().map(|gateway| gateway.address.clone());
    let config = Config::parse(&addresses.join(",")).unwrap();
    let client = Client::with_config(config).await.unwrap();
    let topic = format!("transfers-{}", std::process::id());
    client.create_topic(NewTopic::new(&topic).partitions(2)).await.unwrap();
    let producer = client.transactional_producer(topic.as_str()).build().await.unwrap();

    let mut committed = Vec::new();
    for round in 0..ROUNDS {
        let value = round.to_string();
        let record = |partition| Record::new(value.clone()).partition(partition);
        let transaction = producer.begin().await.unwrap();
        let first = transaction.send(&topic, record(0)).await;
        // In the midst of every third one, the one gateway or the other goes, and comes back.
        if round % 3 == 1 {
            let victim = (round / 3) as usize % 2;
            gateways[victim].kill();
        }
        let second = transaction.send(&topic, record(1)).await;
        let mut outcome = transaction.commit().await;
        while matches!(&outcome, Err(error) if error.code() == Some(ErrorCode::Timeout)) {
            outcome = transaction.commit().await;
        }
        match outcome {
            Ok(()) => {
                assert!(first.is_ok() && second.is_ok());
                committed.push(value.clone());
            }
            // What a commit is refused for has not happened, all of it.
            Err(error) => assert!(error.is_abortable(), "{error}"),
        }
        if round % 3 == 2 {
            let victim = (round / 3) as usize % 2;
            gateways[victim] = gateway(&addresses[victim]);
        }
    }
    // Most of them: the client tries again by itself.
    assert!(committed.len() >= ROUNDS as usize - 4, "{committed:?}");
    let expected: BTreeMap<_, _> = committed.into_iter().map(|value| (value, 1)).collect();
    for partition in 0..2 {
        assert_eq!(seen(&client, &topic, partition).await, expected, "partition {partition}");
    }

    let status = gateways[0].flymq(&["cluster", "status", "--format", "json"]).good();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["engine"], "kafka");
    assert_eq!(status["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(status["under_replicated"], 0);
    let text = gateways[1].flymq(&["cluster", "status"]).good();
    assert!(text.contains("controller") && text.contains(&addresses[1]), "{text}");
}
