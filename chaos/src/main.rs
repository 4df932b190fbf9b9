//! Kills brokers and clients at random, cuts connections, and accounts for every record.
//!
//! | module | holds |
//! | --- | --- |
//! | `bank` | transfers between topics by transactions: seen whole or not at all |
//! | `pipeline` | consume, transform, produce, with the offsets in the transaction: once each |
//! | `broker`, `process`, `proxy` | what is killed, and what cuts connections |
//!
//! The same program is each of the processes: `flymq-chaos broker …` is a broker,
//! `flymq-chaos bank-client …` a client. The last line of `flymq-chaos all` is the tally.

#![forbid(unsafe_code)]

mod bank;
mod broker;
mod pipeline;
mod process;
mod proxy;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Kills brokers and clients at random, and accounts for every record.
#[derive(Parser)]
#[command(name = "flymq-chaos", version)]
enum Command {
    /// Transfers between accounts in several topics
    Bank(Options),
    /// Consume, transform, produce, exactly once
    Pipeline(Options),
    /// Both, one after the other
    All(Options),
    #[command(flatten)]
    Child(Child),
}

/// What runs in processes of its own.
#[derive(Subcommand)]
enum Child {
    #[command(hide = true)]
    BankClient { address: String, number: u32, seed: u64 },
    #[command(hide = true)]
    PipelineWorker { address: String, number: u32 },
}

/// How much chaos.
#[derive(Clone, clap::Args)]
struct Options {
    /// How many processes to kill in the bank
    #[arg(long, default_value_t = 200)]
    bank_kills: u64,
    /// How many processes to kill in the pipeline
    #[arg(long, default_value_t = 50)]
    pipeline_kills: u64,
    /// How many records go through the pipeline
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Makes the same choices again, as far as timing allows
    #[arg(long, default_value_t = rand::random())]
    seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
struct Tally {
    kills: u64,
    cuts: u64,
    records: u64,
    lost: u64,
    doubled: u64,
    torn: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.kills += other.kills;
        self.cuts += other.cuts;
        self.records += other.records;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.torn += other.torn;
    }

    fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.torn == 0
    }
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
        Command::Bank(options) => tally.add(bank::run(&options).await?),
        Command::Pipeline(options) => tally.add(pipeline::run(&options).await?),
        Command::All(options) => {
            tally.add(bank::run(&options).await?);
            tally.add(pipeline::run(&options).await?);
        }
        Command::Child(Child::BankClient { address, number, seed }) => {
            return bank::client::run(&address, number, seed).await.map(|()| true);
        }
        Command::Child(Child::PipelineWorker { address, number }) => {
            return pipeline::worker::run(&address, number).await.map(|()| true);
        }
    }
    println!(
        "{} kills, {} connections cut, {} records: {} lost, {} doubled, {} torn",
        tally.kills, tally.cuts, tally.records, tally.lost, tally.doubled, tally.torn
    );
    Ok(tally.is_clean())
}
