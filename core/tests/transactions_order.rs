//! In which order a transaction's requests and their answers may come.

mod common;

use std::sync::Mutex;
use std::time::Duration;

use common::config;
use common::cutter::{Cut, Cutter};
use common::fake::{FakeBroker, Reply, answer, politely, refuse};
use common::model::ModelBroker;
use flymq_core::*;
use flymq_protocol::OpCode;
use flymq_protocol::frame::Frame;
use flymq_protocol::messages::*;

fn begun(request: &Frame) -> Reply {
    answer::<BeginTxnRequest>(request, &BeginTxnResponse {})
}

fn stored(request: &Frame) -> Reply {
    answer::<ProduceRequest>(request, &ProduceResponse { base_offset: 0, duplicate: false })
}

fn committed(request: &Frame) -> Reply {
    let next = EndTxnResponse { producer_id: 7, producer_epoch: 1 };
    answer::<CommitTxnRequest>(request, &next)
}

fn aborted(request: &Frame) -> Reply {
    let next = EndTxnResponse { producer_id: 7, producer_epoch: 1 };
    answer::<AbortTxnRequest>(request, &next)
}

fn both(first: Reply, second: Reply) -> Reply {
    match (first, second) {
        (Reply::Bytes(first), Reply::Bytes(second)) => {
            Reply::Bytes([first, second].concat().into())
        }
        _ => Reply::Hangup,
    }
}

/// BEGIN is answered only once a record has come behind it.
#[tokio::test]
async fn nobody_waits_for_a_transactions_beginning() {
    let held = Mutex::new(None);
    let broker = FakeBroker::start(move |request| match OpCode::from_u8(request.opcode) {
        Some(OpCode::BeginTxn) => {
            *held.lock().unwrap() = Some(begun(request));
            Reply::Silence
        }
        Some(OpCode::Produce) => match held.lock().unwrap().take() {
            Some(begun) => both(begun, stored(request)),
            None => refuse(request, ErrorCode::InvalidTxnState),
        },
        Some(OpCode::CommitTxn) => committed(request),
        _ => politely(request, 1).unwrap_or(Reply::Hangup),
    })
    .await;
    let client = Client::with_config(config(&broker.address)).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.send("t", Record::new("x")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(broker.connections(), 1);
}

/// A broker too busy to begin refuses what comes behind as well. Nothing is sent then until it has
/// begun; PING asks this one to do so.
#[tokio::test]
async fn a_beginning_that_is_refused_for_now_harms_nothing() {
    #[derive(Default)]
    struct State {
        begins: u32,
        held: Option<Reply>,
        begun: bool,
        early: u32,
    }
    let state = std::sync::Arc::new(Mutex::new(State::default()));
    let serving = state.clone();
    let broker = FakeBroker::start(move |request| {
        let mut state = serving.lock().unwrap();
        match OpCode::from_u8(request.opcode) {
            Some(OpCode::BeginTxn) => {
                state.begins += 1;
                match state.begins {
                    1 => return begun(request),
                    2 => return refuse(request, ErrorCode::Overloaded),
                    _ => state.held = Some(begun(request)),
                }
                Reply::Silence
            }
            Some(OpCode::Ping) => {
                let pong = answer::<PingRequest>(request, &PingResponse { time_ms: 1 });
                let Some(begun) = state.held.take() else { return pong };
                state.begun = true;
                both(begun, pong)
            }
            Some(OpCode::Produce) if state.begun => stored(request),
            Some(OpCode::Produce) => {
                state.early += 1;
                refuse(request, ErrorCode::InvalidTxnState)
            }
            Some(OpCode::CommitTxn) => committed(request),
            _ => politely(request, 2).unwrap_or(Reply::Hangup),
        }
    })
    .await;
    let client = Client::with_config(config(&broker.address)).await.unwrap();
    let producer = client.transactional_producer("p").linger(Duration::ZERO).build().await.unwrap();
    // With the topic known, a record goes right behind the beginning.
    let transaction = producer.begin().await.unwrap();
    transaction.prepare("t").await.unwrap();
    transaction.commit().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    let first = transaction.send("t", Record::new("x").partition(0)).await.unwrap();
    let until_begin_is_held = async {
        while state.lock().unwrap().held.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), until_begin_is_held).await.unwrap();
    let early = state.lock().unwrap().early;
    assert_eq!(early, 1);
    let second = transaction.send("t", Record::new("x").partition(1)).await.unwrap();
    client.ping().await.unwrap();
    assert_eq!(state.lock().unwrap().early, early, "sent before the transaction has begun");
    first.await.unwrap();
    second.await.unwrap();
    transaction.commit().await.unwrap();
}

/// The refusal of a record comes only when its transaction was aborted and another is open, in which
/// a record has the same sequence.
#[tokio::test]
async fn an_answer_that_comes_late_does_not_count_for_the_next_transaction() {
    let held = Mutex::new(None);
    let broker = FakeBroker::start(move |request| match OpCode::from_u8(request.opcode) {
        Some(OpCode::BeginTxn) => begun(request),
        Some(OpCode::Produce) => {
            let mut held = held.lock().unwrap();
            match held.take() {
                Some(refused) => both(refused, stored(request)),
                None => {
                    *held = Some(refuse(request, ErrorCode::RecordTooLarge));
                    Reply::Silence
                }
            }
        }
        Some(OpCode::AbortTxn) => aborted(request),
        Some(OpCode::CommitTxn) => committed(request),
        _ => politely(request, 1).unwrap_or(Reply::Hangup),
    })
    .await;
    let client = Client::with_config(config(&broker.address)).await.unwrap();
    let producer = client.transactional_producer("p").linger(Duration::ZERO).build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    let lost = transaction.send("t", Record::new("x")).await.unwrap();
    transaction.abort().await.unwrap();
    assert_eq!(lost.await.unwrap_err().code(), Some(ErrorCode::TxnAborted));
    let transaction = producer.begin().await.unwrap();
    let delivery = transaction.send("t", Record::new("y")).await.unwrap();
    transaction.commit().await.unwrap();
    delivery.await.unwrap();
}

/// Offsets that are under way when commit is called come before COMMIT, also over a lost connection.
#[tokio::test]
async fn a_commit_waits_for_offsets() {
    let broker = ModelBroker::start().await;
    let cutter = Cutter::start(&broker.address).await;
    let client = Client::with_config(config(&cutter.address)).await.unwrap();
    let producer = client.transactional_producer("p").build().await.unwrap();
    for round in 0..20 {
        let transaction = producer.begin().await.unwrap();
        let offsets = GroupOffsets::new(GroupMetadata::without_member("g"))
            .processed(GroupOffset::new("t", 0, round as i64));
        cutter.cut(OpCode::TxnOffsets, Cut::Request);
        let (sent, committed) =
            tokio::join!(transaction.send_offsets(offsets), transaction.commit());
        sent.unwrap();
        committed.unwrap();
        assert!(cutter.is_done());
        let stored = broker.state().offsets[&("g".to_owned(), "t".to_owned(), 0)];
        assert_eq!(stored, round as i64);
    }
}
