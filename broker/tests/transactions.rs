//! Transactions: seen whole or not at all, by whom and when; fencing; misuse.

mod common;

use std::time::Duration;

use Isolation::{ReadCommitted, ReadUncommitted};
use common::txn::{Txn, code};
use common::*;
use flymq_broker::{Broker, Config, Durability, ErrorCode};
use flymq_protocol::RecordBatch;
use flymq_protocol::messages::*;

#[tokio::test]
async fn a_transaction_is_seen_whole_or_not_at_all() {
    for durability in [Durability::Fsync, Durability::Os] {
        let dir = tempfile::tempdir().unwrap();
        let broker = Broker::start(Config { durability, ..config(dir.path()) }).await.unwrap();
        let mut reader = Client::connect(&broker).await;
        for topic in ["a", "b"] {
            reader.create(topic, 2, &[]).await;
        }
        let mut txn = Txn::init(&broker, "t").await;
        let places = [("a", 0), ("a", 1), ("b", 1)];
        for (round, commits) in [true, false, true].into_iter().enumerate() {
            txn.begin().await;
            for (topic, partition) in places {
                txn.produce(topic, partition, &format!("{round}")).await;
                txn.produce(topic, partition, &format!("{round}+")).await;
            }
            let before: &[&str] = if round == 0 { &[] } else { &["0", "0+"] };
            for (topic, partition) in places {
                assert_eq!(reader.committed(topic, partition).await, before);
                assert_eq!(reader.uncommitted(topic, partition).await.len(), 2 * round + 2);
            }
            if commits { txn.commit().await } else { txn.abort().await }
        }
        for (topic, partition) in places {
            assert_eq!(reader.committed(topic, partition).await, ["0", "0+", "2", "2+"]);
            let all = ["0", "0+", "1", "1+", "2", "2+"];
            assert_eq!(reader.uncommitted(topic, partition).await, all);
        }
    }
}

#[tokio::test]
async fn readers_of_committed_records_stop_at_an_open_transaction() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    client.produce("t", 0, &["before"]).await;
    let mut one = Txn::init(&broker, "one").await;
    let mut two = Txn::init(&broker, "two").await;
    one.begin().await;
    two.begin().await;
    one.produce("t", 0, "one").await;
    client.produce("t", 0, &["between"]).await;
    two.produce("t", 0, "two").await;
    client.produce("t", 0, &["behind"]).await;

    let consume = |offset, isolation| ConsumeRequest {
        topic: "t".into(),
        offset,
        isolation,
        ..Default::default()
    };
    assert_eq!(client.committed("t", 0).await, ["before"]);
    assert_eq!(client.end("t", 0, ReadCommitted).await, 1);
    assert_eq!(client.end("t", 0, ReadUncommitted).await, 5);
    for offset in [1, 3, 5] {
        let nothing = ConsumeResponse { record: None, next_offset: offset };
        assert_eq!(client.call(&consume(offset, ReadCommitted)).await.unwrap(), nothing);
        assert_eq!(client.fetch("t", 0, offset).await.next_offset, offset);
    }
    let seen = client.call(&consume(1, ReadUncommitted)).await.unwrap();
    assert_eq!((seen.record.unwrap().offset, seen.next_offset), (1, 2));

    // The second ends first: the first still holds readers up.
    two.commit().await;
    assert_eq!(client.end("t", 0, ReadCommitted).await, 1);
    one.abort().await;
    assert_eq!(client.end("t", 0, ReadCommitted).await, 5);
    assert_eq!(client.committed("t", 0).await, ["before", "between", "two", "behind"]);
    // A hidden record is passed over.
    let seen = client.call(&consume(1, ReadCommitted)).await.unwrap();
    assert_eq!((seen.record.unwrap().offset, seen.next_offset), (2, 3));
    // By time, too: all records have the same.
    let request = |isolation| ListOffsetsRequest {
        topic: "t".into(),
        partitions: vec![OffsetQuery { partition: 0, timestamp: 1_000 }],
        isolation,
    };
    one.begin().await;
    one.produce("t", 0, "last").await;
    assert_eq!(client.call(&request(ReadCommitted)).await.unwrap().partitions[0].offset, 0);
    let mut later = request(ReadCommitted);
    later.partitions[0].timestamp = 1_001;
    assert_eq!(client.call(&later).await.unwrap().partitions[0].offset, 5);
    later.isolation = ReadUncommitted;
    assert_eq!(client.call(&later).await.unwrap().partitions[0].offset, 6);
}

