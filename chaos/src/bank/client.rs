//! A client of the bank, in a process of its own: transfers until it is asked to end, and says what
//! became of each transaction.

use std::io::Write;
use std::time::Duration;

use flymq_core::{ErrorCode, Record, Transaction, TransactionalProducer};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Entry, PARTITIONS, TOPICS};
use crate::process;

/// One transaction in so many is aborted on purpose.
const ABORTED: u32 = 8;

/// Runs until standard input ends, and then to the end of the transaction that is open.
pub async fn run(addresses: &str, number: u32, seed: u64) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(seed);
    let incarnation: u32 = random.random();
    let client = process::connect(addresses).await?;
    // The name outlives the process, so that a new one ends what the last left open.
    let name = format!("bank-{number}");
    let producer = client
        .transactional_producer(&name)
        .transaction_timeout(Duration::from_secs(30))
        .build()
        .await?;
    let ending = tokio::spawn(process::asked_to_end());
    for count in 0u64.. {
        if ending.is_finished() {
            break;
        }
        let id = format!("{number}-{incarnation:08x}-{count}");
        let fate = match transfer(&producer, &id, &mut random).await {
            Ok(fate) => fate,
            Err(error) if error.code() == Some(ErrorCode::ProducerFenced) => {
                return Err(error.into());
            }
            Err(error) => {
                // To be aborted by the broker's restart is part of the game.
                if !error.is_abortable() {
                    eprintln!("{name}: {error}");
                }
                "unknown"
            }
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{fate} {id}").and_then(|()| out.flush())?;
    }
    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}

/// Makes one transaction. Returns what became of it.
async fn transfer(
    producer: &TransactionalProducer,
    id: &str,
    random: &mut StdRng,
) -> flymq_core::Result<&'static str> {
    let transaction = producer.begin().await?;
    let on_purpose = random.random_ratio(1, ABORTED);
    enter(&transaction, id, random, on_purpose).await?;
    if on_purpose {
        transaction.abort().await?;
        return Ok("aborted");
    }
    transaction.commit().await?;
    Ok("committed")
}

/// Sends the entries of a transfer; those of one that will be aborted are stored before that, so
/// that there is something to hide.
async fn enter(
    transaction: &Transaction,
    id: &str,
    random: &mut StdRng,
    stored: bool,
) -> flymq_core::Result<()> {
    let parts = random.random_range(2..=6);
    let mut sum = 0;
    let mut deliveries = Vec::new();
    for part in 0..parts {
        let amount = if part + 1 == parts { -sum } else { random.random_range(-100..=100) };
        sum += amount;
        let entry = Entry { transaction: id.to_owned(), part, parts, amount };
        let value = serde_json::to_vec(&entry).expect("an entry as JSON");
        let topic = TOPICS[random.random_range(0..TOPICS.len())];
        let record = Record::new(value).partition(random.random_range(0..PARTITIONS));
        deliveries.push(transaction.send(topic, record).await?);
    }
    if stored {
        for delivery in deliveries {
            delivery.await?;
        }
    }
    Ok(())
}
