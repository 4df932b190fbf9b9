//! Handshakes of one client.

use std::sync::Arc;

use flymq_auth::scram::ChannelBinding;
use flymq_protocol::ErrorCode;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::failure::refused;
use super::{Pem, TlsConfig, TlsVersion, trust};
use crate::error::{Error, Result};

/// Secures connections. One for all of a client's, so that they can resume each other's sessions.
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl Connector {
    /// Reads what the options name. `None` if TLS is off.
    pub async fn open(config: &TlsConfig) -> Result<Option<Self>> {
        if !config.enabled {
            return Ok(None);
        }
        let config = config.clone();
        let reading = tokio::task::spawn_blocking(move || Self::new(&config)).await;
        reading.unwrap_or_else(|_| Err(Error::closed("connect", "runtime"))).map(Some)
    }

    fn new(config: &TlsConfig) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions(config.min_version))
            .map_err(|e| invalid(format!("TLS cannot be set up: {e}")))?
            .dangerous()
            .with_custom_certificate_verifier(trust::verifier(config, provider)?);
        let client = match (&config.cert, &config.key) {
            (Some(cert), Some(key)) => {
                let chain = certificates(cert, "tls_cert_file")?;
                let key =
                    PrivateKeyDer::from_pem_slice(&read(key, "tls_key_file")?).map_err(|e| {
                        invalid(format!("tls_key_file is no unencrypted key in PEM form: {e}"))
                    })?;
                builder.with_client_auth_cert(chain, key).map_err(|e| {
                    invalid(format!("tls_cert_file and tls_key_file do not go together: {e}"))
                })?
            }
            _ => builder.with_no_client_auth(),
        };
        let server_name = match &config.server_name {
            None => None,
            Some(name) => Some(server_name(name)?),
        };
        Ok(Self { config: Arc::new(client), server_name })
    }

    /// Secures a connection to `address`.
    pub async fn secure(
        &self,
        address: &str,
        socket: TcpStream,
    ) -> Result<(TcpStream, ClientConnection)> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host(address))?,
        };
        let connector = TlsConnector::from(self.config.clone());
        let stream = connector
            .connect(name, socket)
            .await
            .map_err(|error| refused(ErrorCode::ConnectFailed, address, error))?;
        let (_, connection) = stream.get_ref();
        tracing::debug!(
            address,
            version = ?connection.protocol_version(),
            resumed = connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            "secured"
        );
        Ok(stream.into_inner())
    }
}

/// What identifies the connection to both of its ends and to nobody between them.
pub(crate) fn binding(connection: &ClientConnection) -> Option<ChannelBinding> {
    let is_1_3 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    ChannelBinding::tls_exporter(is_1_3, |label| {
        connection.export_keying_material([0; 32], label, None).ok()
    })
}

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_1_2: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match min {
        TlsVersion::V1_2 => &FROM_1_2,
        TlsVersion::V1_3 => &FROM_1_2[..1],
    }
}

/// An address without its port and brackets.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn server_name(name: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| invalid(format!("{name:?} is no name that a certificate can have")))
}

fn read(pem: &Pem, option: &str) -> Result<Vec<u8>> {
    match pem {
        Pem::Memory(bytes) => Ok(bytes.clone()),
        Pem::File(path) => std::fs::read(path)
            .map_err(|e| invalid(format!("cannot read {option} {}: {e}", path.display()))),
    }
}

/// The certificates that an option leads to; at least one.
pub(super) fn certificates(pem: &Pem, option: &str) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = read(pem, option)?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(invalid(format!("{option} has no certificate in PEM form"))),
        Err(e) => Err(invalid(format!("{option} is not in PEM form: {e}"))),
    }
}

pub(super) fn invalid(message: String) -> Error {
    Error::invalid("connect", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(host("a.example:9092"), "a.example");
        assert_eq!(host("127.0.0.1:1"), "127.0.0.1");
        assert_eq!(host("[::1]:9092"), "::1");
        assert!(server_name("::1").is_ok() && server_name("a b").is_err());
    }
}
