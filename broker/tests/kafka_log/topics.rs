//! Topics, seen from two gateways.

use std::collections::BTreeMap;

use flymq_broker::ErrorCode;
use flymq_protocol::messages::*;

use crate::common::*;
use crate::{Setup, unique};

#[tokio::test]
async fn a_topic_that_is_made_anew_is_another_one() {
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } = Setup::new(1).await;
    two.produce(&topic, 0, &["of the old one"]).await;
    one.call(&DeleteTopicRequest { name: topic.clone() }).await.unwrap();
    assert_eq!(two.fetch(&topic, 0, 0).await.error, ErrorCode::UnknownTopic as u16);
    one.create(&topic, 1, &[]).await;
    // The other gateway knew the old one.
    assert_eq!(two.produce(&topic, 0, &["of the new one"]).await, 0);
    assert_eq!(values(&two.read_all(&topic, 0, 0).await), ["of the new one"]);
}

#[tokio::test]
async fn partitions_that_another_gateway_added_are_there() {
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } = Setup::new(1).await;
    two.produce(&topic, 0, &["a"]).await;
    let request = AddPartitionsRequest { name: topic.clone(), partitions: 3 };
    assert_eq!(one.call(&request).await.unwrap().partitions, 3);
    let described = two.call(&MetadataRequest { topics: vec![topic.clone()] }).await.unwrap();
    assert_eq!(described.topics[0].partitions, 3);
    assert_eq!(two.produce(&topic, 2, &["b"]).await, 0);
    let fewer = AddPartitionsRequest { name: topic.clone(), partitions: 2 };
    assert_eq!(two.refused(&fewer).await.0, ErrorCode::InvalidPartitions);
}

#[tokio::test]
async fn configuration_is_kept_in_kafka() {
    let config = [("retention_bytes", "6000000"), ("retention_ms", "86400000")];
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } =
        Setup::with(3, &config).await;
    let describe = DescribeTopicRequest { name: topic.clone() };
    let described = two.call(&describe).await.unwrap();
    assert_eq!(described.config["retention_bytes"], "6000000");
    assert_eq!(described.config["retention_ms"], "86400000");
    assert_eq!(described.config["max_record_bytes"], "1048576");
    assert_eq!((described.partitions.len(), described.bytes), (3, 0));

    let change = [("retention_ms", None), ("max_record_bytes", Some("500"))];
    let change = change.map(|(k, v)| (k.to_owned(), v.map(str::to_owned)));
    let request = AlterTopicRequest { name: topic.clone(), config: BTreeMap::from(change) };
    let altered = two.call(&request).await.unwrap();
    assert_eq!(altered.config["retention_ms"], "604800000");
    assert_eq!(one.call(&describe).await.unwrap().config, altered.config);
    assert_eq!(
        two.refused(&produce(&topic, 0, batch(&[&"x".repeat(600)]))).await.0,
        ErrorCode::RecordTooLarge
    );
    // What a topic may keep stays what it was when its partitions become more.
    let more = AddPartitionsRequest { name: topic.clone(), partitions: 4 };
    one.call(&more).await.unwrap();
    assert_eq!(one.call(&describe).await.unwrap().config["retention_bytes"], "6000000");
    one.produce(&topic, 0, &["a"]).await;
    assert!(one.call(&describe).await.unwrap().bytes > 0);

    let unknown = create(&unique("log"), 1, &[("retention.ms", "1")]);
    assert_eq!(one.refused(&unknown).await.0, ErrorCode::InvalidConfig);
    let copies = CreateTopicRequest { replication: 99, ..create(&unique("log"), 1, &[]) };
    assert_eq!(one.refused(&copies).await.0, ErrorCode::InvalidConfig);
}

#[tokio::test]
async fn kafkas_own_topics_are_hidden() {
    let Setup { brokers: _brokers, clients: [mut one, _], topic } = Setup::new(1).await;
    let listed = one.call(&ListTopicsRequest {}).await.unwrap().topics;
    assert!(listed.iter().any(|t| t.name == topic));
    assert!(listed.iter().all(|t| !t.name.starts_with("__")), "{listed:?}");
    let internal = "__transaction_state".to_owned();
    let described = one.call(&MetadataRequest { topics: vec![internal.clone()] }).await.unwrap();
    assert_eq!(described.topics[0].error, ErrorCode::UnknownTopic as u16);
    let delete = DeleteTopicRequest { name: internal.clone() };
    assert_eq!(one.refused(&delete).await.0, ErrorCode::UnknownTopic);
    let describe = DescribeTopicRequest { name: internal };
    assert_eq!(one.refused(&describe).await.0, ErrorCode::UnknownTopic);
    assert_eq!(one.refused(&create("__mine", 1, &[])).await.0, ErrorCode::InvalidTopicName);
}
