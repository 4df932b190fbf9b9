//! A connection's socket: frames out as the socket takes them, answers in, and whether the broker
//! is still there.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, EncodedFrame, Frame, FrameHeader, HEADER_LEN};
use flymq_protocol::messages::PingRequest;
use flymq_protocol::{ErrorCode, OpCode, opcode};
use rustls::ClientConnection;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::output::Output;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::tls;

/// How much is read at a time where no longer frame is known to come.
const READ_AHEAD: usize = 64 << 10;

/// Called with the answer to a request, on the connection's task; must not block.
pub(super) type Completion = Box<dyn FnOnce(Result<Frame>) + Send>;

/// What a connection's users and its task share.
pub(super) struct Wire {
    pub address: String,
    pub metrics: Arc<Metrics>,
    socket: TcpStream,
    output: Mutex<Output>,
    /// Rung when the output did not fit the socket.
    blocked: Notify,
    pending: Mutex<Pending>,
    next_id: AtomicU64,
    closed: AtomicBool,
    /// The broker is about to stop: it answers what is under way and takes nothing more.
    stopping: AtomicBool,
    /// It was greeted, so that its end is the loss of a connection.
    established: AtomicBool,
    /// Rung once, for the task to end.
    stopped: Notify,
    /// Something came in since the last look.
    heard: AtomicBool,
    /// It ended because nothing came in any more.
    silent: AtomicBool,
    max_response: usize,
    probe_every: Duration,
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

fn lost(address: &str, why: &str) -> Error {
    Error::new(
        ErrorCode::ConnectionLost,
        "request",
        format!("the connection to {address} was lost: {why}"),
    )
}

impl Wire {
    /// Takes a socket over, after the handshake if it is secured, and starts the task that serves it.
    pub fn start(
        address: String,
        socket: TcpStream,
        tls: Option<ClientConnection>,
        config: &Config,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        metrics.connected();
        let wire = Arc::new(Self {
            address,
            metrics,
            socket,
            output: Mutex::new(Output::new(tls)),
            blocked: Notify::new(),
            pending: Mutex::default(),
            next_id: AtomicU64::new(1),
            closed: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            established: AtomicBool::new(false),
            stopped: Notify::new(),
            heard: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            max_response: config.max_response_bytes,
            probe_every: config.probe_interval(),
        });
        tokio::spawn(wire.clone().serve());
        wire
    }

    /// A number for the next request.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether it is of use for further requests.
    pub fn is_open(&self) -> bool {
        !self.has_ended() && !self.is_stopping()
    }

