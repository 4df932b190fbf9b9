//! One connection to one node: requests out, responses in the same order back.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{Encodable, StrBytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::LinkError;
use super::api::Api;
use super::{guard, tls};

/// How much is read at a time of a response that is still to come.
const READ_AHEAD: usize = 256 << 10;
/// How many requests are written in one go.
const WRITE_TOGETHER: usize = 64;

/// A connection. Requests on it are answered one after another, in order; dropping it closes it.
pub struct Connection {
    outgoing: mpsc::UnboundedSender<Outgoing>,
    shared: Arc<Shared>,
    client_id: StrBytes,
    correlation: AtomicI32,
    tasks: [JoinHandle<()>; 2],
    /// When the node will close it unless it is renewed.
    expires: Option<Instant>,
}

struct Outgoing {
    frame: Bytes,
    waiting: Waiting,
}

struct Waiting {
    correlation: i32,
    answer: oneshot::Sender<Result<Bytes, LinkError>>,
}

/// What both directions know.
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Written or about to be, in order.
    waiting: VecDeque<Waiting>,
    /// Why the connection is of no more use.
    over: Option<LinkError>,
    /// What it means if the node hangs up before it answers once more.
    doubt: Option<String>,
}

impl State {
    /// Who the answer that has come is for.
    fn answered(&mut self) -> Option<Waiting> {
        self.doubt = None;
        self.waiting.pop_front()
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts requests into the list of those that wait, unless the connection is over.
    fn enlist(&self, waiting: Vec<Waiting>) -> Result<(), (LinkError, Vec<Waiting>)> {
        let mut state = self.lock();
        match state.over.clone() {
            Some(over) => Err((over, waiting)),
            None => {
                state.waiting.extend(waiting);
                Ok(())
            }
        }
    }

    /// Ends the connection: everybody who waits is told why.
    fn fail(&self, error: LinkError) {
        let waiting = {
            let mut state = self.lock();
            state.over.get_or_insert(error.clone());
            std::mem::take(&mut state.waiting)
        };
        for waiting in waiting {
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }
}

impl Connection {
    /// Takes a stream over on which nothing has been sent yet.
    pub fn open(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        client_id: &str,
        max_response: usize,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (outgoing, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { state: Mutex::default() });
        let reading = tokio::spawn(read(reader, shared.clone(), max_response));
        let writing = tokio::spawn(write(writer, queue, shared.clone()));
        Self {
            outgoing,
            shared,
            client_id: StrBytes::from_string(client_id.to_owned()),
            correlation: AtomicI32::new(0),
            tasks: [reading, writing],
            expires: None,
        }
    }

    /// Has the connection given up in time before the node ends it.
    pub fn expire_at(&mut self, instant: Instant) {
        self.expires = Some(instant);
    }

    /// Has it told what it may mean if the node hangs up before it answers once more.
    pub fn doubt(&self, meaning: String) {
        self.shared.lock().doubt = Some(meaning);
    }

    /// Whether further requests may be sent.
    pub fn is_usable(&self) -> bool {
        self.expires.is_none_or(|expires| Instant::now() < expires)
            && self.shared.lock().over.is_none()
    }

    /// Sends a request and waits for its answer. The order in which requests are sent is that of
    /// the calls, not of the first polls of their futures.
    ///
    /// A node that does not answer within `patience` loses the connection: answers come in order,
    /// so nothing behind that one could come either.
    pub fn call<R: Api>(
        &self,
        request: &R,
        patience: Duration,
    ) -> impl Future<Output = Result<R::Response, LinkError>> + Send + 'static {
        let sent = self.send(request);
        let shared = self.shared.clone();
        async move {
            let answer = sent?;
            match tokio::time::timeout(patience, answer).await {
                Ok(Ok(answer)) => Ok(guard::decode::<R>(answer?)?),
                Ok(Err(_)) => Err(LinkError::Lost("the connection was closed".to_owned())),
                Err(_) => {
                    let error = LinkError::Lost(format!(
                        "no answer to {:?} within {} ms",
                        R::KEY,
                        patience.as_millis()
                    ));
                    shared.fail(error.clone());
                    Err(error)
                }
            }
        }
    }

    fn send<R: Api>(
        &self,
        request: &R,
    ) -> Result<oneshot::Receiver<Result<Bytes, LinkError>>, LinkError> {
        let correlation = self.correlation.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let frame = self.encode(request, correlation).map_err(|e| {
            LinkError::Refused(crate::kafka::errors::malformed(format!(
                "a {:?} request cannot be encoded: {e:#}",
                R::KEY
            )))
        })?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { correlation, answer };
        if self.outgoing.send(Outgoing { frame, waiting }).is_err() {
            let over = self.shared.lock().over.clone();
            return Err(over.unwrap_or_else(closed));
        }
        Ok(answered)
    }

    fn encode<R: Api>(&self, request: &R, correlation: i32) -> anyhow::Result<Bytes> {
        let own = || self.client_id.clone();
        let client_id =
            request.client_id().map_or_else(own, |id| StrBytes::from_string(id.to_owned()));
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY as i16)
            .with_request_api_version(R::VERSION)
            .with_correlation_id(correlation)
            .with_client_id(Some(client_id));
        let version = R::header_version(R::VERSION);
        let size = header.compute_size(version)? + request.compute_size(R::VERSION)?;
        let mut frame = BytesMut::with_capacity(4 + size);
        frame.put_u32(u32::try_from(size)?);
        header.encode(&mut frame, version)?;
        request.encode(&mut frame, R::VERSION)?;
        Ok(frame.freeze())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.shared.fail(closed());
    }
}

