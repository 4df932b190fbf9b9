//! TLS towards Kafka.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use crate::Result;
use crate::kafka::config::{KafkaConfig, invalid};

/// What secures connections; `None` where they are not to be. Blocks for the file system.
pub fn connector(config: &KafkaConfig) -> Result<Option<TlsConnector>> {
    if !config.security_protocol.has_tls() {
        return Ok(None);
    }
    let cannot = |e: rustls::Error| invalid(format!("TLS to Kafka cannot be set up: {e}"));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(cannot)?;
    let builder = match &config.ssl_ca {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path, "ssl.ca.location")? {
                roots.add(certificate).map_err(cannot)?;
            }
            builder.with_root_certificates(roots)
        }
        None => {
            let verifier = Verifier::new(provider).map_err(cannot)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let client = match (&config.ssl_certificate, &config.ssl_key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate, "ssl.certificate.location")?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| {
                invalid(format!("ssl.key.location is no unencrypted key in PEM form: {e}"))
            })?;
            builder.with_client_auth_cert(chain, key).map_err(cannot)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Some(Arc::new(client).into()))
}

/// A failure of a connection, with what to do if it is one of TLS that has a usual cause.
pub fn explain(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause.and_then(advice) {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    }
}

fn advice(error: &rustls::Error) -> Option<&'static str> {
    use AlertDescription::*;
    Some(match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "see ssl.ca.location: it has to name the authority that signed the nodes' certificates"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "a node's certificate has to be for the name that Kafka advertises the node by",
        rustls::Error::InvalidMessage(_) => "is security.protocol that of this listener?",
        rustls::Error::AlertReceived(
            CertificateRequired | BadCertificate | UnknownCA | CertificateUnknown
            | CertificateExpired | AccessDenied | HandshakeFailure,
        ) => "see ssl.certificate.location: it has to name a certificate that the nodes trust",
        _ => return None,
    })
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>> {
    let unusable = |e: String| invalid(format!("{option} ({}): {e}", path.display()));
    let found: std::result::Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| unusable(e.to_string()))?.collect();
    match found {
        Ok(found) if found.is_empty() => Err(unusable("there is no certificate in it".to_owned())),
        found => found.map_err(|e| unusable(e.to_string())),
    }
}
