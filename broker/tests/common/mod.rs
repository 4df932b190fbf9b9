//! A broker in a temporary folder, and a client that is no more than the protocol crate on a socket.

#![allow(dead_code)] // each test file uses its own part

pub mod certs;
pub mod txn;

use std::path::Path;

use bytes::Bytes;
use flymq_broker::{Broker, Config};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, Frame, FrameHeader, HEADER_LEN};
use flymq_protocol::messages::*;
use flymq_protocol::{BatchBuilder, Codec, ErrorCode, Record, RecordBatch, opcode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A configuration for `data_dir` on a free port.
pub fn config(data_dir: &Path) -> Config {
    Config {
        data_dir: data_dir.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        ..Config::default()
    }
}

/// A broker with default options in a folder of its own, which goes with the first value.
pub async fn start() -> (tempfile::TempDir, Broker) {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(dir.path())).await.unwrap();
    (dir, broker)
}

pub struct Client {
    pub stream: TcpStream,
    next_id: u64,
}

impl Client {
    /// Connects and says HELLO.
    pub async fn connect(broker: &Broker) -> Self {
        let mut client = Self::connect_silently(broker).await;
        client.call(&HelloRequest::default()).await.unwrap();
        client
    }

    pub async fn connect_silently(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.local_addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, next_id: 0 }
    }

    /// Sends a request and returns its id.
    pub async fn send<R: Request>(&mut self, request: &R) -> u64 {
        self.next_id += 1;
        let frame = frame::encode(R::OPCODE as u8, self.next_id, request).unwrap();
        self.stream.write_all(&frame.to_bytes()).await.unwrap();
        self.next_id
    }

    /// The next frame, or `None` if the broker closed the connection.
    pub async fn receive(&mut self) -> Option<Frame> {
        let mut header = [0; HEADER_LEN];
        self.stream.read_exact(&mut header).await.ok()?;
        let header = FrameHeader::parse(&header, 256 << 20).unwrap();
        let mut payload = vec![0; header.length];
        self.stream.read_exact(&mut payload).await.unwrap();
        Some(Frame::new(header.opcode, payload.into()).unwrap())
    }

    /// The answer to a request, which must be the next frame.
    pub async fn answer<R: Request>(&mut self, id: u64) -> Result<R::Response, ErrorReply> {
        let frame = self.receive().await.expect("an answer");
        assert_eq!(frame.id, id);
        if frame.opcode == opcode::ERROR {
            return Err(frame.decode().unwrap());
        }
        assert_eq!(frame.opcode, R::OPCODE.response());
        Ok(frame.decode().unwrap())
    }

    /// Makes a request while the answer to `earlier` is still to come.
    pub async fn call_after<R: Request>(
        &mut self,
        earlier: u64,
        request: &R,
    ) -> Result<R::Response, ErrorReply> {
        let id = self.send(request).await;
        assert_ne!(id, earlier);
        self.answer::<R>(id).await
    }

    pub async fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, ErrorReply> {
        let id = self.send(request).await;
        self.answer::<R>(id).await
    }

    /// The error that a request is answered with.
    pub async fn refused<R: Request>(&mut self, request: &R) -> (ErrorCode, String)
    where
        R::Response: std::fmt::Debug,
    {
        let error = self.call(request).await.unwrap_err();
        let code = ErrorCode::from_u16(error.code).expect("a code of the table");
        assert_eq!(error.name, code.name());
        assert_eq!(error.retriable, code.is_retriable());
        assert_eq!(error.hint, code.hint());
        (code, error.message)
    }

    pub async fn create(&mut self, name: &str, partitions: u32, config: &[(&str, &str)]) {
        self.call(&create(name, partitions, config)).await.unwrap();
    }

    pub async fn produce(&mut self, topic: &str, partition: u32, values: &[&str]) -> u64 {
        self.call(&produce(topic, partition, batch(values))).await.unwrap().base_offset
    }

    pub async fn fetch(&mut self, topic: &str, partition: u32, offset: u64) -> FetchedPartition {
        let response = self.call(&fetch(topic, partition, offset)).await.unwrap();
        let mut topics = response.topics;
        match topics.pop() {
            Some(mut topic) => topic.partitions.pop().unwrap(),
            None => FetchedPartition { partition, next_offset: offset, ..Default::default() },
        }
    }

    /// Every record of a partition from `offset` on, reading until there are no more.
    pub async fn read_all(&mut self, topic: &str, partition: u32, mut offset: u64) -> Vec<Record> {
        let mut all = Vec::new();
        loop {
            let fetched = self.fetch(topic, partition, offset).await;
            assert_eq!(fetched.error, 0, "{}", fetched.message);
            if fetched.next_offset == offset {
                return all;
            }
            all.extend(fetched.batches.iter().flat_map(records).filter(|r| r.offset >= offset));
            offset = fetched.next_offset;
        }
    }

    pub async fn offsets(&mut self, topic: &str, partition: u32) -> (u64, u64) {
        let partitions =
            [EARLIEST, LATEST].map(|timestamp| OffsetQuery { partition, timestamp }).to_vec();
        let request =
            ListOffsetsRequest { topic: topic.into(), partitions, isolation: Default::default() };
        let found = self.call(&request).await.unwrap().partitions;
        assert_eq!((found[0].error, found[1].error), (0, 0));
        (found[0].offset, found[1].offset)
    }
}

pub fn create(name: &str, partitions: u32, config: &[(&str, &str)]) -> CreateTopicRequest {
    CreateTopicRequest {
        name: name.into(),
        partitions,
        config: config.iter().map(|&(k, v)| (k.into(), v.into())).collect(),
        ..Default::default()
    }
}

pub fn batch(values: &[&str]) -> RecordBatch {
    let mut builder = BatchBuilder::new();
    values.iter().for_each(|v| builder.push(None, Some(v.as_bytes()), &[], 1_000));
    builder.build(Codec::None)
}

pub fn produce(topic: &str, partition: u32, batch: RecordBatch) -> ProduceRequest {
    ProduceRequest { topic: topic.into(), partition, transactional_id: None, batch }
}

/// A batch of one record of an identified producer, for partition 0 of topic `t`.
pub fn sequenced(
    identity: &InitProducerResponse,
    base_sequence: i32,
    value: &str,
) -> ProduceRequest {
    let batch = RecordBatch {
        producer_id: identity.producer_id,
        producer_epoch: identity.producer_epoch,
        base_sequence,
        ..batch(&[value])
    };
    produce("t", 0, batch)
}

pub fn fetch(topic: &str, partition: u32, offset: u64) -> FetchRequest {
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 8 << 20,
        isolation: Isolation::default(),
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: vec![FetchPartition { partition, offset, max_bytes: 1 << 20 }],
        }],
    }
}

pub fn records(batch: &RecordBatch) -> Vec<Record> {
    batch.records(64 << 20).unwrap().map(Result::unwrap).collect()
}

pub fn values(records: &[Record]) -> Vec<String> {
    let text = |v: &Bytes| String::from_utf8(v.to_vec()).unwrap();
    records.iter().map(|r| r.value.as_ref().map(text).unwrap_or_default()).collect()
}
