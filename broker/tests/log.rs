//! Writing and reading: order, offsets, long polls, idempotence, gaps, restarts.

mod common;

use std::time::{Duration, Instant};

use common::*;
use flymq_broker::{Broker, Config, Durability, ErrorCode};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::messages::*;
use flymq_protocol::{BatchBuilder, Codec, RecordBatch};

#[tokio::test]
async fn records_come_back_as_they_went() {
    for durability in [Durability::Fsync, Durability::Os] {
        let dir = tempfile::tempdir().unwrap();
        let broker = Broker::start(Config { durability, ..config(dir.path()) }).await.unwrap();
        let mut client = Client::connect(&broker).await;
        client.create("t", 2, &[]).await;
        for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
            let mut builder = BatchBuilder::new();
            let headers = [("h".to_owned(), Some("1".into())), ("h".to_owned(), None)];
            builder.push(Some(b"k"), Some(b"v"), &headers, 5_000);
            builder.push(None, None, &[], 4_000);
            builder.push(Some(b""), Some("x".repeat(1000).as_bytes()), &[], -1);
            let batch = builder.build(codec);
            let base = client.call(&produce("t", 1, batch.clone())).await.unwrap().base_offset;

            let fetched = client.fetch("t", 1, base).await;
            assert_eq!(
                (fetched.next_offset, fetched.latest, fetched.earliest),
                (base + 3, base + 3, 0)
            );
            let stored = fetched.batches.last().unwrap();
            assert_eq!(stored, &RecordBatch { base_offset: base, max_timestamp: 5_000, ..batch });
            for (i, record) in records(stored).into_iter().enumerate() {
                let request = ConsumeRequest {
                    topic: "t".into(),
                    partition: 1,
                    offset: base + i as u64,
                    ..Default::default()
                };
                let consumed = client.call(&request).await.unwrap();
                assert_eq!(consumed.next_offset, base + i as u64 + 1);
                let consumed = consumed.record.unwrap();
                assert_eq!(
                    (consumed.offset, consumed.timestamp),
                    (record.offset, record.timestamp)
                );
                assert_eq!(consumed.value.map(|b| b.0), record.value);
                assert_eq!(consumed.key.map(|b| b.0), record.key);
                assert_eq!(consumed.headers.len(), record.headers.len());
            }
        }
        assert_eq!(client.offsets("t", 0).await, (0, 0));
        assert_eq!(client.offsets("t", 1).await, (0, 9));
    }
}

#[tokio::test]
async fn offsets_outside_the_log_are_named() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    client.produce("t", 0, &["a", "b", "c"]).await;
    let at = |offset| ConsumeRequest { topic: "t".into(), offset, ..Default::default() };
    assert_eq!(
        client.call(&at(3)).await.unwrap(),
        ConsumeResponse { record: None, next_offset: 3 }
    );
    let (code, message) = client.refused(&at(4)).await;
    assert_eq!(code, ErrorCode::OffsetOutOfRange);
    assert!(message.contains("0 to 3"), "{message}");
    let fetched = client.fetch("t", 0, 4).await;
    assert_eq!(fetched.error, ErrorCode::OffsetOutOfRange as u16);
    assert!(fetched.message.contains("0 to 3"), "{}", fetched.message);
    let (code, _) = client.refused(&at(u64::MAX)).await;
    assert_eq!(code, ErrorCode::OffsetOutOfRange);
}