#[tokio::test]
async fn a_long_poll_ends_with_the_transaction() {
    let (_dir, broker) = start().await;
    let mut reader = Client::connect(&broker).await;
    reader.create("t", 1, &[]).await;
    let mut txn = Txn::init(&broker, "t").await;
    let wait = |offset, min_bytes| FetchRequest {
        max_wait_ms: 60_000,
        min_bytes,
        ..fetch("t", 0, offset)
    };
    for (commits, min_bytes) in [(true, 1), (false, 1), (true, 10)] {
        let (offset, latest) = reader.offsets("t", 0).await;
        assert_eq!(offset, 0);
        txn.begin().await;
        let waiting = reader.send(&wait(latest, min_bytes)).await;
        for _ in 0..10 {
            txn.produce("t", 0, "hidden").await;
        }
        // Still waiting: the answer to what was sent later comes first.
        reader.call(&PingRequest {}).await.unwrap();
        if commits {
            txn.commit().await
        } else {
            txn.abort().await
        }
        let answer = reader.answer::<FetchRequest>(waiting).await.unwrap();
        let partition = &answer.topics[0].partitions[0];
        assert_eq!(partition.batches.len(), if commits { 10 } else { 0 });
        assert_eq!(partition.next_offset, latest + 10);
    }
}

#[tokio::test]
async fn aborted_records_do_not_count_for_min_bytes() {
    let (_dir, broker) = start().await;
    let mut reader = Client::connect(&broker).await;
    reader.create("t", 1, &[]).await;
    let mut txn = Txn::init(&broker, "t").await;
    let big = "x".repeat(1000);
    let wait = FetchRequest { max_wait_ms: 60_000, min_bytes: 900, ..fetch("t", 0, 0) };
    // Some are hidden before the wait begins, some while it lasts.
    txn.begin().await;
    txn.produce("t", 0, &big).await;
    txn.abort().await;
    let waiting = reader.send(&wait).await;
    txn.begin().await;
    txn.produce("t", 0, &big).await;
    reader.call(&PingRequest {}).await.unwrap();
    txn.abort().await;
    txn.client.produce("t", 0, &["small"]).await;
    reader.call(&PingRequest {}).await.unwrap();
    txn.client.produce("t", 0, &[&big]).await;
    let answer = reader.answer::<FetchRequest>(waiting).await.unwrap();
    let partition = &answer.topics[0].partitions[0];
    assert_eq!((partition.batches.len(), partition.next_offset), (2, 4));
}

#[tokio::test]
async fn a_newer_producer_fences_the_older() {
    let (_dir, broker) = start().await;
    let mut reader = Client::connect(&broker).await;
    reader.create("t", 1, &[]).await;
    let mut old = Txn::init(&broker, "t").await;
    old.begin().await;
    old.produce("t", 0, "committed").await;
    old.commit().await;
    old.begin().await;
    old.produce("t", 0, "left open").await;
    let mut new = Txn::init(&broker, "t").await;
    assert_eq!(new.producer_id, old.producer_id);
    assert!(new.epoch > old.epoch);
    // What the old one left is aborted at once.
    assert_eq!(reader.end("t", 0, ReadCommitted).await, 2);
    assert_eq!(reader.committed("t", 0).await, ["committed"]);
    assert_eq!(code(old.try_produce("t", 0, "late").await), ErrorCode::ProducerFenced);
    assert_eq!(code(old.try_begin().await), ErrorCode::ProducerFenced);
    assert_eq!(code(old.add_offset("g", "t", 1).await), ErrorCode::ProducerFenced);
    assert_eq!(old.client.refused(&old.commit_request()).await.0, ErrorCode::ProducerFenced);
    assert_eq!(old.client.refused(&old.abort_request()).await.0, ErrorCode::ProducerFenced);
    // Neither does a batch outside of transactions get through, whatever it says of itself.
    for epoch in [old.epoch, new.epoch, new.epoch + 1] {
        let mut request = old.batch("t", 0, "plain");
        request.transactional_id = None;
        request.batch.transactional = false;
        (request.batch.producer_epoch, request.batch.base_sequence) = (epoch, 0);
        assert_eq!(old.client.refused(&request).await.0, ErrorCode::InvalidTxnState);
    }
    new.begin().await;
    new.produce("t", 0, "new").await;
    new.commit().await;
    assert_eq!(reader.committed("t", 0).await, ["committed", "new"]);
}

