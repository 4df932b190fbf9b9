//! Transactions under failure: connections cut at every stage, answers lost, brokers that have
//! aborted or forgotten. What is committed is so once and whole; everything else is not seen.

mod common;

use std::time::Duration;

use common::cutter::{Cut, Cutter};
use common::model::ModelBroker;
use common::{Proxy, config, contents};
use flymq_core::*;
use flymq_protocol::OpCode;

/// A broker, a client that reaches it directly, and one that does through a proxy.
async fn start(patience: Duration) -> (ModelBroker, Client, Cutter, Client) {
    let broker = ModelBroker::start().await;
    let direct = Client::with_config(config(&broker.address)).await.unwrap();
    direct.create_topic(NewTopic::new("a").partitions(3)).await.unwrap();
    let cutter = Cutter::start(&broker.address).await;
    let config = Config { request_timeout: patience, ..config(&cutter.address) };
    let client = Client::with_config(config).await.unwrap();
    (broker, direct, cutter, client)
}

const LONG: Duration = Duration::from_secs(30);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

async fn committed(client: &Client) -> Vec<String> {
    contents(client, "a", Isolation::ReadCommitted).await
}

fn code(error: &Error) -> ErrorCode {
    error.code().unwrap()
}

fn offsets(offset: u64) -> GroupOffsets {
    GroupOffsets::new(GroupMetadata::without_member("g")).processed(GroupOffset::new(
        "a",
        1,
        offset as i64,
    ))
}

#[tokio::test]
async fn a_connection_cut_at_any_stage_loses_and_doubles_nothing() {
    let (broker, direct, cutter, client) = start(LONG).await;
    let producer = client.transactional_producer("p").batch_bytes(1).build().await.unwrap();
    let mut expected = Vec::new();
    let stages = [
        &[OpCode::BeginTxn][..],
        &[OpCode::Produce],
        &[OpCode::TxnOffsets],
        &[OpCode::CommitTxn],
        &[OpCode::BeginTxn, OpCode::Produce],
        &[OpCode::BeginTxn, OpCode::Produce, OpCode::TxnOffsets, OpCode::CommitTxn],
    ];
    for round in 0..4 {
        for (stage, operations) in stages.iter().enumerate() {
            for cut in [Cut::Request, Cut::Answer] {
                operations.iter().for_each(|&operation| cutter.cut(operation, cut));
                let transaction = producer.begin().await.unwrap();
                for i in 0..8 {
                    let value = format!("{round}-{stage}-{cut:?}-{i}");
                    transaction.send("a", Record::new(value.clone())).await.unwrap();
                    expected.push(value);
                }
                transaction.send_offsets(offsets(expected.len() as u64)).await.unwrap();
                transaction.commit().await.unwrap();
                assert!(cutter.is_done(), "{operations:?}");
            }
        }
    }
    expected.sort();
    assert_eq!(committed(&direct).await, expected);
    assert_eq!(broker.state().commits, 48);
    assert_eq!(broker.state().offsets[&("g".into(), "a".into(), 1)], expected.len() as i64);
}

#[tokio::test]
async fn an_abort_is_carried_out_over_lost_connections() {
    let (broker, direct, cutter, client) = start(LONG).await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    for operation in [OpCode::BeginTxn, OpCode::Produce, OpCode::AbortTxn, OpCode::InitProducer] {
        for cut in [Cut::Request, Cut::Answer] {
            cutter.cut(operation, cut);
            let transaction = producer.begin().await.unwrap();
            transaction.send("a", Record::new("aborted")).await.unwrap();
            transaction.abort().await.unwrap();
            let transaction = producer.begin().await.unwrap();
            transaction.send("a", Record::new("committed")).await.unwrap();
            transaction.commit().await.unwrap();
        }
    }
    assert_eq!(broker.state().commits, 8);
    assert_eq!(committed(&direct).await, ["committed"; 8]);
}

