//! Connections to brokers that misbehave.

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::fake::{FakeBroker, Reply, answer, hello, politely, refuse, refuse_with};
use flymq_core::*;
use flymq_protocol::OpCode;
use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, Frame};
use flymq_protocol::messages::*;

fn config(address: &str) -> Config {
    Config {
        backoff_initial: Duration::from_millis(1),
        backoff_max: Duration::from_millis(20),
        ..Config::parse(address).unwrap()
    }
}

fn is(request: &Frame, op: OpCode) -> bool {
    request.opcode == op as u8
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order_and_strays_are_ignored() {
    // Holds two PINGs back, answers them the other way round, and adds what nobody asked for.
    let held: Mutex<Vec<Frame>> = Mutex::default();
    let broker = FakeBroker::start(move |request| {
        if !is(request, OpCode::ListOffsets) {
            return politely(request, 1).unwrap();
        }
        let mut held = held.lock().unwrap();
        held.push(request.clone());
        if held.len() < 2 {
            return Reply::Silence;
        }
        let mut out = Vec::new();
        let stray = frame::encode(OpCode::Ping.response(), 1 << 60, &PingResponse::default());
        out.extend(stray.unwrap().to_bytes());
        for request in held.drain(..).rev() {
            let asked: ListOffsetsRequest = request.decode().unwrap();
            let partition = asked.partitions[0].partition;
            let found = FoundOffset { partition, offset: partition.into(), timestamp: 0, error: 0 };
            let response = ListOffsetsResponse { partitions: vec![found] };
            let Reply::Bytes(bytes) = answer::<ListOffsetsRequest>(&request, &response) else {
                unreachable!()
            };
            out.extend(bytes);
        }
        Reply::Bytes(out.into())
    })
    .await;
    let client = Client::with_config(config(&broker.address)).await.unwrap();
    let (one, two) = ([(1, OffsetSpec::Latest)], [(2, OffsetSpec::Latest)]);
    let (first, second) =
        tokio::join!(client.list_offsets("t", &one), client.list_offsets("t", &two));
    assert_eq!((first.unwrap(), second.unwrap()), (vec![1], vec![2]));
    assert_eq!(broker.connections(), 1);
}

#[tokio::test]
async fn an_error_of_a_later_version_keeps_its_number_and_texts() {
    let broker = FakeBroker::start(|request| match politely(request, 1) {
        Some(reply) if !is(request, OpCode::Ping) => reply,
        _ => {
            let reply = ErrorReply {
                code: 4242,
                name: "FROM_THE_FUTURE".to_owned(),
                message: "not known yet".to_owned(),
                retriable: false,
                hint: "wait".to_owned(),
            };
            refuse_with(request, reply)
        }
    })
    .await;
    let client = Client::with_config(config(&broker.address)).await.unwrap();
    let error = client.ping().await.unwrap_err();
    assert_eq!((error.code(), error.code_number()), (None, 4242));
    assert_eq!((error.name(), error.hint()), ("FROM_THE_FUTURE", "wait"));
    assert!(!error.is_retriable());
    assert_eq!(error.to_string(), "ping: not known yet (FROM_THE_FUTURE 4242; wait)");
    assert_eq!(client.metrics().errors[&4242], 1);
}

#[tokio::test]
async fn broken_frames_end_the_connection_and_say_why() {
    let oversize = [&[0xFB, 0x01, 0xB2][..], &u32::MAX.to_be_bytes()].concat();
    let no_map = [&[0xFB, 0x01, 0xB2][..], &1u32.to_be_bytes(), &[0x90]].concat();
    for (bytes, code) in [
        (b"garbage!".to_vec(), ErrorCode::BadMagic),
        (vec![0xFB, 9, 0, 0, 0, 0, 0], ErrorCode::UnsupportedVersion),
        (oversize, ErrorCode::FrameTooLarge),
        (no_map, ErrorCode::MalformedPayload),
    ] {
        let broken = AtomicUsize::new(0);
        let bytes = Bytes::from(bytes);
        let broker = FakeBroker::start(move |request| {
            match is(request, OpCode::Ping) && broken.fetch_add(1, Ordering::Relaxed) == 0 {
                true => Reply::Bytes(bytes.clone()),
                false => politely(request, 1).unwrap(),
            }
        })
        .await;
        let client = Client::with_config(config(&broker.address)).await.unwrap();
        assert_eq!(client.ping().await.unwrap_err().code(), Some(code));
        // The next request has a connection of its own, and nothing is wrong with that.
        client.ping().await.unwrap();
        assert_eq!(broker.connections(), 2);
    }
}

#[tokio::test]
async fn a_broker_that_wants_authentication_is_told_apart() {
    let broker = FakeBroker::start(|request| {
        answer::<HelloRequest>(request, &HelloResponse { auth_required: true, ..hello() })
    })
    .await;
    let error = Client::with_config(config(&broker.address)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::AuthRequired));
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_left_for_another() {
    let silent = FakeBroker::start(|request| match is(request, OpCode::Hello) {
        true => politely(request, 1).unwrap(),
        false => Reply::Silence,
    })
    .await;
    let lively = FakeBroker::start(|request| politely(request, 1).unwrap()).await;
    let both = format!("{},{}", silent.address, lively.address);
    let config = Config { request_timeout: Duration::from_secs(3), ..config(&both) };
    // Which one is tried first is a matter of chance.
    let client = loop {
        let client = Client::with_config(config.clone()).await.unwrap();
        if client.broker().await.unwrap().address == silent.address {
            break client;
        }
    };
    client.ping().await.unwrap();
    assert_eq!(client.broker().await.unwrap().address, lively.address);
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_while_the_broker_lives() {
    // Answers the PINGs by which the connection sees whether the broker lives, but holds the FETCH
    // back until the third, which is longer than silence is put up with.
    let pings = AtomicUsize::new(0);
    let held: Mutex<Option<Frame>> = Mutex::default();
    let broker = FakeBroker::start(move |request| {
        if is(request, OpCode::Fetch) {
            *held.lock().unwrap() = Some(request.clone());
            return Reply::Silence;
        }
        if is(request, OpCode::Ping) && pings.fetch_add(1, Ordering::Relaxed) == 2 {
            let waiting = held.lock().unwrap().take().unwrap();
            return refuse(&waiting, ErrorCode::UnknownTopic);
        }
        politely(request, 1).unwrap()
    })
    .await;
    let config = Config { request_timeout: Duration::from_millis(400), ..config(&broker.address) };
    let client = Client::with_config(config).await.unwrap();
    let options = FetchOptions { max_wait: Duration::from_secs(30), ..FetchOptions::default() };
    let error = client.fetch("t", 0, 0, options).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopic));
    assert_eq!(broker.connections(), 2, "one for fetches, one for the rest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_broker_is_not_stormed() {
    let hangs_up = AtomicUsize::new(0);
    let broker = FakeBroker::start(move |request| match request.opcode {
        // Lets the first connection in, to learn the topic, and none after it.
        op if op == OpCode::Hello as u8 && hangs_up.fetch_add(1, Ordering::Relaxed) > 0 => {
            Reply::Hangup
        }
        op if op == OpCode::Produce as u8 => Reply::Hangup,
        _ => politely(request, 200).unwrap(),
    })
    .await;
    let config = Config {
        backoff_initial: Duration::from_millis(100),
        backoff_max: Duration::from_millis(100),
        ..config(&broker.address)
    };
    let client = Client::with_config(config).await.unwrap();
    let timeout = Duration::from_secs(1);
    let producer =
        client.producer().linger(Duration::ZERO).delivery_timeout(timeout).build().unwrap();
    let mut deliveries = Vec::new();
    for partition in 0..200 {
        let record = Record::new("x").partition(partition);
        deliveries.push(producer.send("t", record).await.unwrap());
    }
    for delivery in deliveries {
        let error = delivery.await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Timeout));
        assert!(error.message().contains("connection to"), "the cause is named: {error}");
    }
    // Two hundred partitions wait for one connection: about twenty attempts in a second.
    assert!(broker.connections() < 80, "{} connections", broker.connections());
}

