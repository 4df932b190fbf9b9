//! What a broker says to members only in rare moments.

mod common;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::fake::*;
use common::members::*;
use common::*;
use flymq_core::*;
use flymq_protocol::frame::Frame;
use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, OpCode};

fn both() -> Vec<TopicPartitions> {
    vec![TopicPartitions { topic: "t".into(), partitions: vec![0, 1] }]
}

/// Answers as a broker of which the consumer is the only member, with generation 1 and partitions 0
/// and 1 of `t`, of which 0 to 9 is processed.
fn normally(request: &Frame) -> Reply {
    match OpCode::from_u8(request.opcode).unwrap() {
        OpCode::Subscribe => answer::<SubscribeRequest>(
            request,
            &SubscribeResponse { generation: 1, heartbeat_interval_ms: 20, assignment: both() },
        ),
        OpCode::Heartbeat => {
            let asked: HeartbeatRequest = request.decode().unwrap();
            let assignment = asked.owned.map(|_| both());
            heartbeat(request, asked.generation, assignment)
        }
        OpCode::Committed => {
            let offsets = (0..2).map(|p| offset(p, Some(9), 0)).collect();
            answer::<CommittedRequest>(request, &CommittedResponse { offsets })
        }
        OpCode::Commit => answer::<CommitRequest>(request, &CommitResponse::default()),
        OpCode::Leave => answer::<LeaveRequest>(request, &LeaveResponse {}),
        // It takes its time.
        OpCode::Fetch => Reply::Silence,
        _ => politely(request, 2).unwrap_or(Reply::Hangup),
    }
}

fn heartbeat(request: &Frame, generation: i32, assignment: Option<Vec<TopicPartitions>>) -> Reply {
    let response = HeartbeatResponse { generation, heartbeat_interval_ms: 20, assignment };
    answer::<HeartbeatRequest>(request, &response)
}

fn offset(partition: u32, offset: Option<i64>, error: u16) -> CommittedOffset {
    CommittedOffset { topic: "t".into(), partition, offset, error, ..Default::default() }
}

fn is(request: &Frame, op: OpCode) -> bool {
    request.opcode == op as u8
}

async fn member(broker: &FakeBroker) -> Consumer {
    let client = Client::with_config(config(&broker.address)).await.unwrap();
    let consumer = client.consumer().group("g").auto_commit(None).build();
    consumer.subscribe(["t"]).unwrap();
    consumer
}

#[tokio::test]
async fn a_commit_that_crosses_a_new_generation_is_sent_again() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let broker = FakeBroker::start(move |request| {
        if is(request, OpCode::Commit) {
            let asked: CommitRequest = request.decode().unwrap();
            log.lock().unwrap().push(asked.generation);
            if asked.generation == 1 {
                return refuse(request, ErrorCode::StaleGeneration);
            }
        }
        // The new one becomes known once somebody has tried to commit.
        if is(request, OpCode::Heartbeat) && !log.lock().unwrap().is_empty() {
            return heartbeat(request, 2, Some(both()));
        }
        normally(request)
    })
    .await;
    let mut consumer = member(&broker).await;
    share(&mut [&mut consumer], &[2]).await;
    consumer.commit().await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.last(), Some(&2), "{seen:?}");
    assert_eq!(consumer.group_metadata().unwrap().generation(), 2);
}

#[tokio::test]
async fn a_commit_for_partitions_that_are_gone_says_so() {
    let out = Arc::new(AtomicU32::new(0));
    let put_out = out.clone();
    let broker = FakeBroker::start(move |request| match OpCode::from_u8(request.opcode) {
        Some(OpCode::Commit) => {
            put_out.store(1, Relaxed);
            refuse(request, ErrorCode::UnknownMember)
        }
        Some(OpCode::Heartbeat) if put_out.load(Relaxed) == 1 => {
            refuse(request, ErrorCode::UnknownMember)
        }
        Some(OpCode::Subscribe) => {
            put_out.store(0, Relaxed);
            normally(request)
        }
        _ => normally(request),
    })
    .await;
    let mut consumer = member(&broker).await;
    share(&mut [&mut consumer], &[2]).await;
    let error = consumer.commit().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::StaleGeneration));
    assert!(error.message().contains("processed again"), "{error}");
    let mut events = Vec::new();
    while events.len() < 2 {
        events.extend(consumer.poll_event(1, Duration::from_millis(20)).await.unwrap());
    }
    let slots: Vec<_> = (0..2).map(|p| TopicPartition::new("t", p)).collect();
    let [lost, assigned] = [Rebalance::Lost(slots.clone()), Rebalance::Assigned(slots)];
    assert_eq!(events, [Event::Rebalance(lost), Event::Rebalance(assigned)]);
}

