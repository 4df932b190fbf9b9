//! HELLO, AUTH, PING.

use serde::{Deserialize, Serialize};

use crate::blob::Blob;

/// Opens a session. The first request on every connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HelloRequest {
    /// A name for logs and metrics, up to 255 bytes.
    #[serde(default)]
    pub client_id: String,
    /// Client library and version, such as `flymq-python/0.1.0`, up to 255 bytes.
    #[serde(default)]
    pub software: String,
}

/// The broker's challenge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HelloResponse {
    /// Identity of the data behind the broker; equal for all brokers of one cluster.
    #[serde(default)]
    pub cluster_id: String,
    /// The broker's software version.
    #[serde(default)]
    pub broker_version: String,
    /// Whether operations other than HELLO, AUTH and PING need an authenticated session.
    #[serde(default)]
    pub auth_required: bool,
    /// The mechanisms that AUTH takes here.
    #[serde(default)]
    pub mechanisms: Vec<String>,
    /// 32 random bytes of this connection.
    #[serde(default)]
    pub nonce: Blob,
    /// The longest payload that the broker takes.
    pub max_frame_bytes: u32,
    /// Names of optional operations that the broker offers, such as `groups` or `transactions`.
    #[serde(default)]
    pub features: Vec<String>,
}

/// A step of authentication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthRequest {
    /// One of the challenge's mechanisms.
    pub mechanism: String,
    /// The mechanism's own bytes.
    #[serde(default)]
    pub data: Blob,
}

/// The broker's answer to a step of authentication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthResponse {
    /// Whether the session is authenticated now; if not, another step follows.
    pub done: bool,
    /// The mechanism's own bytes.
    #[serde(default)]
    pub data: Blob,
    /// Who the session belongs to, once it is done.
    #[serde(default)]
    pub principal: String,
    /// After how many milliseconds to authenticate again; 0 for never.
    #[serde(default)]
    pub session_lifetime_ms: u64,
}

/// Asks whether the broker is alive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PingRequest {}

/// It is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PingResponse {
    /// The broker's clock, milliseconds since 1970.
    #[serde(default)]
    pub time_ms: i64,
}