#[tokio::test]
async fn what_an_aborted_transaction_sent_never_gets_into_the_next() {
    let (_broker, direct, cutter, client) = start(SHORT).await;
    let producer = client.transactional_producer("p").batch_bytes(1).build().await.unwrap();
    for round in 0..3 {
        // Records, and the ABORT behind them, are held up on a connection that the client gives up.
        cutter.hold(OpCode::Produce);
        let transaction = producer.begin().await.unwrap();
        for i in 0..9 {
            transaction.send("a", Record::new(format!("{round}-late-{i}"))).await.unwrap();
        }
        while transaction.abort().await.is_err_and(|e| code(&e) == ErrorCode::Timeout) {}
        let transaction = producer.begin().await.unwrap();
        let deliveries = [
            transaction.send("a", Record::new(format!("{round}"))).await.unwrap(),
            transaction.send("a", Record::new(format!("{round}"))).await.unwrap(),
        ];
        cutter.release();
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
    assert_eq!(committed(&direct).await, ["0", "0", "1", "1", "2", "2"]);
}

#[tokio::test]
async fn a_transaction_that_the_broker_aborted_is_run_again() {
    let (broker, direct, cutter, client) = start(LONG).await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    let send = async |transaction: &Transaction, value| {
        transaction.send("a", Record::new(value).partition(0)).await.unwrap().await
    };
    // Its time is up: noticed by a record, by offsets, by the commit, or after a restart.
    for noticed in ["record", "offsets", "commit", "restart"] {
        let transaction = producer.begin().await.unwrap();
        send(&transaction, "first").await.unwrap();
        broker.state().abort_open();
        match noticed {
            "record" => {
                let error = send(&transaction, "second").await.unwrap_err();
                assert_eq!(code(&error), ErrorCode::TxnAborted);
            }
            "offsets" => {
                let error = transaction.send_offsets(offsets(1)).await.unwrap_err();
                assert_eq!(code(&error), ErrorCode::TxnAborted);
            }
            "restart" => cutter.cut(OpCode::CommitTxn, Cut::Request),
            _ => {}
        }
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(code(&error), ErrorCode::TxnAborted, "{noticed}");
        assert!(error.is_abortable(), "{error}");
        let transaction = producer.begin().await.unwrap();
        send(&transaction, noticed).await.unwrap();
        transaction.commit().await.unwrap();
    }
    assert_eq!(committed(&direct).await, ["commit", "offsets", "record", "restart"]);
}

#[tokio::test]
async fn work_is_run_again_until_it_is_committed() {
    let (broker, direct, cutter, client) = start(LONG).await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    let (running, aborting) = (producer.clone(), broker.handle());
    // As a task, because that is how it is used.
    let task = tokio::spawn(async move {
        let mut runs = 0;
        running
            .run(move |transaction| {
                runs += 1;
                let aborting = aborting.clone();
                async move {
                    transaction.send("a", Record::new("x")).await?.await?;
                    if runs <= 2 {
                        aborting.lock().unwrap().abort_open();
                    }
                    if runs == 2 {
                        transaction.send("a", Record::new("y")).await?.await?;
                    }
                    Ok(runs)
                }
            })
            .await
    });
    cutter.cut(OpCode::CommitTxn, Cut::Answer);
    assert_eq!(task.await.unwrap().unwrap(), 3);
    // What would fail again, or is the application's own failure, is not.
    for failing in ["bad", "own"] {
        let error = producer
            .run(|transaction| async move {
                transaction.send("a", Record::new(failing)).await?;
                match failing {
                    "own" => Err(Error::new(ErrorCode::Serialization, "test", "no such account")),
                    _ => Ok(()),
                }
            })
            .await
            .unwrap_err();
        assert!(!error.is_abortable(), "{error}");
    }
    assert_eq!(committed(&direct).await, ["x"]);
}

#[tokio::test]
async fn a_producer_that_the_broker_forgot_gets_a_new_identity() {
    let (broker, direct, _cutter, client) = start(LONG).await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    producer.begin().await.unwrap().commit().await.unwrap();
    broker.state().forget("p");
    let transaction = producer.begin().await.unwrap();
    // The refusal of BEGIN may come before or after this.
    let _ = transaction.send("a", Record::new("lost")).await;
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::TxnAborted);
    assert!(error.is_abortable(), "{error}");
    let transaction = producer.begin().await.unwrap();
    transaction.send("a", Record::new("x")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(committed(&direct).await, ["x"]);
}

#[tokio::test]
async fn a_commit_of_unknown_fate_is_found_out_before_anything_else() {
    for dropped in [false, true] {
        let (broker, direct, cutter, client) = start(SHORT).await;
        let producer = client.transactional_producer("p").build().await.unwrap();
        let transaction = producer.begin().await.unwrap();
        transaction.send("a", Record::new("1")).await.unwrap();
        cutter.hold(OpCode::CommitTxn);
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(code(&error), ErrorCode::Timeout);
        assert!(error.message().contains("not known") && !error.is_abortable(), "{error}");
        let error = transaction.abort().await.unwrap_err();
        assert_eq!(code(&error), ErrorCode::InvalidTxnState);
        let error = producer.begin().await.unwrap_err();
        assert_eq!(code(&error), ErrorCode::Timeout);
        assert_eq!(broker.state().commits, 0);
        if dropped {
            drop(transaction);
            cutter.release();
        } else {
            cutter.release();
            transaction.commit().await.unwrap();
            let error = transaction.commit().await.unwrap_err();
            assert_eq!(code(&error), ErrorCode::InvalidTxnState);
        }
        let transaction = producer.begin().await.unwrap();
        assert_eq!(broker.state().commits, 1);
        transaction.send("a", Record::new("2")).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(committed(&direct).await, ["1", "2"]);
    }
}

#[tokio::test]
async fn a_fate_that_cannot_be_learnt_is_called_so() {
    let (_broker, direct, cutter, client) = start(SHORT).await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    transaction.send("a", Record::new("1")).await.unwrap();
    cutter.hold(OpCode::CommitTxn);
    assert_eq!(code(&transaction.commit().await.unwrap_err()), ErrorCode::Timeout);
    let newer = direct.transactional_producer("p").build().await.unwrap();
    cutter.release();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::ProducerFenced);
    assert!(error.message().contains("cannot be learnt"), "{error}");
    assert!(!error.is_abortable());
    newer.begin().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_can_be_called_again() {
    let (broker, direct, cutter, client) = start(LONG).await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    // While records are under way, and while COMMIT is.
    for held in [OpCode::Produce, OpCode::CommitTxn] {
        let transaction = producer.begin().await.unwrap();
        transaction.send("a", Record::new("x")).await.unwrap();
        let before = cutter.seen(held);
        cutter.hold(held);
        tokio::select! {
            _ = transaction.commit() => panic!("it is held up"),
            () = async { while cutter.seen(held) == before { tokio::task::yield_now().await } } => {}
        }
        let error = transaction.send("a", Record::new("y")).await.err().unwrap();
        assert_eq!(code(&error), ErrorCode::InvalidTxnState);
        cutter.release();
        transaction.commit().await.unwrap();
    }
    // Until COMMIT is sent, it can be thought better of.
    let transaction = producer.begin().await.unwrap();
    transaction.send("a", Record::new("z")).await.unwrap();
    let before = cutter.seen(OpCode::Produce);
    cutter.hold(OpCode::Produce);
    tokio::select! {
        _ = transaction.commit() => panic!("it is held up"),
        () = async {
            while cutter.seen(OpCode::Produce) == before { tokio::task::yield_now().await }
        } => {}
    }
    cutter.release();
    transaction.abort().await.unwrap();
    assert_eq!(committed(&direct).await, ["x", "x"]);
    assert_eq!(broker.state().commits, 2);
}

#[tokio::test]
async fn offsets_that_nobody_waited_for_doom_the_transaction() {
    let (broker, _direct, cutter, client) = start(LONG).await;
    let producer = client.transactional_producer("p").build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    cutter.hold(OpCode::TxnOffsets);
    tokio::select! {
        _ = transaction.send_offsets(offsets(1)) => panic!("it is held up"),
        () = async {
            while cutter.seen(OpCode::TxnOffsets) == 0 { tokio::task::yield_now().await }
        } => {}
    }
    cutter.release();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::TxnAborted);
    assert!(broker.state().offsets.is_empty());
}

