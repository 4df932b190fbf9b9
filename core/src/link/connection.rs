//! One connection: requests go out as they come, answers come back in any order.
//!
//! Whoever makes a request writes it to the socket himself if the socket takes it, which saves a
//! wake-up; what it does not take is left to the connection's task. That task reads, and completes
//! each request where its answer is read.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, EncodedFrame, Frame, HEADER_LEN};
use flymq_protocol::messages::{HelloRequest, HelloResponse, Request};
use flymq_protocol::{ErrorCode, OpCode, opcode};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::auth::{self, Channel};
use super::endpoints::{Endpoint, Origin};
use super::wire::Wire;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::tls::Connector;

/// The longest HELLO there can be; the broker says what it takes in its answer.
const BEFORE_HELLO: u32 = 64 << 10;

/// A connection that has been greeted.
pub(crate) struct Connection {
    wire: Arc<Wire>,
    /// Where it leads.
    pub endpoint: Arc<Endpoint>,
    /// What the broker said of itself.
    pub hello: HelloResponse,
    /// What holds beneath the protocol.
    pub channel: Channel,
    /// The task that authenticates again before the session expires.
    renewal: OnceLock<AbortHandle>,
}

impl Connection {
    /// Connects, says HELLO, and authenticates where that is wanted.
    pub async fn open(
        endpoint: &Arc<Endpoint>,
        config: &Config,
        connector: Option<&Connector>,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>> {
        let socket = dial(endpoint.address).await.map_err(|e| {
            Error::with_source(
                ErrorCode::ConnectFailed,
                "connect",
                format!("cannot connect to {endpoint}: {e}"),
                e,
            )
        })?;
        let (socket, tls) = match connector {
            None => (socket, None),
            Some(connector) => {
                let (socket, tls) = connector.secure(&endpoint.name, socket).await?;
                (socket, Some(tls))
            }
        };
        let channel = Channel {
            encrypted: tls.is_some(),
            certificate: tls.is_some() && config.tls.cert.is_some(),
            binding: tls.as_ref().and_then(crate::tls::binding),
        };
        let wire = Wire::start(endpoint.to_string(), socket, tls, config, metrics.clone());
        let (endpoint, renewal) = (endpoint.clone(), OnceLock::new());
        let mut connection = Self { wire, endpoint, hello: no_hello(), channel, renewal };
        let hello = HelloRequest {
            client_id: config.client_id.clone(),
            software: concat!("flymq-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        connection.hello = connection.call("connect", &hello).await?;
        connection.check_cluster()?;
        let connection = Arc::new(connection);
        if let Some(lifetime) = auth::authenticate(&connection, config).await? {
            let renewing = auth::renew(Arc::downgrade(&connection), config.clone(), lifetime);
            let _ = connection.renewal.set(tokio::spawn(renewing).abort_handle());
        }
        connection.wire.establish();
        metrics.connect_succeeded();
        let Self { endpoint, hello, .. } = &*connection;
        tracing::debug!(%endpoint, broker = hello.broker_version, "connected");
        Ok(connection)
    }

    /// Refuses a broker of another cluster in the place of one that was learnt of: its address may
    /// have been given to somebody else.
    fn check_cluster(&self) -> Result<()> {
        match &self.endpoint.origin {
            Origin::Learnt(cluster) if **cluster != *self.hello.cluster_id => Err(Error::new(
                ErrorCode::ConnectFailed,
                "connect",
                format!("the broker at {} is of another cluster", self.endpoint),
            )),
            _ => Ok(()),
        }
    }

    /// Whether it can still be used.
    pub fn is_open(&self) -> bool {
        self.wire.is_open()
    }

    /// Whether it can carry nothing any more.
    pub fn has_ended(&self) -> bool {
        self.wire.has_ended()
    }

    /// Why its broker is to be left for another one, even if that takes connections still.
    pub fn reason_to_leave(&self) -> Option<Error> {
        let address = self.address();
        if self.wire.is_stopping() {
            let message = format!("the broker at {address} is stopping");
            return Some(Error::new(ErrorCode::ShuttingDown, "connect", message));
        }
        let message = format!("the broker at {address} did not answer any more");
        let silent = Error::new(ErrorCode::ConnectionLost, "connect", message);
        self.wire.fell_silent().then_some(silent)
    }

    /// The broker's name and address, for people.
    pub fn address(&self) -> &str {
        &self.wire.address
    }

    /// Ends the connection; whatever waits for an answer gets an error.
    pub fn close(&self) {
        self.wire.end(Error::closed("request", "client"));
    }

    /// Ends the connection because the session cannot go on.
    pub fn end_session(&self) {
        self.wire.end(session_ended(&self.wire.address));
    }

    /// Ends the connection because an answer did not come in time.
    pub fn time_out(&self) {
        self.wire.end_silent("an answer did not come in time");
    }

    /// Sends a request and has `done` called with its answer, once, whatever happens.
    pub fn submit<R: Request>(
        &self,
        operation: &'static str,
        request: &R,
        done: impl FnOnce(Result<R::Response>) + Send + 'static,
    ) -> u64 {
        let id = self.wire.next_id();
        let frame = match self.encode(operation, id, request) {
            Ok(frame) => frame,
            Err(error) => {
                done(Err(error));
                return id;
            }
        };
        let metrics = self.wire.metrics.clone();
        let guarded = self.hello.auth_required && R::OPCODE != OpCode::Auth;
        let wire = guarded.then(|| Arc::downgrade(&self.wire));
        let began = Instant::now();
        let complete = move |answer: Result<Frame>| {
            let answer = match answer {
                Ok(frame) => decode::<R>(operation, &frame),
                Err(error) => Err(error.during(operation)),
            };
            let answer = match (answer, wire.and_then(|wire| wire.upgrade())) {
                (Err(error), Some(wire)) if error.is(ErrorCode::AuthRequired) => {
                    // What else is under way may have been carried out.
                    wire.end(session_ended(&wire.address));
                    Err(Error::session_over(operation))
                }
                (answer, _) => answer,
            };
            metrics.answered(R::OPCODE, began.elapsed(), answer.as_ref().err());
            done(answer);
        };
        self.wire.request(id, frame, Box::new(complete));
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
                self.0.forget(self.1);
            }
        }
        let (sender, receiver) = oneshot::channel();
        let id = self.submit(operation, request, move |answer| {
            let _ = sender.send(answer);
        });
        let _forget = Forget(&self.wire, id);
        receiver.await.unwrap_or_else(|_| Err(Error::closed(operation, "connection")))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(renewal) = self.renewal.get() {
            renewal.abort();
        }
        // What a broker that stops has under way is answered yet.
        if !self.wire.is_stopping() {
            self.close();
        }
    }
}

async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    // A peer that vanished is noticed within about a minute even while nothing is asked of it.
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10));
    socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

