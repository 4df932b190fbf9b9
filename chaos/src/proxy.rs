//! Stands between clients and the broker, and cuts connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A relay whose connections can be cut in the midst of a frame.
pub struct Proxy {
    /// Where clients connect to.
    pub address: String,
    /// Raised to cut every connection that is open.
    cut: watch::Sender<u64>,
    connections: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens on a free port and relays to `broker`, also while nobody answers there.
    pub async fn start(broker: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let cut = watch::Sender::new(0);
        let connections = Arc::new(AtomicU64::new(0));
        let (cuts, open) = (cut.subscribe(), connections.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (cuts, open) = (cuts.clone(), open.clone());
                tokio::spawn(async move {
                    open.fetch_add(1, Ordering::Relaxed);
                    relay(client, broker, cuts).await;
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Self { address, cut, connections })
    }

    /// Cuts all connections, wherever in a frame they are. Returns how many.
    pub fn cut(&self) -> u64 {
        self.cut.send_modify(|generation| *generation += 1);
        self.connections.load(Ordering::Relaxed)
    }
}

async fn relay(mut client: TcpStream, broker: SocketAddr, mut cuts: watch::Receiver<u64>) {
    cuts.mark_unchanged();
    let Ok(mut broker) = TcpStream::connect(broker).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut broker) => {}
        _ = cuts.changed() => {}
    }
}
