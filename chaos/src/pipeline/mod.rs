//! The pipeline: workers of one group consume, transform and produce, with the consumed offsets in
//! the transaction, while they and the broker are killed. Every input comes out once.

mod output;
pub mod worker;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use flymq_core::{Client, NewTopic, Record};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

use crate::broker::Broker;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::{Options, Tally};

/// Where records come from and go to.
pub const INPUT: &str = "pipeline-input";
/// See [`INPUT`].
pub const OUTPUT: &str = "pipeline-output";
/// The workers' group.
pub const GROUP: &str = "pipeline";
/// Partitions of either topic.
const PARTITIONS: u32 = 4;
/// How many workers share them.
const WORKERS: u32 = 3;
/// How many keys there are. Records of a key come out in the order in which they went in.
const KEYS: u64 = 100;
/// No progress for so long means that something hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs the pipeline and compares its output with its input.
pub async fn run(options: &Options) -> anyhow::Result<Tally> {
    let began = Instant::now();
    let mut random = StdRng::seed_from_u64(options.seed);
    let data = tempfile::tempdir()?;
    let mut broker = Broker::start(data.path()).await?;
    let proxy = Proxy::start(broker.address.parse()?).await?;
    let client = Client::connect(&broker.address).await?;
    for topic in [INPUT, OUTPUT] {
        client.create_topic(NewTopic::new(topic).partitions(PARTITIONS)).await?;
    }
    let input = (0..options.records)
        .map(|number| Record::new(number.to_string()).key(format!("key-{}", number % KEYS)));
    client.produce_batch(INPUT, input).await.context("cannot produce the input")?;

    let progress = watch::Sender::new(0u64);
    let start = |number: u32| start_worker(&proxy.address, number, progress.clone());
    let mut workers = (0..WORKERS).map(start).collect::<anyhow::Result<Vec<_>>>()?;
    let mut tally = Tally::default();
    let step = options.records / (options.pipeline_kills + 1);
    for kill in 1..=options.pipeline_kills {
        // Spread over the whole of the work, at any instant of it.
        reach(&progress, kill * step).await?;
        tokio::time::sleep(Duration::from_micros(random.random_range(0..30_000))).await;
        match random.random_range(0..3) {
            0 => {
                let durability = if random.random() { "fsync" } else { "os" };
                broker.kill_and_restart(durability).await?;
            }
            _ => {
                let number = random.random_range(0..WORKERS);
                workers[number as usize].kill().await?;
                workers[number as usize] = start(number)?;
            }
        }
        tally.kills += 1;
        if random.random_ratio(1, 3) {
            tally.cuts += proxy.cut();
        }
    }
    let output = tokio::time::timeout(PATIENCE, output::read(&client, options.records))
        .await
        .context("the output did not become as long as the input")??;
    for worker in workers {
        worker.finish().await?;
    }
    // What workers were still about when they ended, and what is on the disk.
    broker.kill_and_restart("fsync").await?;
    let rest = output::read(&client, 0).await?;
    if rest.len() != output.len() {
        bail!("the output grew from {} to {} records", output.len(), rest.len());
    }
    output::compare(&rest, options.records, &mut tally)?;
    println!(
        "pipeline: {} kills, {} connections cut, seed {}: {} records in, {} out ({:.1} s)",
        tally.kills,
        tally.cuts,
        options.seed,
        options.records,
        rest.len(),
        began.elapsed().as_secs_f64(),
    );
    Ok(tally)
}

async fn reach(progress: &watch::Sender<u64>, records: u64) -> anyhow::Result<()> {
    let mut progress = progress.subscribe();
    tokio::time::timeout(PATIENCE, progress.wait_for(|&done| done >= records))
        .await
        .with_context(|| format!("the pipeline stands still for {PATIENCE:?}"))??;
    Ok(())
}

/// Starts a worker, which says how many records it has passed on with each commit.
fn start_worker(
    address: &str,
    number: u32,
    progress: watch::Sender<u64>,
) -> anyhow::Result<Process> {
    let mut process = Process::start(&["pipeline-worker", address, &number.to_string()])?;
    let mut lines = process.lines()?;
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            match line.parse::<u64>() {
                Ok(done) => progress.send_modify(|sum| *sum += done),
                Err(_) => eprintln!("a worker said {line:?}"),
            }
        }
    });
    Ok(process)
}