#[tokio::test]
async fn a_fetch_waits_for_records_and_no_longer_than_told() {
    let (_dir, broker) = start().await;
    let mut reader = Client::connect(&broker).await;
    let mut writer = Client::connect(&broker).await;
    writer.create("t", 2, &[]).await;

    // Nothing comes: the answer is empty, after the wait.
    let began = Instant::now();
    let wait = |ms, min_bytes| FetchRequest {
        max_wait_ms: ms,
        min_bytes,
        topics: vec![FetchTopic {
            topic: "t".into(),
            partitions: vec![
                FetchPartition { partition: 0, offset: 0, max_bytes: 1 << 20 },
                FetchPartition { partition: 1, offset: 0, max_bytes: 1 << 20 },
            ],
        }],
        ..fetch("t", 0, 0)
    };
    assert!(reader.call(&wait(50, 1)).await.unwrap().topics.is_empty());
    assert!(began.elapsed() >= Duration::from_millis(50));

    // Something comes: the answer comes with it. Other requests overtake the one that waits.
    let waiting = reader.send(&wait(60_000, 1)).await;
    reader.call(&PingRequest {}).await.unwrap();
    writer.produce("t", 1, &["x"]).await;
    let answer = reader.answer::<FetchRequest>(waiting).await.unwrap();
    assert_eq!(answer.topics[0].partitions[0].partition, 1);

    // Less than min_bytes is not enough, until there is more.
    let waiting = reader.send(&wait(60_000, 100)).await;
    writer.produce("t", 0, &["y"]).await;
    reader.call(&PingRequest {}).await.unwrap();
    writer.produce("t", 0, &[&"z".repeat(100)]).await;
    let answer = reader.answer::<FetchRequest>(waiting).await.unwrap();
    let batches: usize = answer.topics[0].partitions.iter().map(|p| p.batches.len()).sum();
    assert_eq!(batches, 3);

    // Deleting the topic ends the wait too.
    let at_end = FetchRequest { max_wait_ms: 60_000, ..fetch("t", 1, 1) };
    let waiting = reader.send(&at_end).await;
    reader.call(&PingRequest {}).await.unwrap();
    writer.call(&DeleteTopicRequest { name: "t".into() }).await.unwrap();
    let answer = reader.answer::<FetchRequest>(waiting).await.unwrap();
    assert_eq!(answer.topics[0].partitions[0].error, ErrorCode::UnknownTopic as u16);
}

#[tokio::test]
async fn fetch_limits_are_kept_but_never_starve_a_reader() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    let value = "x".repeat(100_000);
    for _ in 0..5 {
        client.produce("t", 0, &[&value]).await;
    }
    let limited = |max_bytes| {
        let mut request = fetch("t", 0, 0);
        request.topics[0].partitions[0].max_bytes = max_bytes;
        request
    };
    let count = |answer: FetchResponse| answer.topics[0].partitions[0].batches.len();
    assert_eq!(count(client.call(&limited(250_000)).await.unwrap()), 2);
    assert_eq!(count(client.call(&limited(1)).await.unwrap()), 1);
    assert_eq!(client.read_all("t", 0, 2).await.len(), 3);
}

#[tokio::test]
async fn offsets_are_found_by_time() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    for start in [1000, 2000, 3000] {
        let mut builder = BatchBuilder::new();
        (0..10).for_each(|i| builder.push(None, Some(b"v"), &[], start + i * 10));
        client.call(&produce("t", 0, builder.build(Codec::Lz4))).await.unwrap();
    }
    for (time, offset, timestamp) in [
        (0, 0, 1000),
        (1000, 0, 1000),
        (1041, 5, 1050),
        (1091, 10, 2000),
        (3090, 29, 3090),
        (3091, 30, -1),
    ] {
        let request = ListOffsetsRequest {
            topic: "t".into(),
            partitions: vec![OffsetQuery { partition: 0, timestamp: time }],
            isolation: Isolation::default(),
        };
        let found = client.call(&request).await.unwrap().partitions.remove(0);
        assert_eq!((found.offset, found.timestamp), (offset, timestamp), "time {time}");
    }
    let request = ListOffsetsRequest {
        topic: "t".into(),
        partitions: vec![OffsetQuery { partition: 4, timestamp: LATEST }],
        isolation: Isolation::default(),
    };
    let found = client.call(&request).await.unwrap().partitions.remove(0);
    assert_eq!(found.error, ErrorCode::UnknownPartition as u16);
}

