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

use crate::site::Site;
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
/// How often it is looked how far the workers are.
const POLL: Duration = Duration::from_millis(20);
/// What the whole output may take once nothing goes wrong any longer.
const REST_WITHIN: Duration = Duration::from_secs(300);

/// Runs the pipeline and compares its output with its input.
pub async fn run(options: &Options) -> anyhow::Result<Tally> {
    let began = Instant::now();
    let mut random = StdRng::seed_from_u64(options.seed);
    let data = tempfile::tempdir()?;
    let mut site = Site::start(options.engine, data.path()).await?;
    let addresses = site.addresses();
    let client = Client::connect(&site.direct_addresses()).await?;
    for topic in [INPUT, OUTPUT] {
        client.create_topic(NewTopic::new(topic).partitions(PARTITIONS)).await?;
    }
    let input = (0..options.records)
        .map(|number| Record::new(number.to_string()).key(format!("key-{}", number % KEYS)));
    client.produce_batch(INPUT, input).await.context("cannot produce the input")?;

    let progress = watch::Sender::new(0u64);
    let watching = tokio::spawn(watch_progress(client.clone(), progress.clone()));
    let start = |number: u32| options.languages.start("pipeline-worker", &addresses, number, 0);
    let mut workers = (0..WORKERS).map(start).collect::<anyhow::Result<Vec<_>>>()?;
    let mut tally = Tally::default();
    let step = options.records / (options.pipeline_faults + 1);
    reach(&progress, 1, Duration::from_secs(90)).await?;
    for fault in 1..=options.pipeline_faults {
        // Spread over the whole of the work, at any instant of it.
        reach(&progress, fault * step, REST_WITHIN).await?;
        tokio::time::sleep(Duration::from_micros(random.random_range(0..30_000))).await;
        if random.random() {
            site.strike(&mut random, &mut tally).await?;
        } else {
            let number = random.random_range(0..WORKERS);
            workers[number as usize].kill().await?;
            workers[number as usize] = start(number)?;
            tally.kills += 1;
        }
        let (healed, before) = (Instant::now(), *progress.borrow());
        reach(&progress, (before + 1).min(options.records), site.patience()).await?;
        tally.went_on_after(healed.elapsed());
    }
    let output = tokio::time::timeout(REST_WITHIN, output::read(&client, options.records))
        .await
        .context("the output did not become as long as the input")??;
    watching.abort();
    for worker in workers {
        worker.finish().await?;
    }
    // What workers were still about when they ended, and what is stored.
    site.start_anew().await?;
    let rest = output::read(&client, 0).await?;
    if rest.len() != output.len() {
        bail!("the output grew from {} to {} records", output.len(), rest.len());
    }
    output::compare(&rest, options.records, &mut tally)?;
    println!(
        "pipeline, seed {}: {} records in, {} out ({:.1} s)",
        options.seed,
        options.records,
        rest.len(),
        began.elapsed().as_secs_f64(),
    );
    Ok(tally)
}

async fn reach(
    progress: &watch::Sender<u64>,
    records: u64,
    patience: Duration,
) -> anyhow::Result<()> {
    let mut progress = progress.subscribe();
    tokio::time::timeout(patience, progress.wait_for(|&done| done >= records))
        .await
        .with_context(|| format!("the pipeline stood still for {patience:?}"))??;
    Ok(())
}

/// Adds up again and again what the group has committed.
async fn watch_progress(client: Client, progress: watch::Sender<u64>) {
    loop {
        if let Ok(offsets) = client.group_offsets(GROUP).await {
            let done = offsets.iter().map(|it| u64::try_from(it.offset + 1).unwrap_or(0)).sum();
            progress.send_if_modified(|before| std::mem::replace(before, done) != done);
        }
        tokio::time::sleep(POLL).await;
    }
}
