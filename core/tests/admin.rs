//! Topics and offsets, and the errors that say what is wrong with a request.

mod common;

use std::collections::BTreeMap;

use common::broker;
use flymq_core::*;

#[tokio::test]
async fn topics_are_created_described_altered_and_deleted() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::builder(&address).client_id("admin").connect().await.unwrap();
    let topic = || NewTopic::new("b").partitions(2).replication(1).config("retention_ms", "60000");
    assert!(client.create_topic(topic()).await.unwrap());
    assert!(!client.create_topic(topic().if_not_exists()).await.unwrap());
    let error = client.create_topic(topic()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TopicExists));
    client.create_topic(NewTopic::new("a")).await.unwrap();

    let listing = |name: &str, partitions| TopicListing { name: name.to_owned(), partitions };
    assert_eq!(client.list_topics().await.unwrap(), [listing("a", 1), listing("b", 2)]);

    client.produce_batch("b", (0..3).map(|i| Record::new(vec![i]).partition(1))).await.unwrap();
    let described = client.describe_topic("b").await.unwrap();
    assert_eq!(described.config["retention_ms"], "60000");
    let offsets: Vec<_> = described.partitions.iter().map(|p| (p.earliest, p.latest)).collect();
    assert_eq!(offsets, [(0, 0), (0, 3)]);

    let changes = BTreeMap::from([
        ("retention_ms".to_owned(), None),
        ("max_record_bytes".to_owned(), Some("1000".to_owned())),
    ]);
    let config = client.alter_topic("b", changes).await.unwrap();
    assert_ne!(config["retention_ms"], "60000");
    assert_eq!(config["max_record_bytes"], "1000");

    client.add_partitions("b", 5).await.unwrap();
    assert_eq!(client.partition_count("b").await.unwrap(), 5);
    let error = client.add_partitions("b", 4).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidPartitions));

    client.delete_topic("b").await.unwrap();
    for error in [
        client.delete_topic("b").await.unwrap_err(),
        client.describe_topic("b").await.unwrap_err(),
        client.partition_count("b").await.unwrap_err(),
        client.list_offsets("b", &[(0, OffsetSpec::Latest)]).await.unwrap_err(),
        client.produce("b", Record::new("x")).await.unwrap_err(),
        client.consume("b", 0, 0).await.unwrap_err(),
        client.fetch("b", 0, 0, FetchOptions::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Some(ErrorCode::UnknownTopic), "{error}");
        assert!(!error.is_retriable());
        assert!(!error.hint().is_empty());
    }
}

#[tokio::test]
async fn offsets_are_found_by_time() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    for time in [100, 200, 300] {
        client.produce("t", Record::new("x").timestamp(time).partition(1)).await.unwrap();
    }
    let queries = [
        (1, OffsetSpec::Latest),
        (0, OffsetSpec::Latest),
        (1, OffsetSpec::Earliest),
        (1, OffsetSpec::Timestamp(101)),
        (1, OffsetSpec::Timestamp(-5)),
        (1, OffsetSpec::Timestamp(301)),
    ];
    assert_eq!(client.list_offsets("t", &queries).await.unwrap(), [3, 0, 0, 1, 0, 3]);
    let error = client.list_offsets("t", &[(2, OffsetSpec::Latest)]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownPartition));
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_wrong() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    client.produce("t", Record::new("x").partition(0)).await.unwrap();
    let cases = [
        (client.create_topic(NewTopic::new("")).await.err(), ErrorCode::InvalidTopicName),
        (client.create_topic(NewTopic::new("a b")).await.err(), ErrorCode::InvalidTopicName),
        (
            client.create_topic(NewTopic::new("u").partitions(0)).await.err(),
            ErrorCode::InvalidPartitions,
        ),
        (
            client.create_topic(NewTopic::new("u").config("x", "1")).await.err(),
            ErrorCode::InvalidConfig,
        ),
        (
            client.produce("t", Record::new("x").partition(2)).await.err(),
            ErrorCode::UnknownPartition,
        ),
        (client.consume("t", 2, 0).await.err(), ErrorCode::UnknownPartition),
        (client.consume("t", 0, 9).await.err(), ErrorCode::OffsetOutOfRange),
        (client.fetch("t", 0, 9, FetchOptions::default()).await.err(), ErrorCode::OffsetOutOfRange),
        (client.produce("t", Record::new(vec![0; 2 << 20])).await.err(), ErrorCode::RecordTooLarge),
        (
            client.produce("t", Record::new(vec![0; 20 << 20])).await.err(),
            ErrorCode::RecordTooLarge,
        ),
        (client.producer().max_in_flight(6).build().err(), ErrorCode::InvalidArgument),
        (client.producer().batch_bytes(0).build().err(), ErrorCode::InvalidArgument),
        (Client::connect("").await.err(), ErrorCode::InvalidArgument),
    ];
    for (i, (error, code)) in cases.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("case {i} succeeded"));
        assert_eq!(error.code(), Some(code), "case {i}: {error}");
        if code == ErrorCode::OffsetOutOfRange {
            assert!(error.message().contains("0 to 1"), "the range is named: {error}");
        }
    }
    // None of it did any harm.
    assert_eq!(client.produce("t", Record::new("y").partition(0)).await.unwrap().offset, 1);
    let brokers = client.brokers().await.unwrap();
    let addresses: Vec<_> = brokers.iter().map(|b| format!("{}:{}", b.host, b.port)).collect();
    assert!(addresses.contains(&address), "{addresses:?}");
}