#[tokio::test]
async fn ends_may_be_sent_again() {
    let (dir, broker) = start().await;
    let mut reader = Client::connect(&broker).await;
    reader.create("t", 1, &[]).await;
    let mut txn = Txn::init(&broker, "t").await;
    txn.begin().await;
    txn.begin().await;
    txn.produce("t", 0, "once").await;
    assert_eq!(code(txn.try_begin().await), ErrorCode::InvalidTxnState);
    let (commit, abort) = (txn.commit_request(), txn.abort_request());
    let next = txn.client.call(&commit).await.unwrap();
    assert_eq!(txn.client.call(&commit).await.unwrap(), next);
    assert_eq!(txn.client.refused(&abort).await.0, ErrorCode::InvalidTxnState);
    broker.shutdown().await;

    let broker = Broker::start(config(dir.path())).await.unwrap();
    txn.reconnect(&broker).await;
    assert_eq!(txn.client.call(&commit).await.unwrap(), next);
    txn.go_on(next);
    txn.begin().await;
    txn.produce("t", 0, "never").await;
    let (commit, abort) = (txn.commit_request(), txn.abort_request());
    let next = txn.client.call(&abort).await.unwrap();
    broker.shutdown().await;

    let broker = Broker::start(config(dir.path())).await.unwrap();
    txn.reconnect(&broker).await;
    assert_eq!(txn.client.call(&abort).await.unwrap(), next);
    assert_eq!(txn.client.refused(&commit).await.0, ErrorCode::TxnAborted);
    let mut reader = Client::connect(&broker).await;
    assert_eq!(reader.committed("t", 0).await, ["once"]);
    assert_eq!(reader.uncommitted("t", 0).await, ["once", "never"]);
}

#[tokio::test]
async fn sequences_are_kept_within_a_transaction() {
    let (_dir, broker) = start().await;
    let mut reader = Client::connect(&broker).await;
    reader.create("t", 1, &[]).await;
    let mut txn = Txn::init(&broker, "t").await;
    for round in 0..2 {
        txn.begin().await;
        let batch = txn.batch("t", 0, &format!("{round}"));
        let first = txn.client.call(&batch).await.unwrap();
        let again = txn.client.call(&batch).await.unwrap();
        assert_eq!((again.base_offset, again.duplicate), (first.base_offset, true));
        let mut gap = txn.batch("t", 0, "gap");
        gap.batch.base_sequence = 7;
        assert_eq!(txn.client.refused(&gap).await.0, ErrorCode::OutOfOrderSequence);
        txn.commit().await;
        // What arrives after the end is in no transaction.
        assert_eq!(txn.client.refused(&batch).await.0, ErrorCode::InvalidTxnState);
    }
    assert_eq!(reader.committed("t", 0).await, ["0", "1"]);
}

#[tokio::test]
async fn pipelined_batches_behind_an_end_are_refused() {
    for durability in [Durability::Fsync, Durability::Os] {
        let dir = tempfile::tempdir().unwrap();
        let broker = Broker::start(Config { durability, ..config(dir.path()) }).await.unwrap();
        let mut txn = Txn::init(&broker, "t").await;
        txn.client.create("t", 1, &[]).await;
        txn.begin().await;
        let inside = txn.batch("t", 0, "inside");
        let behind = txn.batch("t", 0, "behind");
        let ids = [
            txn.client.send(&inside).await,
            txn.client.send(&txn.commit_request()).await,
            txn.client.send(&behind).await,
        ];
        let mut refused = Vec::new();
        for _ in ids {
            let frame = txn.client.receive().await.unwrap();
            if frame.opcode == flymq_protocol::opcode::ERROR {
                refused.push(frame.id);
            }
        }
        assert_eq!(refused, [ids[2]]);
        assert_eq!(txn.client.committed("t", 0).await, ["inside"]);
    }
}

