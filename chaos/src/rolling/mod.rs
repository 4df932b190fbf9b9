//! The rolling restart: brokers are ended as an operator would end them (SIGTERM) and started again, one
//! after the other, while producers and a consumer work. No error may reach an application, and what
//! they produce is stored once and in order.

mod load;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use flymq_core::Client;
use tokio::sync::watch;

use crate::site::Site;
use crate::stream::acknowledged::Acknowledged;
use crate::stream::{PARTITIONS, TOPIC, read_all, wait_for_more};
use crate::{Options, Tally};
use load::{Reader, Times, Writer};

/// How many producers there are, each with a client of its own.
const WRITERS: u32 = 4;
/// How many records are acknowledged between two restarts at least.
const BETWEEN: u64 = 500;

/// Restarts brokers, and compares what is stored with what was acknowledged.
pub async fn run(options: &Options) -> anyhow::Result<Tally> {
    let began = Instant::now();
    let data = tempfile::tempdir()?;
    let mut site = Site::start(options.engine, data.path()).await?;
    let addresses = site.direct_addresses();
    let client = Client::connect(&addresses).await?;
    client.create_topic(site.topic(TOPIC, PARTITIONS)).await?;

    let acknowledged = Arc::new(Acknowledged::default());
    let stopping = watch::Sender::new(false);
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let writer = Writer::connect(&addresses, number).await?;
        writers.push(tokio::spawn(writer.run(acknowledged.clone(), stopping.subscribe())));
    }
    let reader = Reader::connect(&addresses).await?;
    let reader = tokio::spawn(reader.run(stopping.subscribe()));

    let mut tally = Tally::default();
    for _ in 0..options.rolling_rounds {
        for broker in 0..site.brokers() {
            wait_for_more(&acknowledged, BETWEEN, site.patience()).await?;
            site.restart(broker).await?;
            tally.restarts += 1;
            let healed = Instant::now();
            wait_for_more(&acknowledged, 1, site.patience()).await?;
            tally.went_on_after(healed.elapsed());
        }
    }
    wait_for_more(&acknowledged, BETWEEN, site.patience()).await?;
    stopping.send_replace(true);
    let mut times = Times::default();
    for writer in writers {
        let written = writer.await?;
        tally.errors += written.errors;
        times.add(written.times);
    }
    let read = tokio::time::timeout(site.patience(), reader)
        .await
        .context("the reader does not come to an end")??;
    tally.errors += read.errors;
    site.start_anew().await?;
    acknowledged.compare(&read_all(&client).await?, &mut tally);
    println!(
        "rolling: {} records acknowledged and {} read during {} restarts, {} errors; produce {times} ({:.1} s)",
        *acknowledged.count().borrow(),
        read.records,
        tally.restarts,
        tally.errors,
        began.elapsed().as_secs_f64(),
    );
    Ok(tally)
}