#[tokio::test]
async fn a_request_that_may_have_been_carried_out_is_not_repeated() {
    let created = std::sync::Arc::new(AtomicUsize::new(0));
    let counting = created.clone();
    let broker = FakeBroker::start(move |request| match is(request, OpCode::CreateTopic) {
        true if counting.fetch_add(1, Ordering::Relaxed) == 0 => Reply::Hangup,
        true => refuse(request, ErrorCode::TopicExists),
        false => politely(request, 1).unwrap(),
    })
    .await;
    let client = Client::with_config(config(&broker.address)).await.unwrap();
    let error = client.create_topic(NewTopic::new("t")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ConnectionLost));
    assert!(error.is_retriable());
    assert_eq!(created.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn requests_end_in_time() {
    let broker = FakeBroker::start(|request| match is(request, OpCode::Ping) {
        true => refuse(request, ErrorCode::Overloaded),
        false => politely(request, 1).unwrap(),
    })
    .await;
    let config = Config { request_timeout: Duration::from_millis(300), ..config(&broker.address) };
    let client = Client::with_config(config).await.unwrap();
    let began = Instant::now();
    let error = client.ping().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Overloaded));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(client.metrics().retries > 3);
}

#[tokio::test]
async fn a_send_does_not_succeed_without_knowing_its_topic() {
    // It tells of partitions, and then falls silent.
    let broker = FakeBroker::start(|request| match is(request, OpCode::DescribeTopic) {
        true => Reply::Silence,
        false => politely(request, 1).unwrap(),
    })
    .await;
    let config = Config { request_timeout: Duration::from_millis(300), ..config(&broker.address) };
    let client = Client::with_config(config).await.unwrap();
    let producer = client.producer().build().unwrap();
    let error = producer.send("t", Record::new("x")).await.err().expect("no delivery");
    assert_eq!(error.code(), Some(ErrorCode::Timeout), "{error}");
}

