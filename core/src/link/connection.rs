//! One connection: requests go out as they come, answers come back in any order.
//!
//! Whoever makes a request writes it to the socket himself if the socket takes it, which saves a
//! wake-up; what it does not take is left to the connection's task. That task reads, and completes
//! each request where its answer is read.

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, EncodedFrame, Frame, FrameHeader, HEADER_LEN};
use flymq_protocol::messages::{HelloRequest, HelloResponse, Request};
use flymq_protocol::{ErrorCode, opcode};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::metrics::Metrics;

/// How much is read at a time where no longer frame is known to come.
const READ_AHEAD: usize = 64 << 10;
/// How many parts are handed to the operating system in one call.
const MAX_SLICES: usize = 64;

/// Called with the answer to a request, on the connection's task; must not block.
type Completion = Box<dyn FnOnce(Result<Frame>) + Send>;

/// A connection that has been greeted.
pub(crate) struct Connection {
    wire: Arc<Wire>,
    /// What the broker said of itself.
    pub hello: HelloResponse,
}

struct Wire {
    address: String,
    socket: TcpStream,
    output: Mutex<VecDeque<Bytes>>,
    /// Rung when the output did not fit the socket.
    blocked: Notify,
    pending: Mutex<Pending>,
    next_id: AtomicU64,
    closed: AtomicBool,
    max_response: usize,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Pending {
    requests: HashMap<u64, Completion>,
    /// Why there will be no more answers.
    ended: Option<Error>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Connects and says HELLO.
    pub async fn open(address: &str, config: &Config, metrics: Arc<Metrics>) -> Result<Self> {
        let failed = |e: io::Error| {
            Error::with_source(
                ErrorCode::ConnectFailed,
                "connect",
                format!("cannot connect to {address}: {e}"),
                e,
            )
        };
        let socket = TcpStream::connect(address).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(30));
        socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive).map_err(failed)?;
        metrics.connected();
        let wire = Arc::new(Wire {
            address: address.to_owned(),
            socket,
            output: Mutex::default(),
            blocked: Notify::new(),
            pending: Mutex::default(),
            next_id: AtomicU64::new(1),
            closed: AtomicBool::new(false),
            max_response: config.max_response_bytes,
            metrics,
        });
        tokio::spawn(serve(wire.clone()));
        let mut connection = Self { wire, hello: no_hello() };
        let hello = HelloRequest {
            client_id: config.client_id.clone(),
            software: concat!("flymq-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        connection.hello = connection.call("connect", &hello).await?;
        if connection.hello.auth_required {
            return Err(Error::new(
                ErrorCode::AuthRequired,
                "connect",
                format!("the broker at {address} wants authentication"),
            ));
        }
        tracing::debug!(address, broker = connection.hello.broker_version, "connected");
        Ok(connection)
    }

    /// Whether it can still be used.
    pub fn is_open(&self) -> bool {
        !self.wire.closed.load(Ordering::Acquire)
    }

    pub fn address(&self) -> &str {
        &self.wire.address
    }

    /// Ends the connection; whatever waits for an answer gets an error.
    pub fn close(&self) {
        self.wire.end(Error::closed("request", "client"));
    }

    /// Ends the connection because an answer did not come in time.
    pub fn time_out(&self) {
        self.wire.end(lost(&self.wire.address, "an answer did not come in time"));
    }

    /// Sends a request and has `done` called with its answer, once, whatever happens.
    pub fn submit<R: Request>(
        &self,
        operation: &'static str,
        request: &R,
        done: impl FnOnce(Result<R::Response>) + Send + 'static,
    ) -> u64 {
        let id = self.wire.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = match self.encode(operation, id, request) {
            Ok(frame) => frame,
            Err(error) => {
                done(Err(error));
                return id;
            }
        };
        let metrics = self.wire.metrics.clone();
        let began = Instant::now();
        let complete: Completion = Box::new(move |answer| {
            let answer = answer.and_then(|frame| decode::<R>(operation, &frame));
            metrics.answered(began.elapsed(), answer.as_ref().err());
            done(answer);
        });
        if let Err(complete) = self.wire.register(id, complete) {
            let error = lock(&self.wire.pending).ended.clone();
            complete(Err(error.unwrap_or_else(|| lost(&self.wire.address, "it was closed"))));
            return id;
        }
        self.wire.write(frame);
        id
    }

    fn encode<R: Request>(
        &self,
        operation: &'static str,
        id: u64,
        request: &R,
    ) -> Result<EncodedFrame> {
        let frame = frame::encode(R::OPCODE as u8, id, request)
            .map_err(|e| Error::protocol(operation, e))?;
        let payload = frame.len() - HEADER_LEN;
        let limit = self.hello.max_frame_bytes as usize;
        if payload > limit {
            return Err(Error::new(
                ErrorCode::FrameTooLarge,
                operation,
                format!("a request of {payload} bytes exceeds the broker's limit of {limit}"),
            ));
        }
        Ok(frame)
    }

    /// Sends a request and waits for its answer. If the wait is given up, the answer is ignored.
    pub async fn call<R: Request>(
        &self,
        operation: &'static str,
        request: &R,
    ) -> Result<R::Response>
    where
        R::Response: Send + 'static,
    {
        struct Forget<'a>(&'a Wire, u64);
        impl Drop for Forget<'_> {
            fn drop(&mut self) {
                lock(&self.0.pending).requests.remove(&self.1);
            }
        }
        let (sender, receiver) = oneshot::channel();
        let id = self.submit(operation, request, move |answer| {
            let _ = sender.send(answer);
        });
        let _forget = Forget(&self.wire, id);
        receiver.await.unwrap_or_else(|_| Err(lost(&self.wire.address, "it was closed")))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// Stands in until the broker has answered HELLO.
fn no_hello() -> HelloResponse {
    HelloResponse {
        cluster_id: String::new(),
        broker_version: String::new(),
        auth_required: false,
        mechanisms: Vec::new(),
        nonce: Default::default(),
        max_frame_bytes: 64 << 10,
        features: Vec::new(),
    }
}

fn decode<R: Request>(operation: &'static str, frame: &Frame) -> Result<R::Response> {
    if frame.opcode == R::OPCODE.response() {
        return frame.decode().map_err(|e| Error::protocol(operation, e));
    }
    if frame.opcode == opcode::ERROR {
        let reply: ErrorReply = frame.decode().map_err(|e| Error::protocol(operation, e))?;
        return Err(Error::from_reply(operation, reply));
    }
    Err(Error::new(
        ErrorCode::MalformedPayload,
        operation,
        format!("the broker answered {} with opcode {:#04x}", R::OPCODE.name(), frame.opcode),
    ))
}

fn lost(address: &str, why: &str) -> Error {
    Error::new(
        ErrorCode::ConnectionLost,
        "request",
        format!("the connection to {address} was lost: {why}"),
    )
}

impl Wire {
    fn register(&self, id: u64, complete: Completion) -> std::result::Result<(), Completion> {
        let mut pending = lock(&self.pending);
        if pending.ended.is_some() {
            return Err(complete);
        }
        pending.requests.insert(id, complete);
        Ok(())
    }

