//! Certificates and keys, as read and as rustls wants them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use flymq_protocol::{ErrorCode, ProtocolError};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{ClientAuth, Pem, TlsConfig, TlsVersion};
use crate::Result;

/// The bytes that the options lead to at a moment; what is compared to notice a renewal.
#[derive(PartialEq, Eq)]
pub struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// What connections are secured with.
pub struct Active {
    pub server: Arc<ServerConfig>,
    /// The same for HTTP, where those who watch the broker show no certificate.
    pub http: Arc<ServerConfig>,
    /// Checks clients' certificates, if they may show any.
    pub verifier: Option<Arc<dyn ClientCertVerifier>>,
}

fn invalid(message: String) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidArgument, message)
}

impl Material {
    /// Reads what the options name. Blocks for the file system.
    pub fn read(config: &TlsConfig) -> Result<Self> {
        Ok(Self {
            certificate: read(&config.certificate, "certificate")?,
            key: read(&config.key, "key")?,
            client_ca: match &config.client_ca {
                Some(pem) => Some(read(pem, "client CA")?),
                None => None,
            },
        })
    }

    /// Checks everything and puts it together.
    pub fn activate(&self, config: &TlsConfig) -> Result<Active> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(&self.certificate, "certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|e| invalid(format!("the TLS key is no unencrypted key in PEM form: {e}")))?;
        warn_of_validity(&chain[0]);
        let verifier = self.verifier(config, &provider)?;
        let server = |verifier: Option<&Arc<dyn ClientCertVerifier>>| {
            let builder = ServerConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(versions(config.min_version))
                .map_err(|e| invalid(format!("TLS cannot be set up: {e}")))?;
            let builder = match verifier {
                Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
                None => builder.with_no_client_auth(),
            };
            let mut server =
                builder.with_single_cert(chain.clone(), key.clone_key()).map_err(|e| {
                    invalid(format!("the TLS certificate and key cannot be used together: {e}"))
                })?;
            server.ticketer = aws_lc_rs::Ticketer::new()
                .map_err(|e| invalid(format!("TLS cannot be set up: {e}")))?;
            Ok::<_, ProtocolError>(server)
        };
        let mut http = server(None)?;
        http.alpn_protocols = vec![b"http/1.1".to_vec()];
        let server = Arc::new(server(verifier.as_ref())?);
        Ok(Active { server, http: Arc::new(http), verifier })
    }

    fn verifier(
        &self,
        config: &TlsConfig,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>> {
        if config.client_auth == ClientAuth::None {
            return Ok(None);
        }
        let Some(pem) = &self.client_ca else {
            return Err(invalid(
                "checking clients' certificates needs the CA that signs them".to_owned(),
            ));
        };
        let unusable = |e: String| invalid(format!("the TLS client CA cannot be used: {e}"));
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem, "client CA")? {
            roots.add(certificate).map_err(|e| unusable(e.to_string()))?;
        }
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let builder = match config.client_auth {
            ClientAuth::Optional => builder.allow_unauthenticated(),
            _ => builder,
        };
        Ok(Some(builder.build().map_err(|e| unusable(e.to_string()))?))
    }
}

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_1_2: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match min {
        TlsVersion::V1_2 => &FROM_1_2,
        TlsVersion::V1_3 => &FROM_1_2[..1],
    }
}

fn read(pem: &Pem, what: &str) -> Result<Vec<u8>> {
    match pem {
        Pem::Memory(bytes) => Ok(bytes.clone()),
        Pem::File(path) => std::fs::read(path)
            .map_err(|e| invalid(format!("cannot read the TLS {what} {}: {e}", path.display()))),
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let broken = |e: String| invalid(format!("the TLS {what} is not in PEM form: {e}"));
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|e| broken(e.to_string()))?;
    if found.is_empty() {
        return Err(broken("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// Clients will refuse a certificate that is not valid today, and the operator should not learn it
/// from them.
fn warn_of_validity(certificate: &CertificateDer<'_>) {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return };
    let validity = parsed.validity();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
    if validity.not_after.timestamp() < now {
        tracing::warn!(since = %validity.not_after, "the TLS certificate has expired");
    } else if validity.not_before.timestamp() > now {
        tracing::warn!(until = %validity.not_before, "the TLS certificate is not valid yet");
    }
}
