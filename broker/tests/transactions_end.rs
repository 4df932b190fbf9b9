//! Transactions that end otherwise than by their producers: time-outs, restarts, retention, deleted
//! topics; offsets in transactions; ids that are forgotten.

mod common;

use std::time::Duration;

use Isolation::{ReadCommitted, ReadUncommitted};
use common::txn::{Txn, code};
use common::*;
use flymq_broker::{Broker, Config, Durability, ErrorCode};
use flymq_protocol::messages::*;

#[tokio::test]
async fn an_overdue_transaction_is_aborted() {
    let (_dir, broker) = start().await;
    let mut reader = Client::connect(&broker).await;
    reader.create("t", 1, &[]).await;
    let mut txn = Txn::init_with(&broker, "t", 2_000).await;
    let mut idle = Txn::init_with(&broker, "idle", 2_000).await;
    idle.begin().await;
    txn.begin().await;
    txn.produce("t", 0, "late").await;
    // The wait ends with the transaction, without anything done by its producer.
    let wait = FetchRequest { max_wait_ms: 60_000, ..fetch("t", 0, 0) };
    let answer = reader.call(&wait).await.unwrap();
    assert_eq!(answer.topics[0].partitions[0].next_offset, 1);
    assert!(answer.topics[0].partitions[0].batches.is_empty());
    assert_eq!(code(txn.try_produce("t", 0, "later").await), ErrorCode::TxnAborted);
    assert_eq!(code(txn.add_offset("g", "t", 1).await), ErrorCode::TxnAborted);
    assert_eq!(txn.client.refused(&txn.commit_request()).await.0, ErrorCode::TxnAborted);
    txn.abort().await;
    txn.begin().await;
    txn.produce("t", 0, "again").await;
    txn.commit().await;
    assert_eq!(reader.committed("t", 0).await, ["again"]);
    // So is one without records, which began before.
    assert_eq!(idle.client.refused(&idle.commit_request()).await.0, ErrorCode::TxnAborted);
    idle.abort().await;
    idle.begin().await;
}

#[tokio::test]
async fn a_restart_aborts_what_was_open_and_keeps_what_was_committed() {
    for (durability, clean) in
        [(Durability::Fsync, true), (Durability::Fsync, false), (Durability::Os, false)]
    {
        let dir = tempfile::tempdir().unwrap();
        let config = || Config { durability, ..config(dir.path()) };
        let broker = Broker::start(config()).await.unwrap();
        let mut reader = Client::connect(&broker).await;
        for topic in ["a", "b"] {
            reader.create(topic, 1, &[]).await;
        }
        let mut txn = Txn::init(&broker, "t").await;
        let mut began = Txn::init(&broker, "began").await;
        let mut idle = Txn::init(&broker, "idle").await;
        txn.begin().await;
        for topic in ["a", "b"] {
            txn.produce(topic, 0, "committed").await;
        }
        txn.commit().await;
        txn.begin().await;
        for topic in ["a", "b"] {
            txn.produce(topic, 0, "open").await;
        }
        began.begin().await;
        if clean {
            broker.shutdown().await
        } else {
            drop(broker)
        }

        let broker = restart(config()).await;
        let mut reader = Client::connect(&broker).await;
        for topic in ["a", "b"] {
            assert_eq!(reader.end(topic, 0, ReadCommitted).await, 2);
            assert_eq!(reader.committed(topic, 0).await, ["committed"]);
            assert_eq!(reader.uncommitted(topic, 0).await, ["committed", "open"]);
        }
        // An identity that records were written with is not used again.
        txn.reconnect(&broker).await;
        assert_eq!(code(txn.try_begin().await), ErrorCode::TxnAborted);
        for txn in [&mut txn, &mut began] {
            txn.reconnect(&broker).await;
            assert_eq!(code(txn.try_produce("a", 0, "more").await), ErrorCode::TxnAborted);
            assert_eq!(txn.client.refused(&txn.commit_request()).await.0, ErrorCode::TxnAborted);
            txn.abort().await;
        }
        idle.reconnect(&broker).await;
        for txn in [&mut txn, &mut began, &mut idle] {
            txn.begin().await;
            txn.produce("a", 0, "new").await;
            txn.commit().await;
        }
        assert_eq!(reader.committed("a", 0).await, ["committed", "new", "new", "new"]);
    }
}