#[tokio::test]
async fn whatever_a_broker_that_stops_has_not_begun_with_goes_to_another_one() {
    // One refuses to create topics, because it stops, but finishes what it has begun with.
    let held: Mutex<Option<Frame>> = Mutex::default();
    let stopping = FakeBroker::start(move |request| {
        if is(request, OpCode::ListOffsets) {
            *held.lock().unwrap() = Some(request.clone());
            return Reply::Silence;
        }
        if !is(request, OpCode::CreateTopic) {
            return politely(request, 1).unwrap();
        }
        let mut out = Vec::new();
        let first = held.lock().unwrap().take().unwrap();
        let found = FoundOffset { partition: 0, offset: 7, timestamp: 0, error: 0 };
        let response = ListOffsetsResponse { partitions: vec![found] };
        let replies = [
            refuse(request, ErrorCode::ShuttingDown),
            answer::<ListOffsetsRequest>(&first, &response),
        ];
        for reply in replies {
            let Reply::Bytes(bytes) = reply else { unreachable!() };
            out.extend(bytes);
        }
        Reply::Bytes(out.into())
    })
    .await;
    let lively = FakeBroker::start(|request| match is(request, OpCode::CreateTopic) {
        true => answer::<CreateTopicRequest>(
            request,
            &CreateTopicResponse { partitions: 1, created: true },
        ),
        false => politely(request, 1).unwrap(),
    })
    .await;
    let both = format!("{},{}", stopping.address, lively.address);
    let client = loop {
        let client = Client::with_config(config(&both)).await.unwrap();
        if client.broker().await.unwrap().address == stopping.address {
            break client;
        }
    };
    let spec = [(0, OffsetSpec::Latest)];
    let under_way = client.list_offsets("t", &spec);
    let create = async {
        // Behind the other on the same connection.
        tokio::task::yield_now().await;
        client.create_topic(NewTopic::new("t")).await
    };
    let (under_way, created) = tokio::join!(under_way, create);
    assert_eq!(under_way.unwrap(), [7]);
    assert!(created.unwrap());
    assert_eq!(client.broker().await.unwrap().address, lively.address);
    assert_eq!(client.metrics().connections_lost, 0);
}
