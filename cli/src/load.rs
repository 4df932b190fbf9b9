//! The load that measurements make: records written, read, and written one at a time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use flymq_core::{
    Client, Compression, Config, Error, Isolation, NewTopic, OnUnreadable, Record, StartOffset,
};
use hdrhistogram::Histogram;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::reader::{Reader, Selection, partitions};

/// One in so many records has its latency measured.
const SAMPLE_EVERY: u64 = 64;
const LONGEST_NS: u64 = 60_000_000_000;

/// Records to write as fast as they are taken.
#[derive(Clone, Debug)]
pub struct ProduceLoad {
    /// The topic, which is there.
    pub topic: String,
    /// How many records, all clients together.
    pub records: u64,
    /// Bytes of each value.
    pub size: usize,
    /// How many clients, each with its own connection.
    pub clients: u32,
    /// Bytes at which a batch is sent.
    pub batch_bytes: usize,
    /// How long a record may wait for others to share its batch.
    pub linger: Duration,
    /// How batches are compressed.
    pub compression: Compression,
    /// Bytes of records that a client holds unacknowledged; `None` for the client's default.
    pub buffer_bytes: Option<usize>,
}

/// What a load came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Records acknowledged or read.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// From the first to the last, connecting not included.
    pub elapsed: Duration,
    /// Nanoseconds from handing a record over to its acknowledgement, where that was measured.
    pub latency: Histogram<u64>,
}

impl Outcome {
    fn new(records: u64, bytes: u64, elapsed: Duration) -> Self {
        Self { records, bytes, elapsed, latency: histogram() }
    }

    /// Records a second.
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64()
    }

    /// Bytes of values a second.
    pub fn byte_rate(&self) -> f64 {
        self.bytes as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the records did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(share))
    }
}

/// Values of one size, each another than the one before, that compress about as well as text: half of
/// each repeats.
#[derive(Clone, Debug)]
pub struct Values {
    pool: Bytes,
    size: usize,
}

impl Values {
    /// Values of `size` bytes.
    pub fn new(size: usize) -> Self {
        const VARIETY: usize = 64 << 10;
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b'!' + (state % 90) as u8
        };
        let pool = (0..VARIETY + size)
            .map(|at| if at / 8 % 2 == 0 { b"flymq..."[at % 8] } else { byte() })
            .collect();
        Self { pool, size }
    }

    /// The value of this number.
    pub fn get(&self, number: u64) -> Bytes {
        // Neighbours lie far apart in the pool.
        let start = number.wrapping_mul(7_919) as usize % (self.pool.len() - self.size);
        self.pool.slice(start..start + self.size)
    }
}

/// Creates the topic if it is missing.
pub async fn ensure_topic(config: &Config, topic: &str, partitions: u32) -> Result<(), Error> {
    let client = Client::with_config(config.clone()).await?;
    client.create_topic(NewTopic::new(topic).partitions(partitions).if_not_exists()).await?;
    client.close().await;
    Ok(())
}

/// Writes records as fast as they are taken, and waits until all are acknowledged.
///
/// # Errors
///
/// The first record that was not stored.
pub async fn produce(config: &Config, load: &ProduceLoad) -> Result<Outcome, Error> {
    let clients = connect(config, load.clients).await?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (client, records) in clients.iter().zip(shares(load.records, load.clients)) {
        tasks.spawn(write(client.clone(), load.clone(), records));
    }
    let mut latency = histogram();
    while let Some(done) = tasks.join_next().await {
        latency.add(joined(done)?).unwrap_or_else(|_| unreachable!("the bounds are the same"));
    }
    let elapsed = began.elapsed();
    close(clients).await;
    let bytes = load.records * load.size as u64;
    Ok(Outcome { latency, ..Outcome::new(load.records, bytes, elapsed) })
}

async fn write(client: Client, load: ProduceLoad, records: u64) -> Result<Histogram<u64>, Error> {
    let mut builder = client
        .producer()
        .linger(load.linger)
        .batch_bytes(load.batch_bytes)
        .compression(load.compression);
    if let Some(bytes) = load.buffer_bytes {
        builder = builder.buffer_bytes(bytes);
    }
    let producer = builder.build()?;
    let (sampled, mut samples) = mpsc::unbounded_channel();
    // Deliveries are awaited while others are still sent, so that their time is noticed.
    let collecting = tokio::spawn(async move {
        let mut latency = histogram();
        while let Some((sent, delivery)) = samples.recv().await {
            let delivery: flymq_core::Delivery = delivery;
            delivery.await?;
            latency.saturating_record(nanos(sent));
        }
        Ok(latency)
    });
    let values = Values::new(load.size);
    for number in 0..records {
        let record = Record::new(values.get(number));
        if number % SAMPLE_EVERY == 0 {
            let sent = Instant::now();
            let delivery = producer.send(&load.topic, record).await?;
            // The collector ends early only with an error, which is returned below.
            let _ = sampled.send((sent, delivery));
        } else {
            producer.send(&load.topic, record).await?;
        }
    }
    producer.flush().await;
    drop(sampled);
    let latency = joined(collecting.await)?;
    producer.close(Duration::from_secs(5)).await?;
    let acknowledged = client.metrics().sent_records;
    if acknowledged < records {
        return Err(Error::new(
            flymq_core::ErrorCode::Internal,
            "bench",
            format!("{} of {records} records were not stored", records - acknowledged),
        ));
    }
    Ok(latency)
}