#[tokio::test]
async fn misuse_is_refused() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    let mut txn = Txn::init(&broker, "one").await;
    let other = Txn::init(&broker, "two").await;
    let plain = client.call(&InitProducerRequest::default()).await.unwrap().producer_id;

    // Without BEGIN_TXN.
    assert_eq!(code(txn.try_produce("t", 0, "v").await), ErrorCode::InvalidTxnState);
    assert_eq!(code(txn.add_offset("g", "t", 1).await), ErrorCode::InvalidTxnState);
    assert_eq!(client.refused(&txn.commit_request()).await.0, ErrorCode::InvalidTxnState);
    assert_eq!(client.refused(&txn.abort_request()).await.0, ErrorCode::InvalidTxnState);

    txn.begin().await;
    let id = Some("one".to_owned());
    let good = RecordBatch { base_sequence: 0, ..txn.batch("t", 0, "v").batch };
    let mine = |batch| ProduceRequest { transactional_id: id.clone(), ..produce("t", 0, batch) };
    let from = |producer_id| RecordBatch { producer_id, ..good.clone() };
    for (request, expected) in [
        (produce("t", 0, from(txn.producer_id)), ErrorCode::InvalidTxnState),
        (mine(RecordBatch { transactional: false, ..good.clone() }), ErrorCode::InvalidTxnState),
        (mine(batch(&["v"])), ErrorCode::InvalidTxnState),
        (mine(from(plain)), ErrorCode::InvalidTxnState),
        (mine(from(other.producer_id)), ErrorCode::InvalidTxnState),
        (mine(from(i64::MAX)), ErrorCode::UnknownProducer),
        (mine(RecordBatch { producer_epoch: 9, ..good.clone() }), ErrorCode::UnknownProducer),
        (
            ProduceRequest { transactional_id: Some("?".into()), ..mine(good.clone()) },
            ErrorCode::UnknownProducer,
        ),
    ] {
        let (code, message) = client.refused(&request).await;
        assert_eq!(code, expected, "{message}");
    }
    let init = |id: &str, transaction_timeout_ms| InitProducerRequest {
        transactional_id: Some(id.into()),
        transaction_timeout_ms,
    };
    for request in [init("", 0), init(&"x".repeat(256), 0), init("x", 900_001)] {
        assert_eq!(client.refused(&request).await.0, ErrorCode::InvalidRequest);
    }
    client.call(&init(&"x".repeat(255), 900_000)).await.unwrap();
    // None of it has done the transaction any harm.
    client.call(&mine(good)).await.unwrap();
    txn.commit().await;
    assert_eq!(client.committed("t", 0).await, ["v"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_ever_sees_an_aborted_record() {
    let (_dir, broker) = start().await;
    let mut reader = Client::connect(&broker).await;
    reader.create("t", 4, &[]).await;
    let mut tasks = Vec::new();
    for n in 0..8 {
        let mut txn = Txn::init(&broker, &format!("p{n}")).await;
        tasks.push(tokio::spawn(async move {
            for round in 0..100 {
                txn.begin().await;
                for partition in 0..4 {
                    txn.produce("t", partition, &format!("{n}/{round}")).await;
                }
                if round % 3 == 0 { txn.abort().await } else { txn.commit().await }
            }
        }));
    }
    let mut read = [0; 4];
    while !tasks.iter().all(|task| task.is_finished()) {
        for partition in 0..4 {
            let at = &mut read[partition as usize];
            let fetched = reader.fetch("t", partition, *at).await;
            for value in values(&fetched.batches.iter().flat_map(records).collect::<Vec<_>>()) {
                let round: usize = value.split_once('/').unwrap().1.parse().unwrap();
                assert_ne!(round % 3, 0, "{value} was or will be aborted");
            }
            *at = fetched.next_offset;
        }
    }
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    }
    let mut expected: Vec<String> = (0..8)
        .flat_map(|n| (0..100).filter(|r| r % 3 != 0).map(move |r| format!("{n}/{r}")))
        .collect();
    expected.sort();
    for partition in 0..4 {
        let mut seen = reader.committed("t", partition).await;
        seen.sort();
        assert_eq!(seen, expected);
    }
}
