//! The consumer: positions, pauses, gaps, resets, bounded reading ahead.

mod common;

use std::time::Duration;

use common::{broker, take};
use flymq_core::*;

const SOON: Duration = Duration::from_secs(20);

async fn fill(client: &Client, topic: &str, partition: u32, numbers: std::ops::Range<u32>) {
    let records = numbers.map(|i| Record::new(format!("{i}")).partition(partition));
    client.produce_batch(topic, records).await.unwrap();
}

fn number(message: &Message) -> u32 {
    std::str::from_utf8(message.value.as_ref().unwrap()).unwrap().parse().unwrap()
}

fn one(start: StartOffset) -> [(String, u32, StartOffset); 1] {
    [("t".to_owned(), 0, start)]
}

#[tokio::test]
async fn reading_begins_where_it_is_told_to() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    for i in 0..10 {
        client.produce("t", Record::new(format!("{i}")).timestamp(1000 + i)).await.unwrap();
    }
    let mut consumer = client.consumer().build();
    for (start, first) in
        [(StartOffset::Earliest, 0), (StartOffset::Offset(4), 4), (StartOffset::Timestamp(1007), 7)]
    {
        consumer.assign(one(start)).await.unwrap();
        let messages = take(&mut consumer, 3).await;
        assert_eq!(messages.iter().map(number).collect::<Vec<_>>(), [first, first + 1, first + 2]);
        assert_eq!(consumer.position("t", 0).unwrap(), u64::from(first) + 3);
        assert_eq!(consumer.lag("t", 0).unwrap(), Some(10 - u64::from(first) - 3));
    }
    consumer.assign(one(StartOffset::Latest)).await.unwrap();
    fill(&client, "t", 0, 10..11).await;
    assert_eq!(number(&consumer.next().await.unwrap()), 10);

    consumer.seek("t", 0, StartOffset::Offset(2)).await.unwrap();
    assert_eq!(number(&consumer.next().await.unwrap()), 2);
    consumer.seek("t", 0, StartOffset::Earliest).await.unwrap();
    assert_eq!(number(&consumer.next().await.unwrap()), 0);

    for wrong in [
        consumer.seek("t", 1, StartOffset::Earliest).await.unwrap_err(),
        consumer.position("u", 0).unwrap_err(),
        consumer.pause("u", 0).unwrap_err(),
    ] {
        assert_eq!(wrong.code(), Some(ErrorCode::InvalidArgument));
    }
    let nowhere = [("nope".to_owned(), 0, StartOffset::Earliest)];
    let error = consumer.assign(nowhere).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopic));
    let twice = [one(StartOffset::Earliest), one(StartOffset::Latest)].concat();
    let error = consumer.assign(twice).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidArgument));
    assert_eq!(consumer.assignment().len(), 1, "the old assignment stays");
}

