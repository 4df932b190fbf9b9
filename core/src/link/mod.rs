//! Connections to brokers.
//!
//! | module | holds |
//! | --- | --- |
//! | `calls` | requests, made again where that helps |
//! | `router` | a connection for each lane; fail-over |
//! | `names` | from names to addresses; brokers that brokers tell of |
//! | `endpoints` | addresses and how they are: circuit breakers, preferences |
//! | `attempts` | connecting: one endpoint after the other until one works |
//! | `upkeep` | what goes on in the background: learning of brokers, trying lost ones again |
//! | `auth` | logging in |
//! | `connection` | requests and their answers |
//! | `output` | what is to be written, and TLS |
//! | `wire` | the socket: writing, reading, noticing silence |

mod attempts;
mod auth;
mod calls;
mod connection;
mod endpoints;
mod names;
mod output;
mod router;
mod upkeep;
mod wire;

pub(crate) use calls::{Retry, refused_unseen};
pub(crate) use connection::Connection;
pub(crate) use router::{FetchLane, Lane, Router};
pub(crate) use upkeep::look_after;
