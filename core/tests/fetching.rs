//! The consumer against a broker that follows a script: what it asks for, and what it makes of
//! strange answers.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::fake::{FakeBroker, Reply, answer, politely, refuse};
use flymq_core::*;
use flymq_protocol::frame::Frame;
use flymq_protocol::messages::*;
use flymq_protocol::{BatchBuilder, Codec, OpCode, RecordBatch};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(20);

/// A batch of `count` records, each with its offset as its value.
fn batch(base_offset: u64, count: u64) -> RecordBatch {
    let mut builder = BatchBuilder::new();
    for offset in base_offset..base_offset + count {
        builder.push(None, Some(offset.to_string().as_bytes()), &[], 0);
    }
    RecordBatch { base_offset, ..builder.build(Codec::None) }
}

fn fetched(partition: u32, batches: Vec<RecordBatch>, next_offset: u64) -> FetchedPartition {
    FetchedPartition { partition, batches, next_offset, latest: next_offset, ..Default::default() }
}

fn response(partitions: Vec<FetchedPartition>) -> FetchResponse {
    FetchResponse { topics: vec![FetchedTopic { topic: "t".to_owned(), partitions }] }
}

/// Partition and offset of all that a FETCH asks for.
fn asked(request: &Frame) -> Vec<(u32, u64)> {
    let request: FetchRequest = request.decode().unwrap();
    request.topics.iter().flat_map(|t| &t.partitions).map(|p| (p.partition, p.offset)).collect()
}

/// Answers everything but FETCH politely, LIST_OFFSETS with 0.
async fn broker(
    script: impl Fn(&Frame, Vec<(u32, u64)>) -> Reply + Send + Sync + 'static,
) -> FakeBroker {
    FakeBroker::start(move |request| match OpCode::from_u8(request.opcode).unwrap() {
        OpCode::Fetch => script(request, asked(request)),
        OpCode::ListOffsets => {
            let asked: ListOffsetsRequest = request.decode().unwrap();
            let found =
                |q: &OffsetQuery| FoundOffset { partition: q.partition, ..Default::default() };
            let partitions = asked.partitions.iter().map(found).collect();
            answer::<ListOffsetsRequest>(request, &ListOffsetsResponse { partitions })
        }
        _ => politely(request, 2).unwrap(),
    })
    .await
}

fn partitions(count: u32) -> impl Iterator<Item = (String, u32, StartOffset)> {
    (0..count).map(|p| ("t".to_owned(), p, StartOffset::Earliest))
}

async fn values(consumer: &mut Consumer, count: usize) -> Vec<u64> {
    let mut values = Vec::new();
    while values.len() < count {
        let messages = consumer.poll(count - values.len(), SOON).await.unwrap();
        assert!(!messages.is_empty(), "{values:?} came");
        for message in messages {
            let text = std::str::from_utf8(message.value.as_ref().unwrap()).unwrap();
            assert_eq!(text.parse(), Ok(message.offset));
            values.push(message.offset);
        }
    }
    values
}

#[tokio::test]
async fn positions_follow_the_broker_over_gaps_and_empty_pages() {
    let broker = broker(|request, asked| {
        let page = match asked[0].1 {
            // A gap in front, between batches, and behind.
            0 => fetched(0, vec![batch(3, 2), batch(10, 1)], 20),
            // Nothing visible, and yet further.
            20 => fetched(0, vec![], 50),
            // The batch begins before what was asked for, and the broker does not say where to go on.
            50 => fetched(0, vec![batch(48, 5)], 0),
            53 => fetched(0, vec![batch(53, 1)], 54),
            _ => return Reply::Silence,
        };
        answer::<FetchRequest>(request, &response(vec![page]))
    })
    .await;
    let client = Client::connect(&broker.address).await.unwrap();
    let mut consumer = client.consumer().build();
    consumer.assign(partitions(1)).await.unwrap();
    assert_eq!(values(&mut consumer, 7).await, [3, 4, 10, 50, 51, 52, 53]);
    assert_eq!(consumer.position("t", 0).unwrap(), 54);
    // The same page by page, without a consumer.
    let options = FetchOptions { max_records: 1, ..Default::default() };
    let messages = client.fetch("t", 0, 20, options.clone()).await.unwrap();
    assert_eq!(messages.iter().map(|m| m.offset).collect::<Vec<_>>(), [50]);
    let none = FetchOptions { max_records: 0, ..options };
    assert_eq!(client.fetch("t", 0, 0, none).await.unwrap(), []);
}

#[tokio::test]
async fn a_resumed_partition_does_not_wait_for_the_others() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let broker = broker(move |request, asked| {
        sender.send(asked.clone()).unwrap();
        match asked.iter().find(|(_, offset)| *offset == 7) {
            Some((0, _)) => {
                answer::<FetchRequest>(request, &response(vec![fetched(0, vec![batch(7, 1)], 8)]))
            }
            _ => Reply::Silence,
        }
    })
    .await;
    let client = Client::connect(&broker.address).await.unwrap();
    let mut consumer = client.consumer().max_wait(Duration::from_secs(60)).build();
    consumer.assign(partitions(2)).await.unwrap();
    while seen.recv().await.unwrap().len() != 2 {}
    consumer.pause("t", 0).unwrap();
    consumer.seek("t", 0, StartOffset::Offset(7)).await.unwrap();
    while seen.recv().await.unwrap() != [(1, 0)] {}
    // The broker may now take a minute to answer for partition 1.
    consumer.resume("t", 0).unwrap();
    assert_eq!(values(&mut consumer, 1).await, [7]);
}

