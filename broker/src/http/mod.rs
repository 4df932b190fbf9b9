//! HTTP for those who watch a broker: orchestrators, Prometheus, people with curl.
//!
//! | module | holds |
//! | --- | --- |
//! | `listener` | connections: TLS, and how many, how large, for how long |
//! | `routes` | which path is answered by what |
//! | `health` | whether the broker lives, and whether it is of use |

mod health;
mod listener;
mod routes;

pub(crate) use listener::HttpListener;