#[tokio::test]
async fn a_retried_batch_is_stored_once_also_across_a_restart() {
    let (dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    let identity = client.call(&InitProducerRequest::default()).await.unwrap();
    let sequenced = |sequence, value: &str| sequenced(&identity, sequence, value);
    assert_eq!(client.refused(&sequenced(1, "b")).await.0, ErrorCode::UnknownProducer);
    for (sequence, value) in [(0, "a"), (1, "b")] {
        let stored = client.call(&sequenced(sequence, value)).await.unwrap();
        assert_eq!((stored.base_offset, stored.duplicate), (sequence as u64, false));
    }
    assert_eq!(client.refused(&sequenced(3, "d")).await.0, ErrorCode::OutOfOrderSequence);
    let retried = client.call(&sequenced(0, "a")).await.unwrap();
    assert_eq!((retried.base_offset, retried.duplicate), (0, true));

    broker.shutdown().await;
    let broker = Broker::start(config(dir.path())).await.unwrap();
    let mut client = Client::connect(&broker).await;
    let retried = client.call(&sequenced(1, "b")).await.unwrap();
    assert_eq!((retried.base_offset, retried.duplicate), (1, true));
    assert_eq!(client.call(&sequenced(2, "c")).await.unwrap().base_offset, 2);
    assert_eq!(values(&client.read_all("t", 0, 0).await), ["a", "b", "c"]);
    let other = client.call(&InitProducerRequest::default()).await.unwrap();
    assert!(other.producer_id > identity.producer_id, "ids are never handed out twice");
}

#[tokio::test]
async fn readers_are_led_over_gaps() {
    let (dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    client.produce("t", 0, &["a", "b"]).await;
    broker.embedded().unwrap().skip_offsets("t", 0, 5).unwrap();
    // A gap at the end is passed over by an empty answer.
    let fetched = client.fetch("t", 0, 2).await;
    assert_eq!((fetched.batches.len(), fetched.next_offset), (0, 7));
    assert_eq!(client.produce("t", 0, &["c"]).await, 7);
    assert_eq!(values(&client.read_all("t", 0, 0).await), ["a", "b", "c"]);
    // An offset within the gap finds the record behind it.
    let request = ConsumeRequest { topic: "t".into(), offset: 4, ..Default::default() };
    let consumed = client.call(&request).await.unwrap();
    assert_eq!((consumed.record.unwrap().offset, consumed.next_offset), (7, 8));

    broker.shutdown().await;
    let broker = Broker::start(config(dir.path())).await.unwrap();
    let mut client = Client::connect(&broker).await;
    assert_eq!(client.offsets("t", 0).await, (0, 8));
    assert_eq!(values(&client.read_all("t", 0, 3).await), ["c"]);
}

#[tokio::test]
async fn a_broker_that_stops_says_so_once_it_has_answered_everything() {
    let (_dir, broker) = start().await;
    let (mut idle, mut waiting) = (Client::connect(&broker).await, Client::connect(&broker).await);
    waiting.create("t", 1, &[]).await;
    let fetch = FetchRequest {
        max_wait_ms: 60_000,
        topics: vec![FetchTopic {
            topic: "t".into(),
            partitions: vec![FetchPartition { partition: 0, offset: 0, max_bytes: 1000 }],
        }],
        ..Default::default()
    };
    let id = waiting.send(&fetch).await;
    // It has been taken up once something behind it is answered.
    waiting.call_after(id, &PingRequest {}).await.unwrap();
    let stopping = tokio::spawn(broker.shutdown());
    waiting.answer::<FetchRequest>(id).await.unwrap();
    for client in [&mut idle, &mut waiting] {
        let notice = client.receive().await.unwrap();
        let error: ErrorReply = notice.decode().unwrap();
        assert_eq!((notice.id, error.code), (0, ErrorCode::ShuttingDown as u16));
        assert!(client.receive().await.is_none());
    }
    drop((idle, waiting));
    stopping.await.unwrap();
}

#[tokio::test]
async fn pipelined_batches_keep_their_order() {
    for durability in [Durability::Fsync, Durability::Os] {
        let dir = tempfile::tempdir().unwrap();
        let broker = Broker::start(Config { durability, ..config(dir.path()) }).await.unwrap();
        let mut client = Client::connect(&broker).await;
        client.create("t", 3, &[]).await;
        let mut ids = Vec::new();
        for i in 0..600 {
            ids.push(client.send(&produce("t", i % 3, batch(&[&i.to_string()]))).await);
        }
        let mut answered = Vec::new();
        for _ in &ids {
            answered.push(client.receive().await.unwrap().id);
        }
        answered.sort_unstable();
        assert_eq!(answered, ids);
        for partition in 0..3 {
            let expected: Vec<_> =
                (0..600).filter(|i| i % 3 == partition).map(|i| i.to_string()).collect();
            assert_eq!(values(&client.read_all("t", partition, 0).await), expected);
        }
    }
}

#[tokio::test]
async fn a_burst_of_requests_is_answered_whole_without_more_input() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    // Everything goes out in one piece, so that the broker finds it all in one read.
    let mut burst = Vec::new();
    for id in 1..=5000 {
        let request = ConsumeRequest { topic: "t".into(), ..Default::default() };
        let frame = flymq_protocol::frame::encode(0x02, id, &request).unwrap();
        burst.extend_from_slice(&frame.to_bytes());
    }
    tokio::io::AsyncWriteExt::write_all(&mut client.stream, &burst).await.unwrap();
    for _ in 0..5000 {
        let answer = tokio::time::timeout(Duration::from_secs(10), client.receive()).await;
        answer.expect("an answer without further input").unwrap();
    }
}
