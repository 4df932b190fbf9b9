//! How a connection comes about: TCP, TLS, versions, SASL.

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use kafka_protocol::messages::ApiVersionsRequest;
use kafka_protocol::protocol::StrBytes;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::{Connection, LinkError, api, sasl, tls};
use crate::Result;
use crate::kafka::config::KafkaConfig;

/// Makes connections.
pub struct Dialer {
    config: KafkaConfig,
    tls: Option<TlsConnector>,
}

impl Dialer {
    /// Checks the options and reads the files that they name. Blocks for the file system.
    pub fn new(config: KafkaConfig) -> Result<Self> {
        config.check()?;
        let tls = tls::connector(&config)?;
        Ok(Self { config, tls })
    }

    /// The options.
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// Connects to a node, ready for requests.
    pub async fn dial(&self, host: &str, port: u16) -> std::result::Result<Connection, LinkError> {
        let dialing = tokio::time::timeout(self.config.connect_timeout, self.connect(host, port));
        let protocol = self.config.security_protocol;
        let unreachable = |reason: &dyn fmt::Display| {
            LinkError::Unreachable(format!("no connection to Kafka at {host}:{port}: {reason}"))
        };
        let hangs_up = || unreachable(&format_args!("it hangs up; {}", protocol.doubt()));
        let mut connection = match dialing.await {
            Ok(connected) => connected.map_err(|e| match e.kind() {
                ErrorKind::UnexpectedEof => hangs_up(),
                _ => unreachable(&tls::explain(&e)),
            })?,
            Err(_) => {
                return Err(LinkError::Unreachable(format!(
                    "no connection to Kafka at {host}:{port} within {} ms",
                    self.config.connect_timeout.as_millis()
                )));
            }
        };
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("flymq"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let answer = connection.call(&request, self.config.request_timeout).await;
        let versions = answer.map_err(|error| match error {
            // A listener for TLS hangs up on what is none.
            LinkError::Lost(_) if self.tls.is_none() => hangs_up(),
            LinkError::Lost(reason) => unreachable(&reason),
            error => error,
        })?;
        api::check(&versions)?;
        if let Some(lifetime) = sasl::authenticate(&connection, &self.config).await? {
            // Well before the node ends it, and not all at once.
            let share = rand::random_range(0.75..0.9);
            connection.expire_at(Instant::now() + lifetime.mul_f64(share));
        }
        if !protocol.has_sasl() {
            // A listener for SASL answers so far, and no further.
            connection.doubt(format!("{host}:{port} hangs up; {}", protocol.doubt()));
        }
        Ok(connection)
    }

    async fn connect(&self, host: &str, port: u16) -> std::io::Result<Connection> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(Duration::from_secs(30))
            .with_interval(Duration::from_secs(10));
        socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let (id, most) = (&self.config.client_id, self.config.max_response_bytes);
        Ok(match &self.tls {
            None => Connection::open(stream, id, most),
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
                Connection::open(tls.connect(name, stream).await?, id, most)
            }
        })
    }
}
