//! Bounds of transactions, by calls of the engine: over a socket they would take long.

mod common;

use common::*;
use flymq_broker::{Broker, Config, Durability, ErrorCode};
use flymq_protocol::RecordBatch;
use flymq_protocol::messages::*;

fn init(id: &str) -> InitProducerRequest {
    InitProducerRequest { transactional_id: Some(id.into()), ..Default::default() }
}

#[tokio::test]
async fn epochs_wrap_into_a_new_producer_id() {
    let dir = tempfile::tempdir().unwrap();
    let durability = Durability::Os;
    let broker = Broker::start(Config { durability, ..config(dir.path()) }).await.unwrap();
    let engine = broker.engine();
    let first = engine.init_producer(init("t")).wait().await.unwrap();
    let mut last = first.clone();
    while last.producer_epoch < i16::MAX {
        let next = engine.init_producer(init("t")).wait().await.unwrap();
        let expected = (first.producer_id, last.producer_epoch + 1);
        assert_eq!((next.producer_id, next.producer_epoch), expected);
        last = next;
    }
    // Both ways on lead to a new id: the end of a transaction, and a new producer.
    let begin = |identity: &InitProducerResponse| BeginTxnRequest {
        transactional_id: "t".into(),
        producer_id: identity.producer_id,
        producer_epoch: identity.producer_epoch,
    };
    engine.begin_txn(begin(&last)).wait().await.unwrap();
    let commit = CommitTxnRequest {
        transactional_id: "t".into(),
        producer_id: last.producer_id,
        producer_epoch: last.producer_epoch,
    };
    let next = engine.commit_txn(commit.clone()).wait().await.unwrap();
    assert!(next.producer_id > first.producer_id);
    assert_eq!(next.producer_epoch, 0);
    assert_eq!(engine.commit_txn(commit).wait().await.unwrap(), next);
    let error = engine.begin_txn(begin(&first)).wait().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ProducerFenced);
    let newer = engine.init_producer(init("t")).wait().await.unwrap();
    assert_eq!((newer.producer_id, newer.producer_epoch), (next.producer_id, 1));
}

#[tokio::test]
async fn a_transaction_has_records_in_so_many_partitions_only() {
    let dir = tempfile::tempdir().unwrap();
    let durability = Durability::Os;
    let broker = Broker::start(Config { durability, ..config(dir.path()) }).await.unwrap();
    let mut client = Client::connect(&broker).await;
    client.create("many", 10_000, &[]).await;
    client.create("one", 1, &[]).await;
    let engine = broker.engine();
    let InitProducerResponse { producer_id, producer_epoch } =
        engine.init_producer(init("t")).wait().await.unwrap();
    let transactional_id = "t".to_owned();
    let begin = BeginTxnRequest { transactional_id, producer_id, producer_epoch };
    engine.begin_txn(begin).wait().await.unwrap();
    let add = |topic: &str, partition, base_sequence| {
        let batch = RecordBatch {
            producer_id,
            producer_epoch,
            base_sequence,
            transactional: true,
            ..batch(&["v"])
        };
        let request = ProduceRequest {
            transactional_id: Some("t".into()),
            ..produce(topic, partition, batch)
        };
        engine.produce(request).wait()
    };
    for partition in 0..10_000 {
        add("many", partition, 0).await.unwrap();
    }
    assert_eq!(add("one", 0, 0).await.unwrap_err().code, ErrorCode::InvalidRequest);
    // Where it has records already it may have more.
    add("many", 9_999, 1).await.unwrap();
    let transactional_id = "t".to_owned();
    let commit = CommitTxnRequest { transactional_id, producer_id, producer_epoch };
    engine.commit_txn(commit).wait().await.unwrap();
    assert_eq!(client.committed("many", 9_999).await, ["v", "v"]);
    assert!(client.uncommitted("one", 0).await.is_empty());
}
