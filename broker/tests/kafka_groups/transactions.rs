use flymq_protocol::ErrorCode;
use flymq_protocol::messages::*;

use super::Setup;
use super::common::txn::Txn;
use super::common::{Client, values};

async fn stored(client: &mut Client, setup_group: &str, topic: &str) -> (Option<i64>, u16) {
    let topics = vec![TopicPartitions { topic: topic.into(), partitions: vec![0] }];
    let request =
        CommittedRequest { group: setup_group.into(), topics: Some(topics), stable: true };
    let offset = client.call(&request).await.unwrap().offsets.remove(0);
    (offset.offset, offset.error)
}

#[tokio::test]
async fn an_end_that_was_not_answered_is_asked_for_elsewhere() {
    let mut setup = Setup::new(1).await;
    let (group, topic) = (setup.group.clone(), setup.topic.clone());
    let mut txn = Txn::init(&setup.brokers[0], &setup.topic).await;
    txn.begin().await;
    txn.add_offset(&group, &topic, 7).await.unwrap();
    let unstable = ErrorCode::UnstableOffsets as u16;
    assert_eq!(stored(&mut setup.clients[1], &group, &topic).await, (None, unstable));

    let commit = txn.commit_request();
    let first = txn.client.call(&commit).await.unwrap();
    assert_eq!(stored(&mut setup.clients[1], &group, &topic).await, (Some(7), 0));
    for client in &mut setup.clients {
        assert_eq!(client.call(&commit).await.unwrap(), first);
        assert_eq!(client.refused(&txn.abort_request()).await.0, ErrorCode::InvalidTxnState);
    }
    let late_abort = txn.abort_request();
    txn.go_on(first);

    // The next transaction is open: what comes late of the one before does not touch it.
    txn.begin().await;
    txn.add_offset(&group, &topic, 8).await.unwrap();
    for client in &mut setup.clients {
        assert_eq!(client.refused(&commit).await.0, ErrorCode::ProducerFenced);
        assert_eq!(client.refused(&late_abort).await.0, ErrorCode::ProducerFenced);
    }
    assert_eq!(stored(&mut setup.clients[0], &group, &topic).await, (None, unstable));
    let (abort, commit) = (txn.abort_request(), txn.commit_request());
    txn.abort().await;
    for client in &mut setup.clients {
        client.call(&abort).await.unwrap();
        assert_eq!(client.refused(&commit).await.0, ErrorCode::TxnAborted);
    }
    assert_eq!(stored(&mut setup.clients[0], &group, &topic).await, (Some(7), 0));
}

#[tokio::test]
async fn transactions_that_hold_nothing_end_too() {
    let mut setup = Setup::new(1).await;
    let mut txn = Txn::init(&setup.brokers[0], &setup.topic).await;
    for _ in 0..2 {
        txn.begin().await;
        let epoch = txn.epoch;
        let late = txn.commit_request();
        let first = txn.client.call(&late).await.unwrap();
        for client in &mut setup.clients {
            assert_eq!(client.call(&late).await.unwrap(), first, "asked again");
            assert_eq!(client.refused(&txn.abort_request()).await.0, ErrorCode::InvalidTxnState);
        }
        txn.go_on(first);
        assert_ne!(txn.epoch, epoch, "so that a late commit finds nothing");
        txn.begin().await;
        txn.add_offset(&setup.group, &setup.topic, 3).await.unwrap();
        for client in &mut setup.clients {
            assert_eq!(client.refused(&late).await.0, ErrorCode::ProducerFenced);
        }
        txn.commit().await;
        txn.begin().await;
        txn.abort().await;
    }
    assert_eq!(stored(&mut setup.clients[0], &setup.group, &setup.topic).await, (Some(3), 0));
}

#[tokio::test]
async fn a_newer_producer_fences_through_another_gateway() {
    let mut setup = Setup::new(1).await;
    let (group, topic) = (setup.group.clone(), setup.topic.clone());
    let mut old = Txn::init(&setup.brokers[0], &setup.topic).await;
    old.begin().await;
    old.add_offset(&group, &topic, 7).await.unwrap();
    let mut new = Txn::init(&setup.brokers[1], &setup.topic).await;
    assert_eq!(stored(&mut setup.clients[0], &group, &topic).await, (None, 0));
    let fenced = ErrorCode::ProducerFenced as u16;
    assert_eq!(old.try_begin().await.unwrap_err().code, fenced);
    assert_eq!(old.add_offset(&group, &topic, 8).await.unwrap_err().code, fenced);
    assert_eq!(old.try_produce(&topic, 0, "old").await.unwrap_err().code, fenced);
    assert_eq!(old.client.call(&old.commit_request()).await.unwrap_err().code, fenced);
    assert_eq!(old.client.call(&old.abort_request()).await.unwrap_err().code, fenced);
    new.begin().await;
    new.add_offset(&group, &topic, 9).await.unwrap();
    new.commit().await;
    assert_eq!(stored(&mut setup.clients[0], &group, &topic).await, (Some(9), 0));

    let unknown = BeginTxnRequest { transactional_id: format!("{topic}-x"), ..Default::default() };
    assert_eq!(setup.clients[0].refused(&unknown).await.0, ErrorCode::UnknownProducer);
}

