//! Appends: order, idempotence across gateways, what is refused.

use std::collections::HashMap;

use flymq_broker::ErrorCode;
use flymq_protocol::messages::*;
use flymq_protocol::{BatchBuilder, Codec, RecordBatch};

use crate::Setup;
use crate::common::*;

#[tokio::test]
async fn batches_are_appended_in_the_order_in_which_they_were_sent() {
    const PARTITIONS: u32 = 6;
    const BATCHES: usize = 240;
    let Setup { mut clients, topic, brokers: _brokers } = Setup::new(PARTITIONS).await;
    let client = &mut clients[0];
    let mut sent = HashMap::new();
    for number in 0..BATCHES {
        let partition = number as u32 % PARTITIONS;
        let value = number.to_string();
        let id = client.send(&produce(&topic, partition, batch(&[&value, &value]))).await;
        sent.insert(id, (partition, number));
    }
    let mut offsets = vec![Vec::new(); PARTITIONS as usize];
    for _ in 0..BATCHES {
        let frame = client.receive().await.unwrap();
        let (partition, number) = sent[&frame.id];
        let stored: ProduceResponse = frame.decode().unwrap();
        offsets[partition as usize].push((number, stored.base_offset));
    }
    for (partition, mut offsets) in offsets.into_iter().enumerate() {
        offsets.sort_unstable();
        let expected = (0..).step_by(2);
        assert!(offsets.iter().map(|(_, offset)| *offset).eq(expected.take(offsets.len())));
        // Another gateway reads them in that order.
        let read = clients[1].read_all(&topic, partition as u32, 0).await;
        let numbers: Vec<usize> = values(&read).iter().map(|v| v.parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert_eq!(numbers.len(), 2 * BATCHES / PARTITIONS as usize);
    }
}

#[tokio::test]
async fn a_retry_through_another_gateway_is_stored_once() {
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } = Setup::new(1).await;
    let identity = one.call(&InitProducerRequest::default()).await.unwrap();
    let numbered = |sequence| RecordBatch {
        producer_id: identity.producer_id,
        producer_epoch: identity.producer_epoch,
        base_sequence: sequence,
        ..batch(&["a", "b"])
    };
    for sequence in 0..4 {
        let request = produce(&topic, 0, numbered(2 * sequence));
        let first = one.call(&request).await.unwrap();
        let again = two.call(&request).await.unwrap();
        assert_eq!(first.base_offset, 2 * sequence as u64);
        assert_eq!(again.base_offset, first.base_offset);
        // Who has seen the offset before knows that the batch was there.
        assert!(one.call(&request).await.unwrap().duplicate);
    }
    let (code, _) = two.refused(&produce(&topic, 0, numbered(99))).await;
    assert_eq!(code, ErrorCode::OutOfOrderSequence);
    // A higher epoch begins anew, and the old one is over.
    let newer = RecordBatch { producer_epoch: identity.producer_epoch + 1, ..numbered(0) };
    assert_eq!(two.call(&produce(&topic, 0, newer)).await.unwrap().base_offset, 8);
    let (code, _) = one.refused(&produce(&topic, 0, numbered(8))).await;
    assert_eq!(code, ErrorCode::ProducerFenced);
    assert_eq!(one.offsets(&topic, 0).await, (0, 9 + 1));
}

#[tokio::test]
async fn everything_about_a_record_survives_with_every_codec() {
    let Setup { clients: [mut one, mut two], topic, brokers: _brokers } = Setup::new(3).await;
    let headers = vec![
        ("name".to_owned(), Some("value".into())),
        ("name".to_owned(), Some("again".into())),
        ("none".to_owned(), None),
        ("".to_owned(), Some("".into())),
    ];
    let codecs = [Codec::None, Codec::Lz4, Codec::Zstd];
    for (partition, codec) in codecs.into_iter().enumerate() {
        let mut builder = BatchBuilder::new();
        builder.push(None, None, &[], 1_700_000_000_000);
        builder.push(Some(b""), Some(b""), &[], 1_600_000_000_000);
        builder.push(Some(&[0xff; 300]), Some(&[7; 5000]), &headers, 4_000_000_000_000);
        builder.push(Some(b"early"), Some(b"1969"), &[], -5);
        let batch = builder.build(codec);
        let sent = records(&batch);
        let stored = one.call(&produce(&topic, partition as u32, batch)).await.unwrap();
        assert_eq!(stored.base_offset, 0);
        let read = two.read_all(&topic, partition as u32, 0).await;
        assert_eq!(read, sent, "{codec:?}");
        // Each record by itself, from any gateway.
        for record in sent {
            let partition = partition as u32;
            let request = ConsumeRequest {
                topic: topic.clone(),
                partition,
                offset: record.offset,
                isolation: Isolation::ReadCommitted,
            };
            let found = one.call(&request).await.unwrap();
            assert_eq!(found.next_offset, record.offset + 1);
            assert_eq!(found.record.unwrap().timestamp, record.timestamp);
        }
    }
}

#[tokio::test]
async fn what_is_too_large_or_nowhere_is_refused_clearly() {
    let config = [("max_record_bytes", "1000")];
    let Setup { clients: [mut one, _], topic, brokers: _brokers } = Setup::with(1, &config).await;
    let large = "x".repeat(1001);
    let (code, message) = one.refused(&produce(&topic, 0, batch(&[&large]))).await;
    assert_eq!(code, ErrorCode::RecordTooLarge);
    assert!(message.contains("the topic takes 1000"), "{message}");
    // Many small ones in one batch are none of its business.
    let many = vec!["x".repeat(900); 3000];
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(one.produce(&topic, 0, &many).await, 0);
    assert_eq!(
        one.refused(&produce(&topic, 1, batch(&["a"]))).await.0,
        ErrorCode::UnknownPartition
    );
    assert_eq!(one.refused(&produce("no-such", 0, batch(&["a"]))).await.0, ErrorCode::UnknownTopic);
    let internal = produce("__consumer_offsets", 0, batch(&["a"]));
    assert_eq!(one.refused(&internal).await.0, ErrorCode::UnknownTopic);
}
