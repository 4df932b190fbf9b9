//! Transactions as their users see them: whole or not at all, one at a time, and clear about misuse.

mod common;

use std::time::Duration;

use common::model::ModelBroker;
use common::{config, contents};
use flymq_core::*;

async fn start() -> (ModelBroker, Client) {
    let broker = ModelBroker::start().await;
    let client = Client::with_config(config(&broker.address)).await.unwrap();
    client.create_topic(NewTopic::new("a").partitions(3)).await.unwrap();
    client.create_topic(NewTopic::new("b")).await.unwrap();
    (broker, client)
}

async fn committed(client: &Client, topic: &str) -> Vec<String> {
    contents(client, topic, Isolation::ReadCommitted).await
}

async fn uncommitted(client: &Client, topic: &str) -> Vec<String> {
    contents(client, topic, Isolation::ReadUncommitted).await
}

fn code(error: &Error) -> ErrorCode {
    error.code().unwrap()
}

#[tokio::test]
async fn a_commit_is_seen_whole_and_an_abort_never() {
    let (_broker, client) = start().await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    for round in 0..10 {
        let transaction = producer.begin().await.unwrap();
        for i in 0..10 {
            let record = Record::new(format!("{round}-{i}"));
            transaction.send("a", record).await.unwrap();
        }
        let delivery = transaction.send("b", Record::new(format!("{round}"))).await.unwrap();
        if round % 2 == 0 {
            transaction.commit().await.unwrap();
            assert!(delivery.is_done(), "a commit waits for its records");
            delivery.await.unwrap();
        } else {
            transaction.abort().await.unwrap();
        }
    }
    assert_eq!(committed(&client, "b").await, ["0", "2", "4", "6", "8"]);
    assert_eq!(committed(&client, "a").await.len(), 50);
    assert!(committed(&client, "a").await.iter().all(|r| r.as_bytes()[0] % 2 == 0));
    producer.close(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn only_who_reads_uncommitted_sees_what_is_open_or_aborted() {
    let (_broker, client) = start().await;
    let transaction = client.transaction().await.unwrap();
    transaction.send("b", Record::new("x")).await.unwrap().await.unwrap();
    assert_eq!(uncommitted(&client, "b").await, ["x"]);
    assert!(committed(&client, "b").await.is_empty());
    transaction.abort().await.unwrap();
    assert_eq!(uncommitted(&client, "b").await, ["x"]);
    assert!(committed(&client, "b").await.is_empty());
    let transaction = client.transaction().await.unwrap();
    transaction.send("b", Record::new("y")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(committed(&client, "b").await, ["y"]);
    client.close().await;
}

#[tokio::test]
async fn what_is_dropped_is_aborted_before_the_next_one_begins() {
    let (broker, client) = start().await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    for round in 0..20 {
        let transaction = producer.begin().await.unwrap();
        let delivery = transaction.send("b", Record::new(format!("{round}"))).await.unwrap();
        if round % 3 == 0 {
            transaction.commit().await.unwrap();
        } else if round % 3 == 1 {
            let error = {
                drop(transaction);
                delivery.await.unwrap_err()
            };
            assert_eq!(code(&error), ErrorCode::TxnAborted);
        } else {
            delivery.await.unwrap();
            drop(transaction);
        }
    }
    assert_eq!(committed(&client, "b").await, ["0", "12", "15", "18", "3", "6", "9"]);
    assert_eq!(broker.state().commits, 7);
}

#[test]
fn dropping_outside_a_runtime_aborts_all_the_same() {
    let runtime = blocking::Runtime::new(2).unwrap();
    let (broker, client) = runtime.block_on(start());
    let producer =
        runtime.block_on(async { client.transactional_producer("p").build().await }).unwrap();
    let transaction = runtime.block_on(producer.begin()).unwrap();
    runtime.block_on(async { transaction.send("b", Record::new("x")).await }).unwrap();
    drop(transaction);
    let began = std::time::Instant::now();
    while broker.state().ends() == 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody aborts it");
        std::thread::yield_now();
    }
    let transaction = runtime.block_on(producer.begin()).unwrap();
    runtime.block_on(async { transaction.send("b", Record::new("x")).await }).unwrap();
    runtime.block_on(transaction.commit()).unwrap();
    assert_eq!(broker.state().commits, 1);
    runtime.block_on(client.close());
}

#[tokio::test]
async fn a_failed_record_aborts_its_transaction() {
    let (_broker, client) = start().await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    let good = transaction.send("a", Record::new("good").partition(0)).await.unwrap();
    let bad = transaction.send("a", Record::new("bad").partition(1)).await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::TxnAborted);
    assert!(!error.is_abortable(), "it would fail again");
    let cause = std::error::Error::source(&error).unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(code(cause), ErrorCode::RecordTooLarge);
    assert_eq!(code(&bad.await.unwrap_err()), ErrorCode::RecordTooLarge);
    // Stored or not by then, it was told, and is not seen.
    drop(good.await);
    assert!(committed(&client, "a").await.is_empty());

    // Noticed before the commit, it fails whatever comes after.
    let transaction = producer.begin().await.unwrap();
    transaction.send("b", Record::new("bad")).await.unwrap().await.unwrap_err();
    let error = transaction.send("b", Record::new("x")).await.err().unwrap();
    assert_eq!(code(&error), ErrorCode::TxnAborted);
    let offsets = GroupOffsets::new(GroupMetadata::without_member("g"))
        .processed(GroupOffset::new("b", 0, 1));
    let error = transaction.send_offsets(offsets).await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::TxnAborted);
    transaction.abort().await.unwrap();

    // What is refused before it is taken does no harm.
    let transaction = producer.begin().await.unwrap();
    transaction.send("b", Record::new("x")).await.unwrap();
    let error = transaction.send("nope", Record::new("x")).await.err().unwrap();
    assert_eq!(code(&error), ErrorCode::UnknownTopic);
    let error = transaction.send("b", Record::new("x").partition(7)).await.err().unwrap();
    assert_eq!(code(&error), ErrorCode::UnknownPartition);
    transaction.commit().await.unwrap();
    assert_eq!(committed(&client, "b").await, ["x"]);
}

