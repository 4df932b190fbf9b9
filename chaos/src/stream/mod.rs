//! The stream: producers in several processes send numbered records of many keys, without transactions,
//! while they and the brokers are killed. Every acknowledged record is stored once, those of a key in
//! order.

pub mod acknowledged;
pub mod client;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use flymq_core::{Client, FetchOptions, OffsetSpec};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::process::Process;
use crate::site::Site;
use crate::{Options, Tally};
use acknowledged::Acknowledged;

/// Where the records go.
pub const TOPIC: &str = "stream";
/// How many records a client sends before it waits for them.
pub const RECORDS: u64 = 50;
/// Partitions of the topic.
pub const PARTITIONS: u32 = 4;
/// How many producers there are.
const CLIENTS: u32 = 3;

/// Runs the stream and compares what is stored with what was acknowledged.
pub async fn run(options: &Options) -> anyhow::Result<Tally> {
    let began = Instant::now();
    let mut random = StdRng::seed_from_u64(options.seed);
    let data = tempfile::tempdir()?;
    let mut site = Site::start(options.engine, data.path()).await?;
    let addresses = site.addresses();
    let client = Client::connect(&site.direct_addresses()).await?;
    client.create_topic(site.topic(TOPIC, PARTITIONS)).await?;

    let acknowledged = Arc::new(Acknowledged::default());
    let start = |number: u32, random: &mut StdRng| {
        let seed = random.random();
        let process = options.languages.start("stream-client", &addresses, number, seed)?;
        listen(process, acknowledged.clone())
    };
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(start(number, &mut random)?);
    }
    let mut tally = Tally::default();
    wait_for_more(&acknowledged, 1, Duration::from_secs(90)).await?;
    for _ in 0..options.stream_faults {
        if random.random_ratio(3, 4) {
            site.strike(&mut random, &mut tally).await?;
        } else {
            let number = random.random_range(0..CLIENTS);
            clients[number as usize].kill().await?;
            clients[number as usize] = start(number, &mut random)?;
            tally.kills += 1;
        }
        let healed = Instant::now();
        wait_for_more(&acknowledged, 1, site.patience()).await?;
        tally.went_on_after(healed.elapsed());
        wait_for_more(&acknowledged, random.random_range(0..2_000), site.patience()).await?;
    }
    for client in clients {
        client.finish().await?;
    }
    site.start_anew().await?;
    acknowledged.compare(&read_all(&client).await?, &mut tally);
    println!(
        "stream, seed {}: {} records acknowledged, {} stored ({:.1} s)",
        options.seed,
        *acknowledged.count().borrow(),
        tally.records,
        began.elapsed().as_secs_f64(),
    );
    Ok(tally)
}

/// Waits until so many more records are acknowledged.
pub async fn wait_for_more(
    acknowledged: &Acknowledged,
    records: u64,
    patience: Duration,
) -> anyhow::Result<()> {
    let mut count = acknowledged.count();
    let goal = *count.borrow() + records;
    tokio::time::timeout(patience, count.wait_for(|&count| count >= goal))
        .await
        .with_context(|| format!("{records} records took more than {patience:?}"))??;
    Ok(())
}

/// Has what a client says noted.
fn listen(mut process: Process, acknowledged: Arc<Acknowledged>) -> anyhow::Result<Process> {
    let mut lines = process.lines()?;
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            // A killed client's last line may be torn.
            if let Err(error) = acknowledged.note(&line) {
                eprintln!("{error}");
            }
        }
    });
    Ok(process)
}

/// Key and number of every record, in the order of their partitions.
pub async fn read_all(client: &Client) -> anyhow::Result<Vec<(String, u64)>> {
    let mut stored = Vec::new();
    for partition in 0..PARTITIONS {
        let end = client.list_offsets(TOPIC, &[(partition, OffsetSpec::Latest)]).await?[0];
        let mut at = 0;
        while at < end {
            let options = FetchOptions { max_wait: Duration::from_secs(1), ..Default::default() };
            for message in client.fetch(TOPIC, partition, at, options).await? {
                at = message.offset + 1;
                let key = message.key.context("a record without key")?;
                let number = message.value.context("a record without value")?;
                let number = std::str::from_utf8(&number)?.parse()?;
                stored.push((String::from_utf8(key.to_vec())?, number));
            }
        }
    }
    Ok(stored)
}
