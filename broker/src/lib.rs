//! FlyMQ's broker: a server for the protocol of `docs/protocol.md` over a storage engine.
//!
//! | module | holds |
//! | --- | --- |
//! | [`config`] | every option with its default |
//! | [`server`] | listening, accepting, shutting down |
//! | [`tls`] | TLS: options, certificates, handshakes |
//! | `transport` | a connection's bytes, plain or within TLS |
//! | `session` | one connection: frames in, answers out, limits |
//! | `dispatch` | operation → engine call → response |
//! | [`access`] | who may use the broker, and for what |
//! | `metrics` | what the broker counts of its work |
//! | `otlp` | traces and metrics for a collector, with the feature of that name |
//! | `http` | health, metrics and the console for those who watch the broker |
//! | `connections` | who is connected |
//! | `budget` | the bytes that all connections together may have in flight |
//! | `groups` | consumer groups: who reads which partition |
//! | [`engine`] | what a storage engine must do |
//! | [`embedded`] | the engine for one machine, on fjall |
//! | `kafka` | the engine for an Apache Kafka cluster (feature `kafka`) |
//! | [`topic`] | topic names and configuration keys |
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let data = tempfile::tempdir().unwrap();
//! let config = flymq_broker::Config {
//!     data_dir: data.path().into(),
//!     listen: "127.0.0.1:0".parse().unwrap(),
//!     ..Default::default()
//! };
//! let broker = flymq_broker::Broker::start(config).await.unwrap();
//! println!("listening on {}", broker.local_addr());
//! broker.shutdown().await;
//! # });
//! ```

#![forbid(unsafe_code)]

pub mod access;
mod budget;
pub mod config;
mod connections;
mod dispatch;
pub mod embedded;
pub mod engine;
mod groups;
mod http;
#[cfg(feature = "kafka")]
pub mod kafka;
mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod server;
mod session;
pub mod tls;
pub mod topic;
mod transport;

pub use access::{Access, AuthConfig, InitialUser};
pub use config::{Config, Durability, EngineConfig};
pub use flymq_protocol::{ErrorCode, ProtocolError};
#[cfg(feature = "otlp")]
pub use otlp::OtlpConfig;
pub use server::Broker;
pub use tls::{ClientAuth, Pem, TlsConfig, TlsVersion};

/// A result whose error has a number in the protocol's table.
pub type Result<T> = std::result::Result<T, ProtocolError>;

/// Milliseconds since 1970 by this machine's clock.
pub(crate) fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_millis() as i64)
}
