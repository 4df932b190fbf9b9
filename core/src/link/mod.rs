//! Connections to brokers.

mod connection;
mod router;

pub(crate) use router::{Lane, Retry, Router};
