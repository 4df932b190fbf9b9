//! A producer of the stream, in a process of its own: numbers records key by key until it is asked to
//! end, and says which of them were acknowledged.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use flymq_core::Record;

use super::{RECORDS, TOPIC};
use crate::process;

/// How many keys a client writes to by turns.
const KEYS: u32 = 10;

/// Runs until standard input ends.
pub async fn run(addresses: &str, number: u32, seed: u64) -> anyhow::Result<()> {
    let client = process::connect(addresses).await?;
    let producer = client.producer().build()?;
    let ending = tokio::spawn(process::asked_to_end());
    let mut next = [0u64; KEYS as usize];
    for turn in 0.. {
        if ending.is_finished() {
            break;
        }
        let index = turn % next.len();
        // Unlike every other incarnation's.
        let key = format!("{number}-{seed:016x}-{index}");
        let mut deliveries = Vec::new();
        for n in next[index]..next[index] + RECORDS {
            let record = Record::new(n.to_string()).key(key.clone());
            deliveries.push((n, producer.send(TOPIC, record).await));
        }
        next[index] += RECORDS;
        let mut line = format!("acked {key}");
        for (n, delivery) in deliveries {
            let stored = match delivery {
                Ok(delivery) => delivery.await.map(drop),
                Err(error) => Err(error),
            };
            match stored {
                Ok(()) => write!(line, " {n}")?,
                Err(error) => eprintln!("record {n} of {key}: {error}"),
            }
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush())?;
    }
    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}
