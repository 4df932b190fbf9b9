//! What connections are secured with now, and handshakes with it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use flymq_protocol::{ErrorCode, ProtocolError, frame};
use rustls::HandshakeKind;
use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::material::{Active, Material};
use super::slots::{Slot, Slots};
use super::{PeerIdentity, TlsConfig};
use crate::Result;
use crate::transport::linger;

/// How many handshakes may be under way.
const MAX_HANDSHAKES: usize = 256;

/// A broker's TLS.
pub struct Tls {
    config: TlsConfig,
    active: ArcSwap<Active>,
    /// What was read last, whether it could be used or not.
    seen: Mutex<Material>,
    slots: Arc<Slots>,
}

/// A connection after its handshake.
pub struct Secured {
    pub stream: Box<TlsStream<TcpStream>>,
    /// Who the client is, if it showed a certificate.
    pub peer: Option<PeerIdentity>,
}

impl Tls {
    /// Reads certificates and keys. Blocks for the file system.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if they cannot be read or do not fit together.
    pub fn open(config: TlsConfig) -> Result<Self> {
        let material = Material::read(&config)?;
        let active = material.activate(&config)?;
        Ok(Self {
            active: ArcSwap::from_pointee(active),
            seen: Mutex::new(material),
            slots: Slots::new(MAX_HANDSHAKES),
            config,
        })
    }

    /// A place for a handshake that begins now.
    pub fn slot(&self) -> Slot {
        self.slots.take()
    }

    /// Secures a connection. Whatever prevents it has been told to the client when this returns,
    /// as far as it listens.
    pub async fn handshake(
        &self,
        stream: TcpStream,
        mut slot: Slot,
        patience: Duration,
    ) -> io::Result<Secured> {
        tokio::select! {
            secured = tokio::time::timeout(patience, self.secure(stream)) => {
                secured.unwrap_or_else(|_| Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the TLS handshake took too long",
                )))
            }
            () = slot.lost() => Err(io::Error::other("too many TLS handshakes were under way")),
        }
    }

    async fn secure(&self, mut stream: TcpStream) -> io::Result<Secured> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[0] == frame::MAGIC {
            let error = ProtocolError::new(ErrorCode::TlsRequired, "this port takes TLS only");
            refuse(&mut stream, &error).await?;
            linger(&mut stream).await;
            return Err(io::Error::other("a client without TLS was sent away"));
        }
        let active = self.active.load_full();
        let accepting = TlsAcceptor::from(active.server.clone()).accept(stream).into_fallible();
        let mut stream = match accepting.await {
            Ok(stream) => Box::new(stream),
            Err((error, mut stream)) => {
                // The alert that says why has been written.
                linger(&mut stream).await;
                return Err(error);
            }
        };
        let (_, connection) = stream.get_ref();
        let chain = connection.peer_certificates().unwrap_or_default();
        // A session that is taken up again brings its certificate from the ticket, unchecked.
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        let peer = match chain.first().filter(|_| resumed).map(|_| active.check(chain)) {
            Some(Err(error)) => Err(error),
            _ => identify(chain),
        };
        match peer {
            Ok(peer) => Ok(Secured { stream, peer }),
            Err(why) => {
                refuse(&mut *stream, &ProtocolError::new(ErrorCode::AuthFailed, &*why)).await?;
                linger(&mut *stream).await;
                Err(io::Error::other(why))
            }
        }
    }

    /// Secures a connection that is for HTTP.
    pub async fn secure_http(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.active.load_full().http.clone()).accept(stream).await
    }

    /// Takes renewed files up until the broker stops. Connections stay as they are.
    pub async fn keep_fresh(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.config.reload_interval) => {}
                _ = stopping.wait_for(|&stopping| stopping) => return,
            }
            let tls = self.clone();
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(true)) => tracing::info!("took up the renewed TLS certificate"),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "cannot use the renewed TLS files; the old ones stay");
                }
                Err(error) => tracing::error!(%error, "cannot look for renewed TLS files"),
            }
        }
    }

    /// Returns whether there was anything new. What is broken is complained about once.
    fn reload(&self) -> Result<bool> {
        let material = match Material::read(&self.config) {
            Ok(material) => material,
            Err(error) => {
                // Probably being replaced at this moment.
                tracing::debug!(%error, "cannot look for renewed TLS files");
                return Ok(false);
            }
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == material {
            return Ok(false);
        }
        let active = material.activate(&self.config);
        *seen = material;
        self.active.store(Arc::new(active?));
        Ok(true)
    }
}