#[tokio::test]
async fn what_a_paused_partition_holds_does_not_starve_the_others() {
    let broker = broker(|request, asked| {
        let page = |&(partition, offset): &(u32, u64)| match (partition, offset) {
            (0, _) => Some(fetched(0, vec![batch(offset, 100)], offset + 100)),
            // Comes late, when partition 0 has filled what may be read ahead.
            (1, 0..10) => Some(fetched(1, vec![], offset + 1)),
            (1, 10) => Some(fetched(1, vec![batch(10, 1)], 11)),
            _ => None,
        };
        let pages: Vec<_> = asked.iter().filter_map(page).collect();
        match pages.is_empty() {
            true => Reply::Silence,
            false => answer::<FetchRequest>(request, &response(pages)),
        }
    })
    .await;
    let client = Client::connect(&broker.address).await.unwrap();
    let mut consumer = client.consumer().prefetch_bytes(1_500).build();
    consumer.assign(partitions(2)).await.unwrap();
    assert_eq!(values(&mut consumer, 1).await, [0]);
    while client.metrics().prefetched_bytes < 1_500 {
        tokio::task::yield_now().await;
    }
    consumer.pause("t", 0).unwrap();
    assert_eq!(values(&mut consumer, 1).await, [10]);
    // Nothing of the other is lost.
    consumer.resume("t", 0).unwrap();
    assert_eq!(values(&mut consumer, 300).await, (1..301).collect::<Vec<_>>());
}

#[tokio::test]
async fn trouble_of_the_broker_passes_and_refusals_are_reported() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counting = requests.clone();
    let broker = broker(move |request, asked| match counting.fetch_add(1, Ordering::Relaxed) {
        0 => refuse(request, ErrorCode::Overloaded),
        1 => Reply::Hangup,
        2 => {
            let error = ErrorCode::StorageFull as u16;
            let partition = FetchedPartition { error, ..fetched(0, vec![], 0) };
            answer::<FetchRequest>(request, &response(vec![partition]))
        }
        3 => answer::<FetchRequest>(request, &response(vec![fetched(0, vec![batch(0, 1)], 1)])),
        4 => {
            let damaged = RecordBatch { crc32c: 1, ..batch(asked[0].1, 1) };
            answer::<FetchRequest>(request, &response(vec![fetched(0, vec![damaged], 2)]))
        }
        _ => refuse(request, ErrorCode::NotAuthorized),
    })
    .await;
    let client = Client::connect(&broker.address).await.unwrap();
    let mut consumer = client.consumer().build();
    consumer.assign(partitions(1)).await.unwrap();
    assert_eq!(values(&mut consumer, 1).await, [0]);
    // A damaged batch is not skipped over.
    let error = consumer.poll(1, SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::CorruptBatch));
    assert_eq!(consumer.position("t", 0).unwrap(), 1);
    consumer.seek("t", 0, StartOffset::Offset(1)).await.unwrap();
    let error = consumer.poll(1, SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotAuthorized));
    consumer.close(Duration::from_secs(1)).await.unwrap();
    assert_eq!(client.metrics().prefetched_bytes, 0);
}

#[tokio::test]
async fn readers_spread_over_connections() {
    let (sender, mut waiting) = mpsc::unbounded_channel();
    let broker = broker(move |_, _| {
        sender.send(()).unwrap();
        Reply::Silence
    })
    .await;
    let client = Client::connect(&broker.address).await.unwrap();
    let mut consumers = Vec::new();
    for _ in 0..130 {
        let consumer = client.consumer().max_wait(Duration::from_secs(60)).build();
        consumer.assign(partitions(1)).await.unwrap();
        consumers.push(consumer);
    }
    for _ in 0..130 {
        waiting.recv().await.unwrap();
    }
    assert_eq!(broker.connections(), 1 + 3, "a broker takes 256 waiting requests a connection");
    consumers.clear();
    while client.metrics().connections > 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn endless_waits_are_no_overflow() {
    let broker = broker(|request, asked| match asked[0].1 {
        0 => answer::<FetchRequest>(request, &response(vec![fetched(0, vec![batch(0, 1)], 1)])),
        _ => Reply::Silence,
    })
    .await;
    let config =
        Config { request_timeout: Duration::MAX, ..Config::parse(&broker.address).unwrap() };
    let client = Client::with_config(config).await.unwrap();
    let mut consumer = client.consumer().max_wait(Duration::MAX).build();
    consumer.assign(partitions(1)).await.unwrap();
    assert_eq!(consumer.poll(1, Duration::MAX).await.unwrap().len(), 1);
    let options = FetchOptions { max_wait: Duration::MAX, ..Default::default() };
    assert_eq!(client.fetch("t", 0, 0, options).await.unwrap().len(), 1);
    let producer = client.producer().linger(Duration::MAX).delivery_timeout(Duration::MAX).build();
    producer.unwrap().send("t", Record::new("x")).await.unwrap();
}
