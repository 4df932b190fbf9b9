//! Whom to trust.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::TlsConfig;
use super::connector::{certificates, invalid};
use crate::error::Result;

/// Checks brokers' certificates: against the CA of the options, else as the operating system does.
pub(super) fn verifier(
    config: &TlsConfig,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    if config.insecure_skip_verify {
        tracing::warn!(
            "tls_insecure_skip_verify is on: the broker's certificate is not checked, and anyone on \
             the way can read and change everything"
        );
        return Ok(Arc::new(Unverified(provider)));
    }
    let Some(ca) = &config.ca else {
        let system = Verifier::new(provider).map_err(|e| {
            invalid(format!(
                "the operating system's certificate authorities cannot be used ({e}): install them, \
                 or set tls_ca_file"
            ))
        })?;
        return Ok(Arc::new(system));
    };
    let unusable = |e: &dyn std::fmt::Display| invalid(format!("tls_ca_file cannot be used: {e}"));
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca, "tls_ca_file")? {
        roots.add(certificate).map_err(|e| unusable(&e))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    Ok(verifier.map_err(|e| unusable(&e))?)
}

/// Takes any certificate, but only from whoever has its key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
