//! Who works while brokers are restarted, and what they meet with.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flymq_core::{Client, Consumer, Producer, Record};
use tokio::sync::watch;

use crate::stream::TOPIC;
use crate::stream::acknowledged::Acknowledged;

/// How many records a producer sends before it waits for them.
const RECORDS: u64 = 20;
/// How many keys a producer writes to by turns.
const KEYS: usize = 4;
/// How long a producer pauses then, so that it is the restarts that are measured and not how much the
/// machine can do.
const PAUSE: Duration = Duration::from_millis(10);

/// Numbers records key by key.
pub struct Writer {
    number: u32,
    producer: Producer,
}

/// What came of it.
#[derive(Default)]
pub struct Written {
    pub errors: u64,
    pub times: Times,
}

impl Writer {
    pub async fn connect(addresses: &str, number: u32) -> anyhow::Result<Self> {
        let producer = Client::connect(addresses).await?.producer().build()?;
        Ok(Self { number, producer })
    }

    /// Works until it is told to stop.
    pub async fn run(
        self,
        acknowledged: Arc<Acknowledged>,
        stopping: watch::Receiver<bool>,
    ) -> Written {
        let mut written = Written::default();
        let mut next = [0; KEYS];
        for turn in 0.. {
            if *stopping.borrow() {
                break;
            }
            let key = format!("{}-{}", self.number, turn % KEYS);
            let from = next[turn % KEYS];
            next[turn % KEYS] += RECORDS;
            let mut deliveries = Vec::new();
            for n in from..from + RECORDS {
                let record = Record::new(n.to_string()).key(key.clone());
                deliveries.push((n, Instant::now(), self.producer.send(TOPIC, record).await));
            }
            let mut stored = Vec::new();
            for (n, sent, delivery) in deliveries {
                let outcome = match delivery {
                    Ok(delivery) => delivery.await.map(drop),
                    Err(error) => Err(error),
                };
                match outcome {
                    Ok(()) => stored.push(n),
                    Err(error) => {
                        eprintln!("record {n} of {key}: {error}");
                        written.errors += 1;
                    }
                }
                written.times.0.push(sent.elapsed());
            }
            acknowledged.add(&key, stored);
            tokio::time::sleep(PAUSE).await;
        }
        written
    }
}

/// Reads everything, as a group of one.
pub struct Reader(Consumer);

/// What came of it.
#[derive(Default)]
pub struct Read {
    pub errors: u64,
    pub records: u64,
}

impl Reader {
    pub async fn connect(addresses: &str) -> anyhow::Result<Self> {
        let client = Client::connect(addresses).await?;
        let consumer = client.consumer().group("rolling").build();
        consumer.subscribe([TOPIC])?;
        Ok(Self(consumer))
    }

    /// Works until it is told to stop.
    pub async fn run(mut self, stopping: watch::Receiver<bool>) -> Read {
        let mut read = Read::default();
        while !*stopping.borrow() {
            let done = match self.0.poll(1000, Duration::from_millis(100)).await {
                Ok(messages) => {
                    read.records += messages.len() as u64;
                    self.0.commit().await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                eprintln!("the reader: {error}");
                read.errors += 1;
            }
        }
        if let Err(error) = self.0.close(Duration::from_secs(10)).await {
            eprintln!("the reader: {error}");
            read.errors += 1;
        }
        read
    }
}

/// How long it took until records were acknowledged.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, other: Times) {
        self.0.extend(other.0);
    }

    /// What a share of them, in percent, did not exceed.
    fn percentile(sorted: &[Duration], percent: usize) -> Duration {
        let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let ms = |percent| Self::percentile(&sorted, percent).as_secs_f64() * 1e3;
        write!(f, "p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms", ms(50), ms(99), ms(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_all() {
        let mut times = Times((1..=60).map(Duration::from_millis).collect());
        times.add(Times((61..=100).map(Duration::from_millis).collect()));
        assert_eq!(times.to_string(), "p50 51.0 ms, p99 100.0 ms, at most 100.0 ms");
        assert_eq!(Times::default().to_string(), "p50 0.0 ms, p99 0.0 ms, at most 0.0 ms");
    }
}
