//! A broker that follows a script, for what a real one never does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, Frame, FrameHeader, HEADER_LEN};
use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, OpCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What to do about a request.
pub enum Reply {
    /// Send these bytes.
    Bytes(Bytes),
    /// Send nothing.
    Silence,
    /// Close the connection.
    Hangup,
}

/// A request that was answered as it should be.
pub fn answer<R: Request>(request: &Frame, response: &R::Response) -> Reply {
    Reply::Bytes(frame::encode(R::OPCODE.response(), request.id, response).unwrap().to_bytes())
}

/// A request that was refused.
pub fn refuse(request: &Frame, code: ErrorCode) -> Reply {
    refuse_with(
        request,
        ErrorReply {
            code: code as u16,
            name: code.name().to_owned(),
            message: "as the script has it".to_owned(),
            retriable: code.is_retriable(),
            hint: String::new(),
        },
    )
}

pub fn refuse_with(request: &Frame, error: ErrorReply) -> Reply {
    Reply::Bytes(frame::encode_error(request.id, &error).unwrap().to_bytes())
}

/// What every well-behaved broker answers to the requests around produce and fetch: HELLO, PING,
/// METADATA with `partitions` partitions, DESCRIBE_TOPIC, INIT_PRODUCER.
pub fn politely(request: &Frame, partitions: u32) -> Option<Reply> {
    Some(match OpCode::from_u8(request.opcode)? {
        OpCode::Hello => answer::<HelloRequest>(request, &hello()),
        OpCode::Ping => answer::<PingRequest>(request, &PingResponse { time_ms: 1 }),
        OpCode::Metadata => {
            let asked: MetadataRequest = request.decode().unwrap();
            let summary = |name: String| TopicSummary { name, partitions, error: 0 };
            let topics = asked.topics.into_iter().map(summary).collect();
            answer::<MetadataRequest>(request, &MetadataResponse { brokers: Vec::new(), topics })
        }
        OpCode::DescribeTopic => {
            answer::<DescribeTopicRequest>(request, &DescribeTopicResponse::default())
        }
        OpCode::InitProducer => {
            let identity = InitProducerResponse { producer_id: 7, producer_epoch: 0 };
            answer::<InitProducerRequest>(request, &identity)
        }
        _ => return None,
    })
}

pub fn hello() -> HelloResponse {
    HelloResponse {
        cluster_id: "fake".to_owned(),
        broker_version: "0".to_owned(),
        auth_required: false,
        mechanisms: Vec::new(),
        nonce: Default::default(),
        max_frame_bytes: 32 << 20,
        features: Vec::new(),
    }
}

/// Listens, and answers every frame as the script says, on any number of connections.
pub struct FakeBroker {
    pub address: String,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl FakeBroker {
    /// `script` is given each request.
    pub async fn start(script: impl Fn(&Frame) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counting = connections.clone();
        let script = Arc::new(script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counting.fetch_add(1, Ordering::Relaxed);
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, script.clone()));
            }
        });
        Self { address, connections, task }
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, script: Arc<impl Fn(&Frame) -> Reply>) {
    let mut input = BytesMut::new();
    loop {
        while let Some(request) = next_frame(&mut input) {
            match script(&request) {
                Reply::Bytes(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Reply::Silence => {}
                Reply::Hangup => return,
            }
        }
        if !matches!(stream.read_buf(&mut input).await, Ok(1..)) {
            return;
        }
    }
}

fn next_frame(input: &mut BytesMut) -> Option<Frame> {
    let header = FrameHeader::parse(input.first_chunk::<HEADER_LEN>()?, 64 << 20).unwrap();
    if input.len() < HEADER_LEN + header.length {
        return None;
    }
    let payload = input.split_to(HEADER_LEN + header.length).freeze().slice(HEADER_LEN..);
    Some(Frame::new(header.opcode, payload).unwrap())
}
