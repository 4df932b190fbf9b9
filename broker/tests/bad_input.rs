//! What hostile or broken clients send: a numbered error each, and nobody else is harmed.

mod common;

use std::time::Duration;

use common::*;
use flymq_broker::{Broker, Config, ErrorCode};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::messages::*;
use flymq_protocol::{Codec, RecordBatch, frame, opcode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn error(client: &mut Client) -> ErrorCode {
    let frame = client.receive().await.expect("an ERROR frame");
    assert_eq!(frame.opcode, opcode::ERROR);
    ErrorCode::from_u16(frame.decode::<ErrorReply>().unwrap().code).unwrap()
}

async fn raw(client: &mut Client, op: u8, payload: &[u8]) {
    let mut bytes = vec![frame::MAGIC, frame::VERSION, op];
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend(payload);
    client.stream.write_all(&bytes).await.unwrap();
}

#[tokio::test]
async fn broken_framing_is_answered_and_closed() {
    let (_dir, broker) = start().await;
    let mut bystander = Client::connect(&broker).await;
    let too_long = [0xFB, 0x01, 0x32, 0xff, 0xff, 0xff, 0xff];
    for (bytes, code) in [
        (&b"GET / HTTP/1.1\r\n"[..], ErrorCode::BadMagic),
        (&[0x16, 0x03, 0x01, 0, 0, 0, 0][..], ErrorCode::BadMagic),
        (&[0xFB, 0x02, 0x32, 0, 0, 0, 0][..], ErrorCode::UnsupportedVersion),
        (&too_long[..], ErrorCode::FrameTooLarge),
    ] {
        let mut client = Client::connect(&broker).await;
        client.stream.write_all(bytes).await.unwrap();
        assert_eq!(error(&mut client).await, code);
        assert!(client.receive().await.is_none(), "the connection is closed");
    }
    bystander.call(&PingRequest {}).await.unwrap();
}

#[tokio::test]
async fn broken_payloads_fail_alone() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    let depth_bomb = {
        let mut payload = vec![0x82, 0xa2, b'i', b'd', 0x07, 0xa1, b'a'];
        payload.extend([0x91; 100_000]);
        payload.push(0xc0);
        payload
    };
    for payload in [&b"\xc1"[..], b"", b"hello", &[0x81, 0xa2, b'i', b'd'], &depth_bomb] {
        raw(&mut client, 0x01, payload).await;
        assert_eq!(error(&mut client).await, ErrorCode::MalformedPayload);
    }
    // An id that stands before the fault is answered with.
    raw(&mut client, 0x01, &depth_bomb).await;
    assert_eq!(client.receive().await.unwrap().id, 7);
    // Wrong types: {id: 9, name: 5}. The answer carries the id.
    raw(&mut client, 0x04, b"\x82\xa2id\x09\xa4name\x05").await;
    let frame = client.receive().await.unwrap();
    assert_eq!((frame.opcode, frame.id), (opcode::ERROR, 9));
    raw(&mut client, 0x7e, b"\x81\xa2id\x01").await;
    assert_eq!(error(&mut client).await, ErrorCode::UnknownOpcode);
    client.call(&PingRequest {}).await.unwrap();
}

#[tokio::test]
async fn hello_comes_first() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect_silently(&broker).await;
    assert_eq!(client.refused(&PingRequest {}).await.0, ErrorCode::HelloRequired);
    let long = HelloRequest { client_id: "x".repeat(256), ..Default::default() };
    assert_eq!(client.refused(&long).await.0, ErrorCode::InvalidRequest);
    let hello = client.call(&HelloRequest::default()).await.unwrap();
    assert_eq!((hello.auth_required, hello.nonce.len()), (false, 32));
    let auth =
        |mechanism: &str| AuthRequest { mechanism: mechanism.into(), data: Default::default() };
    assert!(client.call(&auth("ANONYMOUS")).await.unwrap().done);
    assert_eq!(client.refused(&auth("PLAIN")).await.0, ErrorCode::UnsupportedMechanism);
}

