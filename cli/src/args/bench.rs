//! Options of `flymq bench`.

use clap::Subcommand;

use super::{CompressionArg, Format};

const DEFAULT_TOPIC: &str = "flymq-bench";

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// How many records a second can be stored; they stay in the topic
    Produce(BenchProduce),
    /// How many records a second can be read from the beginning of a topic
    Consume(BenchConsume),
    /// How long it takes to store one record at a time
    Latency(BenchLatency),
}

/// Options of `flymq bench produce`.
#[derive(Debug, clap::Args)]
pub struct BenchProduce {
    /// The topic; created if it is missing
    #[arg(long, default_value = DEFAULT_TOPIC)]
    pub topic: String,
    /// How many partitions the topic gets if it is created
    #[arg(long, default_value_t = 1)]
    pub partitions: u32,
    /// How many records, all clients together
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub msgs: u64,
    /// Bytes of each record's value
    #[arg(long, default_value_t = 100)]
    pub size: usize,
    /// How many clients, each with its own connection
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// Bytes at which a batch is sent
    #[arg(long, default_value_t = 128 << 10)]
    pub batch: usize,
    /// Milliseconds that a record may wait for others to share its batch
    #[arg(long, default_value_t = 5)]
    pub linger_ms: u64,
    /// How to compress
    #[arg(long, default_value = "none")]
    pub compression: CompressionArg,
    /// How to print
    #[arg(long, default_value = "text")]
    pub format: Format,
}

/// Options of `flymq bench consume`.
#[derive(Debug, clap::Args)]
pub struct BenchConsume {
    /// The topic
    #[arg(long, default_value = DEFAULT_TOPIC)]
    pub topic: String,
    /// How many records at most, all clients together; default all there are
    #[arg(long)]
    pub msgs: Option<u64>,
    /// How many clients, each with its own connection and share of the partitions
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// Bytes that are asked for at a time
    #[arg(long, default_value_t = 4 << 20)]
    pub batch: u32,
    /// How to print
    #[arg(long, default_value = "text")]
    pub format: Format,
}

/// Options of `flymq bench latency`.
#[derive(Debug, clap::Args)]
pub struct BenchLatency {
    /// The topic; created if it is missing
    #[arg(long, default_value = DEFAULT_TOPIC)]
    pub topic: String,
    /// How many records, all clients together
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub msgs: u64,
    /// Bytes of each record's value
    #[arg(long, default_value_t = 100)]
    pub size: usize,
    /// How many clients, each with its own connection
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// How to print
    #[arg(long, default_value = "text")]
    pub format: Format,
}
