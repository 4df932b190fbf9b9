//! Records written in transactions, one transaction after the other.

use std::time::{Duration, Instant};

use anyhow::ensure;
use flymq_cli::load::Values;
use flymq_core::{Client, Config, Record, StartOffset, TransactionalProducer};
use tokio::task::JoinSet;

/// How long reading waits for more records before it takes those it has for all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Records to write in transactions as fast as they are taken.
#[derive(Clone, Debug)]
pub struct TransactionLoad {
    pub topic: String,
    /// How many transactions, all producers together.
    pub transactions: u64,
    /// Records of each.
    pub records: u64,
    /// Bytes of each record's value.
    pub size: usize,
    /// How many producers, each with its own connection.
    pub producers: u32,
    pub batch_bytes: usize,
    pub linger: Duration,
}

/// Writes and commits everything. Returns how long that took, connecting not included.
pub async fn write(config: &Config, load: &TransactionLoad) -> anyhow::Result<Duration> {
    let mut producers = Vec::new();
    for number in 0..load.producers {
        let client = Client::with_config(config.clone()).await?;
        let producer = client
            .transactional_producer(format!("{}-{number}", load.topic))
            .linger(load.linger)
            .batch_bytes(load.batch_bytes)
            .build()
            .await?;
        producers.push((client, producer));
    }
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, (_, producer)) in producers.iter().enumerate() {
        let (count, producers) = (load.transactions, u64::from(load.producers));
        let share = count / producers + u64::from((index as u64) < count % producers);
        tasks.spawn(commit(producer.clone(), load.clone(), share));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let elapsed = began.elapsed();
    let committed = count(config, &load.topic).await?;
    let expected = load.transactions * load.records;
    ensure!(committed == expected, "{committed} records are committed, and not {expected}");
    for (client, producer) in producers {
        producer.close(Duration::from_secs(5)).await?;
        client.close().await;
    }
    Ok(elapsed)
}

/// How many records readers of committed records see.
async fn count(config: &Config, topic: &str) -> anyhow::Result<u64> {
    let client = Client::with_config(config.clone()).await?;
    let partitions: Vec<_> = (0..client.partition_count(topic).await?)
        .map(|partition| (topic.to_owned(), partition, StartOffset::Earliest))
        .collect();
    let mut consumer = client.consumer().build();
    consumer.assign(partitions).await?;
    let mut count = 0;
    loop {
        match consumer.poll(10_000, PATIENCE).await?.len() {
            0 => break,
            more => count += more as u64,
        }
    }
    consumer.close(PATIENCE).await?;
    client.close().await;
    Ok(count)
}

async fn commit(
    producer: TransactionalProducer,
    load: TransactionLoad,
    transactions: u64,
) -> flymq_core::Result<()> {
    let values = Values::new(load.size);
    for number in 0..transactions {
        let transaction = producer.begin().await?;
        for record in 0..load.records {
            let value = values.get(number * load.records + record);
            transaction.send(&load.topic, Record::new(value)).await?;
        }
        transaction.commit().await?;
    }
    Ok(())
}
