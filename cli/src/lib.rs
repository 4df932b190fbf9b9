//! The `flymq` command.
//!
//! | module | holds |
//! | --- | --- |
//! | [`args`] | the command line: every command with its options |
//! | `broker` | `flymq broker` |
//! | `produce`, `lines`, `progress` | `flymq produce`: standard input or a file, line by line |
//! | `consume`, `reader`, `member`, `message` | `flymq consume`: where to begin and end, groups, how records look |
//! | `topic`, `group` | `flymq topic`, `flymq group` |
//! | `access` | `flymq user`, `flymq acl`, `flymq whoami` |
//! | `certs` | `flymq certs` |
//! | `key` | `flymq key`, and which keys commands use |
//! | `health`, `readiness` | `flymq health`: by the protocol, and over HTTP |
//! | `cluster` | `flymq cluster` |
//! | `capacity` | `flymq capacity` |
//! | `bench`, [`load`] | `flymq bench`, and the load it makes, which the harness in `bench/` makes too |
//! | `session` | the runtime and the client that commands run with |
//! | `output`, `failure` | standard output that may close early; errors as people read them |
//!
//! It is a library so that the Python package can carry the same command.

#![forbid(unsafe_code)]

mod access;
pub mod args;
mod bench;
mod broker;
mod capacity;
mod certs;
mod cluster;
mod consume;
mod failure;
mod group;
mod health;
mod key;
mod lines;
pub mod load;
mod member;
mod message;
mod output;
mod produce;
mod progress;
mod reader;
mod readiness;
mod session;
mod topic;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Args, Command, Format};
use output::Output;

/// Runs the command with the given arguments, the program's name first, and returns its exit code:
/// 0 for success, 1 for failure, 2 for a wrong command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    init_logging(args.log.as_deref().unwrap_or(args.command.default_log()), args.log_format);
    let server = args.server;
    let result = match args.command {
        Command::Broker(options) => broker::run(*options, &server),
        Command::Produce(options) => produce::run(&server, options),
        Command::Consume(options) => consume::run(&server, options),
        Command::Topic(command) => topic::run(&server, command),
        Command::Group(command) => group::run(&server, command),
        Command::User(command) => access::user(&server, command),
        Command::Acl(command) => access::acl(&server, command),
        Command::Whoami { format } => access::whoami(&server, format),
        Command::Certs(command) => certs::run(command),
        Command::Key(command) => key::run(command),
        Command::Bench(command) => bench::run(&server, command),
        Command::Health { http: Some(url), timeout_ms, format } => {
            readiness::run(&server, &url, timeout_ms, format)
        }
        Command::Health { http: None, timeout_ms, format } => {
            health::run(&server, timeout_ms, format)
        }
        Command::Cluster(command) => cluster::run(&server, command),
        Command::Capacity(options) => capacity::run(&options),
        Command::Completions { shell } => completions(shell),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "flymq", &mut script);
    let mut out = Output::new();
    out.write(&script)?;
    out.flush()
}

fn init_logging(filter: &str, format: Format) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Within a host program there may be a subscriber already; it stays.
    let _ = match format {
        Format::Text => logs.with_target(false).try_init(),
        Format::Json => logs.json().flatten_event(true).try_init(),
    };
}
