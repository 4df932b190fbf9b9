//! Connections: TLS where the broker has it, and how many, how large, for how long. Whoever watches a
//! broker must not be able to keep it from its work.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flymq_protocol::{ErrorCode, ProtocolError};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

use super::api::Sources;
use super::console::Console;
use super::routes;
use super::visitor::Visitor;
use crate::Result;
use crate::server::Shared;
use crate::tls::Tls;

/// How many connections are served at a time.
const MAX_CONNECTIONS: usize = 64;
/// How much of a request's head is taken, in bytes.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// How long a request's head may take, the wait for it included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// After how long a connection takes no more requests.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long the last answer of a connection may take then, and the TLS handshake at first.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all connections share.
#[derive(Default)]
pub struct Context {
    /// The console, if it is on.
    pub console: Option<Console>,
    /// Where the console has its figures from.
    pub sources: Sources,
    /// The broker, once it serves clients.
    pub broker: OnceLock<Arc<Shared>>,
    /// Held while metrics are gathered, which is work: all who ask take turns.
    pub gathering: Mutex<()>,
}

/// A listener, until it is dropped.
pub(crate) struct HttpListener {
    address: SocketAddr,
    context: Arc<Context>,
    serving: JoinHandle<()>,
}

impl HttpListener {
    /// Listens, for a broker that is about to start.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the address cannot be listened on.
    pub async fn start(
        listen: SocketAddr,
        tls: Option<Arc<Tls>>,
        console: Option<Console>,
    ) -> Result<Self> {
        let cannot_listen = |e: std::io::Error| {
            ProtocolError::new(
                ErrorCode::InvalidArgument,
                format!("cannot listen on {listen} for HTTP: {e}"),
            )
        };
        let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        if !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "HTTP can be reached from other machines: whoever reaches it may read health and \
                 metrics, which name topics and groups"
            );
        }
        if !address.ip().is_loopback() && console.as_ref().is_some_and(|c| !c.has_users) {
            tracing::warn!(
                %address,
                "the console can be reached from other machines, and there is no authentication: \
                 whoever reaches it may read every record"
            );
        }
        let context = Arc::new(Context { console, ..Context::default() });
        let serving = tokio::spawn(serve(listener, tls, context.clone()));
        Ok(Self { address, context, serving })
    }

    /// The address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells of a broker that has started.
    pub fn started(&self, broker: Arc<Shared>) {
        // There is but one.
        let _ = self.context.broker.set(broker);
    }
}

impl Drop for HttpListener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, tls: Option<Arc<Tls>>, context: Arc<Context>) {
    // They end together with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, client)) => {
                    let (tls, context) = (tls.clone(), context.clone());
                    connections.spawn(async move {
                        if let Err(error) = connection(stream, client.ip(), tls, context).await {
                            tracing::debug!(%client, %error, "HTTP connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept an HTTP connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
}

type Outcome = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn connection(
    stream: TcpStream,
    client: IpAddr,
    tls: Option<Arc<Tls>>,
    context: Arc<Context>,
) -> Outcome {
    let visitor = Visitor::new(client, tls.is_some());
    stream.set_nodelay(true)?;
    match tls {
        None => talk(stream, visitor, context).await,
        Some(tls) => {
            let secured = tokio::time::timeout(PATIENCE, tls.secure_http(stream)).await??;
            talk(secured, visitor, context).await
        }
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    visitor: Visitor,
    context: Arc<Context>,
) -> Outcome {
    let visitor = Arc::new(visitor);
    let answer = service_fn(move |request| {
        let (context, visitor) = (context.clone(), visitor.clone());
        async move {
            let answer = routes::answer(&context, &visitor, &request).await;
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let mut talk = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), answer)
    );
    match tokio::time::timeout(LIFETIME, &mut talk).await {
        Ok(ended) => ended?,
        Err(_) => {
            talk.as_mut().graceful_shutdown();
            tokio::time::timeout(PATIENCE, talk).await??;
        }
    }
    Ok(())
}
