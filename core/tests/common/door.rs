//! A front door of a broker that can be shut: with several of them, one broker is reached as the
//! gateways of a cluster are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flymq_core::{Circuit, Client, Config, EndpointMetrics};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::config;
use super::members::LONG;

/// What becomes of the bytes that come in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flow {
    Free,
    /// Each piece is held up for so long.
    Slow(Duration),
    /// Nothing comes through, while connections are taken still.
    Silent,
}

pub struct Door {
    pub address: SocketAddr,
    target: SocketAddr,
    flow: watch::Sender<Flow>,
    accepted: Arc<AtomicUsize>,
    /// While it is open.
    task: Option<JoinHandle<()>>,
}

impl Door {
    pub async fn open(target: SocketAddr) -> Self {
        Self::open_at("127.0.0.1:0".parse().unwrap(), target).await
    }

    pub async fn open_at(listen: SocketAddr, target: SocketAddr) -> Self {
        let flow = watch::Sender::new(Flow::Free);
        let mut door = Self { address: listen, target, flow, accepted: Arc::default(), task: None };
        door.reopen().await;
        door
    }

    /// Takes connections again, at the same address.
    pub async fn reopen(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let (target, flow, accepted) = (self.target, self.flow.clone(), self.accepted.clone());
        self.task = Some(tokio::spawn(async move {
            let mut relays = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::Relaxed);
                relays.spawn(relay(client, target, flow.subscribe()));
            }
        }));
    }

    /// Cuts all connections and refuses others, as if the process had been killed.
    pub async fn shut(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // Only then is the listener gone.
            let _ = task.await;
        }
    }

    pub fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }

    /// How many connections have come so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn relay(client: TcpStream, target: SocketAddr, flow: watch::Receiver<Flow>) {
    let Ok(broker) = TcpStream::connect(target).await else { return };
    for stream in [&client, &broker] {
        stream.set_nodelay(true).unwrap();
    }
    let (client_in, client_out) = client.into_split();
    let (broker_in, broker_out) = broker.into_split();
    tokio::select! {
        () = pump(client_in, broker_out, flow.clone()) => {}
        () = pump(broker_in, client_out, flow) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut flow: watch::Receiver<Flow>,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let held_up = match flow.wait_for(|&flow| flow != Flow::Silent).await.as_deref() {
            Ok(Flow::Slow(pause)) => *pause,
            Ok(_) => Duration::ZERO,
            Err(_) => return,
        };
        tokio::time::sleep(held_up).await;
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Options for several addresses.
pub fn several(addresses: &[impl ToString]) -> Config {
    Config {
        bootstrap: addresses.iter().map(ToString::to_string).collect(),
        request_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(2),
        ..config("localhost")
    }
}

/// Waits for what does not come about by waiting for anything in particular.
pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

pub fn endpoint(client: &Client, address: SocketAddr) -> Option<EndpointMetrics> {
    let address = address.to_string();
    client.metrics().endpoints.into_iter().find(|endpoint| endpoint.address == address)
}

pub fn circuit(client: &Client, address: SocketAddr) -> Option<Circuit> {
    endpoint(client, address).map(|endpoint| endpoint.circuit)
}

/// An address at which nobody listens.
pub async fn vacant() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
