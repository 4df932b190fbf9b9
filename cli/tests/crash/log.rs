//! What is in the log, and whether it is what was acknowledged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use flymq_core::{Client, Consumer, Message, OffsetSpec, StartOffset};

use crate::load::{Account, Load, PARTITIONS, TOPIC, value};

/// Who sent a record, and its number.
type Sender = (u32, u64);
/// Every partition's records in the order of their offsets, which are dense from 0.
pub type Log = Vec<Vec<Sender>>;

pub struct Tally {
    pub acknowledged: usize,
    pub given_up: usize,
    pub stored: usize,
    pub watched: usize,
}

async fn consumer(client: &Client) -> Consumer {
    let consumer = client.consumer().build();
    let all: Vec<_> =
        (0..PARTITIONS).map(|p| (TOPIC.to_owned(), p, StartOffset::Earliest)).collect();
    consumer.assign(all).await.expect("an assignment");
    consumer
}

/// Takes records in, having checked that each is whole and none is missing before it.
fn take_in(log: &mut Log, messages: Vec<Message>) {
    for message in messages {
        let partition = &mut log[message.partition as usize];
        assert_eq!(message.offset, partition.len() as u64, "offsets are dense and in order");
        let bytes = message.value.expect("a value");
        let mut head = bytes.splitn(4, |&b| b == b' ');
        let mut number = || -> u64 {
            let text = std::str::from_utf8(head.next().expect("a number")).expect("digits");
            text.parse().expect("a number")
        };
        let (producer, own_partition, sequence) = (number() as u32, number() as u32, number());
        assert_eq!(own_partition, message.partition);
        let length = head.next().expect("the rest").len();
        assert!(bytes == value(producer, own_partition, sequence, length), "a record is damaged");
        partition.push((producer, sequence));
    }
}

/// Follows the log while brokers come and go.
pub async fn watch(client: Client, load: Arc<Load>) -> Log {
    let mut consumer = consumer(&client).await;
    let mut log = vec![Vec::new(); PARTITIONS as usize];
    while !load.is_stopped() {
        let messages = consumer.poll(1_000, Duration::from_millis(100)).await;
        take_in(&mut log, messages.expect("an interruption is no error"));
    }
    log
}

/// Reads the whole log.
pub async fn read(client: &Client) -> Log {
    let latest: Vec<_> = (0..PARTITIONS).map(|p| (p, OffsetSpec::Latest)).collect();
    let ends = client.list_offsets(TOPIC, &latest).await.expect("the ends");
    let total: u64 = ends.iter().sum();
    let mut consumer = consumer(client).await;
    let mut log: Log = vec![Vec::new(); PARTITIONS as usize];
    while (log.iter().map(Vec::len).sum::<usize>() as u64) < total {
        let messages = consumer.poll(10_000, Duration::from_secs(30)).await.expect("records");
        assert!(!messages.is_empty(), "reading stands still");
        take_in(&mut log, messages);
    }
    log
}

/// Checks the log against the producers' books and what was seen meanwhile.
pub fn compare(log: &Log, watched: &Log, accounts: &[Account]) -> Tally {
    // Nothing twice and nothing out of order, acknowledged or not.
    for (partition, records) in log.iter().enumerate() {
        let mut last: HashMap<u32, (u64, usize)> = HashMap::new();
        for (offset, &(producer, sequence)) in records.iter().enumerate() {
            if let Some((before, at)) = last.insert(producer, (sequence, offset)) {
                assert!(
                    sequence > before,
                    "partition {partition}, producer {producer}: record {sequence} at offset \
                     {offset} comes behind record {before} at offset {at}"
                );
            }
        }
    }
    // Everything acknowledged is where the acknowledgement said, and only there (by the above).
    let mut known = HashSet::new();
    for account in accounts {
        for &(partition, sequence, offset) in &account.acknowledged {
            let found = log[partition as usize].get(offset as usize);
            assert_eq!(
                found,
                Some(&(account.producer, sequence)),
                "acknowledged: partition {partition}, offset {offset}"
            );
            known.insert((account.producer, partition, sequence));
        }
        for (partition, sequence, _) in &account.given_up {
            known.insert((account.producer, *partition, *sequence));
        }
        let reasons: HashSet<_> = account.given_up.iter().map(|(_, _, reason)| reason).collect();
        assert!(reasons.is_empty(), "producer {} gave records up: {reasons:?}", account.producer);
    }
    // Nothing is in the log that nobody sent.
    for (partition, records) in log.iter().enumerate() {
        for &(producer, sequence) in records {
            assert!(known.contains(&(producer, partition as u32, sequence)));
        }
    }
    // What a reader has seen does not change afterwards.
    for (seen, records) in watched.iter().zip(log) {
        assert!(records.starts_with(seen), "records that were read are gone or changed");
    }
    let count = |log: &Log| log.iter().map(Vec::len).sum();
    Tally {
        acknowledged: accounts.iter().map(|a| a.acknowledged.len()).sum(),
        given_up: accounts.iter().map(|a| a.given_up.len()).sum(),
        stored: count(log),
        watched: count(watched),
    }
}
