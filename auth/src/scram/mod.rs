//! SCRAM-SHA-256 (RFC 5802 with RFC 7677's hash), both sides, with channel binding.
//!
//! The password never crosses the wire, and each side learns that the other knows its keys. FlyMQ
//! adds one rule: the server's nonce begins with the nonce of the connection's challenge, which
//! ties the exchange to the connection.

mod client;
mod message;
mod server;

pub use client::{Client, Expected, Reply};
pub use server::{ClientFirst, Server};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use sha2::Sha256;

use crate::{AuthError, Hash};

/// The mechanism's name.
pub const MECHANISM: &str = <Sha256 as Hash>::MECHANISM;
/// Its name with channel binding.
pub const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Identifies the TLS connection beneath, so that a proof cannot be relayed over another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelBinding {
    /// `tls-exporter` (RFC 9266) or `tls-server-end-point` (RFC 5929).
    pub kind: &'static str,
    /// What both ends of the connection see alike.
    pub data: Vec<u8>,
}

impl ChannelBinding {
    /// The binding of RFC 9266 to a connection, for which `export` gives the keying material of a
    /// label. Only with TLS 1.3: before it, two connections may have the same.
    pub fn tls_exporter(
        is_tls_1_3: bool,
        export: impl FnOnce(&[u8]) -> Option<[u8; 32]>,
    ) -> Option<Self> {
        let data = is_tls_1_3.then(|| export(b"EXPORTER-Channel-Binding")).flatten()?;
        Some(Self { kind: "tls-exporter", data: data.to_vec() })
    }
}

/// The first part of the server's nonce, made of the connection's challenge.
fn nonce_of_connection(challenge: &[u8]) -> String {
    BASE64.encode(challenge)
}

fn decode(text: &str) -> Result<Vec<u8>, AuthError> {
    BASE64.decode(text).map_err(|_| AuthError::Exchange("a value is not base64"))
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}