/// Starts a broker on a folder that the last one may still be letting go of.
async fn restart(config: Config) -> Broker {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        match Broker::start(config.clone()).await {
            Ok(broker) => return broker,
            Err(e) if e.message.contains("in use") && std::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(e) => panic!("{e}"),
        }
    }
}

#[tokio::test]
async fn retention_waits_for_open_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let upkeep_interval = Duration::from_millis(20);
    let broker = Broker::start(Config { upkeep_interval, ..config(dir.path()) }).await.unwrap();
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[("segment_bytes", "100000"), ("retention_bytes", "300000")]).await;
    let mut txn = Txn::init(&broker, "t").await;
    let filler = "x".repeat(20_000);
    for _ in 0..30 {
        client.produce("t", 0, &[&filler]).await;
    }
    txn.begin().await;
    txn.produce("t", 0, "aborted").await;
    let mut other = Txn::init(&broker, "other").await;
    other.begin().await;
    let first = other.produce("t", 0, "first").await;
    txn.abort().await;
    for _ in 0..60 {
        client.produce("t", 0, &[&filler]).await;
    }
    other.produce("t", 0, "second").await;
    // What was before has gone; the transaction's segment has not, although it is far too old.
    until(&mut client, |earliest| earliest > 0).await;
    assert!(client.offsets("t", 0).await.0 <= first);
    let limit = |bytes: &str| AlterTopicRequest {
        name: "t".into(),
        config: [("retention_bytes".to_owned(), Some(bytes.to_owned()))].into(),
    };
    client.call(&limit("-1")).await.unwrap();
    other.commit().await;
    let seen = client.read_all("t", 0, first).await;
    assert_eq!(seen.len() as u64, client.offsets("t", 0).await.1 - first);
    assert_eq!(values(&seen)[0], "first");
    client.call(&limit("300000")).await.unwrap();
    for _ in 0..30 {
        client.produce("t", 0, &[&filler]).await;
    }
    until(&mut client, |earliest| earliest > first).await;
    broker.shutdown().await;

    let broker = Broker::start(config(dir.path())).await.unwrap();
    let mut client = Client::connect(&broker).await;
    let (earliest, latest) = client.offsets("t", 0).await;
    let left = client.read_all("t", 0, earliest).await;
    assert_eq!(left.len() as u64, latest - earliest);
}

