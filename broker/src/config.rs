//! Every option of a broker, with its default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::access::AuthConfig;
use crate::tls::TlsConfig;

/// When a produce is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After the records reached the disk. One `fdatasync` serves all requests that wait.
    #[default]
    Fsync,
    /// After the records were handed to the operating system: they survive the broker's death, not
    /// the machine's.
    Os,
}

/// Where records are stored.
#[derive(Clone, Debug, Default)]
pub enum EngineConfig {
    /// On this machine, in the data folder.
    #[default]
    Embedded,
    /// In an Apache Kafka cluster; this broker is a gateway to it.
    #[cfg(feature = "kafka")]
    Kafka(Box<crate::kafka::KafkaConfig>),
}

/// Options of a broker.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is stored. Created if missing; used by one broker at a time.
    pub data_dir: PathBuf,
    /// Where records are stored. Default [`EngineConfig::Embedded`]. A gateway has no use for the
    /// options that concern storage.
    pub engine: EngineConfig,
    /// Address and port to listen on; port 0 takes a free one. Default 127.0.0.1:9092.
    pub listen: SocketAddr,
    /// Where to tell of health and metrics over HTTP, or HTTPS where the broker has TLS. Default
    /// nowhere.
    pub http_listen: Option<SocketAddr>,
    /// Where to send traces and metrics. Default nowhere.
    #[cfg(feature = "otlp")]
    pub otlp: Option<crate::otlp::OtlpConfig>,
    /// Whether the console, a page to look at the broker with, is served at `http_listen`. Default no.
    pub console: bool,
    /// Host name that METADATA gives to clients; the listening address unless set.
    pub advertised_host: Option<String>,
    /// Port that METADATA gives to clients, where it is another one outside of a container or behind a
    /// load balancer; the listening port unless set.
    pub advertised_port: Option<u16>,
    /// Takes connections within TLS only. Default none: connections are plain.
    pub tls: Option<TlsConfig>,
    /// When a produce is acknowledged. Default [`Durability::Fsync`].
    pub durability: Durability,
    /// How many connections are served at a time. Default 10,000.
    pub max_connections: usize,
    /// The longest payload of a frame, in bytes. Default 32 MiB.
    pub max_frame_bytes: usize,
    /// Bytes of requests and responses that all connections together may have in flight.
    /// Connections wait their turn beyond it. At least twice `max_frame_bytes`; default 64 MiB.
    pub max_inflight_bytes: usize,
    /// How many partitions a topic may have. Default 10,000.
    pub max_partitions: u32,
    /// How long a connection may take for HELLO, for a frame once begun, or for reading what it is
    /// sent, before it is closed. Default 30 s.
    pub io_timeout: Duration,
    /// How long shutdown waits for requests under way. Default 5 s.
    pub shutdown_timeout: Duration,
    /// Below this many free bytes on the disk, writes are refused with STORAGE_FULL until there is
    /// room again. Default 256 MiB.
    pub min_free_bytes: u64,
    /// Memory for records not yet written from the journal to their segments. Default 64 MiB.
    pub write_buffer_bytes: u64,
    /// How often retention and other upkeep runs. Default 1 s.
    pub upkeep_interval: Duration,
    /// After how long without a batch a producer's sequences are forgotten. Default 1 day.
    pub producer_expiry: Duration,
    /// After how long without use a transactional id is forgotten. Default 7 days.
    pub transactional_id_expiry: Duration,
    /// How often members of a consumer group send heartbeats while nothing changes; at most a quarter
    /// of their session time-out. Default 1 s.
    pub heartbeat_interval: Duration,
    /// How many members a consumer group may have. Default 10,000.
    pub max_group_members: usize,
    /// Who may use the broker; `None` for everybody and everything, which is the default.
    pub auth: Option<AuthConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("flymq-data"),
            engine: EngineConfig::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 9092)),
            http_listen: None,
            #[cfg(feature = "otlp")]
            otlp: None,
            console: false,
            advertised_host: None,
            advertised_port: None,
            tls: None,
            durability: Durability::default(),
            max_connections: 10_000,
            max_frame_bytes: flymq_protocol::frame::DEFAULT_MAX_FRAME,
            max_inflight_bytes: 64 << 20,
            max_partitions: 10_000,
            io_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(5),
            min_free_bytes: 256 << 20,
            write_buffer_bytes: 64 << 20,
            upkeep_interval: Duration::from_secs(1),
            producer_expiry: Duration::from_secs(24 * 3600),
            transactional_id_expiry: Duration::from_secs(7 * 24 * 3600),
            heartbeat_interval: Duration::from_secs(1),
            max_group_members: 10_000,
            auth: None,
        }
    }
}
