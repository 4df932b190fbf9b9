//! Listening, accepting and shutting down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flymq_protocol::messages::BrokerInfo;
use flymq_protocol::{ErrorCode, ProtocolError, frame};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::Result;
use crate::access::Access;
use crate::budget::Budget;
use crate::config::{Config, EngineConfig};
use crate::connections::Connections;
use crate::embedded::EmbeddedEngine;
use crate::engine::Engine;
use crate::http::{Console, HttpListener};
#[cfg(feature = "kafka")]
use crate::kafka::KafkaEngine;
use crate::metrics::Metrics;
#[cfg(feature = "otlp")]
use crate::otlp::Otlp;
use crate::session::Session;
use crate::tls::{PeerIdentity, Secured, Tls};
use crate::transport::Transport;

/// What all sessions of a broker share.
pub(crate) struct Shared {
    pub config: Config,
    pub engine: Arc<dyn Engine>,
    /// Users and rules; `None` where everybody may do everything.
    pub access: Option<Arc<Access>>,
    pub budget: Budget,
    pub local_addr: SocketAddr,
    pub tls: Option<Arc<Tls>>,
    pub metrics: Arc<Metrics>,
    #[cfg(feature = "otlp")]
    pub otlp: Option<Otlp>,
    pub connections: Arc<Connections>,
    pub started: Instant,
    stopping: watch::Sender<bool>,
}

impl Shared {
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Sees `true` once the broker is to stop.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// The host that clients are told to connect to.
    pub fn advertised_host(&self) -> String {
        match &self.config.advertised_host {
            Some(host) => host.clone(),
            None => self.local_addr.ip().to_string(),
        }
    }

    /// The port that clients are told to connect to.
    pub fn advertised_port(&self) -> u16 {
        self.config.advertised_port.unwrap_or(self.local_addr.port())
    }

    /// The brokers that clients may use, this one at least.
    pub fn brokers(&self) -> Vec<BrokerInfo> {
        let known = self.engine.brokers();
        if known.is_empty() { vec![self.broker()] } else { known }
    }

    /// This broker as clients are told of it.
    fn broker(&self) -> BrokerInfo {
        BrokerInfo { id: 0, host: self.advertised_host(), port: self.advertised_port() }
    }
}

/// A running broker. Dropping it without [`shutdown`](Broker::shutdown) stops it too, as abruptly as
/// a crash would: nothing acknowledged is lost.
pub struct Broker {
    shared: Arc<Shared>,
    engine: EngineKind,
    accepting: JoinHandle<()>,
    sessions: Arc<Semaphore>,
    http: Option<HttpListener>,
}

/// The engine by its type, for those who want more of it than any engine offers.
enum EngineKind {
    Embedded(Arc<EmbeddedEngine>),
    #[cfg(feature = "kafka")]
    Kafka(Arc<KafkaEngine>),
}

impl Broker {
    /// Opens the data folder, or connects to the Kafka cluster, and listens. Must be called within a
    /// tokio runtime with time and I/O enabled, which serves the broker from then on.
    ///
    /// # Errors
    ///
    /// STORAGE_FAILED if the data folder cannot be used, because another broker has it or it is of
    /// another version; INVALID_ARGUMENT if the address cannot be listened on, or the files for TLS
    /// or other options cannot be used; UNAVAILABLE if the Kafka cluster cannot be reached.
    pub async fn start(config: Config) -> Result<Self> {
        if config.max_inflight_bytes < 2 * config.max_frame_bytes {
            return Err(ProtocolError::new(
                ErrorCode::InvalidArgument,
                "max_inflight_bytes must be at least twice max_frame_bytes",
            ));
        }
        let cannot_listen = |e: std::io::Error| {
            ProtocolError::new(
                ErrorCode::InvalidArgument,
                format!("cannot listen on {}: {e}", config.listen),
            )
        };
        let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
        let local_addr = listener.local_addr().map_err(cannot_listen)?;
        let budget = Budget::new(config.max_inflight_bytes);
        let metrics = Metrics::new();
        let tls = config.tls.clone();
        let tls = blocking(move || tls.map(Tls::open).transpose()).await?.map(Arc::new);
        // Before the engine, which may take a while to open: until then the broker lives and is not
        // ready.
        let http = match config.http_listen {
            Some(listen) => {
                let console = config.console.then(|| Console {
                    has_users: config.auth.is_some(),
                    host: config.advertised_host.clone(),
                });
                Some(HttpListener::start(listen, tls.clone(), console).await?)
            }
            None if config.console => {
                return Err(ProtocolError::new(
                    ErrorCode::InvalidArgument,
                    "the console is served over HTTP, so it needs http_listen",
                ));
            }
            None => None,
        };
        #[cfg(feature = "otlp")]
        let otlp = config.otlp.as_ref().map(Otlp::open).transpose()?;
        let (engine, kind) = open_engine(&config, budget.clone(), &metrics).await?;
        let access = open_access(&config, &kind).await?;
        if let Some(warning) = exposure(local_addr, tls.is_some(), access.is_some()) {
            tracing::warn!(address = %local_addr, "{warning}");
        }
        let sessions = Arc::new(Semaphore::new(config.max_connections));
        let shared = Arc::new(Shared {
            engine,
            access,
            budget,
            local_addr,
            tls,
            metrics,
            #[cfg(feature = "otlp")]
            otlp,
            connections: Arc::default(),
            started: Instant::now(),
            stopping: watch::Sender::new(false),
            config,
        });
        match &shared.config.engine {
            EngineConfig::Embedded => {
                tracing::info!(address = %local_addr, data = %shared.config.data_dir.display(), "broker started");
            }
            #[cfg(feature = "kafka")]
            EngineConfig::Kafka(_) => {
                tracing::info!(address = %local_addr, cluster = shared.engine.cluster_id(), "gateway started");
            }
        }
        if let Some(tls) = &shared.tls {
            tokio::spawn(tls.clone().keep_fresh(shared.stopping()));
        }
        shared.engine.announce(shared.broker());
        let accepting = tokio::spawn(accept(listener, shared.clone(), sessions.clone()));
        #[cfg(feature = "otlp")]
        tokio::spawn(Otlp::keep_sending(shared.clone()));
        if let Some(http) = &http {
            http.started(shared.clone());
        }
        Ok(Self { shared, engine: kind, accepting, sessions, http })
    }

