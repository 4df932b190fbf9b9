//! A worker of the pipeline, in a process of its own.

use std::time::Duration;

use flymq_core::{Consumer, ErrorCode, Record, TransactionalProducer};

use super::{GROUP, INPUT, OUTPUT};
use crate::process;

/// How many records a transaction takes at most.
const RECORDS: usize = 100;

/// Runs until standard input ends.
pub async fn run(addresses: &str, number: u32) -> anyhow::Result<()> {
    let client = process::connect(addresses).await?;
    let ending = tokio::spawn(process::asked_to_end());
    let name = format!("pipeline-{number}");
    let producer = client
        .transactional_producer(&name)
        .transaction_timeout(Duration::from_secs(30))
        .build()
        .await?;
    let mut consumer = client
        .consumer()
        .group(GROUP)
        // A worker that is started anew takes its killed predecessor's place at once.
        .instance_id(&name)
        .auto_commit(None)
        .build();
    consumer.subscribe([INPUT])?;
    while !ending.is_finished() {
        match pass_on(&mut consumer, &producer).await {
            Ok(()) => {}
            Err(error) if is_final(&error) => return Err(error.into()),
            Err(error) => {
                // To be aborted by the broker's restart is part of the game.
                if !error.is_abortable() {
                    eprintln!("{name}: {error}");
                }
                // Nothing of the transaction was passed on: read it again.
                consumer.rewind().await?;
            }
        }
    }
    consumer.close(Duration::from_secs(10)).await?;
    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}

/// Whether another worker has taken this one's place.
fn is_final(error: &flymq_core::Error) -> bool {
    matches!(error.code(), Some(ErrorCode::ProducerFenced | ErrorCode::InstanceFenced))
}

/// Passes on what one poll brings, in one transaction.
async fn pass_on(
    consumer: &mut Consumer,
    producer: &TransactionalProducer,
) -> flymq_core::Result<()> {
    let messages = consumer.poll(RECORDS, Duration::from_secs(1)).await?;
    if messages.is_empty() {
        return Ok(());
    }
    let transaction = producer.begin().await?;
    for message in &messages {
        let value = message.value.clone().unwrap_or_default();
        let mut record = Record::new([&b"out "[..], &value].concat());
        if let Some(key) = &message.key {
            record = record.key(key.clone());
        }
        transaction.send(OUTPUT, record).await?;
    }
    transaction.send_offsets(consumer.processed()?).await?;
    transaction.commit().await?;
    Ok(())
}