#[tokio::test]
async fn bad_batches_are_refused_and_store_nothing() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[("max_record_bytes", "1000")]).await;
    let good = batch(&["a", "b"]);
    let zip_bomb = {
        let zeros = vec![0; 64 << 20];
        let packed: bytes::Bytes = Codec::Zstd.compress(zeros.into()).1;
        assert!(packed.len() < 100_000);
        RecordBatch {
            codec: Codec::Zstd as u8,
            raw_size: 64 << 20,
            crc32c: 0,
            records: packed.into(),
            ..good.clone()
        }
    };
    let lying_bomb = RecordBatch { raw_size: 100, ..zip_bomb.clone() };
    let seal = |batch: RecordBatch| RecordBatch { crc32c: crc(&batch), ..batch };
    let cases = [
        (RecordBatch { crc32c: good.crc32c ^ 1, ..good.clone() }, ErrorCode::CorruptBatch),
        (RecordBatch { count: 3, ..good.clone() }, ErrorCode::InvalidBatch),
        (RecordBatch { count: 1, ..good.clone() }, ErrorCode::InvalidBatch),
        (RecordBatch { count: 0, ..good.clone() }, ErrorCode::InvalidBatch),
        (RecordBatch { count: u32::MAX, ..good.clone() }, ErrorCode::InvalidBatch),
        (RecordBatch { codec: 9, ..good.clone() }, ErrorCode::UnsupportedCodec),
        (RecordBatch { codec: 1, raw_size: 50, ..good.clone() }, ErrorCode::InvalidBatch),
        (RecordBatch { producer_id: 5, ..good.clone() }, ErrorCode::InvalidBatch),
        (RecordBatch { transactional: true, ..good.clone() }, ErrorCode::InvalidBatch),
        (batch(&[&"x".repeat(1001)]), ErrorCode::RecordTooLarge),
        (seal(zip_bomb), ErrorCode::RecordTooLarge),
        (seal(lying_bomb), ErrorCode::InvalidBatch),
    ];
    for (bad, code) in cases {
        let what = format!("{bad:?}");
        assert_eq!(client.refused(&produce("t", 0, bad)).await.0, code, "{what}");
    }
    let forged =
        RecordBatch { producer_id: i64::MAX, producer_epoch: 0, base_sequence: 0, ..good.clone() };
    assert_eq!(client.refused(&produce("t", 0, forged)).await.0, ErrorCode::UnknownProducer);
    assert_eq!(client.refused(&produce("u", 0, good.clone())).await.0, ErrorCode::UnknownTopic);
    assert_eq!(client.refused(&produce("t", 1, good)).await.0, ErrorCode::UnknownPartition);
    assert_eq!(client.offsets("t", 0).await, (0, 0));
}

/// CRC-32C, bit by bit, so that the test does not lean on the code it tests.
fn crc(batch: &RecordBatch) -> u32 {
    let step = |crc: u32, &byte: &u8| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |c, _| if c & 1 == 1 { (c >> 1) ^ 0x82f6_3b78 } else { c >> 1 },
        )
    };
    !batch.records.iter().fold(!0, step)
}

#[tokio::test]
async fn surplus_connections_are_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(Config { max_connections: 2, ..config(dir.path()) }).await.unwrap();
    let mut first = Client::connect(&broker).await;
    let second = Client::connect(&broker).await;
    let mut third = Client::connect_silently(&broker).await;
    assert_eq!(error(&mut third).await, ErrorCode::TooManyConnections);
    assert!(third.receive().await.is_none());
    first.call(&PingRequest {}).await.unwrap();
    drop(second);
    // The place is free once the broker has noticed.
    loop {
        let mut next = Client::connect_silently(&broker).await;
        next.send(&HelloRequest::default()).await;
        match next.receive().await {
            Some(frame) if frame.opcode != opcode::ERROR => break,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn silent_and_slow_clients_are_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let io_timeout = Duration::from_millis(200);
    let broker = Broker::start(Config { io_timeout, ..config(dir.path()) }).await.unwrap();
    let mut silent = Client::connect_silently(&broker).await;
    let mut halfway = Client::connect(&broker).await;
    halfway.stream.write_all(&[0xFB, 0x01, 0x32, 0, 0, 0, 9, 0x81]).await.unwrap();
    let mut idle = Client::connect(&broker).await;
    assert!(silent.receive().await.is_none());
    let mut byte = [0];
    assert_eq!(halfway.stream.read(&mut byte).await.unwrap(), 0);
    // One that said HELLO and began nothing may stay.
    idle.call(&PingRequest {}).await.unwrap();
}

#[tokio::test]
async fn clients_that_take_no_answers_cannot_exhaust_memory() {
    let dir = tempfile::tempdir().unwrap();
    let limits =
        Config { max_frame_bytes: 1 << 20, max_inflight_bytes: 4 << 20, ..config(dir.path()) };
    let broker = Broker::start(limits).await.unwrap();
    let mut writer = Client::connect(&broker).await;
    writer.create("t", 1, &[]).await;
    let value = "x".repeat(500_000);
    for _ in 0..20 {
        writer.produce("t", 0, &[&value]).await;
    }
    // Each asks for 10 MB over and over and reads none of it: 8 × 20 × 10 MB in all.
    let mut greedy = Vec::new();
    for _ in 0..8 {
        let mut client = Client::connect(&broker).await;
        for _ in 0..20 {
            let mut request = fetch("t", 0, 0);
            request.topics[0].partitions[0].max_bytes = 10 << 20;
            client.send(&request).await;
        }
        greedy.push(client);
    }
    // A well-behaved client is served all the same, at the latest when the others are cut off.
    let all = tokio::time::timeout(Duration::from_secs(60), writer.read_all("t", 0, 0)).await;
    assert_eq!(all.unwrap().len(), 20);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    let kib: u64 = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 1_000_000, "{resident}");
}
