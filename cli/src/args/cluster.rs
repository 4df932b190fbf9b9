//! Options of `flymq cluster`.

use clap::Subcommand;

use super::Format;

/// What to do with the cluster.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Show brokers, the engine's nodes, and partitions that lack copies; fails if a partition cannot
    /// be used
    Status {
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
}