    /// The address that clients connect to, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local_addr
    }

    /// The address of health, metrics and the console, if there is one.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(HttpListener::address)
    }

    /// Where the console is, if it is on.
    pub fn console_url(&self) -> Option<String> {
        let address = self.http_addr().filter(|_| self.shared.config.console)?;
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        Some(format!("{scheme}://{address}/"))
    }

    /// The storage engine.
    pub fn engine(&self) -> &dyn Engine {
        &*self.shared.engine
    }

    /// The storage engine if it is the one on this machine.
    pub fn embedded(&self) -> Option<&EmbeddedEngine> {
        match &self.engine {
            EngineKind::Embedded(engine) => Some(engine),
            #[cfg(feature = "kafka")]
            EngineKind::Kafka(_) => None,
        }
    }

    /// The storage engine if it is a Kafka cluster's.
    #[cfg(feature = "kafka")]
    pub fn kafka(&self) -> Option<&KafkaEngine> {
        match &self.engine {
            EngineKind::Embedded(_) => None,
            EngineKind::Kafka(engine) => Some(engine),
        }
    }

    /// Stops accepting, lets requests under way finish within `shutdown_timeout`, and brings
    /// everything to the disk.
    pub async fn shutdown(mut self) {
        self.accepting.abort();
        // Only then is the address free for the next broker.
        let _ = (&mut self.accepting).await;
        self.shared.stopping.send_replace(true);
        self.shared.engine.stop_waiting();
        let all = u32::try_from(self.shared.config.max_connections).unwrap_or(u32::MAX);
        let ended = self.sessions.acquire_many(all);
        if tokio::time::timeout(self.shared.config.shutdown_timeout, ended).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        #[cfg(feature = "otlp")]
        if let Some(otlp) = &self.shared.otlp {
            otlp.close(&self.shared).await;
        }
        self.shared.engine.close().await;
        tracing::info!("broker stopped");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.stopping.send_replace(true);
        self.shared.engine.stop();
    }
}

async fn open_engine(
    config: &Config,
    budget: Budget,
    metrics: &Metrics,
) -> Result<(Arc<dyn Engine>, EngineKind)> {
    match &config.engine {
        EngineConfig::Embedded => {
            let (config, counters) = (config.clone(), metrics.engine.clone());
            let open = move || EmbeddedEngine::open(&config, budget, counters);
            let embedded = blocking(open).await?;
            let embedded = Arc::new(embedded);
            Ok((embedded.clone(), EngineKind::Embedded(embedded)))
        }
        #[cfg(feature = "kafka")]
        EngineConfig::Kafka(kafka) => {
            let kafka = Arc::new(KafkaEngine::open(config, (**kafka).clone(), budget).await?);
            Ok((kafka.clone(), EngineKind::Kafka(kafka)))
        }
    }
}

/// Runs what may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| ProtocolError::new(ErrorCode::Internal, e.to_string()))?
}