#[tokio::test]
async fn a_transaction_whose_time_is_up_says_so() {
    let mut setup = Setup::new(1).await;
    let (group, topic) = (setup.group.clone(), setup.topic.clone());
    let mut txn = Txn::init_with(&setup.brokers[0], &setup.topic, 1_000).await;
    txn.begin().await;
    txn.add_offset(&group, &topic, 7).await.unwrap();
    while stored(&mut setup.clients[1], &group, &topic).await != (None, 0) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let aborted = ErrorCode::TxnAborted as u16;
    assert_eq!(txn.try_begin().await.unwrap_err().code, aborted);
    assert_eq!(txn.add_offset(&group, &topic, 8).await.unwrap_err().code, aborted);
    assert_eq!(txn.try_produce(&topic, 0, "late").await.unwrap_err().code, aborted);
    assert_eq!(txn.client.call(&txn.commit_request()).await.unwrap_err().code, aborted);
    txn.abort().await;
    txn.begin().await;
    txn.add_offset(&group, &topic, 9).await.unwrap();
    txn.commit().await;
    assert_eq!(stored(&mut setup.clients[0], &group, &topic).await, (Some(9), 0));
}

#[tokio::test]
async fn offsets_of_a_transaction_are_taken_all_or_none() {
    let mut setup = Setup::new(1).await;
    let (group, topic) = (setup.group.clone(), setup.topic.clone());
    let mut txn = Txn::init(&setup.brokers[0], &setup.topic).await;
    txn.begin().await;
    let offset = |topic: &str, partition| CommittedOffset {
        topic: topic.into(),
        partition,
        offset: Some(5),
        ..Default::default()
    };
    let mut request = TxnOffsetsRequest {
        transactional_id: txn.id.clone(),
        producer_id: txn.producer_id,
        producer_epoch: txn.epoch,
        group: group.clone(),
        generation: -1,
        offsets: vec![offset(&topic, 0), offset(&topic, 9)],
        ..Default::default()
    };
    let client = &mut setup.clients[1];
    assert_eq!(client.refused(&request).await.0, ErrorCode::UnknownPartition);
    request.offsets[1] = offset("nowhere", 0);
    assert_eq!(client.refused(&request).await.0, ErrorCode::UnknownTopic);
    // None was taken.
    assert_eq!(stored(client, &group, &topic).await, (None, 0));
    txn.abort().await;
}

#[tokio::test]
async fn records_and_offsets_are_seen_together() {
    let mut setup = Setup::new(2).await;
    let (group, topic) = (setup.group.clone(), setup.topic.clone());
    let mut txn = Txn::init(&setup.brokers[0], &setup.topic).await;
    for (round, commits) in [true, false, true].into_iter().enumerate() {
        txn.begin().await;
        let value = format!("{round}");
        for partition in 0..2 {
            txn.produce(&topic, partition, &value).await;
        }
        txn.add_offset(&group, &topic, round as i64).await.unwrap();
        let late = txn.batch(&topic, 1, "late");
        // Through another gateway: what is open there is open here.
        let seen = setup.clients[1].read_all(&topic, 0, 0).await;
        assert!(!values(&seen).contains(&value));
        if commits {
            let commit = txn.commit_request();
            let next = setup.clients[1].call(&commit).await.unwrap();
            txn.go_on(next);
        } else {
            txn.abort().await;
        }
        // Seen as soon as the end is answered, and nothing gets in behind it.
        setup.clients[0].call(&late).await.unwrap_err();
        let expected: Vec<_> =
            [0, 2].iter().filter(|r| **r <= round).map(|r| r.to_string()).collect();
        for (client, partition) in setup.clients.iter_mut().zip([0, 1]) {
            assert_eq!(values(&client.read_all(&topic, partition, 0).await), expected);
            let last = expected.last().unwrap().parse().unwrap();
            assert_eq!(stored(client, &group, &topic).await, (Some(last), 0));
        }
    }
}