async fn until(client: &mut Client, is_done: impl Fn(u64) -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !is_done(client.offsets("t", 0).await.0) {
        assert!(std::time::Instant::now() < deadline, "retention does nothing");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_transaction_outlives_its_topics() {
    for commits in [true, false] {
        let (dir, broker) = start().await;
        let mut client = Client::connect(&broker).await;
        for topic in ["kept", "deleted"] {
            client.create(topic, 1, &[]).await;
        }
        let mut txn = Txn::init(&broker, "t").await;
        txn.begin().await;
        for topic in ["kept", "deleted"] {
            txn.produce(topic, 0, "v").await;
            txn.add_offset("g", topic, 5).await.unwrap();
        }
        client.call(&DeleteTopicRequest { name: "deleted".into() }).await.unwrap();
        client.create("deleted", 1, &[]).await;
        client.call(&AddPartitionsRequest { name: "kept".into(), partitions: 2 }).await.unwrap();
        txn.produce("kept", 1, "v").await;
        if commits {
            txn.commit().await
        } else {
            txn.abort().await
        }
        let expected: &[&str] = if commits { &["v"] } else { &[] };
        for partition in [0, 1] {
            assert_eq!(client.committed("kept", partition).await, expected);
        }
        assert!(client.uncommitted("deleted", 0).await.is_empty());
        assert_eq!(offset(&mut client, "kept").await, (commits.then_some(5), 0));
        assert_eq!(offset(&mut client, "deleted").await, (None, 0));
        broker.shutdown().await;
        let broker = Broker::start(config(dir.path())).await.unwrap();
        let mut client = Client::connect(&broker).await;
        assert_eq!(client.committed("kept", 0).await, expected);
    }
}

/// The group's stable offset of partition 0, and the error in its place.
async fn offset(client: &mut Client, topic: &str) -> (Option<i64>, u16) {
    let request = CommittedRequest {
        group: "g".into(),
        topics: Some(vec![TopicPartitions { topic: topic.into(), partitions: vec![0] }]),
        stable: true,
    };
    let found = client.call(&request).await.unwrap().offsets.remove(0);
    (found.offset, found.error)
}

#[tokio::test]
async fn offsets_become_the_groups_with_the_commit() {
    let unstable = ErrorCode::UnstableOffsets as u16;
    let (dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    let mut txn = Txn::init(&broker, "t").await;
    txn.begin().await;
    txn.add_offset("g", "t", 5).await.unwrap();
    txn.add_offset("g", "t", 7).await.unwrap();
    assert_eq!(offset(&mut client, "t").await, (None, unstable));
    txn.commit().await;
    assert_eq!(offset(&mut client, "t").await, (Some(7), 0));
    txn.begin().await;
    txn.add_offset("g", "t", 9).await.unwrap();
    txn.abort().await;
    assert_eq!(offset(&mut client, "t").await, (Some(7), 0));

    // Only of members of the present generation, and all or none.
    let subscribe = SubscribeRequest {
        group: "g".into(),
        member_id: "m".into(),
        topics: vec!["t".into()],
        ..Default::default()
    };
    let generation = client.call(&subscribe).await.unwrap().generation;
    txn.begin().await;
    assert_eq!(code(txn.add_offset("g", "t", 11).await), ErrorCode::GroupNotEmpty);
    let stored = |topic: &str| CommittedOffset {
        topic: topic.into(),
        offset: Some(11),
        ..Default::default()
    };
    let request = |generation, member_id: &str, topics: &[&str]| TxnOffsetsRequest {
        transactional_id: "t".into(),
        producer_id: txn.producer_id,
        producer_epoch: txn.epoch,
        group: "g".into(),
        member_id: member_id.into(),
        generation,
        offsets: topics.iter().map(|topic| stored(topic)).collect(),
    };
    for (request, expected) in [
        (request(generation + 1, "m", &["t"]), ErrorCode::StaleGeneration),
        (request(generation, "other", &["t"]), ErrorCode::UnknownMember),
        (request(generation, "m", &["t", "none"]), ErrorCode::UnknownTopic),
        (request(generation, "m", &["t"; 10_001]), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(client.refused(&request).await.0, expected);
    }
    assert_eq!(offset(&mut client, "t").await, (Some(7), 0));
    client.call(&request(generation, "m", &["t"])).await.unwrap();
    assert_eq!(offset(&mut client, "t").await, (None, unstable));
    // The member may leave meanwhile.
    let leave =
        LeaveRequest { group: "g".into(), member_id: "m".into(), generation, ..Default::default() };
    client.call(&leave).await.unwrap();
    txn.commit().await;
    assert_eq!(offset(&mut client, "t").await, (Some(11), 0));
    txn.begin().await;
    txn.add_offset("g", "t", 13).await.unwrap();
    broker.shutdown().await;

    let broker = Broker::start(config(dir.path())).await.unwrap();
    let mut client = Client::connect(&broker).await;
    assert_eq!(offset(&mut client, "t").await, (Some(11), 0));
    txn.reconnect(&broker).await;
    assert_eq!(txn.client.refused(&txn.commit_request()).await.0, ErrorCode::TxnAborted);
}

#[tokio::test]
async fn idle_transactional_ids_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let transactional_id_expiry = Duration::from_millis(400);
    let broker =
        Broker::start(Config { transactional_id_expiry, ..config(dir.path()) }).await.unwrap();
    let mut open = Txn::init(&broker, "open").await;
    let mut idle = Txn::init(&broker, "idle").await;
    open.client.create("t", 1, &[]).await;
    open.begin().await;
    open.produce("t", 0, "v").await;
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    // A name that is known is refused otherwise: it has no open transaction.
    while code(idle.try_produce("t", 0, "v").await) != ErrorCode::UnknownProducer {
        assert!(std::time::Instant::now() < deadline, "nothing is forgotten");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    open.commit().await;
    assert_eq!(open.client.end("t", 0, ReadUncommitted).await, 1);
    assert_eq!(open.client.committed("t", 0).await, ["v"]);
    let newer = Txn::init(&broker, "idle").await;
    assert!(newer.producer_id > idle.producer_id);
}
