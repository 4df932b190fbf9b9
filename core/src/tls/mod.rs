//! TLS: options, handshakes, and what their failures mean.
//!
//! | module | holds |
//! | --- | --- |
//! | [`config`] | the options |
//! | `connector` | handshakes of one client, which share sessions to resume |
//! | `trust` | whom to trust |
//! | `failure` | what went wrong, in words that say what to do |

pub mod config;
mod connector;
mod failure;
mod trust;

pub use config::{Pem, TlsConfig, TlsVersion};
pub(crate) use connector::{Connector, binding};
pub(crate) use failure::broken;
