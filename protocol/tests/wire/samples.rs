//! The messages behind the golden vectors: at least one of every kind, with every field in use.

use std::collections::BTreeMap;

use bytes::Bytes;
use flymq_protocol::error::ErrorReply;
use flymq_protocol::messages::*;
use flymq_protocol::{
    BatchBuilder, Blob, Codec, ErrorCode, Frame, ProtocolError, RecordBatch, frame, opcode,
};
use serde::{Serialize, de::DeserializeOwned};

/// A message and its frame.
pub struct Sample {
    pub name: &'static str,
    pub frame: Bytes,
    /// Panics unless the frame decodes to the message.
    pub check: Box<dyn Fn(&Frame)>,
}

/// Samples by file of `conformance/wire/`.
pub fn areas() -> Vec<(&'static str, Vec<Sample>)> {
    vec![
        ("session", session()),
        ("topics", topics()),
        ("log", log()),
        ("groups", groups()),
        ("transactions", transactions()),
        ("errors", errors()),
    ]
}

fn sample<T>(name: &'static str, opcode: u8, id: u64, message: T) -> Sample
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug + 'static,
{
    let frame = frame::encode(opcode, id, &message).unwrap().to_bytes();
    let check = Box::new(move |frame: &Frame| {
        assert_eq!((frame.opcode, frame.id), (opcode, id), "{name}");
        assert_eq!(frame.decode::<T>().unwrap(), message, "{name}");
    });
    Sample { name, frame, check }
}

fn request<R>(name: &'static str, id: u64, message: R) -> Sample
where
    R: Request + PartialEq + std::fmt::Debug + 'static,
{
    sample(name, R::OPCODE as u8, id, message)
}

fn response<R>(name: &'static str, id: u64, message: R::Response) -> Sample
where
    R: Request,
    R::Response: PartialEq + std::fmt::Debug + 'static,
{
    sample(name, R::OPCODE.response(), id, message)
}

fn strings<const N: usize>(values: [&str; N]) -> Vec<String> {
    values.map(str::to_owned).into()
}

fn config<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

fn blob(bytes: &[u8]) -> Blob {
    bytes.to_vec().into()
}

fn session() -> Vec<Sample> {
    vec![
        request("hello", 1, HelloRequest { client_id: "page".into(), software: "raw/1".into() }),
        response::<HelloRequest>(
            "hello_response",
            1,
            HelloResponse {
                cluster_id: "c1".into(),
                broker_version: "0.1.0".into(),
                auth_required: false,
                mechanisms: strings(["ANONYMOUS"]),
                nonce: blob(&std::array::from_fn::<u8, 32, _>(|i| i as u8)),
                max_frame_bytes: 32 << 20,
                features: strings(["idempotence"]),
            },
        ),
        request(
            "auth_anonymous",
            2,
            AuthRequest { mechanism: "ANONYMOUS".into(), data: Blob::default() },
        ),
        request(
            "auth_plain",
            2,
            AuthRequest { mechanism: "PLAIN".into(), data: blob(b"\0ada\0secret") },
        ),
        response::<AuthRequest>(
            "auth_response",
            2,
            AuthResponse {
                done: true,
                data: blob(b"v=ok"),
                principal: "ada".into(),
                session_lifetime_ms: 3_600_000,
            },
        ),
        request("ping", 3, PingRequest {}),
        response::<PingRequest>("ping_response", 3, PingResponse { time_ms: 1_700_000_000_123 }),
        // An id may be any unsigned 64-bit integer.
        request("ping_with_the_largest_id", u64::MAX, PingRequest {}),
    ]
}

fn topics() -> Vec<Sample> {
    let orders = |partitions| TopicSummary { name: "orders".into(), partitions, error: 0 };
    let info = |partition, earliest, latest| PartitionInfo { partition, earliest, latest };
    let in_force = config([
        ("max_record_bytes", "1048576"),
        ("retention_bytes", "-1"),
        ("retention_ms", "3600000"),
        ("segment_bytes", "268435456"),
        ("segment_ms", "86400000"),
    ]);
    vec![
        request(
            "create_topic",
            4,
            CreateTopicRequest {
                name: "orders".into(),
                partitions: 6,
                replication: 1,
                config: config([("retention_ms", "3600000")]),
                if_not_exists: true,
            },
        ),
        response::<CreateTopicRequest>(
            "create_topic_response",
            4,
            CreateTopicResponse { partitions: 6, created: true },
        ),
        request("delete_topic", 5, DeleteTopicRequest { name: "orders".into() }),
        response::<DeleteTopicRequest>("delete_topic_response", 5, DeleteTopicResponse {}),
        request("list_topics", 6, ListTopicsRequest {}),
        response::<ListTopicsRequest>(
            "list_topics_response",
            6,
            ListTopicsResponse { topics: vec![orders(6)] },
        ),
        request("metadata", 7, MetadataRequest { topics: strings(["orders", "nowhere"]) }),
        response::<MetadataRequest>(
            "metadata_response",
            7,
            MetadataResponse {
                brokers: vec![BrokerInfo { id: 0, host: "127.0.0.1".into(), port: 9092 }],
                topics: vec![
                    orders(6),
                    TopicSummary { name: "nowhere".into(), partitions: 0, error: 300 },
                ],
            },
        ),
        request("add_partitions", 8, AddPartitionsRequest { name: "orders".into(), partitions: 8 }),
        response::<AddPartitionsRequest>(
            "add_partitions_response",
            8,
            AddPartitionsResponse { partitions: 8 },
        ),
        request("describe_topic", 9, DescribeTopicRequest { name: "orders".into() }),
        response::<DescribeTopicRequest>(
            "describe_topic_response",
            9,
            DescribeTopicResponse {
                config: in_force.clone(),
                partitions: vec![info(0, 0, 12), info(1, 7, 7)],
                bytes: 5_000_000_000,
            },
        ),
        request(
            "alter_topic",
            10,
            AlterTopicRequest {
                name: "orders".into(),
                config: [
                    ("retention_ms".to_owned(), Some("3600000".to_owned())),
                    ("segment_ms".to_owned(), None),
                ]
                .into(),
            },
        ),
        response::<AlterTopicRequest>(
            "alter_topic_response",
            10,
            AlterTopicResponse { config: in_force },
        ),
    ]
}

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

fn log() -> Vec<Sample> {
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
            ProduceRequest { topic: "orders".into(), partition: 0, batch: one_record() },
        ),
        request(
            "produce_two_records_of_a_producer",
            14,
            ProduceRequest { topic: "orders".into(), partition: 3, batch: two_records() },
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

const MEMBER: &str = "6fa459ea-ee8a-4ca4-894e-db77e160355e";

fn assignment() -> Vec<TopicPartitions> {
    vec![TopicPartitions { topic: "orders".into(), partitions: vec![0, 2, 4] }]
}

fn committed(offset: Option<u64>, error: u16) -> CommittedOffset {
    CommittedOffset { topic: "orders".into(), partition: 2, offset, metadata: "v1".into(), error }
}

fn groups() -> Vec<Sample> {
    let (group, member_id) = ("billing".to_owned(), MEMBER.to_owned());
    vec![
        request(
            "subscribe",
            21,
            SubscribeRequest {
                group: group.clone(),
                member_id: member_id.clone(),
                instance_id: Some("host-1".into()),
                topics: strings(["orders"]),
                pattern: Some("orders-.*".into()),
                assignor: "sticky".into(),
                session_timeout_ms: 45_000,
                rebalance_timeout_ms: 60_000,
            },
        ),
        response::<SubscribeRequest>(
            "subscribe_response",
            21,
            SubscribeResponse {
                generation: 3,
                heartbeat_interval_ms: 5_000,
                assignment: assignment(),
            },
        ),
        request(
            "heartbeat",
            22,
            HeartbeatRequest {
                group: group.clone(),
                member_id: member_id.clone(),
                generation: 3,
                owned: Some(assignment()),
            },
        ),
        response::<HeartbeatRequest>(
            "heartbeat_response",
            22,
            HeartbeatResponse {
                generation: 4,
                heartbeat_interval_ms: 5_000,
                assignment: Some(assignment()),
            },
        ),
        response::<HeartbeatRequest>(
            "heartbeat_unchanged_response",
            22,
            HeartbeatResponse { generation: 4, heartbeat_interval_ms: 5_000, assignment: None },
        ),
        request(
            "commit",
            23,
            CommitRequest {
                group: group.clone(),
                member_id: member_id.clone(),
                generation: 4,
                offsets: vec![committed(Some(41), 0)],
            },
        ),
        response::<CommitRequest>(
            "commit_response",
            23,
            CommitResponse { failed: vec![committed(Some(41), 303)] },
        ),
        request(
            "committed",
            24,
            CommittedRequest { group: group.clone(), topics: Some(assignment()) },
        ),
        response::<CommittedRequest>(
            "committed_response",
            24,
            CommittedResponse { offsets: vec![committed(Some(41), 0), committed(None, 0)] },
        ),
        request("leave", 25, LeaveRequest { group, member_id, generation: 4, returning: false }),
        response::<LeaveRequest>("leave_response", 25, LeaveResponse {}),
    ]
}

fn transactions() -> Vec<Sample> {
    let transactional_id = "billing-1".to_owned();
    let (producer_id, producer_epoch) = (1000, 1);
    let ended = || EndTxnResponse { producer_id: 1000, producer_epoch: 2 };
    vec![
        request(
            "begin_txn",
            26,
            BeginTxnRequest {
                transactional_id: transactional_id.clone(),
                producer_id,
                producer_epoch,
            },
        ),
        response::<BeginTxnRequest>("begin_txn_response", 26, BeginTxnResponse {}),
        request(
            "txn_offsets",
            27,
            TxnOffsetsRequest {
                transactional_id: transactional_id.clone(),
                producer_id,
                producer_epoch,
                group: "billing".into(),
                member_id: MEMBER.into(),
                generation: 4,
                offsets: vec![committed(Some(41), 0)],
            },
        ),
        response::<TxnOffsetsRequest>("txn_offsets_response", 27, TxnOffsetsResponse {}),
        request(
            "commit_txn",
            28,
            CommitTxnRequest {
                transactional_id: transactional_id.clone(),
                producer_id,
                producer_epoch,
            },
        ),
        response::<CommitTxnRequest>("commit_txn_response", 28, ended()),
        request("abort_txn", 29, AbortTxnRequest { transactional_id, producer_id, producer_epoch }),
        response::<AbortTxnRequest>("abort_txn_response", 29, ended()),
    ]
}

fn errors() -> Vec<Sample> {
    let error = |name, id, code, message: &str| {
        let reply: ErrorReply = ProtocolError::new(code, message).to_reply();
        sample(name, opcode::ERROR, id, reply)
    };
    vec![
        error("unknown_topic", 15, ErrorCode::UnknownTopic, "there is no topic \"orders\""),
        error(
            "offset_out_of_range",
            15,
            ErrorCode::OffsetOutOfRange,
            "offset 99 is outside partition 0's range of 0 to 43",
        ),
        error("bad_magic", 0, ErrorCode::BadMagic, "a frame begins with byte 0x47 instead of 0xfb"),
        error("shutting_down", 30, ErrorCode::ShuttingDown, "the broker is stopping"),
    ]
}
