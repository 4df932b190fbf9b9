//! Producing and reading.

use bytes::Bytes;
use flymq_protocol::messages::*;
use flymq_protocol::{BatchBuilder, Codec, RecordBatch};

use super::{Sample, blob, request, response};

/// One record, `k1` → `hello`, without producer identity.
pub fn one_record() -> RecordBatch {
    let mut builder = BatchBuilder::new();
    builder.push(Some(b"k1"), Some(b"hello"), &[], 1_700_000_000_000);
    builder.build(Codec::None)
}

fn two_records() -> RecordBatch {
    let mut builder = BatchBuilder::new();
    let headers = [("trace".to_owned(), Some(Bytes::from_static(b"\x01\x02")))];
    builder.push(None, Some(b"a"), &headers, 1_700_000_000_000);
    builder.push(Some(b"k"), None, &[], 1_699_999_999_995);
    RecordBatch {
        producer_id: 1000,
        producer_epoch: 1,
        base_sequence: 41,
        transactional: true,
        ..builder.build(Codec::None)
    }
}

pub fn log() -> Vec<Sample> {
    let mut samples = producing();
    samples.extend(reading());
    samples
}

fn producing() -> Vec<Sample> {
    vec![
        request(
            "init_producer",
            11,
            InitProducerRequest { transactional_id: None, transaction_timeout_ms: 0 },
        ),
        request(
            "init_producer_transactional",
            12,
            InitProducerRequest {
                transactional_id: Some("billing-1".into()),
                transaction_timeout_ms: 15_000,
            },
        ),
        response::<InitProducerRequest>(
            "init_producer_response",
            11,
            InitProducerResponse { producer_id: 1000, producer_epoch: 0 },
        ),
        request(
            "produce_one_record",
            13,
            ProduceRequest {
                topic: "orders".into(),
                partition: 0,
                transactional_id: None,
                batch: one_record(),
            },
        ),
        request(
            "produce_two_records_of_a_producer",
            14,
            ProduceRequest {
                topic: "orders".into(),
                partition: 3,
                transactional_id: Some("billing-1".into()),
                batch: two_records(),
            },
        ),
        response::<ProduceRequest>(
            "produce_response",
            13,
            ProduceResponse { base_offset: 42, duplicate: false },
        ),
        response::<ProduceRequest>(
            "produce_duplicate_response",
            14,
            ProduceResponse { base_offset: 5_000_000_000, duplicate: true },
        ),
    ]
}

fn reading() -> Vec<Sample> {
    let fetched = FetchedPartition {
        partition: 0,
        error: 0,
        message: String::new(),
        batches: vec![RecordBatch { base_offset: 42, ..one_record() }],
        next_offset: 43,
        latest: 43,
        earliest: 0,
    };
    let failed = FetchedPartition {
        partition: 9,
        error: 303,
        message: "topic orders has partitions 0 to 5, not 9".into(),
        next_offset: 7,
        ..Default::default()
    };
    let question = |partition, timestamp| OffsetQuery { partition, timestamp };
    let found =
        |partition, offset, timestamp, error| FoundOffset { partition, offset, timestamp, error };
    vec![
        request(
            "consume",
            15,
            ConsumeRequest {
                topic: "orders".into(),
                partition: 0,
                offset: 42,
                isolation: Isolation::ReadCommitted,
            },
        ),
        response::<ConsumeRequest>(
            "consume_response",
            15,
            ConsumeResponse {
                record: Some(ConsumedRecord {
                    offset: 42,
                    timestamp: 1_700_000_000_000,
                    key: Some(blob(b"k1")),
                    value: Some(blob(b"hello")),
                    headers: vec![("trace".into(), Some(blob(&[1, 2]))), ("empty".into(), None)],
                }),
                next_offset: 43,
            },
        ),
        response::<ConsumeRequest>(
            "consume_at_the_end_response",
            16,
            ConsumeResponse { record: None, next_offset: 43 },
        ),
        request(
            "fetch",
            17,
            FetchRequest {
                max_wait_ms: 500,
                min_bytes: 1,
                max_bytes: 8 << 20,
                isolation: Isolation::ReadUncommitted,
                topics: vec![FetchTopic {
                    topic: "orders".into(),
                    partitions: vec![FetchPartition {
                        partition: 0,
                        offset: 42,
                        max_bytes: 1 << 20,
                    }],
                }],
            },
        ),
        response::<FetchRequest>(
            "fetch_response",
            17,
            FetchResponse {
                topics: vec![FetchedTopic { topic: "orders".into(), partitions: vec![fetched] }],
            },
        ),
        response::<FetchRequest>(
            "fetch_with_an_error_response",
            18,
            FetchResponse {
                topics: vec![FetchedTopic { topic: "orders".into(), partitions: vec![failed] }],
            },
        ),
        response::<FetchRequest>("fetch_without_news_response", 19, FetchResponse::default()),
        request(
            "list_offsets",
            20,
            ListOffsetsRequest {
                topic: "orders".into(),
                partitions: vec![
                    question(0, EARLIEST),
                    question(0, LATEST),
                    question(0, 1_700_000_000_000),
                    question(9, LATEST),
                ],
                isolation: Isolation::ReadCommitted,
            },
        ),
        response::<ListOffsetsRequest>(
            "list_offsets_response",
            20,
            ListOffsetsResponse {
                partitions: vec![
                    found(0, 0, -1, 0),
                    found(0, 43, -1, 0),
                    found(0, 42, 1_700_000_000_000, 0),
                    found(9, 0, -1, 303),
                ],
            },
        ),
    ]
}
