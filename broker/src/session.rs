//! One connection: frames in, answers out.
//!
//! A session is one task. It reads frames, hands each to [`dispatch`], keeps the answers that are
//! yet to come, and writes those at hand. While it writes it does not read, so a client that does
//! not take its answers gets no further requests in: that is all the back-pressure there is.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use flymq_protocol::frame::{Frame, FrameHeader, HEADER_LEN};
use flymq_protocol::{ErrorCode, ProtocolError, bounds};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::access::{Peer, SessionAccess};
use crate::budget::Room;
use crate::dispatch::{Answer, Outgoing, SessionState, dispatch, refuse};
use crate::engine::Client;
use crate::metrics::Connection;
use crate::server::Shared;
use crate::tls::{self, PeerIdentity};
use crate::transport::{Transport, linger};

/// How many requests of one connection may be under way.
const MAX_PENDING: usize = 256;
/// Payloads up to this length take no room in the budget; [`MAX_PENDING`] bounds them.
const FREE_OF_BUDGET: usize = 4096;
/// What an idle connection keeps for reading.
const IDLE_BUFFER: usize = 2048;
/// How much is read at a time where no longer frame is known to come.
const READ_AHEAD: usize = 64 << 10;
/// The longest payload that is taken before HELLO, and before AUTH where that is needed.
const STRANGER_FRAME: usize = 64 << 10;
/// Bytes a second at which a frame must come in once its time is up.
const LEAST_RATE: u64 = 64 << 10;
/// How often a write that makes no progress looks whether others wait for the memory it holds.
const LOOK_AROUND: Duration = Duration::from_secs(1);
/// How many parts are handed to the operating system in one call.
const MAX_SLICES: usize = 64;

/// A connection and its state.
pub struct Session {
    stream: Transport,
    shared: Arc<Shared>,
    state: SessionState,
    input: BytesMut,
    output: VecDeque<Bytes>,
    /// Room that answers in `output` take until they are written.
    held: Vec<Room>,
    pending: FuturesUnordered<BoxFuture<'static, Outgoing>>,
    /// By when HELLO and AUTH, or the rest of a frame, must have come.
    deadline: Option<Instant>,
    counted: Connection,
}

/// What is to be done with the input next.
enum Step {
    Frame(Frame, Option<Room>),
    /// A frame whose payload is no message. The next frame can be told from it all the same.
    Malformed(u64, ProtocolError),
    /// A payload of this many bytes has to take room first.
    NeedsRoom(usize),
    NeedsInput,
}

