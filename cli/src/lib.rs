//! The `flymq` command.
//!
//! | module | holds |
//! | --- | --- |
//! | [`args`] | the command line: every command with its options |
//! | `broker` | `flymq broker` |
//!
//! It is a library so that the Python package can carry the same command.

#![forbid(unsafe_code)]

pub mod args;
mod broker;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

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
    init_logging(&args.log);
    let result = match args.command {
        Command::Broker(options) => broker::run(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flymq: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn init_logging(filter: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    // Within a host program there may be a subscriber already; it stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
