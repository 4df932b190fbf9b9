//! Topics: creating, listing, describing, altering, deleting, and that all of it survives a restart.

mod common;

use common::*;
use flymq_broker::{Broker, ErrorCode};
use flymq_protocol::messages::*;

#[tokio::test]
async fn topics_live_and_die() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("b", 3, &[("retention_ms", "-1")]).await;
    client.create("a", 1, &[]).await;

    let listed = client.call(&ListTopicsRequest {}).await.unwrap().topics;
    let listed: Vec<_> = listed.iter().map(|t| (t.name.as_str(), t.partitions)).collect();
    assert_eq!(listed, [("a", 1), ("b", 3)]);

    let described = client.call(&DescribeTopicRequest { name: "b".into() }).await.unwrap();
    assert_eq!(described.config["retention_ms"], "-1");
    assert_eq!(described.config["retention_bytes"], "-1");
    assert_eq!(described.partitions.len(), 3);

    let (code, message) = client.refused(&create("b", 3, &[])).await;
    assert_eq!(code, ErrorCode::TopicExists);
    assert!(message.contains('b'), "{message}");
    let again = CreateTopicRequest { if_not_exists: true, ..create("b", 9, &[]) };
    let answer = client.call(&again).await.unwrap();
    assert_eq!((answer.created, answer.partitions), (false, 3));

    client.call(&DeleteTopicRequest { name: "b".into() }).await.unwrap();
    let (code, _) = client.refused(&DeleteTopicRequest { name: "b".into() }).await;
    assert_eq!(code, ErrorCode::UnknownTopic);
    let (code, _) = client.refused(&produce("b", 0, batch(&["x"]))).await;
    assert_eq!(code, ErrorCode::UnknownTopic);
    assert_eq!(client.fetch("b", 0, 0).await.error, ErrorCode::UnknownTopic as u16);

    // A new topic of the old name has nothing of the old one.
    client.create("b", 1, &[]).await;
    assert_eq!(client.offsets("b", 0).await, (0, 0));
}

#[tokio::test]
async fn illegal_names_counts_and_configurations_are_refused() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    for name in ["", "..", "a/b", &"x".repeat(250)] {
        assert_eq!(client.refused(&create(name, 1, &[])).await.0, ErrorCode::InvalidTopicName);
    }
    for partitions in [0, 10_001] {
        let (code, _) = client.refused(&create("t", partitions, &[])).await;
        assert_eq!(code, ErrorCode::InvalidPartitions);
    }
    let (code, message) = client.refused(&create("t", 1, &[("retension_ms", "1")])).await;
    assert_eq!(code, ErrorCode::InvalidConfig);
    assert!(message.contains("retention_ms"), "names the keys there are: {message}");
    let copies = CreateTopicRequest { replication: 3, ..create("t", 1, &[]) };
    assert_eq!(client.refused(&copies).await.0, ErrorCode::InvalidConfig);
    assert!(client.call(&ListTopicsRequest {}).await.unwrap().topics.is_empty());
}

#[tokio::test]
async fn partitions_can_be_added_but_not_taken() {
    let (dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 2, &[]).await;
    client.produce("t", 1, &["kept"]).await;
    let grown = AddPartitionsRequest { name: "t".into(), partitions: 5 };
    assert_eq!(client.call(&grown).await.unwrap().partitions, 5);
    client.produce("t", 4, &["new"]).await;
    let (code, _) = client.refused(&AddPartitionsRequest { name: "t".into(), partitions: 4 }).await;
    assert_eq!(code, ErrorCode::InvalidPartitions);
    let (code, message) = client.refused(&produce("t", 5, batch(&["x"]))).await;
    assert_eq!(code, ErrorCode::UnknownPartition);
    assert!(message.contains("0 to 4"), "{message}");

    broker.shutdown().await;
    let broker = Broker::start(config(dir.path())).await.unwrap();
    let mut client = Client::connect(&broker).await;
    assert_eq!(values(&client.read_all("t", 4, 0).await), ["new"]);
    assert_eq!(values(&client.read_all("t", 1, 0).await), ["kept"]);
}

#[tokio::test]
async fn configuration_is_altered_and_put_back() {
    let (dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[("max_record_bytes", "100")]).await;
    let big = "x".repeat(200);
    let (code, _) = client.refused(&produce("t", 0, batch(&[&big]))).await;
    assert_eq!(code, ErrorCode::RecordTooLarge);

    let alter = |key: &str, value: Option<&str>| AlterTopicRequest {
        name: "t".into(),
        config: [(key.to_owned(), value.map(str::to_owned))].into(),
    };
    let (code, _) = client.refused(&alter("max_record_bytes", Some("0"))).await;
    assert_eq!(code, ErrorCode::InvalidConfig);
    let config_now = client.call(&alter("max_record_bytes", None)).await.unwrap().config;
    assert_eq!(config_now["max_record_bytes"], "1048576");
    client.produce("t", 0, &[&big]).await;
    client.call(&alter("retention_bytes", Some("12345"))).await.unwrap();

    broker.shutdown().await;
    let broker = Broker::start(config(dir.path())).await.unwrap();
    let mut client = Client::connect(&broker).await;
    let described = client.call(&DescribeTopicRequest { name: "t".into() }).await.unwrap();
    assert_eq!(described.config["retention_bytes"], "12345");
}

#[tokio::test]
async fn metadata_tells_known_from_unknown() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 7, &[]).await;
    let request = MetadataRequest { topics: vec!["t".into(), "u".into()] };
    let answer = client.call(&request).await.unwrap();
    assert_eq!(answer.brokers[0].port, broker.local_addr().port());
    assert_eq!(answer.topics[0].partitions, 7);
    assert_eq!(answer.topics[1].error, ErrorCode::UnknownTopic as u16);
}
