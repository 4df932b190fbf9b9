//! Connections to brokers.
//!
//! | module | holds |
//! | --- | --- |
//! | `router` | which broker to talk to; retries, pauses, fail-over |
//! | `auth` | logging in |
//! | `connection` | requests and their answers |
//! | `output` | what is to be written, and TLS |
//! | `wire` | the socket: writing, reading, noticing silence |

mod auth;
mod connection;
mod output;
mod router;
mod wire;

pub(crate) use connection::Connection;
pub(crate) use router::{FetchLane, Lane, Retry, Router, refused_unseen};
