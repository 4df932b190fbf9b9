//! Hostile peers that a broker has to put up with while it serves others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use flymq_protocol::frame;
use flymq_protocol::messages::HelloRequest;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Connections of a slow loris.
const SLOW: usize = 1_000;
/// How long a slow loris waits before its next byte.
const PAUSE: Duration = Duration::from_millis(100);

/// What hostile peers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One after the other, as quickly as a thread can, they connect, say something that is no
    /// protocol, and are gone.
    Flood,
    /// A thousand at a time send their first request a byte every 100 ms, and begin anew.
    SlowLoris,
}

/// An attack, until it is dropped.
pub struct Attack {
    state: Arc<State>,
    began: Instant,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    over: AtomicBool,
    connections: AtomicU64,
}

impl State {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }
}

impl Attack {
    /// Attacks from a thread of its own, so that those who are measured are not held up by it here.
    pub fn begin(method: Method, address: &str) -> anyhow::Result<Self> {
        let target: SocketAddr = address.parse().context("the broker's address")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let state = Arc::new(State::default());
        let shared = state.clone();
        let (under_way, begun) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                match method {
                    Method::Flood => {
                        let _ = under_way.send(());
                        flood(target, &shared).await;
                    }
                    Method::SlowLoris => {
                        let all: Vec<_> =
                            (0..SLOW).map(|_| tokio::spawn(drip(target, shared.clone()))).collect();
                        tokio::task::yield_now().await;
                        let _ = under_way.send(());
                        for one in all {
                            let _ = one.await;
                        }
                    }
                }
            });
        });
        begun.recv().context("the attack did not begin")?;
        Ok(Self { state, began: Instant::now(), thread: Some(thread) })
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let connections = self.state.connections.load(Ordering::Relaxed);
        eprintln!("  attacked by {connections} connections in {:.1?}", self.began.elapsed());
        self.state.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn flood(target: SocketAddr, state: &State) {
    while state.goes_on() {
        // Refusals are what a flood is there for.
        if let Ok(mut stream) = TcpStream::connect(target).await {
            state.connected();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
            // A reset, or the machine would run out of ports.
            let _ = stream.set_zero_linger();
        }
    }
}

async fn drip(target: SocketAddr, state: Arc<State>) {
    let hello = HelloRequest { client_id: "x".repeat(200), ..HelloRequest::default() };
    let hello = frame::encode(flymq_protocol::OpCode::Hello as u8, 1, &hello);
    let hello = hello.expect("a request that can be written").to_bytes();
    while state.goes_on() {
        let Ok(mut stream) = TcpStream::connect(target).await else { continue };
        state.connected();
        for byte in hello.chunks(1) {
            if !state.goes_on() || stream.write_all(byte).await.is_err() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let _ = stream.set_zero_linger();
    }
}
