//! Kills brokers and clients at random, pauses them, cuts connections or slows them down, and accounts for every record.
//!
//! | module | holds |
//! | --- | --- |
//! | `stream` | records of many keys: each acknowledged one is stored once, those of a key in order |
//! | `bank` | transfers between topics by transactions: seen whole or not at all |
//! | `rolling` | brokers are restarted one after the other: no error reaches an application |
//! | `pipeline` | consume, transform, produce, with the offsets in the transaction: once each |
//! | `site` | the brokers, what is behind them, and what goes wrong with them |
//! | `process`, `language` | what is killed; clients in Rust, Python and Java |
//! | `tally` | what went wrong, and what came of it |
//!
//! The same program is each of the processes: `flymq-chaos broker …` is a broker,
//! `flymq-chaos bank-client …` a client; clients in other languages are in `clients/`. The last line of `flymq-chaos all` is the tally.

#![forbid(unsafe_code)]

mod bank;
mod language;
mod pipeline;
mod process;
mod rolling;
mod site;
mod stream;
mod tally;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use language::Languages;
use site::Engine;
use tally::Tally;

/// Kills brokers and clients at random, and accounts for every record.
#[derive(Parser)]
#[command(name = "flymq-chaos", version)]
enum Command {
    /// Records of many keys, each stored once and in order
    Stream(Options),
    /// Transfers between accounts in several topics
    Bank(Options),
    /// Consume, transform, produce, exactly once
    Pipeline(Options),
    /// Brokers restarted one after the other, without an error
    Rolling(Options),
    /// One after the other
    All(Options),
    #[command(flatten)]
    Child(Child),
}

/// What runs in processes of its own.
#[derive(Subcommand)]
enum Child {
    #[command(hide = true)]
    StreamClient { addresses: String, number: u32, seed: u64 },
    #[command(hide = true)]
    BankClient { addresses: String, number: u32, seed: u64 },
    #[command(hide = true)]
    PipelineWorker { addresses: String, number: u32, seed: u64 },
}

/// How much chaos.
#[derive(Clone, clap::Args)]
struct Options {
    /// Where the brokers keep their records
    #[arg(long, value_enum, default_value_t = Engine::Embedded)]
    engine: Engine,
    /// How many faults the stream meets with
    #[arg(long, default_value_t = 50)]
    stream_faults: u64,
    /// How many faults the bank meets with
    #[arg(long, default_value_t = 200)]
    bank_faults: u64,
    /// How many faults the pipeline meets with
    #[arg(long, default_value_t = 50)]
    pipeline_faults: u64,
    /// How many times every broker is restarted
    #[arg(long, default_value_t = 5)]
    rolling_rounds: u64,
    /// How many records go through the pipeline
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Makes the same choices again, as far as timing allows
    #[arg(long, default_value_t = rand::random())]
    seed: u64,
    #[command(flatten)]
    languages: Languages,
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|arg| arg == "broker") {
        return flymq_cli::run(args);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(Command::parse_from(args))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether every record was accounted for.
async fn run(command: Command) -> anyhow::Result<bool> {
    let mut tally = Tally::default();
    match command {
        Command::Stream(options) => tally.add(stream::run(&options).await?),
        Command::Bank(options) => tally.add(bank::run(&options).await?),
        Command::Pipeline(options) => tally.add(pipeline::run(&options).await?),
        Command::Rolling(options) => tally.add(rolling::run(&options).await?),
        Command::All(options) => {
            tally.add(stream::run(&options).await?);
            tally.add(bank::run(&options).await?);
            tally.add(pipeline::run(&options).await?);
            tally.add(rolling::run(&options).await?);
        }
        Command::Child(child) => {
            match child {
                Child::StreamClient { addresses, number, seed } => {
                    stream::client::run(&addresses, number, seed).await?;
                }
                Child::BankClient { addresses, number, seed } => {
                    bank::client::run(&addresses, number, seed).await?;
                }
                Child::PipelineWorker { addresses, number, seed: _ } => {
                    pipeline::worker::run(&addresses, number).await?;
                }
            }
            return Ok(true);
        }
    }
    println!("{tally}");
    Ok(tally.is_clean())
}