/// Reads a topic from its beginning to where it ends now, at most `records`.
///
/// # Errors
///
/// UNKNOWN_TOPIC, and whatever reading meets.
pub async fn consume(
    config: &Config,
    topic: &str,
    records: u64,
    clients: u32,
    fetch_bytes: u32,
) -> Result<Outcome, Error> {
    let connected = connect(config, clients).await?;
    let partitions = partitions(&connected[0], topic, None).await?;
    let shared = partitions.len().min(clients as usize);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, limit) in shares(records, shared as u32).into_iter().enumerate() {
        let selection = Selection {
            topic: topic.to_owned(),
            partitions: partitions.iter().copied().skip(index).step_by(shared).collect(),
            from: StartOffset::Earliest,
            follow: false,
            isolation: Isolation::default(),
            fetch_bytes,
            on_undecryptable: OnUnreadable::default(),
        };
        let client = connected[index].clone();
        tasks.spawn(async move {
            let mut reader = Reader::open(&client, selection).await?;
            let (mut records, mut bytes) = (0, 0);
            while records < limit {
                let most = (limit - records).min(10_000) as usize;
                let Some(messages) = reader.next(most).await? else { break };
                records += messages.len() as u64;
                bytes += messages
                    .iter()
                    .map(|m| m.value.as_ref().map_or(0, Bytes::len) as u64)
                    .sum::<u64>();
            }
            Ok::<_, Error>((records, bytes))
        });
    }
    let (mut records, mut bytes) = (0, 0);
    while let Some(done) = tasks.join_next().await {
        let (more_records, more_bytes) = joined(done)?;
        records += more_records;
        bytes += more_bytes;
    }
    let elapsed = began.elapsed();
    close(connected).await;
    Ok(Outcome::new(records, bytes, elapsed))
}

/// Writes one record at a time and client, each after the one before is acknowledged.
///
/// # Errors
///
/// The first record that was not stored.
pub async fn latency(
    config: &Config,
    topic: &str,
    records: u64,
    size: usize,
    clients: u32,
) -> Result<Outcome, Error> {
    let connected = connect(config, clients).await?;
    let values = Values::new(size);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (client, records) in connected.iter().zip(shares(records, clients)) {
        let (client, topic, values) = (client.clone(), topic.to_owned(), values.clone());
        tasks.spawn(async move {
            let mut latency = histogram();
            for number in 0..records {
                let record = Record::new(values.get(number));
                let sent = Instant::now();
                client.produce(&topic, record).await?;
                latency.saturating_record(nanos(sent));
            }
            Ok::<_, Error>(latency)
        });
    }
    let mut latency = histogram();
    while let Some(done) = tasks.join_next().await {
        latency.add(joined(done)?).unwrap_or_else(|_| unreachable!("the bounds are the same"));
    }
    let elapsed = began.elapsed();
    close(connected).await;
    Ok(Outcome { latency, ..Outcome::new(records, records * size as u64, elapsed) })
}

async fn connect(config: &Config, clients: u32) -> Result<Vec<Client>, Error> {
    let mut connected = Vec::new();
    for _ in 0..clients {
        connected.push(Client::with_config(config.clone()).await?);
    }
    Ok(connected)
}

async fn close(clients: Vec<Client>) {
    for client in clients {
        client.close().await;
    }
}

/// Divides a number as evenly as it goes.
fn shares(total: u64, clients: u32) -> Vec<u64> {
    let clients = u64::from(clients);
    (0..clients).map(|index| total / clients + u64::from(index < total % clients)).collect()
}

fn joined<T>(done: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    match done {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).unwrap_or_else(|_| unreachable!("valid bounds"))
}

fn nanos(since: Instant) -> u64 {
    since.elapsed().as_nanos().clamp(1, LONGEST_NS.into()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(10, 3), [4, 3, 3]);
        assert_eq!(shares(u64::MAX, 2).iter().sum::<u64>(), u64::MAX);
    }

    #[test]
    fn values_differ_and_have_their_size() {
        for size in [0, 1, 100, 100_000] {
            let values = Values::new(size);
            assert!((0..10_000).all(|number| values.get(number).len() == size));
        }
        let values = Values::new(100);
        assert_ne!(values.get(1), values.get(2));
    }
}
