//! Options of `flymq broker`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::BoolishValueParser;

/// Options of `flymq broker`.
#[derive(Debug, clap::Args)]
pub struct BrokerOptions {
    /// Folder for everything that is stored; created if missing
    #[arg(long, env = "FLYMQ_DATA_DIR", default_value = "flymq-data")]
    pub data_dir: PathBuf,
    /// Where records are stored: on this machine, or in an Apache Kafka cluster, to which the broker
    /// is then a gateway
    #[arg(long, env = "FLYMQ_ENGINE", default_value = "embedded")]
    pub engine: EngineArg,
    /// Nodes of the Kafka cluster, from which it learns of all others
    #[cfg(feature = "kafka")]
    #[arg(
        long,
        env = "FLYMQ_KAFKA_BOOTSTRAP",
        value_name = "HOST:PORT,…",
        required_if_eq("engine", "kafka")
    )]
    pub kafka_bootstrap: Option<String>,
    /// An option for the connections to Kafka, by the name that Kafka's clients give it, such as
    /// security.protocol=SASL_SSL; may be repeated
    #[cfg(feature = "kafka")]
    #[arg(long, value_name = "NAME=VALUE", requires = "kafka_bootstrap")]
    pub kafka: Vec<String>,
    /// File of such options, one a line: for passwords, which others on the machine can see on a
    /// command line
    #[cfg(feature = "kafka")]
    #[arg(long, env = "FLYMQ_KAFKA_CONFIG", value_name = "FILE", requires = "kafka_bootstrap")]
    pub kafka_config: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "FLYMQ_LISTEN", default_value = "127.0.0.1:9092")]
    pub listen: SocketAddr,
    /// Address and port for health and metrics over HTTP, such as 127.0.0.1:9644; HTTPS with --tls-cert
    #[arg(
        long,
        env = "FLYMQ_HTTP_LISTEN",
        value_name = "ADDRESS",
        default_value_if("console", "true", "127.0.0.1:9644")
    )]
    pub http_listen: Option<SocketAddr>,
    /// Collector of OpenTelemetry to send traces and metrics to by OTLP over HTTP, such as
    /// http://127.0.0.1:4318
    #[cfg(feature = "otlp")]
    #[arg(long, env = "FLYMQ_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// File with headers for the collector, one NAME: VALUE a line
    #[cfg(feature = "otlp")]
    #[arg(long, env = "FLYMQ_OTLP_HEADERS_FILE", value_name = "FILE", requires = "otlp_endpoint")]
    pub otlp_headers_file: Option<PathBuf>,
    /// How often metrics are sent to the collector, in milliseconds
    #[cfg(feature = "otlp")]
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(100..))]
    pub otlp_metrics_interval_ms: u64,
    /// Serve the console, a page to look at the broker with, over HTTP: at 127.0.0.1:9644 unless
    /// --http-listen says otherwise
    #[arg(long, env = "FLYMQ_CONSOLE", value_parser = BoolishValueParser::new())]
    pub console: bool,
    /// Host name that clients are told to connect to, if not the listening address
    #[arg(long, env = "FLYMQ_ADVERTISED_HOST")]
    pub advertised_host: Option<String>,
    /// Port that clients are told to connect to, if not the one that is listened on
    #[arg(long, env = "FLYMQ_ADVERTISED_PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub advertised_port: Option<u16>,
    /// Take connections within TLS only, with this certificate and those that lead to a root (PEM)
    #[arg(long, env = "FLYMQ_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, env = "FLYMQ_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Certificates of those who sign clients' certificates (PEM)
    #[arg(long, env = "FLYMQ_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// Whether clients show certificates; default required with --tls-client-ca, else none
    #[arg(long, env = "FLYMQ_TLS_CLIENT_AUTH", requires = "tls_cert")]
    pub tls_client_auth: Option<ClientAuthArg>,
    /// When a produce is acknowledged: after an fsync, or once the operating system has it
    #[arg(long, env = "FLYMQ_DURABILITY", default_value = "fsync")]
    pub durability: DurabilityArg,
    /// How many connections are served at a time
    #[arg(long, default_value_t = 10_000)]
    pub max_connections: usize,
    /// The longest frame payload that is taken, in bytes
    #[arg(long, default_value_t = 32 << 20)]
    pub max_frame_bytes: usize,
    /// Bytes that all connections together may have in flight
    #[arg(long, default_value_t = 64 << 20)]
    pub max_inflight_bytes: usize,
    /// Free bytes on the disk below which writes are refused
    #[arg(long, default_value_t = 256 << 20)]
    pub min_free_bytes: u64,
    /// How often members of a consumer group send heartbeats, in milliseconds
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub heartbeat_interval_ms: u64,
    /// How many members a consumer group may have
    #[arg(long, default_value_t = 10_000)]
    pub max_group_members: usize,
    /// After how many hours without use a transactional id is forgotten
    #[arg(long, default_value_t = 168, value_parser = clap::value_parser!(u32).range(1..))]
    pub transactional_id_expiry_hours: u32,
    /// Let only users in that "flymq user" has added, and only for what "flymq acl" allows
    #[arg(long, env = "FLYMQ_AUTH", value_parser = BoolishValueParser::new())]
    pub auth: bool,
    /// After how long clients have to authenticate again, in milliseconds; 0 for never
    #[arg(long, default_value_t = 3_600_000)]
    pub session_lifetime_ms: u64,
    /// An administrator that is made at start unless there is such a user
    #[arg(
        long,
        env = "FLYMQ_BOOTSTRAP_ADMIN",
        requires = "bootstrap_admin_password_file",
        value_name = "NAME"
    )]
    pub bootstrap_admin: Option<String>,
    /// File whose first line is that administrator's password
    #[arg(long, env = "FLYMQ_BOOTSTRAP_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    pub bootstrap_admin_password_file: Option<PathBuf>,
}

/// Where records are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    /// On this machine
    Embedded,
    /// In an Apache Kafka cluster, 4.1 or later
    #[cfg(feature = "kafka")]
    Kafka,
}

/// When a produce is acknowledged.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DurabilityArg {
    /// After the records reached the disk
    Fsync,
    /// After the records were handed to the operating system
    Os,
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ClientAuthArg {
    /// They are not asked to
    None,
    /// They may; one that is shown must be valid
    Optional,
    /// They must
    Required,
}