fn session_ended(address: &str) -> Error {
    let message = format!("the connection to {address} was given up: its session has ended");
    Error::new(ErrorCode::ConnectionLost, "request", message)
}

/// Stands in until the broker has answered HELLO.
fn no_hello() -> HelloResponse {
    HelloResponse {
        cluster_id: String::new(),
        broker_version: String::new(),
        auth_required: false,
        mechanisms: Vec::new(),
        nonce: Default::default(),
        max_frame_bytes: BEFORE_HELLO,
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{Bytes, BytesMut};
    use flymq_protocol::messages::ProduceRequest;
    use flymq_protocol::{BatchBuilder, Codec};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Says HELLO to whoever connects, and then neither reads nor answers.
    async fn deaf() -> (Arc<Endpoint>, tokio::task::JoinHandle<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_buf(&mut BytesMut::with_capacity(4096)).await.unwrap();
            let hello = HelloResponse { max_frame_bytes: 32 << 20, ..no_hello() };
            let hello = frame::encode(HelloRequest::OPCODE.response(), 1, &hello).unwrap();
            stream.write_all(&hello.to_bytes()).await.unwrap();
            stream
        });
        let name = address.to_string().into();
        let address = Arc::new(Endpoint::new(name, address, Origin::Bootstrap));
        (address, serving)
    }

    fn large() -> ProduceRequest {
        let mut builder = BatchBuilder::new();
        builder.push(None, Some(&Bytes::from(vec![0; 16 << 20])), &[], 0);
        ProduceRequest {
            topic: "t".to_owned(),
            partition: 0,
            transactional_id: None,
            batch: builder.build(Codec::None),
        }
    }

    #[tokio::test]
    async fn a_connection_that_cannot_write_ends_all_the_same() {
        let (address, serving) = deaf().await;
        let metrics = Arc::new(Metrics::new());
        let connection =
            Connection::open(&address, &Config::default(), None, metrics.clone()).await.unwrap();
        let _peer = serving.await.unwrap();
        let (sender, receiver) = oneshot::channel();
        connection.submit("produce", &large(), move |answer| sender.send(answer).unwrap());
        // Lets the task find the socket full.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        connection.time_out();
        let error = receiver.await.unwrap().unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::ConnectionLost));
        assert!(connection.reason_to_leave().is_some());
        let wire = Arc::downgrade(&connection.wire);
        drop(connection);
        tokio::time::timeout(Duration::from_secs(5), async {
            while wire.upgrade().is_some() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the task keeps the connection");
        assert_eq!(metrics.snapshot(Vec::new()).connections, 0);
    }

    #[test]
    fn a_runtime_that_ends_leaves_nobody_waiting() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (connection, peer) = runtime.block_on(async {
            let (address, serving) = deaf().await;
            let metrics = Arc::new(Metrics::new());
            let opened =
                Connection::open(&address, &Config::default(), None, metrics).await.unwrap();
            (opened, serving.await.unwrap())
        });
        let (sender, mut receiver) = oneshot::channel();
        let request = flymq_protocol::messages::PingRequest {};
        connection.submit("ping", &request, move |answer| sender.send(answer).unwrap());
        drop(runtime);
        let error = receiver.try_recv().unwrap().unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::ConnectionLost));
        drop(peer);
    }
}