#[tokio::test]
async fn a_newer_producer_fences_the_older() {
    let (_broker, client) = start().await;
    let older = client.transactional_producer("p").build().await.unwrap();
    let open = older.begin().await.unwrap();
    open.send("b", Record::new("old")).await.unwrap().await.unwrap();
    let newer = client.transactional_producer("p").build().await.unwrap();
    let transaction = newer.begin().await.unwrap();
    transaction.send("b", Record::new("new")).await.unwrap();

    let error = open.commit().await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::ProducerFenced);
    assert!(!error.is_abortable());
    for _ in 0..2 {
        let error = older.begin().await.unwrap_err();
        assert_eq!(code(&error), ErrorCode::ProducerFenced);
    }
    transaction.commit().await.unwrap();
    assert_eq!(committed(&client, "b").await, ["new"]);

    // By its records, or when it aborts, the older learns of it as well.
    let latest = client.transactional_producer("p").build().await.unwrap();
    let transaction = newer.begin().await.unwrap();
    let error = transaction.send("b", Record::new("x")).await.unwrap().await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::ProducerFenced);
    let error = transaction.abort().await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::ProducerFenced);
    newer.close(Duration::from_secs(5)).await.unwrap();
    latest.begin().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn misuse_is_named() {
    let (_broker, client) = start().await;
    let invalid = |error: Error, word: &str| {
        assert_eq!(code(&error), ErrorCode::InvalidTxnState, "{error}");
        assert!(error.message().contains(word), "{error}");
    };
    let producer = client.transactional_producer("p").build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    invalid(producer.begin().await.unwrap_err(), "is open");
    transaction.commit().await.unwrap();
    invalid(transaction.commit().await.unwrap_err(), "committed");
    invalid(transaction.abort().await.unwrap_err(), "committed");
    invalid(transaction.send("b", Record::new("x")).await.err().unwrap(), "committed");
    let next = producer.begin().await.unwrap();
    invalid(transaction.try_send("b", Record::new("x")).err().unwrap(), "committed");
    drop(transaction);
    next.send("b", Record::new("x")).await.unwrap();
    next.abort().await.unwrap();
    invalid(next.commit().await.unwrap_err(), "aborted");
    invalid(next.abort().await.unwrap_err(), "aborted");
    let offsets = || GroupOffsets::new(GroupMetadata::without_member("g"));
    invalid(next.send_offsets(offsets()).await.unwrap_err(), "aborted");

    let many = (0..10_001).fold(offsets(), |all, i| all.processed(GroupOffset::new("a", i, 0)));
    let transaction = producer.begin().await.unwrap();
    let error = transaction.send_offsets(many).await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::InvalidArgument);
    producer.close(Duration::from_secs(5)).await.unwrap();
    for error in [
        producer.begin().await.unwrap_err(),
        transaction.send("b", Record::new("x")).await.err().unwrap(),
        transaction.commit().await.unwrap_err(),
    ] {
        assert!(matches!(code(&error), ErrorCode::Closed | ErrorCode::InvalidTxnState), "{error}");
    }
    for bad in ["", &"x".repeat(256)] {
        let error = client.transactional_producer(bad).build().await.unwrap_err();
        assert_eq!(code(&error), ErrorCode::InvalidArgument);
    }
    let builder = client.transactional_producer("p").transaction_timeout(Duration::ZERO);
    assert_eq!(code(&builder.build().await.unwrap_err()), ErrorCode::InvalidArgument);
    assert!(committed(&client, "b").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_write_to_many_transactions() {
    let (broker, client) = start().await;
    let producer = client.transactional_producer("p").batch_bytes(200).build().await.unwrap();
    for round in 0..100 {
        let transaction = std::sync::Arc::new(producer.begin().await.unwrap());
        let senders: Vec<_> = (0..3u32)
            .map(|p| {
                let transaction = transaction.clone();
                tokio::spawn(async move {
                    for i in 0..5 {
                        let record = Record::new(format!("{round}-{p}-{i}")).partition(p);
                        transaction.send("a", record).await.unwrap();
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        if round % 10 == 9 {
            transaction.abort().await.unwrap();
        } else {
            transaction.commit().await.unwrap();
        }
    }
    assert_eq!(broker.state().commits, 90);
    let seen = committed(&client, "a").await;
    assert_eq!(seen.len(), 90 * 15);
    assert!(seen.is_sorted_by(|a, b| a < b), "no record twice");
}

#[tokio::test]
async fn offsets_become_the_groups_with_the_commit() {
    let (broker, client) = start().await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    let stored = || broker.state().offsets.get(&("g".into(), "a".into(), 2)).copied();
    for (offset, commit) in [(3, false), (5, true)] {
        let transaction = producer.begin().await.unwrap();
        let offsets = GroupOffsets::new(GroupMetadata::without_member("g"));
        transaction
            .send_offsets(offsets.processed(GroupOffset::new("a", 2, offset as i64)))
            .await
            .unwrap();
        assert_eq!(stored(), None);
        if commit {
            transaction.commit().await.unwrap();
        } else {
            transaction.abort().await.unwrap();
        }
    }
    assert_eq!(stored(), Some(5));

    let transaction = producer.begin().await.unwrap();
    transaction.send("b", Record::new("x")).await.unwrap();
    let stale = GroupMetadata::new("g", "m", 13);
    let offsets = GroupOffsets::new(stale).processed(GroupOffset::new("a", 2, 9));
    let error = transaction.send_offsets(offsets).await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::TxnAborted);
    assert!(error.is_abortable(), "once the consumer has joined again");
    assert_eq!(code(&transaction.commit().await.unwrap_err()), ErrorCode::TxnAborted);
    assert_eq!(stored(), Some(5));
    assert!(committed(&client, "b").await.is_empty());
}

#[tokio::test]
async fn an_engine_may_keep_the_epoch() {
    let (broker, client) = start().await;
    broker.state().keep_epoch = true;
    let producer = client.transactional_producer("p").build().await.unwrap();
    for round in 0..12 {
        let transaction = producer.begin().await.unwrap();
        for i in 0..3 {
            transaction.send("b", Record::new(format!("{round:02}-{i}"))).await.unwrap();
        }
        match round % 3 {
            0 => transaction.abort().await.unwrap(),
            _ => transaction.commit().await.unwrap(),
        }
    }
    assert_eq!(committed(&client, "b").await.len(), 24);
}

#[tokio::test]
async fn the_clients_own_producer_has_the_configured_name() {
    let (broker, _) = start().await;
    let url = format!("flymq://{}?transactional_id=billing", broker.address);
    let client = Client::connect(&url).await.unwrap();
    client.transaction().await.unwrap().commit().await.unwrap();
    let newer = client.transactional_producer("billing").build().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    assert_eq!(code(&transaction.commit().await.unwrap_err()), ErrorCode::ProducerFenced);
    newer.begin().await.unwrap().commit().await.unwrap();
    client.close().await;
}
