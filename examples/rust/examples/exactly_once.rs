//! Consume, transform, produce, exactly once: words come in, counts of letters go out.
//!
//! The results and the consumer's progress are stored in one transaction, so that a crash at any
//! moment repeats nothing and loses nothing. Half-way a worker crashes here on purpose.

use std::time::Duration;

use anyhow::bail;
use flymq_core::{Client, Error, FetchOptions, NewTopic, Record};
use flymq_examples::Server;

const WORDS: &str = "words";
const COUNTS: &str = "counts";
const GROUP: &str = "counters";
const PARTITIONS: u32 = 3;
const TOTAL: i64 = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::find_or_start().await?;
    let client = Client::connect(&server.address).await?;
    client.create_topic(NewTopic::new(WORDS).partitions(PARTITIONS)).await?;
    client.create_topic(NewTopic::new(COUNTS).partitions(PARTITIONS)).await?;
    let word = |i: i64| Record::new("x".repeat(i as usize % 10)).key(i.to_string());
    client.produce_batch(WORDS, (0..TOTAL).map(word)).await?;

    if let Err(error) = work(&client, Some("xxxxxxx")).await {
        println!("{error}; starting again");
    }
    work(&client, None).await?;

    let mut counts = 0;
    for partition in 0..PARTITIONS {
        counts += client.fetch(COUNTS, partition, 0, FetchOptions::default()).await?.len();
    }
    println!("{TOTAL} words, {counts} counts");

    for topic in [WORDS, COUNTS] {
        client.delete_topic(topic).await?;
    }
    client.close().await;
    server.stop().await;
    Ok(())
}

/// Answers words until all are answered. Run as many of these, on as many machines, as needed.
async fn work(client: &Client, crash_at: Option<&str>) -> anyhow::Result<()> {
    // One name per worker, the same after a restart.
    let producer = client.transactional_producer("counter-1").build().await?;
    let mut consumer = client.consumer().group(GROUP).auto_commit(None).build();
    consumer.subscribe([WORDS])?;
    while done(client).await? < TOTAL {
        let words = consumer.poll(100, Duration::from_secs(1)).await?;
        if words.is_empty() {
            continue;
        }
        let answered = async {
            // Dropped without a commit, it is aborted.
            let transaction = producer.begin().await?;
            for word in &words {
                let text = String::from_utf8_lossy(word.value.as_deref().unwrap_or_default());
                let count = Record::new(format!("{text}: {}", text.len()));
                transaction.send(COUNTS, count.key(word.key.clone().unwrap_or_default())).await?;
                if crash_at.is_some_and(|at| at == text) {
                    bail!("crashed");
                }
            }
            transaction.send_offsets(consumer.processed()?).await?;
            Ok(transaction.commit().await?)
        };
        if let Err(error) = answered.await {
            let passing = error.downcast_ref().is_some_and(Error::is_abortable);
            if !passing {
                return Err(error);
            }
            // A broker restarted, or partitions moved: nothing happened, so do it again.
            consumer.rewind().await?;
        }
    }
    consumer.close(Duration::from_secs(10)).await?;
    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}

/// How many words the group has worked off.
async fn done(client: &Client) -> anyhow::Result<i64> {
    Ok(client.group_offsets(GROUP).await?.iter().map(|processed| processed.offset + 1).sum())
}
