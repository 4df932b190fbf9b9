//! Connections to brokers.
//!
//! | module | holds |
//! | --- | --- |
//! | `router` | which broker to talk to; retries, pauses, fail-over |
//! | `auth` | logging in |
//! | `connection` | requests and their answers |
//! | `wire` | the socket: writing, reading, noticing silence |

mod auth;
mod connection;
mod router;
mod wire;

pub(crate) use router::{FetchLane, Lane, Retry, Router};