fn closed() -> LinkError {
    LinkError::Lost("the connection was closed".to_owned())
}

async fn write(
    mut stream: impl AsyncWrite + Unpin,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    shared: Arc<Shared>,
) {
    let mut together = Vec::new();
    while queue.recv_many(&mut together, WRITE_TOGETHER).await > 0 {
        let (frames, waiting): (Vec<_>, Vec<_>) =
            together.drain(..).map(|outgoing| (outgoing.frame, outgoing.waiting)).unzip();
        // In the list before the first byte is out, so that no answer can come too early.
        if let Err((over, waiting)) = shared.enlist(waiting) {
            for waiting in waiting {
                let _ = waiting.answer.send(Err(over.clone()));
            }
            // Later requests cannot be handed to this task any more.
            return;
        }
        if let Err(error) = write_all(&mut stream, frames).await {
            let reason = format!("cannot write: {}", tls::explain(&error));
            return shared.fail(LinkError::Lost(reason));
        }
    }
}

async fn write_all(stream: &mut (impl AsyncWrite + Unpin), frames: Vec<Bytes>) -> io::Result<()> {
    for frame in frames {
        stream.write_all(&frame).await?;
    }
    stream.flush().await
}

async fn read(mut stream: impl AsyncRead + Unpin, shared: Arc<Shared>, max_response: usize) {
    let mut input = BytesMut::new();
    loop {
        let frame = match read_frame(&mut stream, &mut input, max_response).await {
            Ok(frame) => frame,
            Err(error) => {
                let reason = format!("cannot read: {}", tls::explain(&error));
                let doubt = shared.lock().doubt.take().filter(|_| is_hanging_up(&error));
                return shared.fail(LinkError::Lost(doubt.unwrap_or(reason)));
            }
        };
        let correlation = frame.first_chunk::<4>().map(|id| i32::from_be_bytes(*id));
        let waiting = shared.lock().answered();
        match waiting {
            Some(waiting) if correlation == Some(waiting.correlation) => {
                let _ = waiting.answer.send(Ok(frame));
            }
            waiting => {
                let error = LinkError::Lost("an answer belongs to no request".to_owned());
                shared.fail(error.clone());
                if let Some(waiting) = waiting {
                    let _ = waiting.answer.send(Err(error));
                }
                return;
            }
        }
    }
}

fn is_hanging_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// Reads one frame without its length. Room is made as its bytes come, not as it claims.
async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    input: &mut BytesMut,
    max_response: usize,
) -> io::Result<Bytes> {
    while input.len() < 4 {
        input.reserve(READ_AHEAD);
        if stream.read_buf(input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let length = input.get_u32() as usize;
    if length > max_response {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "a response of {length} bytes exceeds receive.message.max.bytes ({max_response})"
            ),
        ));
    }
    while input.len() < length {
        input.reserve((length - input.len()).min(READ_AHEAD));
        if stream.read_buf(input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(input.split_to(length).freeze())
}
