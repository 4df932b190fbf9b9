//! A client and a broker: what goes in comes out.

mod common;

use std::time::Duration;

use common::broker;
use flymq_core::*;

#[tokio::test]
async fn produce_and_consume() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    assert!(client.create_topic(NewTopic::new("t").partitions(3)).await.unwrap());
    let record = Record::new("v").key("k").header("h", "1").timestamp(77);
    let stored = client.produce("t", record).await.unwrap();
    let message = client.consume("t", stored.partition, stored.offset).await.unwrap().unwrap();
    assert_eq!(
        (message.key.as_deref(), message.value.as_deref()),
        (Some(&b"k"[..]), Some(&b"v"[..]))
    );
    assert_eq!((message.timestamp, message.offset), (77, 0));
    assert_eq!(message.headers, [("h".to_owned(), Some("1".into()))]);
    assert_eq!(client.consume("t", stored.partition, 1).await.unwrap(), None);
    let error = client.consume("t", stored.partition, 2).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    let error = client.produce("nope", Record::new("x")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopic));
    client.close().await;
}

/// Records of every shape: with and without key, value, headers and time; empty, long, binary.
fn records() -> Vec<Record> {
    let binary: Vec<u8> = (0..=255).collect();
    vec![
        Record::new("plain"),
        Record::new(""),
        Record::new(binary.clone()).key(binary),
        Record::tombstone("deleted"),
        Record::tombstone(""),
        Record::new("early").timestamp(-1),
        Record::new("late").timestamp(1 << 50),
        Record::new("epoch").timestamp(0),
        Record::new("h").header("a", "1").header("a", "2").header("", ""),
        Record::new("h").headers([("none".to_owned(), None), ("ü".to_owned(), Some("ö".into()))]),
        Record::new("x".repeat(900_000)),
        Record::new("after the long one"),
    ]
}

#[tokio::test]
async fn records_of_every_shape_come_back_as_they_went() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    for (topic, compression) in
        [("none", Compression::None), ("lz4", Compression::Lz4), ("zstd", Compression::Zstd)]
    {
        client.create_topic(NewTopic::new(topic)).await.unwrap();
        let producer = client.producer().compression(compression).build().unwrap();
        let mut expected = Vec::new();
        for record in records() {
            let delivery = producer.send(topic, record.clone()).await.unwrap();
            expected.push((record, delivery));
        }
        producer.flush().await;
        let options = FetchOptions { max_bytes: 8 << 20, ..Default::default() };
        let mut fetched = Vec::new();
        while fetched.len() < expected.len() {
            let more = client.fetch(topic, 0, fetched.len() as u64, options.clone()).await.unwrap();
            assert!(!more.is_empty());
            fetched.extend(more);
        }
        for ((record, delivery), message) in expected.into_iter().zip(fetched) {
            let stored = delivery.await.unwrap();
            assert_eq!((stored.offset, stored.timestamp), (message.offset, message.timestamp));
            let mut copy = match message.value.clone() {
                Some(value) => Record::new(value),
                None => Record::default(),
            }
            .headers(message.headers.clone());
            if let Some(key) = message.key.clone() {
                copy = copy.key(key);
            }
            let untimed = |record: Record| format!("{:?}", record.timestamp(0));
            assert_eq!(untimed(copy), untimed(record));
            let one = client.consume(topic, 0, message.offset).await.unwrap();
            assert_eq!(one, Some(message));
        }
    }
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t").partitions(3)).await.unwrap();
    let stored = client.produce_batch("t", (0..300).map(|i| Record::new(format!("{i}")))).await;
    let stored = stored.unwrap();
    for (i, metadata) in stored.iter().enumerate() {
        let message = client.consume("t", metadata.partition, metadata.offset).await.unwrap();
        assert_eq!(message.unwrap().value.as_deref(), Some(format!("{i}").as_bytes()));
        assert_eq!(metadata.partition, (stored[0].partition + i as u32) % 3, "round robin");
    }
}

#[tokio::test]
async fn a_producer_and_a_consumer() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t").partitions(4)).await.unwrap();
    for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
        let producer = client.producer().compression(compression).build().unwrap();
        let mut deliveries = Vec::new();
        for i in 0..10_000 {
            let record = Record::new(format!("{i}")).key(format!("{}", i % 17));
            deliveries.push(producer.send("t", record).await.unwrap());
        }
        producer.flush().await;
        assert!(deliveries.iter().all(|d| d.is_done()));
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        producer.close(Duration::from_secs(5)).await.unwrap();
    }
    let mut consumer = client.consumer().build();
    let all = (0..4).map(|p| ("t".to_owned(), p, StartOffset::Earliest));
    consumer.assign(all).await.unwrap();
    let mut next = std::collections::HashMap::new();
    let mut count = 0;
    while count < 30_000 {
        let messages = consumer.poll(1000, Duration::from_secs(10)).await.unwrap();
        assert!(!messages.is_empty(), "{count} records came");
        for message in messages {
            let number: u32 =
                std::str::from_utf8(&message.value.unwrap()).unwrap().parse().unwrap();
            let last = next.insert(message.key.unwrap(), number);
            assert!(
                last.is_none_or(|last| last + 17 == number || number < 17),
                "{last:?} {number}"
            );
            count += 1;
        }
    }
    assert!(consumer.poll(1, Duration::from_millis(50)).await.unwrap().is_empty());
}
