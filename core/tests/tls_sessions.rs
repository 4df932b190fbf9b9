//! What the client does with TLS sessions, seen by a server of its own making.

mod common;

use std::sync::Arc;
use std::sync::Mutex;

use common::certs::Ca;
use common::trusting;
use flymq_core::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Speaks TLS for a broker that does not, and notes how each handshake went.
struct Front {
    address: String,
    ca: Ca,
    handshakes: Arc<Mutex<Vec<HandshakeKind>>>,
    /// Raised to cut all connections there are.
    cuts: watch::Sender<u32>,
}

impl Front {
    async fn start(broker: String, version: &'static SupportedProtocolVersion) -> Self {
        let ca = Ca::new("ca");
        let identity = ca.server();
        let chain = vec![CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let handshakes: Arc<Mutex<Vec<_>>> = Arc::default();
        let cuts = watch::Sender::new(0);
        let (seen, cut) = (handshakes.clone(), cuts.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut cut = cut.subscribe();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                seen.lock().unwrap().push(stream.get_ref().1.handshake_kind().unwrap());
                let mut onward = TcpStream::connect(&broker).await.unwrap();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut stream, &mut onward) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, ca, handshakes, cuts }
    }

    fn config(&self) -> Config {
        trusting(&self.address, &self.ca)
    }
}

#[tokio::test]
async fn connections_resume_sessions() {
    let (_dir, _broker, address) = common::broker().await;
    for version in [&TLS12, &TLS13] {
        let front = Front::start(address.clone(), version).await;
        let client = Client::with_config(front.config()).await.unwrap();
        for _ in 0..3 {
            client.ping().await.unwrap();
            front.cuts.send_modify(|cuts| *cuts += 1);
        }
        client.ping().await.unwrap();
        let seen = front.handshakes.lock().unwrap().clone();
        assert_eq!(seen[0], HandshakeKind::Full);
        assert!(
            seen.len() >= 3 && seen[1..].iter().all(|&k| k == HandshakeKind::Resumed),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_lower_version_than_asked_for_is_refused() {
    let (_dir, _broker, address) = common::broker().await;
    let front = Front::start(address, &TLS12).await;
    let mut config = front.config();
    assert!(Client::with_config(config.clone()).await.is_ok());
    config.tls.min_version = TlsVersion::V1_3;
    let error = Client::with_config(config).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TlsFailed), "{error}");
    assert!(error.message().contains("tls_min_version"), "{error}");
}
