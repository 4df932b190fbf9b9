//! Connections to Kafka's nodes.
//!
//! | module | holds |
//! | --- | --- |
//! | `api` | the requests that are sent, each in its one version |
//! | `connection` | one connection: frames, correlation, pipelining, time-outs |
//! | `dial` | how one comes about: TCP, TLS, versions, SASL |
//! | `guard` | decoding answers without trusting them |
//! | `sasl` | who the gateway is |
//! | `tls` | certificates and whom to trust |

mod api;
mod connection;
mod dial;
mod guard;
mod sasl;
mod tls;

use flymq_protocol::ProtocolError;

pub use api::{Api, AsClient};
pub use connection::Connection;
pub use dial::Dialer;

use super::errors::unavailable;

/// Why a request was not answered.
#[derive(Clone, Debug)]
pub enum LinkError {
    /// There is no connection; the request was not sent.
    Unreachable(String),
    /// The connection was lost; whether the request was carried out is not known.
    Lost(String),
    /// It makes no sense to ask again: the credentials are wrong, for instance.
    Refused(ProtocolError),
}

impl LinkError {
    /// Whether another attempt may do better.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

impl From<ProtocolError> for LinkError {
    fn from(error: ProtocolError) -> Self {
        Self::Refused(error)
    }
}

impl From<LinkError> for ProtocolError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Unreachable(reason) => unavailable(reason),
            LinkError::Lost(reason) => unavailable(format!("a Kafka node was lost: {reason}")),
            LinkError::Refused(error) => error,
        }
    }
}
