//! What is stored of transactions. A key's first byte says what it is:
//!
//! | key | value |
//! | --- | --- |
//! | `i`, transactional id | [`ProducerRecord`] |
//! | `o`, topic id, partition, producer id, epoch | first offset of an open transaction |
//! | `a`, topic id, partition, producer id, epoch | first and last offset of an aborted transaction |
//!
//! A mark `o` enters the store together with the transaction's first batch in the partition. A commit
//! is one atomic batch that takes all of them away and brings the group's offsets; an abort turns each
//! into an `a`.

use bytes::Buf;
use fjall::OwnedWriteBatch;
use serde::{Deserialize, Serialize};

use super::{Identity, Outcome};
use crate::Result;
use crate::embedded::store::{Store, failed};
use crate::embedded::visibility::Span;

/// A partition: topic id and number.
pub type Place = (u32, u32);

/// A transactional id as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerRecord {
    pub current: Identity,
    pub last: Option<(Identity, Outcome)>,
    pub timeout_ms: u32,
    /// Milliseconds since 1970.
    pub last_use: i64,
}

/// An entry of the keyspace.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    Producer(String, ProducerRecord),
    Open(Place, Identity, u64),
    Aborted(Place, Identity, Span),
}

const PRODUCER: u8 = b'i';
const OPEN: u8 = b'o';
const ABORTED: u8 = b'a';

fn producer_key(id: &str) -> Vec<u8> {
    let mut key = vec![PRODUCER];
    key.extend_from_slice(id.as_bytes());
    key
}

fn topic_prefix(kind: u8, topic: u32) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&topic.to_be_bytes());
    key
}

fn part_key(kind: u8, (topic, partition): Place, transaction: Identity) -> Vec<u8> {
    let mut key = topic_prefix(kind, topic);
    key.extend_from_slice(&partition.to_be_bytes());
    key.extend_from_slice(&transaction.producer_id.to_be_bytes());
    key.extend_from_slice(&transaction.epoch.to_be_bytes());
    key
}

pub fn put_producer(
    store: &Store,
    batch: &mut OwnedWriteBatch,
    id: &str,
    record: &ProducerRecord,
) -> Result<()> {
    let value = rmp_serde::to_vec(record).map_err(|e| failed("cannot encode a producer", e))?;
    batch.insert(&store.transactions, producer_key(id), value);
    Ok(())
}

pub fn remove_producer(store: &Store, batch: &mut OwnedWriteBatch, id: &str) {
    batch.remove(&store.transactions, producer_key(id));
}

pub fn put_open(
    store: &Store,
    batch: &mut OwnedWriteBatch,
    place: Place,
    transaction: Identity,
    first: u64,
) {
    let key = part_key(OPEN, place, transaction);
    batch.insert(&store.transactions, key, first.to_be_bytes());
}

pub fn remove_open(
    store: &Store,
    batch: &mut OwnedWriteBatch,
    place: Place,
    transaction: Identity,
) {
    batch.remove(&store.transactions, part_key(OPEN, place, transaction));
}

pub fn put_aborted(
    store: &Store,
    batch: &mut OwnedWriteBatch,
    place: Place,
    transaction: Identity,
    (first, last): Span,
) {
    let mut value = first.to_be_bytes().to_vec();
    value.extend_from_slice(&last.to_be_bytes());
    batch.insert(&store.transactions, part_key(ABORTED, place, transaction), value);
}

pub fn remove_aborted(
    store: &Store,
    batch: &mut OwnedWriteBatch,
    place: Place,
    transaction: Identity,
) {
    batch.remove(&store.transactions, part_key(ABORTED, place, transaction));
}

/// Removes what transactions have in a topic.
pub fn remove_topic(store: &Store, batch: &mut OwnedWriteBatch, topic: u32) -> Result<()> {
    for kind in [OPEN, ABORTED] {
        for guard in store.transactions.prefix(topic_prefix(kind, topic)) {
            let key = guard.key().map_err(|e| failed("cannot read transactions", e))?;
            batch.remove(&store.transactions, key);
        }
    }
    Ok(())
}

/// All entries there are.
pub fn entries(store: &Store) -> impl Iterator<Item = Result<Entry>> {
    store.transactions.iter().map(|guard| {
        let (key, value) = guard.into_inner().map_err(|e| failed("cannot read transactions", e))?;
        parse(&key, &value).ok_or_else(|| failed("cannot read transactions", "one is damaged"))
    })
}

fn parse(key: &[u8], mut value: &[u8]) -> Option<Entry> {
    let (&kind, mut key) = key.split_first()?;
    if kind == PRODUCER {
        let id = std::str::from_utf8(key).ok()?.to_owned();
        return Some(Entry::Producer(id, rmp_serde::from_slice(value).ok()?));
    }
    let place = (key.try_get_u32().ok()?, key.try_get_u32().ok()?);
    let transaction =
        Identity { producer_id: key.try_get_i64().ok()?, epoch: key.try_get_i16().ok()? };
    let first = value.try_get_u64().ok()?;
    match kind {
        OPEN => Some(Entry::Open(place, transaction, first)),
        ABORTED => Some(Entry::Aborted(place, transaction, (first, value.try_get_u64().ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_entries_are_noticed() {
        let transaction = Identity { producer_id: 1, epoch: 2 };
        let key = part_key(ABORTED, (3, 4), transaction);
        let value = [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6];
        assert_eq!(parse(&key, &value), Some(Entry::Aborted((3, 4), transaction, (5, 6))));
        assert_eq!(parse(&key, &value[..8]), None);
        assert_eq!(parse(&key[..key.len() - 1], &value), None);
        assert_eq!(parse(b"x", &value), None);
        assert_eq!(parse(b"", &value), None);
        assert_eq!(parse(b"iname", b"\xc1"), None);
    }
}