#[tokio::test]
async fn a_heartbeat_that_is_not_answered_is_repeated_with_what_is_held() {
    let seen: Arc<Mutex<Vec<Option<Vec<TopicPartitions>>>>> = Arc::default();
    let log = seen.clone();
    let broker = FakeBroker::start(move |request| {
        if is(request, OpCode::Heartbeat) {
            let asked: HeartbeatRequest = request.decode().unwrap();
            let mut log = log.lock().unwrap();
            let first_of_its_kind = asked.owned.is_none() && !log.contains(&None);
            log.push(asked.owned);
            if first_of_its_kind {
                return Reply::Hangup;
            }
        }
        normally(request)
    })
    .await;
    let mut consumer = member(&broker).await;
    let repeated = || {
        let seen = seen.lock().unwrap();
        let lost = seen.iter().position(Option::is_none);
        lost.and_then(|at| seen.get(at + 1).cloned())
    };
    let mut tally = Tally::default();
    drive(&mut [&mut consumer], &mut tally, |_, _| repeated().is_some()).await;
    assert_eq!(repeated().unwrap(), Some(both()));
    assert_eq!(held(&consumer), [0, 1], "nothing else comes of it");
}

#[tokio::test]
async fn offsets_of_an_open_transaction_are_waited_for() {
    let asked = Arc::new(AtomicU32::new(0));
    let fetched: Arc<Mutex<Vec<(u32, u64)>>> = Arc::default();
    let (count, log) = (asked.clone(), fetched.clone());
    let broker = FakeBroker::start(move |request| {
        if is(request, OpCode::Committed) {
            let wanted: CommittedRequest = request.decode().unwrap();
            assert!(wanted.stable);
            let unstable = ErrorCode::UnstableOffsets as u16;
            let second = match count.fetch_add(1, Relaxed) {
                0..3 => offset(1, None, unstable),
                _ => offset(1, Some(19), 0),
            };
            let offsets = vec![offset(0, Some(9), 0), second];
            return answer::<CommittedRequest>(request, &CommittedResponse { offsets });
        }
        if is(request, OpCode::Fetch) {
            let wanted: FetchRequest = request.decode().unwrap();
            let of = |t: &FetchTopic| {
                t.partitions.iter().map(|p| (p.partition, p.offset)).collect::<Vec<_>>()
            };
            log.lock().unwrap().extend(wanted.topics.iter().flat_map(of));
        }
        normally(request)
    })
    .await;
    let mut consumer = member(&broker).await;
    share(&mut [&mut consumer], &[2]).await;
    assert_eq!(asked.load(Relaxed), 4);
    assert_eq!(consumer.position("t", 0).unwrap(), 10);
    assert_eq!(consumer.position("t", 1).unwrap(), 20);
    let reads_both = |_: &[&mut Consumer], _: &Tally| {
        [0, 1].iter().all(|p| fetched.lock().unwrap().iter().any(|(partition, _)| partition == p))
    };
    drive(&mut [&mut consumer], &mut Tally::default(), reads_both).await;
    let expected = |&(partition, offset): &(u32, u64)| offset == [10, 20][partition as usize];
    assert!(fetched.lock().unwrap().iter().all(expected));
}

#[tokio::test]
async fn a_broker_without_groups_is_reported() {
    let broker = FakeBroker::start(|request| {
        if is(request, OpCode::Subscribe) {
            return refuse(request, ErrorCode::UnsupportedOperation);
        }
        normally(request)
    })
    .await;
    let mut consumer = member(&broker).await;
    for _ in 0..2 {
        let error = consumer.poll(1, LONG).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::UnsupportedOperation));
    }
}

#[tokio::test]
async fn closing_does_not_wait_for_a_broker_that_is_silent() {
    let silent = Arc::new(AtomicU32::new(0));
    let mute = silent.clone();
    let broker = FakeBroker::start(move |request| match mute.load(Relaxed) {
        0 => normally(request),
        _ => Reply::Silence,
    })
    .await;
    let mut consumer = member(&broker).await;
    share(&mut [&mut consumer], &[2]).await;
    silent.store(1, Relaxed);
    let commit = consumer.commit_async();
    let closing = consumer.close(Duration::from_millis(200));
    let error = tokio::time::timeout(LONG, closing).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Timeout));
    drop(commit);
}