    pub fn has_ended(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub fn establish(&self) {
        self.established.store(true, Ordering::Release);
    }

    pub fn fell_silent(&self) -> bool {
        self.silent.load(Ordering::Acquire)
    }

    /// Has `complete` called with the answer to a request, once, whatever happens.
    pub fn request(&self, id: u64, frame: EncodedFrame, complete: Completion) {
        let mut pending = lock(&self.pending);
        if let Some(error) = pending.ended.clone() {
            drop(pending);
            return complete(Err(error));
        }
        pending.requests.insert(id, complete);
        drop(pending);
        self.write(frame);
    }

    /// Ignores the answer to a request, if it is still to come.
    pub fn forget(&self, id: u64) {
        let forgotten = lock(&self.pending).requests.remove(&id);
        // What it captured is dropped without the lock.
        drop(forgotten);
    }

    /// Ends the connection for good and fails every request that waits.
    pub fn end(&self, error: Error) {
        let requests = {
            let mut pending = lock(&self.pending);
            if pending.ended.is_some() {
                return;
            }
            pending.ended = Some(error.clone());
            std::mem::take(&mut pending.requests)
        };
        self.closed.store(true, Ordering::Release);
        let expected = self.is_stopping() || error.is(ErrorCode::Closed);
        let lost = self.established.load(Ordering::Acquire) && !expected;
        self.metrics.disconnected(lost);
        tracing::debug!(address = self.address, %error, "connection ended");
        lock(&self.output).clear();
        // The broker learns of it now, not when the last reference to the socket is gone. A socket
        // that is no longer connected cannot be shut down, and need not.
        let _ = socket2::SockRef::from(&self.socket).shutdown(std::net::Shutdown::Both);
        self.stopped.notify_one();
        for complete in requests.into_values() {
            complete(Err(error.clone()));
        }
    }

    /// Ends the connection because the broker does not answer.
    pub fn end_silent(&self, why: &str) {
        self.silent.store(true, Ordering::Release);
        self.end(lost(&self.address, why));
    }

    fn write(&self, frame: EncodedFrame) {
        let pushed = {
            let mut output = lock(&self.output);
            let idle = output.is_empty();
            output.extend(frame.parts);
            // With output left from before, the connection's task waits for the socket to take it.
            if idle { output.push_out(&self.socket) } else { Ok(true) }
        };
        match pushed {
            Ok(true) => {}
            Ok(false) => self.blocked.notify_one(),
            Err(error) => self.end(self.gone(&error)),
        }
    }

    fn gone(&self, error: &io::Error) -> Error {
        lost(&self.address, &error.to_string())
    }

    /// The connection's task.
    async fn serve(self: Arc<Self>) {
        /// Ends the connection also where the runtime drops the task, so that nobody waits on.
        struct Ending(Arc<Wire>);
        impl Drop for Ending {
            fn drop(&mut self) {
                self.0.end(lost(&self.0.address, "its runtime has ended"));
            }
        }
        let ending = Ending(self);
        let wire = &ending.0;
        let error = tokio::select! {
            error = wire.read() => error,
            error = wire.write_blocked() => error,
            () = wire.watch() => return,
            () = wire.stopped.notified() => return,
        };
        wire.end(error);
    }

    /// Writes what did not fit the socket at once. Returns why that is over.
    async fn write_blocked(&self) -> Error {
        loop {
            self.blocked.notified().await;
            loop {
                if let Err(e) = self.socket.writable().await {
                    return self.gone(&e);
                }
                match lock(&self.output).push_out(&self.socket) {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(error) => return self.gone(&error),
                }
            }
        }
    }

    /// Ends the connection when requests wait and nothing comes in, not even the answer to a PING.
    async fn watch(&self) {
        let mut asked = false;
        let mut was_stopping = false;
        loop {
            tokio::time::sleep(self.probe_every).await;
            if std::mem::replace(&mut was_stopping, self.is_stopping()) {
                return self.end(lost(&self.address, "the broker has not stopped in time"));
            }
            let heard = self.heard.swap(false, Ordering::Relaxed);
            if heard || lock(&self.pending).requests.is_empty() {
                asked = false;
                continue;
            }
            if asked {
                return self.end_silent("the broker fell silent");
            }
            asked = true;
            let id = self.next_id();
            match frame::encode(OpCode::Ping as u8, id, &PingRequest {}) {
                Ok(frame) => self.request(id, frame, Box::new(|_| {})),
                Err(error) => tracing::debug!(%error, "cannot encode a ping"),
            }
        }
    }

    /// Reads and completes requests. Returns why that is over.
    async fn read(&self) -> Error {
        let mut input = BytesMut::new();
        // As read from the socket, where that is not what it means.
        let mut sealed = lock(&self.output).is_secured().then(BytesMut::new);
        if let Some(Err(error)) = sealed.as_mut().map(|sealed| self.open(sealed, &mut input)) {
            return error;
        }
        loop {
            if let Err(error) = self.take_in(&mut input) {
                return error;
            }
            if input.is_empty() && input.capacity() > READ_AHEAD {
                // Messages may share the old buffer; an idle connection should not keep it.
                input = BytesMut::new();
            }
            if let Err(e) = self.socket.readable().await {
                return self.gone(&e);
            }
            let buffer = sealed.as_mut().unwrap_or(&mut input);
            if buffer.capacity() - buffer.len() < READ_AHEAD / 16 {
                buffer.reserve(READ_AHEAD);
            }
            match self.socket.try_read_buf(buffer) {
                Ok(0) => return lost(&self.address, "the broker closed it"),
                Ok(_) => self.heard.store(true, Ordering::Relaxed),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                Err(e) => return self.gone(&e),
            }
            if let Some(Err(error)) = sealed.as_mut().map(|sealed| self.open(sealed, &mut input)) {
                return error;
            }
        }
    }

    /// Decrypts what was read.
    fn open(&self, sealed: &mut BytesMut, input: &mut BytesMut) -> Result<()> {
        let mut output = lock(&self.output);
        let opened = output.open(sealed, input);
        sealed.clear();
        // It may have to be answered: with new keys, or with why it cannot be decrypted.
        let pushed = if output.is_empty() { Ok(true) } else { output.push_out(&self.socket) };
        drop(output);
        opened.map_err(|e| tls::broken(ErrorCode::ConnectionLost, &self.address, &e))?;
        if !pushed.map_err(|e| self.gone(&e))? {
            self.blocked.notify_one();
        }
        Ok(())
    }

    /// Completes the requests whose answers have come.
    fn take_in(&self, input: &mut BytesMut) -> Result<()> {
        while let Some(frame) = self.next_frame(input)? {
            let complete = lock(&self.pending).requests.remove(&frame.id);
            if frame.opcode == opcode::ERROR
                && let Ok(ErrorReply { code, .. }) = frame.decode()
                && code == ErrorCode::ShuttingDown as u16
            {
                self.stopping.store(true, Ordering::Release);
            }
            match complete {
                Some(complete) => complete(Ok(frame)),
                // The broker says why it is about to close the connection. If it stops, it has begun
                // with nothing that it has not answered.
                None if frame.opcode == opcode::ERROR && frame.id == 0 => {
                    let reply = frame.decode().map_err(|e| Error::protocol("request", e))?;
                    return Err(Error::from_reply("request", reply));
                }
                // Nobody waits for it any more.
                None => {}
            }
        }
        if self.is_stopping() && lock(&self.pending).requests.is_empty() {
            // Somebody may be just about to send something; the broker would not take it.
            let message = format!("the broker at {} is stopping", self.address);
            return Err(Error::new(ErrorCode::ShuttingDown, "request", message));
        }
        Ok(())
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
