//! Stands between clients and a broker, and cuts connections or slows them down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes that pass on at a time.
const CHUNK: usize = 16 << 10;

/// A relay whose connections can be cut in the midst of a frame.
pub struct Proxy {
    /// Where clients connect to.
    pub address: String,
    faults: watch::Sender<Faults>,
    connections: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Default)]
struct Faults {
    /// Raised to cut every connection that is open.
    cut: u64,
    /// How long each chunk is held back.
    delay: Duration,
}

impl Proxy {
    /// Listens on a free port and relays to `broker`, also while nobody answers there.
    pub async fn start(broker: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let faults = watch::Sender::new(Faults::default());
        let connections = Arc::new(AtomicU64::new(0));
        let (watched, open) = (faults.subscribe(), connections.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (watched, open) = (watched.clone(), open.clone());
                tokio::spawn(async move {
                    open.fetch_add(1, Ordering::Relaxed);
                    relay(client, broker, watched).await;
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Self { address, faults, connections })
    }

    /// Cuts all connections, wherever in a frame they are. Returns how many.
    pub fn cut(&self) -> u64 {
        self.faults.send_modify(|faults| faults.cut += 1);
        self.connections.load(Ordering::Relaxed)
    }

    /// Holds everything back for so long from now on.
    pub fn slow_down(&self, delay: Duration) {
        self.faults.send_modify(|faults| faults.delay = delay);
    }
}

async fn relay(client: TcpStream, broker: SocketAddr, faults: watch::Receiver<Faults>) {
    let generation = faults.borrow().cut;
    let mut cuts = faults.clone();
    let Ok(broker) = TcpStream::connect(broker).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    tokio::select! {
        _ = pass_on(from_client, to_broker, &faults) => {}
        _ = pass_on(from_broker, to_client, &faults) => {}
        _ = cuts.wait_for(|faults| faults.cut != generation) => {}
    }
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    faults: &watch::Receiver<Faults>,
) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let delay = faults.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&chunk[..read]).await?;
    }
}