impl Active {
    fn check(&self, chain: &[CertificateDer<'_>]) -> std::result::Result<(), String> {
        let (Some(verifier), Some((certificate, rest))) = (&self.verifier, chain.split_first())
        else {
            return Ok(());
        };
        verifier
            .verify_client_cert(certificate, rest, UnixTime::now())
            .map(drop)
            .map_err(|e| format!("the client's certificate is not valid any more: {e}"))
    }
}

fn identify(chain: &[CertificateDer<'_>]) -> std::result::Result<Option<PeerIdentity>, String> {
    let Some(certificate) = chain.first() else { return Ok(None) };
    match PeerIdentity::of(certificate) {
        Some(peer) => Ok(Some(peer)),
        None => Err("the names in the client's certificate cannot be read".to_owned()),
    }
}

async fn refuse(stream: &mut (impl AsyncWrite + Unpin), error: &ProtocolError) -> io::Result<()> {
    let frame = frame::encode_error(0, &error.to_reply()).map_err(io::Error::other)?;
    stream.write_all(&frame.to_bytes()).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::ClientAuth;
    use crate::tls::Pem;
    use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};
    use rustls::pki_types::pem::PemObject;

    fn identity() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn broken_files_change_nothing_and_are_complained_about_once() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("cert"), dir.path().join("key"));
        let (old, new) = (identity(), identity());
        std::fs::write(&cert, &old.0).unwrap();
        std::fs::write(&key, &old.1).unwrap();
        let config = TlsConfig::new(Pem::File(cert.clone()), Pem::File(key.clone()));
        let tls = Tls::open(config).unwrap();
        let first = tls.active.load_full();
        assert_eq!(tls.reload(), Ok(false));
        for broken in [new.0.as_str(), "no certificate", ""] {
            std::fs::write(&cert, broken).unwrap();
            assert!(tls.reload().is_err(), "{broken:?}");
            assert_eq!(tls.reload(), Ok(false));
        }
        std::fs::remove_file(&cert).unwrap();
        assert_eq!(tls.reload(), Ok(false));
        assert!(Arc::ptr_eq(&first, &tls.active.load_full()));
        std::fs::write(&cert, &new.0).unwrap();
        std::fs::write(&key, &new.1).unwrap();
        assert_eq!(tls.reload(), Ok(true));
        assert!(!Arc::ptr_eq(&first, &tls.active.load_full()));
    }

    #[test]
    fn certificates_of_resumed_sessions_are_checked_again() {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = ca.self_signed(&ca_key).unwrap().pem();
        let ca = Issuer::new(ca, ca_key);
        let client = |until| {
            let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
            params.not_after = date_time_ymd(until, 1, 1);
            let cert = params.signed_by(&KeyPair::generate().unwrap(), &ca).unwrap();
            [CertificateDer::from_pem_slice(cert.pem().as_bytes()).unwrap()]
        };
        let (cert, key) = identity();
        let mut config = TlsConfig::new(Pem::Memory(cert.into()), Pem::Memory(key.into()));
        config.client_ca = Some(Pem::Memory(pem.into()));
        config.client_auth = ClientAuth::Required;
        let active = Tls::open(config).unwrap().active.load_full();
        assert_eq!(active.check(&client(4000)), Ok(()));
        assert!(active.check(&client(2000)).unwrap_err().contains("not valid any more"));
    }
}
