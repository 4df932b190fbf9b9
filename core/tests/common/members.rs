//! Consumers of a group that are polled in turn.

use std::collections::BTreeMap;
use std::time::Duration;

use flymq_core::*;

/// How long anything may take before a test has failed.
pub const LONG: Duration = Duration::from_secs(60);

/// The partitions that a consumer has, ascending.
pub fn held(consumer: &Consumer) -> Vec<u32> {
    let mut held: Vec<u32> = consumer.assignment().iter().map(|slot| slot.partition).collect();
    held.sort();
    held
}

pub fn number(message: &Message) -> u64 {
    std::str::from_utf8(message.value.as_ref().unwrap()).unwrap().parse().unwrap()
}

/// How often each number was read.
#[derive(Debug, Default)]
pub struct Tally(pub BTreeMap<u64, u32>);

impl Tally {
    pub fn add(&mut self, messages: &[Message]) {
        for message in messages {
            *self.0.entry(number(message)).or_default() += 1;
        }
    }

    /// Whether all of `0..count` were read.
    pub fn has_all(&self, count: u64) -> bool {
        self.0.len() as u64 == count
    }

    pub fn assert_each_once(&self, count: u64) {
        let expected: BTreeMap<u64, u32> = (0..count).map(|i| (i, 1)).collect();
        assert_eq!(self.0, expected);
    }
}

/// Polls all in turn until `done` says so. What they read goes into `tally`.
pub async fn drive(
    consumers: &mut [&mut Consumer],
    tally: &mut Tally,
    mut done: impl FnMut(&[&mut Consumer], &Tally) -> bool,
) {
    let driving = async {
        while !done(consumers, tally) {
            for consumer in consumers.iter_mut() {
                tally.add(&consumer.poll(100, Duration::from_millis(5)).await.unwrap());
            }
        }
    };
    if tokio::time::timeout(LONG, driving).await.is_err() {
        let held: Vec<_> = consumers.iter().map(|c| c.assignment()).collect();
        panic!("it did not come to that; held: {held:?}, read: {}", tally.0.len());
    }
}

/// Polls until each has as many partitions as `counts` says.
pub async fn share(consumers: &mut [&mut Consumer], counts: &[usize]) {
    let mut tally = Tally::default();
    let shared = |consumers: &[&mut Consumer], _: &Tally| {
        consumers.iter().zip(counts).all(|(c, &count)| c.assignment().len() == count)
    };
    drive(consumers, &mut tally, shared).await;
    assert!(tally.0.is_empty(), "{tally:?} was read");
}

/// Produces the numbers to all partitions in turn.
pub async fn fill(client: &Client, topic: &str, numbers: std::ops::Range<u64>) {
    let partitions = client.partition_count(topic).await.unwrap();
    let record = |i: u64| Record::new(format!("{i}")).partition((i % u64::from(partitions)) as u32);
    client.produce_batch(topic, numbers.map(record)).await.unwrap();
}
