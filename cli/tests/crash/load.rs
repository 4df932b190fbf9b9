//! Producers that never stop, and their books.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use flymq_core::{Client, Compression, Delivery, Record};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{Notify, mpsc};

pub const TOPIC: &str = "crash";
pub const PARTITIONS: u32 = 5;
pub const PRODUCERS: u32 = 4;
/// Records that a producer has under way.
const UNDER_WAY: usize = 300;
/// No acknowledgement for so long means that something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the test and its producers share.
#[derive(Default)]
pub struct Load {
    stopped: AtomicBool,
    acknowledged: AtomicU64,
    more: Notify,
}

impl Load {
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Waits until so many more records are acknowledged.
    pub async fn wait_for_more(&self, count: u64) {
        let goal = self.acknowledged.load(Ordering::Acquire) + count;
        let waiting = async {
            while self.acknowledged.load(Ordering::Acquire) < goal {
                self.more.notified().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "nothing was acknowledged for {PATIENCE:?}");
    }

    fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, Ordering::AcqRel);
        self.more.notify_one();
    }
}

/// What one producer knows of its records.
#[derive(Default)]
pub struct Account {
    pub producer: u32,
    /// Partition, sequence and offset of what was acknowledged.
    pub acknowledged: Vec<(u32, u64, u64)>,
    /// Partition and sequence of what was given up, and why.
    pub given_up: Vec<(u32, u64, String)>,
}

/// A record's value: who sent it, its number in its partition, and bytes that follow from those.
pub fn value(producer: u32, partition: u32, sequence: u64, length: usize) -> Vec<u8> {
    let mut value = format!("{producer} {partition} {sequence} ").into_bytes();
    value.extend((0..length as u64).map(|at| (at ^ sequence.wrapping_mul(31)) as u8));
    value
}

/// Produces until it is told to stop. Returns its books and how many batches were sent again.
pub async fn produce(address: String, producer: u32, seed: u64, load: Arc<Load>) -> (Account, u64) {
    let mut random = StdRng::seed_from_u64(seed ^ u64::from(producer + 1));
    let client = Client::connect(&address).await.unwrap();
    // Every producer is of another kind: one record a batch, small batches, large ones, compressed.
    let (linger, batch_bytes, compression, length) = [
        (0, 1, Compression::None, 50),
        (1, 2_000, Compression::Lz4, 200),
        (5, 200_000, Compression::None, 5_000),
        (2, 20_000, Compression::Zstd, 1_000),
    ][producer as usize % 4];
    let sender = client
        .producer()
        .linger(Duration::from_millis(linger))
        .batch_bytes(batch_bytes)
        .compression(compression)
        .buffer_bytes(1 << 20)
        .build()
        .unwrap();
    let (under_way, deliveries) = mpsc::channel(UNDER_WAY);
    let booking = tokio::spawn(book(producer, deliveries, load.clone()));
    let mut next = [0; PARTITIONS as usize];
    while !load.is_stopped() {
        let partition = random.random_range(0..PARTITIONS);
        let sequence = next[partition as usize];
        next[partition as usize] += 1;
        let value = value(producer, partition, sequence, random.random_range(0..length));
        let delivery = sender.send(TOPIC, Record::new(value).partition(partition)).await.unwrap();
        under_way.send((partition, sequence, delivery)).await.unwrap();
    }
    sender.close(PATIENCE).await.expect("everything to be decided");
    drop(under_way);
    let account = booking.await.unwrap();
    (account, client.metrics().retries)
}

async fn book(
    producer: u32,
    mut deliveries: mpsc::Receiver<(u32, u64, Delivery)>,
    load: Arc<Load>,
) -> Account {
    let mut account = Account { producer, ..Account::default() };
    while let Some((partition, sequence, delivery)) = deliveries.recv().await {
        match delivery.await {
            Ok(stored) => {
                assert_eq!(stored.partition, partition);
                account.acknowledged.push((partition, sequence, stored.offset));
                load.acknowledge();
            }
            Err(error) => account.given_up.push((partition, sequence, error.to_string())),
        }
    }
    account
}