    fn write(&self, frame: EncodedFrame) {
        let mut output = lock(&self.output);
        let idle = output.is_empty();
        output.extend(frame.parts);
        // If there was output already, the connection's task is waiting for the socket to take it.
        if idle && !self.push_out(&mut output) {
            self.blocked.notify_one();
        }
    }

    /// Writes as much as the socket takes. Returns whether that was all.
    fn push_out(&self, output: &mut VecDeque<Bytes>) -> bool {
        while !output.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            for (slice, part) in slices.iter_mut().zip(output.iter()) {
                *slice = IoSlice::new(part);
                count += 1;
            }
            let mut written = match self.socket.try_write_vectored(&slices[..count]) {
                Ok(written) => written,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return false,
                Err(e) => {
                    output.clear();
                    self.end(lost(&self.address, &e.to_string()));
                    return true;
                }
            };
            while let Some(part) = output.front_mut() {
                if written < part.len() {
                    part.advance(written);
                    break;
                }
                written -= part.len();
                output.pop_front();
            }
        }
        true
    }

    /// Ends the connection for good and fails every request that waits.
    fn end(&self, error: Error) {
        let requests = {
            let mut pending = lock(&self.pending);
            if pending.ended.is_some() {
                return;
            }
            pending.ended = Some(error.clone());
            std::mem::take(&mut pending.requests)
        };
        self.closed.store(true, Ordering::Release);
        self.metrics.disconnected();
        self.blocked.notify_one();
        for complete in requests.into_values() {
            complete(Err(error.clone()));
        }
    }

    async fn write_blocked(&self) -> io::Result<()> {
        loop {
            self.blocked.notified().await;
            loop {
                if self.closed.load(Ordering::Acquire) {
                    return Ok(());
                }
                self.socket.writable().await?;
                if self.push_out(&mut lock(&self.output)) {
                    break;
                }
            }
        }
    }

    async fn read(&self) -> Result<()> {
        let mut input = BytesMut::new();
        loop {
            while let Some(frame) = self.next_frame(&mut input)? {
                let complete = lock(&self.pending).requests.remove(&frame.id);
                match complete {
                    Some(complete) => complete(Ok(frame)),
                    // The broker says why it is about to close the connection.
                    None if frame.opcode == opcode::ERROR && frame.id == 0 => {
                        let reply = frame.decode().map_err(|e| Error::protocol("request", e))?;
                        return Err(Error::from_reply("request", reply));
                    }
                    // Nobody waits for it any more.
                    None => {}
                }
            }
            if input.is_empty() && input.capacity() > READ_AHEAD {
                // Messages may share the old buffer; an idle connection should not keep it.
                input = BytesMut::new();
            }
            let gone = |e: io::Error| lost(&self.address, &e.to_string());
            self.socket.readable().await.map_err(gone)?;
            if input.capacity() - input.len() < READ_AHEAD / 16 {
                input.reserve(READ_AHEAD);
            }
            match self.socket.try_read_buf(&mut input) {
                Ok(0) => return Err(lost(&self.address, "the broker closed it")),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(gone(e)),
            }
        }
    }

    fn next_frame(&self, input: &mut BytesMut) -> Result<Option<Frame>> {
        let Some(header) = input.first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let broken = |e| Error::protocol("request", e);
        let header = FrameHeader::parse(header, self.max_response).map_err(broken)?;
        let missing = (HEADER_LEN + header.length).saturating_sub(input.len());
        if missing > 0 {
            input.reserve(missing);
            return Ok(None);
        }
        input.advance(HEADER_LEN);
        let payload = input.split_to(header.length).freeze();
        Frame::new(header.opcode, payload).map(Some).map_err(broken)
    }
}

/// The connection's task.
async fn serve(wire: Arc<Wire>) {
    let ended = tokio::select! {
        read = wire.read() => read,
        written = wire.write_blocked() => written.map_err(|e| lost(&wire.address, &e.to_string())),
    };
    let error = ended.err().unwrap_or_else(|| lost(&wire.address, "it was closed"));
    tracing::debug!(address = wire.address, %error, "connection ended");
    wire.end(error);
}