impl Session {
    pub fn new(stream: Transport, peer: Option<PeerIdentity>, shared: Arc<Shared>) -> Self {
        let address = stream.peer_addr().ok();
        let client = Client {
            client_id: String::new(),
            address: address.map_or_else(String::new, |address| address.to_string()),
        };
        let peer = Peer {
            address: address.map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.ip()),
            encrypted: matches!(stream, Transport::Tls(_)),
            certificate: peer.map(|peer| peer.subject),
            binding: stream.binding(),
        };
        let counted = shared.metrics.connection(peer.encrypted);
        let encrypted = peer.encrypted;
        let access = SessionAccess::new(peer);
        let connected = shared.connections.add(client.address.clone(), encrypted, access.owner());
        Self {
            stream,
            state: SessionState {
                greeted: false,
                nonce: rand::random(),
                client,
                access,
                connected,
            },
            input: BytesMut::with_capacity(IDLE_BUFFER),
            output: VecDeque::new(),
            held: Vec::new(),
            pending: FuturesUnordered::new(),
            deadline: Some(Instant::now() + shared.config.io_timeout),
            counted,
            shared,
        }
    }

    /// Serves the connection until it ends.
    pub async fn run(mut self) {
        if let Err(error) = self.serve().await {
            // A lost or idle connection is no event; clients come and go.
            tracing::debug!(%error, "session ended");
        }
    }

    async fn serve(&mut self) -> io::Result<()> {
        let mut stopping = self.shared.stopping();
        let mut room = None;
        loop {
            match self.step(&mut room) {
                Ok(Step::Frame(frame, room)) => {
                    let answer = dispatch(&self.shared, &mut self.state, frame, room);
                    if self.take(answer).await? {
                        continue;
                    }
                }
                Ok(Step::Malformed(id, error)) => {
                    if self.take(refuse(&self.shared, id, error)).await? {
                        continue;
                    }
                }
                Ok(Step::NeedsRoom(bytes)) => {
                    self.flush().await?;
                    let budget = self.shared.budget.clone();
                    tokio::select! {
                        taken = budget.take(bytes) => room = Some(taken),
                        Some(outgoing) = self.pending.next() => self.put(outgoing),
                    }
                    continue;
                }
                Ok(Step::NeedsInput) => {}
                Err(error) => {
                    if !self.state.greeted && tls::is_client_hello(&self.input) {
                        tracing::info!("a client wants TLS, which this broker is not set up for");
                        self.output.push_back(Bytes::from_static(tls::NO_TLS_HERE));
                    } else {
                        self.take(refuse(&self.shared, 0, error)).await?;
                    }
                    self.flush().await?;
                    linger(&mut self.stream).await;
                    return Ok(());
                }
            }
            self.flush().await?;
            if !self.counted.is_open() && self.is_admitted() {
                self.counted.open();
            }
            if *stopping.borrow() && self.pending.is_empty() {
                // Whatever is on its way here has not been begun with, and this tells the client so.
                let stopping =
                    ProtocolError::new(ErrorCode::ShuttingDown, "the broker is stopping");
                self.take(refuse(&self.shared, 0, stopping)).await?;
                self.flush().await?;
                linger(&mut self.stream).await;
                return Ok(());
            }
            if self.state.access.is_over() {
                linger(&mut self.stream).await;
                return Ok(());
            }
            let may_read = self.pending.len() < MAX_PENDING;
            let deadline = self.deadline;
            tokio::select! {
                read = read_some(&mut self.stream, &mut self.input), if may_read => {
                    match read? {
                        0 => return Ok(()),
                        bytes => self.extend_deadline(bytes),
                    }
                }
                Some(outgoing) = self.pending.next() => {
                    self.put(outgoing);
                    // Whatever else has become ready goes out in the same write.
                    while let Some(Some(outgoing)) = futures_util::FutureExt::now_or_never(self.pending.next()) {
                        self.put(outgoing);
                    }
                }
                _ = stopping.changed() => {}
                () = sleep_until(deadline) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "HELLO, AUTH or a frame did not come in time"));
                }
            }
        }
    }

    /// Whether whoever is on the other end may use the broker, which is then more patient.
    fn is_admitted(&self) -> bool {
        self.state.greeted && (self.shared.access.is_none() || self.state.access.is_admitted())
    }

    /// Takes the next frame out of the input, if it is there. An error means that the framing is
    /// lost.
    fn step(&mut self, room: &mut Option<Room>) -> Result<Step, ProtocolError> {
        let Some(header) = self.input.first_chunk::<HEADER_LEN>() else {
            self.rest();
            return Ok(Step::NeedsInput);
        };
        let limit = match self.is_admitted() {
            true => self.shared.config.max_frame_bytes,
            false => self.shared.config.max_frame_bytes.min(STRANGER_FRAME),
        };
        let header = FrameHeader::parse(header, limit)?;
        if header.length > FREE_OF_BUDGET && room.is_none() {
            match self.shared.budget.try_take(header.length) {
                Some(taken) => *room = Some(taken),
                None => return Ok(Step::NeedsRoom(header.length)),
            }
        }
        let missing = (HEADER_LEN + header.length).saturating_sub(self.input.len());
        if missing > 0 {
            self.input.reserve(missing);
            if self.deadline.is_none() {
                self.deadline = Some(Instant::now() + self.shared.config.io_timeout);
            }
            return Ok(Step::NeedsInput);
        }
        if self.is_admitted() {
            self.deadline = None;
        }
        self.input.advance(HEADER_LEN);
        let payload = self.input.split_to(header.length).freeze();
        Ok(match Frame::new(header.opcode, payload.clone()) {
            Ok(frame) => Step::Frame(frame, room.take()),
            Err(error) => {
                *room = None;
                Step::Malformed(bounds::id_before_fault(&payload), error)
            }
        })
    }

    /// Gives a long frame more time as it comes in, at the least rate that is put up with.
    fn extend_deadline(&mut self, read: usize) {
        let admitted = self.is_admitted();
        if let Some(deadline) = self.deadline.as_mut().filter(|_| admitted) {
            *deadline += Duration::from_micros(read as u64 * 1_000_000 / LEAST_RATE);
        }
    }

    /// Between frames a connection keeps little memory.
    fn rest(&mut self) {
        if self.input.is_empty() {
            if self.is_admitted() {
                self.deadline = None;
            }
            if self.input.capacity() > READ_AHEAD {
                self.input = BytesMut::with_capacity(IDLE_BUFFER);
            }
        }
    }

    /// Keeps an answer, writing if many have come together. Returns whether another request may be
    /// taken in; if so, that comes before reading, since its frame may be there already.
    async fn take(&mut self, answer: Answer) -> io::Result<bool> {
        match answer {
            Answer::Ready(outgoing) => self.put(outgoing),
            Answer::Later(answer) => self.pending.push(answer),
        }
        if self.output.len() >= MAX_SLICES {
            self.flush().await?;
        }
        Ok(self.pending.len() < MAX_PENDING)
    }

    fn put(&mut self, outgoing: Outgoing) {
        self.output.extend(outgoing.frame.parts);
        self.held.extend(outgoing.room);
    }

    /// Writes all answers at hand. A client that takes none for a while is cut off.
    async fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            for (slice, part) in slices.iter_mut().zip(&self.output) {
                *slice = IoSlice::new(part);
                count += 1;
            }
            let write = self.stream.write_vectored(&slices[..count]);
            let mut written = patiently(&self.shared, write).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            while let Some(part) = self.output.front_mut() {
                if written < part.len() {
                    part.advance(written);
                    break;
                }
                written -= part.len();
                self.output.pop_front();
            }
        }
        if matches!(self.stream, Transport::Tls(_)) {
            // What TLS has taken is encrypted, but the socket may not have taken all of it yet.
            let flush = async { self.stream.flush().await.map(|()| 0) };
            patiently(&self.shared, flush).await?;
        }
        self.held.clear();
        Ok(())
    }
}

/// Waits for a write, for as long as the client's slowness is put up with: less where what it does
/// not take keeps others waiting.
async fn patiently(
    shared: &Shared,
    write: impl Future<Output = io::Result<usize>>,
) -> io::Result<usize> {
    let mut write = std::pin::pin!(write);
    let deadline = Instant::now() + shared.config.io_timeout;
    loop {
        let look = deadline.min(Instant::now() + LOOK_AROUND);
        match tokio::time::timeout_at(look, &mut write).await {
            Ok(written) => return written,
            Err(_) if look < deadline && !shared.budget.is_short() => {}
            Err(_) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no answers"));
            }
        }
    }
}

async fn read_some(stream: &mut Transport, input: &mut BytesMut) -> io::Result<usize> {
    let room = input.capacity() - input.len();
    if room < IDLE_BUFFER / 2 {
        // A buffer that what came has filled is probably followed by more.
        input.reserve(if input.is_empty() { IDLE_BUFFER } else { READ_AHEAD });
    }
    stream.read_buf(input).await
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
