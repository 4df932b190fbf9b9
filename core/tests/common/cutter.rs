//! A proxy that knows frames, and cuts the connection at a certain one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use flymq_protocol::OpCode;
use flymq_protocol::frame::{Frame, FrameHeader, HEADER_LEN};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Where the connection is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// The request does not reach the broker.
    Request,
    /// The request does, but its answer does not come back.
    Answer,
}

pub struct Cutter {
    pub address: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    target: String,
    /// What to do at the next request of an operation.
    plan: Mutex<HashMap<u8, Cut>>,
    /// Operations whose requests are held up.
    held: watch::Sender<HashSet<u8>>,
    seen: Mutex<HashMap<u8, u32>>,
}

impl Cutter {
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            target: target.to_owned(),
            plan: Mutex::default(),
            held: watch::Sender::default(),
            seen: Mutex::default(),
        });
        let accepting = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(accepting.clone().relay(client));
            }
        });
        Self { address, state, task }
    }

    /// Cuts the connection once, at the next request of an operation.
    pub fn cut(&self, at: OpCode, cut: Cut) {
        self.state.plan.lock().unwrap().insert(at as u8, cut);
    }

    /// Whether all cuts were made.
    pub fn is_done(&self) -> bool {
        self.state.plan.lock().unwrap().is_empty()
    }

    /// Holds requests of an operation up, and all that come behind them on their connection.
    pub fn hold(&self, at: OpCode) {
        self.state.held.send_modify(|held| {
            held.insert(at as u8);
        });
    }

    pub fn release(&self) {
        self.state.held.send_modify(HashSet::clear);
    }

    /// How many requests of an operation have come.
    pub fn seen(&self, at: OpCode) -> u32 {
        self.state.seen.lock().unwrap().get(&(at as u8)).copied().unwrap_or(0)
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn relay(self: Arc<Self>, client: TcpStream) {
        let Ok(broker) = TcpStream::connect(&self.target).await else { return };
        for stream in [&client, &broker] {
            stream.set_nodelay(true).unwrap();
        }
        let (mut client_in, mut client_out) = client.into_split();
        let (mut broker_in, mut broker_out) = broker.into_split();
        // The request at whose answer the connection is cut.
        let doomed = Mutex::new(None);
        let requests = async {
            let mut buffer = BytesMut::new();
            let mut held = self.held.subscribe();
            while let Some((frame, bytes)) = next_frame(&mut client_in, &mut buffer).await {
                *self.seen.lock().unwrap().entry(frame.opcode).or_default() += 1;
                if held.wait_for(|held| !held.contains(&frame.opcode)).await.is_err() {
                    return;
                }
                match self.plan.lock().unwrap().remove(&frame.opcode) {
                    Some(Cut::Request) => return,
                    Some(Cut::Answer) => *doomed.lock().unwrap() = Some(frame.id),
                    None => {}
                }
                if broker_out.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        };
        let answers = async {
            let mut buffer = BytesMut::new();
            while let Some((frame, bytes)) = next_frame(&mut broker_in, &mut buffer).await {
                let cut = *doomed.lock().unwrap() == Some(frame.id);
                if cut || client_out.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = requests => {}
            () = answers => {}
        }
    }
}

/// The next frame, and its bytes.
async fn next_frame(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> Option<(Frame, Bytes)> {
    loop {
        if let Some(header) = buffer.first_chunk::<HEADER_LEN>() {
            let header = FrameHeader::parse(header, 64 << 20).unwrap();
            if buffer.len() >= HEADER_LEN + header.length {
                let bytes = buffer.split_to(HEADER_LEN + header.length).freeze();
                let frame = Frame::new(header.opcode, bytes.slice(HEADER_LEN..)).unwrap();
                return Some((frame, bytes));
            }
        }
        if !matches!(from.read_buf(buffer).await, Ok(1..)) {
            return None;
        }
    }
}