async fn open_access(config: &Config, engine: &EngineKind) -> Result<Option<Arc<Access>>> {
    let Some(auth) = config.auth.clone() else {
        if matches!(engine, EngineKind::Embedded(_)) && Access::exists(&config.data_dir) {
            tracing::warn!("the data folder has users, but authentication is off");
        }
        return Ok(None);
    };
    #[cfg(feature = "kafka")]
    if let EngineKind::Kafka(kafka) = engine {
        let access = kafka.access(auth).await?;
        if !access.has_users() {
            tracing::warn!(
                "there are no users, so nobody can log in; start a gateway with --bootstrap-admin \
                 NAME --bootstrap-admin-password-file FILE"
            );
        }
        return Ok(Some(Arc::new(access)));
    }
    let folder = config.data_dir.clone();
    let access = blocking(move || Access::open(&folder, auth)).await?;
    if !access.has_users() {
        tracing::warn!(
            "there are no users, so nobody can log in; stop the broker and add one with \
             'flymq user add NAME --role admin --data-dir DIR'"
        );
    }
    Ok(Some(Arc::new(access)))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, sessions: Arc<Semaphore>) {
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely. Those who have connections go on.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, "cannot prepare a connection");
            continue;
        }
        match &shared.tls {
            None => admit(Transport::Plain(stream), None, &shared, &sessions),
            Some(tls) => {
                let slot = tls.slot();
                let (tls, shared, sessions) = (tls.clone(), shared.clone(), sessions.clone());
                tokio::spawn(async move {
                    let handshake = shared.metrics.handshake();
                    let mut stopping = shared.stopping();
                    let patience = shared.config.io_timeout;
                    let secured = tokio::select! {
                        secured = tls.handshake(stream, slot, patience) => secured,
                        _ = stopping.wait_for(|&stopping| stopping) => return,
                    };
                    drop(handshake);
                    match secured {
                        Ok(Secured { stream, peer }) => {
                            admit(Transport::Tls(stream), peer, &shared, &sessions);
                        }
                        Err(error) => tracing::info!(client = %client, %error, "no TLS connection"),
                    }
                });
            }
        }
    }
}

/// Has a connection served, unless there are too many.
fn admit(
    stream: Transport,
    peer: Option<PeerIdentity>,
    shared: &Arc<Shared>,
    sessions: &Arc<Semaphore>,
) {
    let Ok(permit) = sessions.clone().try_acquire_owned() else {
        shared.metrics.turned_away();
        tokio::spawn(turn_away(stream, shared.config.max_connections));
        return;
    };
    // With the permit, so that a broker that is told to stop now waits or is seen to stop.
    if shared.is_stopping() {
        return;
    }
    let session = Session::new(stream, peer, shared.clone());
    tokio::spawn(async move {
        session.run().await;
        drop(permit);
    });
}

/// What an operator should know of a broker that others than this machine can reach.
fn exposure(address: SocketAddr, tls: bool, access: bool) -> Option<&'static str> {
    if address.ip().is_loopback() {
        return None;
    }
    match (tls, access) {
        (true, true) => None,
        (true, false) => Some(
            "this address can be reached from other machines, and there is no authentication: \
             whoever reaches it may read and write everything",
        ),
        (false, true) => Some(
            "this address can be reached from other machines without TLS: others on the way may \
             read and change what is sent",
        ),
        (false, false) => Some(
            "this address can be reached from other machines, with neither TLS nor authentication: \
             whoever reaches it may read and write everything, and others on the way may listen",
        ),
    }
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Says why before closing, which is more than a refused connection would.
async fn turn_away(mut stream: impl AsyncWrite + Unpin, limit: usize) {
    let error = ProtocolError::new(
        ErrorCode::TooManyConnections,
        format!("the broker serves {limit} connections already"),
    );
    if let Ok(frame) = frame::encode_error(0, &error.to_reply()) {
        let write = async {
            stream.write_all(&frame.to_bytes()).await?;
            stream.flush().await
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), write).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_beyond_loopback_unprotected_is_warned() {
        let warning = |address: &str, tls, access| exposure(address.parse().unwrap(), tls, access);
        assert_eq!(warning("127.0.0.1:1", false, false), None);
        assert_eq!(warning("[::1]:1", false, false), None);
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let told = |tls, access| warning(address, tls, access).unwrap();
            assert!(told(false, false).contains("neither TLS nor authentication"));
            assert!(told(true, false).contains("no authentication"));
            assert!(told(false, true).contains("without TLS"));
            assert_eq!(warning(address, true, true), None);
        }
    }
}
