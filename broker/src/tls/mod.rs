//! TLS: options, certificates and their renewal, handshakes.
//!
//! | module | holds |
//! | --- | --- |
//! | `material` | certificates and keys: read, checked, made into rustls' configuration |
//! | `acceptor` | what connections are secured with now, and handshakes with it |
//! | `slots` | how many handshakes are under way |
//! | `peer` | who a client's certificate says it is |

mod acceptor;
mod material;
mod peer;
mod slots;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use acceptor::{Secured, Tls};
pub(crate) use peer::PeerIdentity;

/// How a broker secures its connections.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The broker's certificate, followed by those that lead from it to a root.
    pub certificate: Pem,
    /// The certificate's private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Pem,
    /// The certificates of those who sign clients' certificates. Wanted unless `client_auth` is
    /// [`ClientAuth::None`].
    pub client_ca: Option<Pem>,
    /// Whether clients show certificates (mutual TLS). Default [`ClientAuth::None`].
    pub client_auth: ClientAuth,
    /// The lowest version that is spoken. Default TLS 1.2.
    pub min_version: TlsVersion,
    /// How often files are looked at for renewed certificates. Default 5 s.
    pub reload_interval: Duration,
}

impl TlsConfig {
    /// TLS with a certificate and its key, and defaults for the rest.
    pub fn new(certificate: Pem, key: Pem) -> Self {
        Self {
            certificate,
            key,
            client_ca: None,
            client_auth: ClientAuth::default(),
            min_version: TlsVersion::default(),
            reload_interval: Duration::from_secs(5),
        }
    }
}

/// Where certificates or a key are, in PEM form.
#[derive(Clone)]
pub enum Pem {
    /// In a file, which is read again when it changes.
    File(PathBuf),
    /// Here.
    Memory(Vec<u8>),
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Memory(_) => f.write_str("Memory(..)"),
        }
    }
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked to.
    #[default]
    None,
    /// They may; one that is shown must be valid.
    Optional,
    /// They must.
    Required,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// The first bytes of a client that wants TLS: a handshake record of any version.
const CLIENT_HELLO: [u8; 2] = [0x16, 0x03];

/// Whether bytes begin as those of a client that wants TLS.
pub(crate) fn is_client_hello(input: &[u8]) -> bool {
    input.starts_with(&CLIENT_HELLO)
}

/// What a client that wants TLS is told where there is none: the fatal alert `unexpected_message`,
/// which no TLS server answers a well-formed first message with.
pub(crate) const NO_TLS_HERE: &[u8] = &[0x15, 0x03, 0x03, 0, 2, 2, 10];