#[tokio::test]
async fn a_paused_partition_waits_and_loses_nothing() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    fill(&client, "t", 0, 0..10).await;
    fill(&client, "t", 1, 100..110).await;
    let mut consumer = client.consumer().build();
    let both = (0..2).map(|p| ("t".to_owned(), p, StartOffset::Earliest));
    consumer.assign(both).await.unwrap();
    consumer.pause("t", 0).unwrap();
    let messages = take(&mut consumer, 10).await;
    assert!(messages.iter().all(|m| m.partition == 1));
    assert!(consumer.poll(1, Duration::from_millis(50)).await.unwrap().is_empty());
    consumer.resume("t", 0).unwrap();
    let messages = take(&mut consumer, 10).await;
    assert_eq!(messages.iter().map(number).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn gaps_are_passed_over() {
    let (_dir, broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let mut consumer = client.consumer().build();
    consumer.assign(one(StartOffset::Earliest)).await.unwrap();
    for round in 0..20 {
        broker.embedded().unwrap().skip_offsets("t", 0, 1 + round % 3).unwrap();
        fill(&client, "t", 0, round as u32 * 5..round as u32 * 5 + 5).await;
    }
    let messages = take(&mut consumer, 100).await;
    assert_eq!(messages.iter().map(number).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    assert!(messages.windows(2).all(|w| w[0].offset < w[1].offset));
    assert!(messages.last().unwrap().offset > 110, "there were gaps");
    // A gap at the very end moves the position on, so that no lag remains.
    broker.embedded().unwrap().skip_offsets("t", 0, 7).unwrap();
    let end = client.list_offsets("t", &[(0, OffsetSpec::Latest)]).await.unwrap()[0];
    while consumer.position("t", 0).unwrap() < end {
        assert!(consumer.poll(1, Duration::from_millis(10)).await.unwrap().is_empty());
    }
    assert_eq!(consumer.lag("t", 0).unwrap(), Some(0));
}

#[tokio::test]
async fn a_position_outside_the_log_is_reset_or_reported() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    fill(&client, "t", 0, 0..10).await;
    for (reset, first) in [(OffsetReset::Earliest, Some(0)), (OffsetReset::Latest, None)] {
        let mut consumer = client.consumer().auto_offset_reset(reset).build();
        consumer.assign(one(StartOffset::Offset(1_000))).await.unwrap();
        match first {
            Some(first) => assert_eq!(number(&consumer.next().await.unwrap()), first),
            None => {
                while consumer.position("t", 0).unwrap() != 10 {
                    assert!(consumer.poll(1, Duration::from_millis(10)).await.unwrap().is_empty());
                }
            }
        }
    }
    let mut consumer = client.consumer().auto_offset_reset(OffsetReset::Error).build();
    consumer.assign(one(StartOffset::Offset(1_000))).await.unwrap();
    let error = consumer.poll(1, SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    assert!(error.message().contains("0 to 10"), "{error}");
    consumer.seek("t", 0, StartOffset::Offset(9)).await.unwrap();
    assert_eq!(number(&consumer.next().await.unwrap()), 9);
}

#[tokio::test]
async fn reading_ahead_is_bounded() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let value = "x".repeat(10_000);
    for _ in 0..20 {
        let records = (0..50).map(|_| Record::new(value.clone()));
        client.produce_batch("t", records).await.unwrap();
    }
    let mut consumer = client.consumer().fetch_bytes(200_000).prefetch_bytes(500_000).build();
    consumer.assign(one(StartOffset::Earliest)).await.unwrap();
    // 10 MB are there; 0.5 MB may be ahead, and what one fetch brings on top.
    let most = 500_000 + 220_000;
    while client.metrics().prefetched_bytes < 500_000 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        consumer.next().await.unwrap();
        let ahead = client.metrics().prefetched_bytes;
        assert!(ahead <= most, "{ahead} bytes were read ahead");
    }
    drop(consumer);
    assert_eq!(client.metrics().prefetched_bytes, 0);
}

#[tokio::test]
async fn a_deleted_topic_is_reported() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    fill(&client, "t", 0, 0..3).await;
    let mut consumer = client.consumer().max_wait(Duration::from_secs(30)).build();
    consumer.assign(one(StartOffset::Earliest)).await.unwrap();
    take(&mut consumer, 3).await;
    client.delete_topic("t").await.unwrap();
    let error = consumer.poll(1, SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopic));
    client.close().await;
    for _ in 0..2 {
        let error = consumer.poll(1, Duration::from_secs(3600)).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Closed));
    }
}

#[tokio::test]
async fn waiting_for_records_takes_none() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let consumer = SharedConsumer::new(client.consumer().build());
    consumer.borrow().await.unwrap().assign(one(StartOffset::Earliest)).await.unwrap();
    assert!(!consumer.ready(Duration::from_millis(1)).await.unwrap());
    assert_eq!(consumer.take_event(10).unwrap(), None);

    fill(&client, "t", 0, 0..3).await;
    for _ in 0..3 {
        assert!(consumer.ready(SOON).await.unwrap());
        assert_eq!(consumer.borrow().await.unwrap().position("t", 0).unwrap(), 0);
    }
    // A fetch may bring fewer than are there.
    let take = async |count, at_a_time| {
        let mut taken = Vec::new();
        while taken.len() < count {
            assert!(consumer.ready(SOON).await.unwrap());
            let Some(Event::Records(messages)) = consumer.take_event(at_a_time).unwrap() else {
                continue;
            };
            assert!((1..=at_a_time).contains(&messages.len()));
            taken.extend(messages.iter().map(number));
        }
        taken
    };
    assert_eq!(take(3, 2).await, [0, 1, 2]);

    // What is wrong is told by whoever takes.
    consumer.borrow().await.unwrap().seek_to("t", 0, 100).unwrap();
    fill(&client, "t", 0, 3..4).await;
    assert_eq!(take(4, 10).await, [0, 1, 2, 3], "reset to the beginning");

    client.close().await;
    assert_eq!(consumer.ready(SOON).await.unwrap_err().code(), Some(ErrorCode::Closed));
    consumer.close(SOON).await.unwrap();
    assert_eq!(consumer.take_event(1).unwrap_err().code(), Some(ErrorCode::Closed));
}