#[tokio::test]
async fn records_that_take_too_long_abort_their_transaction() {
    let (_broker, direct, cutter, client) = start(SHORT).await;
    let producer = client.transactional_producer("p").transaction_timeout(SHORT);
    let producer = producer.build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    cutter.hold(OpCode::Produce);
    transaction.send("a", Record::new("x")).await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::TxnAborted);
    assert!(error.is_abortable(), "{error}");
    cutter.release();
    let transaction = producer.begin().await.unwrap();
    transaction.send("a", Record::new("y")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(committed(&direct).await, ["y"]);
}

/// Cuts anywhere, time-outs of the broker, and an application that runs again what was aborted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_random_cuts_every_transaction_is_committed_once() {
    let (broker, direct, _cutter, _) = start(LONG).await;
    let proxy = Proxy::start(broker.address.parse().unwrap()).await;
    proxy.cut_after(6_000);
    let client = Client::with_config(config(&proxy.address)).await.unwrap();
    let producer = client.transactional_producer("p").batch_bytes(100).build().await.unwrap();
    let mut expected = Vec::new();
    let mut again = 0;
    for round in 0..150 {
        let mut attempt = 0;
        loop {
            let transaction = producer.begin().await.unwrap();
            let mut last = None;
            for i in 0..20 {
                let record = Record::new(format!("{round:03}-{i:02}"));
                last = Some(transaction.send("a", record).await.unwrap());
            }
            attempt += 1;
            if round % 10 == 3 && attempt == 1 {
                // Once it is stored, the broker knows of the transaction.
                last.unwrap().await.unwrap();
                broker.state().abort_open();
            }
            match transaction.commit().await {
                Ok(()) => break,
                Err(error) => assert!(error.is_abortable(), "{error}"),
            }
            again += 1;
        }
        expected.extend((0..20).map(|i| format!("{round:03}-{i:02}")));
    }
    assert!(proxy.cuts() > 20, "{} cuts", proxy.cuts());
    assert!(again > 0, "nothing was aborted");
    assert_eq!(committed(&direct).await, expected);
    assert_eq!(broker.state().commits, 150);
}
