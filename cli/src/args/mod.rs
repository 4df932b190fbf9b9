//! The command line. Every option can also be given as a `FLYMQ_*` variable, where one is named.

mod access;
mod bench;
mod broker;
mod capacity;
mod certs;
mod cluster;
mod group;
mod key;
mod records;
mod server;
mod topic;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use access::{AclCommand, AclRule, AclSelection, NewPassword, UserCommand};
pub use bench::{BenchCommand, BenchConsume, BenchLatency, BenchProduce};
pub use broker::{BrokerOptions, ClientAuthArg, DurabilityArg, EngineArg};
pub use capacity::CapacityOptions;
pub use certs::{CertsCommand, DevCerts};
pub use cluster::ClusterCommand;
pub use group::GroupCommand;
pub use key::{GenerateKey, KeyCommand, KeyOptions, OnUndecryptableArg};
pub use records::{CompressionArg, ConsumeOptions, FromArg, IsolationArg, ProduceOptions};
pub use server::{ServerOptions, TlsVersionArg};
pub use topic::TopicCommand;

const EXIT_CODES: &str = "\
Exit codes:
  0  success; also when whoever reads the output has read enough
  1  failure: the reason and a hint are on standard error
  2  the command line is wrong";

/// FlyMQ: a message broker and its tools.
#[derive(Debug, Parser)]
#[command(name = "flymq", version, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub struct Args {
    /// Which broker to talk to, and how.
    #[command(flatten)]
    pub server: ServerOptions,
    /// What to log on standard error: error, warn, info, debug or trace, also by module; default
    /// warn for broker, produce and consume, which may go on through trouble, and else error
    #[arg(long, global = true, env = "FLYMQ_LOG")]
    pub log: Option<String>,
    /// How logs look on standard error
    #[arg(long, global = true, env = "FLYMQ_LOG_FORMAT", default_value = "text")]
    pub log_format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a broker until it is told to stop (SIGTERM or Ctrl-C)
    Broker(Box<BrokerOptions>),
    /// Store lines of standard input or of a file as records
    Produce(ProduceOptions),
    /// Print the records of a topic
    Consume(ConsumeOptions),
    /// Create, delete, list, describe and change topics
    #[command(subcommand)]
    Topic(TopicCommand),
    /// List, describe, reset and delete consumer groups, and show their lag
    #[command(subcommand, alias = "groups")]
    Group(GroupCommand),
    /// Add, remove, list and change users
    #[command(subcommand)]
    User(UserCommand),
    /// Allow and deny what users may do
    #[command(subcommand)]
    Acl(AclCommand),
    /// Say which user the broker takes this for
    Whoami {
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Make certificates for TLS
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Make keys for encrypting records
    #[command(subcommand)]
    Key(KeyCommand),
    /// Measure what a broker does
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Ask at each address whether a broker is there and answers; fails if one does not
    Health {
        /// Ask for /health/ready there instead, such as http://127.0.0.1:9644: it takes no user, and
        /// tells the broker's own state from its engine's
        #[arg(long, env = "FLYMQ_HEALTH_URL", value_name = "URL")]
        http: Option<String>,
        /// How long to wait for the answer, in milliseconds
        #[arg(long, default_value_t = 5_000)]
        timeout_ms: u64,
        /// How to print the answer
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Show how the cluster is
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Work out what a deployment needs: disk, memory and network
    Capacity(CapacityOptions),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// What is logged unless something else is asked for. A command that fails at once tells why in
    /// its error, and needs no warning before it.
    pub fn default_log(&self) -> &'static str {
        match self {
            Self::Broker(_) => "warn,flymq::audit=info",
            Self::Produce(_) | Self::Consume(_) => "warn",
            Self::Topic(_)
            | Self::Group(_)
            | Self::User(_)
            | Self::Acl(_)
            | Self::Whoami { .. }
            | Self::Certs(_)
            | Self::Key(_)
            | Self::Bench(_)
            | Self::Health { .. }
            | Self::Cluster(_)
            | Self::Capacity(_)
            | Self::Completions { .. } => "error",
        }
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs; streams are one object a line
    Json,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as key=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn pairs() {
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(key_value("a="), Ok(("a".to_owned(), String::new())));
        assert!(key_value("a").is_err() && key_value("=b").is_err());
    }
}
