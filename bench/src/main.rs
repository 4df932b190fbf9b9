//! The benchmark harness: scenarios as data, each measured in turn with the limit that it is compared
//! with, so that what the machine does meanwhile meets both.
//!
//! | module | holds |
//! | --- | --- |
//! | `scenario` | what `scenarios.toml` may say |
//! | `harness` | warm-up, runs in turn, medians |
//! | `measure` | one run of each kind of scenario |
//! | `members` | consumers that share partitions |
//! | `transactions` | records written in transactions |
//! | `attack` | hostile peers meanwhile |
//! | `limits` | what the machine can do without a broker |
//! | `broker` | the broker's process, its memory and its time |
//! | `scraper` | whoever asks a broker for its metrics |
//! | `report` | the table and the JSON |
//! | `worker` | one run for the comparison with peers |
//!
//! It measures, and does not judge: it ends with 0 also when a target is missed.

#![forbid(unsafe_code)]

mod attack;
mod broker;
mod harness;
mod limits;
mod measure;
mod members;
mod report;
mod scenario;
mod scraper;
mod transactions;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use harness::Harness;
use scenario::Scenario;

/// Measures FlyMQ on this machine.
#[derive(Debug, Parser)]
#[command(name = "flymq-bench", version)]
struct Args {
    /// Fewer runs with less data: about a minute
    #[arg(long)]
    quick: bool,
    /// Only scenarios whose names contain this; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How often each scenario is measured
    #[arg(long)]
    runs: Option<usize>,
    /// Where to keep data while measuring, on the disk that is meant
    #[arg(long, default_value = "target/bench")]
    data_dir: PathBuf,
    /// Write everything that was measured to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Other scenarios than the ones built in
    #[arg(long, value_name = "FILE")]
    scenarios: Option<PathBuf>,
}

fn main() -> ExitCode {
    // The broker that is measured is this program's other half, run as a process of its own.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|arg| broker::SUBCOMMANDS.iter().any(|&name| arg == name))
    {
        return flymq_cli::run(std::env::args_os());
    }
    let worker = std::env::args_os().nth(1).is_some_and(|arg| arg == worker::SUBCOMMAND);
    match if worker { worker::run() } else { run(Args::parse()) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flymq-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let text = match &args.scenarios {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?,
        None => include_str!("../scenarios.toml").to_owned(),
    };
    let scenarios = Scenario::parse(&text)?;
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|o| name.contains(o));
    anyhow::ensure!(scenarios.iter().any(|s| wanted(&s.name)), "no scenario has such a name");
    if cfg!(debug_assertions) {
        eprintln!("flymq-bench: this is a debug build; its figures mean nothing");
    }
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("cannot create {}", args.data_dir.display()))?;
    broker::raise_file_limit()?;
    let runs = args.runs.unwrap_or(if args.quick { 3 } else { 5 }).max(1);
    let harness = Harness::new(&scenarios, args.data_dir, args.quick, runs)?;
    let mut results = Vec::new();
    for scenario in scenarios.iter().filter(|s| wanted(&s.name)) {
        eprintln!("measuring {} …", scenario.name);
        let result = harness
            .measure(scenario)
            .with_context(|| format!("cannot measure {}", scenario.name))?;
        // Told at once too, for whoever does not wait for the end.
        eprintln!("  {}", report::summary(&result));
        results.push(result);
    }
    report::table(&results)?;
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&report::json(&results, args.quick))?;
        std::fs::write(file, text + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
