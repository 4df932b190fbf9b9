//! Reads: waiting, many readers, bounds.

use std::time::Duration;

use flymq_broker::ErrorCode;
use flymq_protocol::messages::*;

use crate::Setup;
use crate::common::*;

fn waiting(topic: &str, partition: u32, offset: u64) -> FetchRequest {
    FetchRequest { max_wait_ms: 30_000, ..fetch(topic, partition, offset) }
}

#[tokio::test]
async fn a_waiting_read_is_answered_when_a_record_comes() {
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } = Setup::new(1).await;
    for round in 0..5 {
        let wait = one.send(&waiting(&topic, 0, round)).await;
        // Behind the fetch on its connection, but not held up by it.
        one.call_after(wait, &PingRequest {}).await.unwrap();
        two.produce(&topic, 0, &["news"]).await;
        let fetched = one.answer::<FetchRequest>(wait).await.unwrap();
        let partition = &fetched.topics[0].partitions[0];
        assert_eq!((partition.next_offset, partition.latest), (round + 1, round + 1));
    }
}

#[tokio::test]
async fn more_readers_wait_than_there_are_connections_to_a_node() {
    const READERS: u32 = 64;
    let Setup { brokers, mut clients, topic } = Setup::new(READERS).await;
    let mut readers = Vec::new();
    for partition in 0..READERS {
        let mut reader = Client::connect(&brokers[0]).await;
        let wait = reader.send(&waiting(&topic, partition, 0)).await;
        readers.push((reader, wait));
    }
    for partition in (0..READERS).rev() {
        clients[1].produce(&topic, partition, &[&partition.to_string()]).await;
    }
    for (partition, (mut reader, wait)) in readers.into_iter().enumerate() {
        let fetched = reader.answer::<FetchRequest>(wait).await.unwrap();
        let read = records(&fetched.topics[0].partitions[0].batches[0]);
        assert_eq!(values(&read), [partition.to_string()]);
    }
}

#[tokio::test]
async fn all_readers_of_a_partition_get_the_news() {
    let Setup { brokers, mut clients, topic } = Setup::new(1).await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut reader = Client::connect(&brokers[0]).await;
        let wait = reader.send(&waiting(&topic, 0, 0)).await;
        readers.push((reader, wait));
    }
    clients[1].produce(&topic, 0, &["news"]).await;
    for (mut reader, wait) in readers {
        let fetched = reader.answer::<FetchRequest>(wait).await.unwrap();
        assert_eq!(fetched.topics[0].partitions[0].next_offset, 1);
    }
}

#[tokio::test]
async fn a_read_that_waits_too_briefly_to_be_told_still_finds_what_is_there() {
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } = Setup::new(1).await;
    for round in 0..20 {
        // From the second on the reader is where the partition ended when it last was here.
        two.produce(&topic, 0, &["news"]).await;
        let briefly = FetchRequest { max_wait_ms: 1, ..fetch(&topic, 0, round) };
        let fetched = one.call(&briefly).await.unwrap();
        let found = fetched.topics.first().map(|topic| topic.partitions[0].next_offset);
        assert_eq!(found, Some(round + 1));
    }
}

#[tokio::test]
async fn a_read_may_wait_for_more_than_one_batch() {
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } = Setup::new(2).await;
    let partition = |partition| FetchPartition { partition, offset: 0, max_bytes: 1 << 20 };
    let topics =
        vec![FetchTopic { topic: topic.clone(), partitions: vec![partition(0), partition(1)] }];
    let value = "x".repeat(1000);
    let request = FetchRequest { min_bytes: 5_000, topics, ..waiting(&topic, 0, 0) };
    let wait = one.send(&request).await;
    for number in 0..6 {
        two.produce(&topic, number % 2, &[&value]).await;
    }
    let fetched = one.answer::<FetchRequest>(wait).await.unwrap();
    let partitions = &fetched.topics[0].partitions;
    let size: usize =
        partitions.iter().flat_map(|p| &p.batches).map(|batch| batch.records.len()).sum();
    assert!(size >= 5_000, "{size}");
}

#[tokio::test]
async fn a_stopping_gateway_answers_those_who_wait() {
    let Setup { brokers: [broker, _other], clients: [mut one, _], topic } = Setup::new(1).await;
    let wait = one.send(&waiting(&topic, 0, 0)).await;
    one.call_after(wait, &PingRequest {}).await.unwrap();
    let stopped = tokio::spawn(broker.shutdown());
    let fetched = one.answer::<FetchRequest>(wait).await.unwrap();
    assert!(fetched.topics.is_empty());
    tokio::time::timeout(Duration::from_secs(10), stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn limits_hold_and_nobody_gets_stuck() {
    let Setup { clients: [mut one, _], topic, brokers: _brokers } = Setup::new(1).await;
    let value = "x".repeat(10_000);
    for _ in 0..10 {
        one.produce(&topic, 0, &[&value]).await;
    }
    let mut offset = 0;
    while offset < 10 {
        let request = FetchRequest { max_bytes: 25_000, ..fetch(&topic, 0, offset) };
        let fetched = one.call(&request).await.unwrap();
        let partition = &fetched.topics[0].partitions[0];
        assert!((1..=2).contains(&partition.batches.len()), "{}", partition.batches.len());
        offset = partition.next_offset;
    }
    // One batch that exceeds the limit comes alone.
    let tiny = FetchRequest { max_bytes: 10, ..fetch(&topic, 0, 4) };
    let fetched = one.call(&tiny).await.unwrap();
    assert_eq!(fetched.topics[0].partitions[0].next_offset, 5);
}

#[tokio::test]
async fn offsets_by_time_and_out_of_range() {
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } = Setup::new(1).await;
    one.produce(&topic, 0, &["at 1000"]).await;
    let query = |timestamp| OffsetQuery { partition: 0, timestamp };
    let partitions = vec![query(999), query(1000), query(1001), query(EARLIEST), query(LATEST)];
    let request = ListOffsetsRequest { topic: topic.clone(), partitions, ..Default::default() };
    let found = two.call(&request).await.unwrap().partitions;
    let found: Vec<_> = found.iter().map(|f| (f.offset, f.timestamp, f.error)).collect();
    assert_eq!(found, [(0, 1000, 0), (0, 1000, 0), (1, -1, 0), (0, -1, 0), (1, -1, 0)]);
    let beyond = two.fetch(&topic, 0, 2).await;
    assert_eq!(beyond.error, ErrorCode::OffsetOutOfRange as u16);
    assert_eq!((beyond.earliest, beyond.latest), (0, 1));
    assert!(beyond.message.contains("0 to 1"), "{}", beyond.message);
}
