//! Groups' stored offsets: in the store, in memory, and held back by open transactions.
//!
//! Keys are the group's length in one byte, the group, topic id and partition; values are the offset
//! and the application's note. Offsets never expire by themselves: they go with their topic or group.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fjall::OwnedWriteBatch;
use flymq_protocol::messages::{CommittedOffset, MAX_NAMED, TopicPartitions};
use flymq_protocol::{ErrorCode, ProtocolError};

use super::commit::Commit;
use super::store::{Changes, Store, failed};
use super::topics::{Topic, Topics};
use crate::Result;

/// How long an application's note may be, in bytes.
const MAX_METADATA: usize = 4096;
/// How much of groups' notes one answer carries, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// A partition: topic id and number.
type Place = (u32, u32);

/// An offset that passed [`check`]. It is of an existing topic.
pub struct OffsetEntry {
    pub topic: Arc<Topic>,
    pub partition: u32,
    pub offset: i64,
    pub metadata: String,
}

impl OffsetEntry {
    /// Topic id and partition.
    pub fn place(&self) -> Place {
        (self.topic.id, self.partition)
    }
}

/// All groups' offsets.
#[derive(Default)]
pub struct Offsets {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    groups: BTreeMap<String, BTreeMap<Place, Slot>>,
    /// What each open transaction holds, by producer id.
    held: HashMap<i64, Vec<(String, Place)>>,
}

/// One group's offset of one partition.
#[derive(Default)]
struct Slot {
    /// `None` where an offset was staged and not yet published, or is only held.
    stored: Option<Stored>,
    /// Open transactions that are about to change it, by producer id.
    holders: Vec<i64>,
}

struct Stored {
    offset: i64,
    metadata: String,
}

/// Parts the offsets of a request that can be stored from those that cannot.
pub fn check(
    topics: &Topics,
    offsets: Vec<CommittedOffset>,
) -> Result<(Vec<OffsetEntry>, Vec<CommittedOffset>)> {
    check_count(offsets.len())?;
    let mut valid = Vec::with_capacity(offsets.len());
    let mut failed = Vec::new();
    for given in offsets {
        let refuse = |code: ErrorCode| CommittedOffset {
            topic: given.topic.clone(),
            partition: given.partition,
            offset: given.offset,
            metadata: String::new(),
            error: code as u16,
        };
        let offset = given.offset.filter(|&offset| offset >= -1);
        match (topics.get(&given.topic), offset) {
            (None, _) => failed.push(refuse(ErrorCode::UnknownTopic)),
            (Some(topic), _) if topic.partition(given.partition).is_err() => {
                failed.push(refuse(ErrorCode::UnknownPartition));
            }
            (Some(topic), Some(offset)) if given.metadata.len() <= MAX_METADATA => {
                let (partition, metadata) = (given.partition, given.metadata);
                valid.push(OffsetEntry { topic, partition, offset, metadata });
            }
            _ => failed.push(refuse(ErrorCode::InvalidRequest)),
        }
    }
    Ok((valid, failed))
}

fn check_count(partitions: usize) -> Result<()> {
    if partitions > MAX_NAMED {
        return Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("offsets of {partitions} partitions exceed the limit of {MAX_NAMED}"),
        ));
    }
    Ok(())
}

impl Offsets {
    /// Brings all offsets back from the store.
    pub fn load(store: &Store, topics: &Topics) -> Result<Self> {
        let unsynced = store.is_unsynced()?;
        let topics: HashMap<u32, _> = topics.all().into_iter().map(|t| (t.id, t)).collect();
        let mut state = State::default();
        let mut changes = store.changes();
        for guard in store.offsets.iter() {
            let (key, value) = guard.into_inner().map_err(|e| failed("cannot read offsets", e))?;
            let (Some((group, place)), Some(mut stored)) = (parse_key(&key), parse_value(&value))
            else {
                return Err(failed("cannot read offsets", "an entry is damaged"));
            };
            let partition = topics.get(&place.0).and_then(|t| t.partition(place.1).ok());
            let Some(partition) = partition else { continue };
            // A power cut may have taken records that the group had read. Others get their offsets.
            let end = partition.end() as i64;
            if unsynced && stored.offset > end {
                stored.offset = end;
                changes.put_offset(&key, encode_value(end, &stored.metadata));
            }
            state.slot(group, place).stored = Some(stored);
        }
        changes.commit()?;
        Ok(Self { state: Mutex::new(state) })
    }

    /// Adds a group's offsets to a commit. Those of topics that have been deleted since they were
    /// checked are taken out of `entries`: they would have gone with their topic.
    pub fn stage(&self, commit: &mut Commit, group: &str, entries: &mut Vec<OffsetEntry>) {
        entries.retain(|entry| !entry.topic.is_deleted());
        let mut state = self.lock();
        for entry in entries {
            // A removal that is staged next must know of it.
            state.slot(group, entry.place());
            let value = encode_value(entry.offset, &entry.metadata);
            commit.batch.insert(&commit.store.offsets, key(group, entry.place()), value);
        }
    }

    /// Shows offsets that were staged and committed.
    pub fn publish(&self, group: &str, entries: Vec<OffsetEntry>) {
        let mut state = self.lock();
        for entry in entries {
            let slot = state.slot(group, entry.place());
            slot.stored = Some(Stored { offset: entry.offset, metadata: entry.metadata });
        }
    }

    /// Marks partitions whose offsets an open transaction is about to change.
    pub fn hold(&self, group: &str, entries: &[OffsetEntry], producer_id: i64) {
        let mut state = self.lock();
        for entry in entries {
            let holders = &mut state.slot(group, entry.place()).holders;
            if !holders.contains(&producer_id) {
                holders.push(producer_id);
                let held = state.held.entry(producer_id).or_default();
                held.push((group.to_owned(), entry.place()));
            }
        }
    }

    /// Removes a transaction's marks, when it has ended and its offsets are published.
    pub fn release(&self, producer_id: i64) {
        let mut state = self.lock();
        for (group, place) in state.held.remove(&producer_id).unwrap_or_default() {
            let Entry::Occupied(mut slots) = state.groups.entry(group) else { continue };
            if let Entry::Occupied(mut slot) = slots.get_mut().entry(place) {
                slot.get_mut().holders.retain(|&holder| holder != producer_id);
            }
        }
    }

    /// A group's offsets of the partitions asked for, or of all that have one stored. With `stable`,
    /// those that an open transaction is about to change are refused.
    pub fn read(
        &self,
        topics: &Topics,
        group: &str,
        asked: Option<Vec<TopicPartitions>>,
        stable: bool,
    ) -> Result<Vec<CommittedOffset>> {
        let asked = match asked {
            Some(asked) => asked,
            None => self.stored_partitions(topics, group),
        };
        check_count(asked.iter().map(|topic| topic.partitions.len()).sum())?;
        let state = self.lock();
        let slots = state.groups.get(group);
        let mut answer = Vec::new();
        let mut bytes = 0;
        for TopicPartitions { topic: name, partitions } in asked {
            let topic = topics.get(&name);
            for partition in partitions {
                let mut found =
                    CommittedOffset { topic: name.clone(), partition, ..Default::default() };
                let slot = topic.as_ref().and_then(|t| slots?.get(&(t.id, partition)));
                match (&topic, slot) {
                    (None, _) => found.error = ErrorCode::UnknownTopic as u16,
                    (Some(topic), _) if topic.partition(partition).is_err() => {
                        found.error = ErrorCode::UnknownPartition as u16;
                    }
                    (Some(_), Some(slot)) if stable && !slot.holders.is_empty() => {
                        found.error = ErrorCode::UnstableOffsets as u16;
                    }
                    (Some(_), Some(Slot { stored: Some(stored), .. })) => {
                        found.offset = Some(stored.offset);
                        found.metadata.clone_from(&stored.metadata);
                    }
                    (Some(_), _) => {}
                }
                bytes += found.topic.len() + found.metadata.len();
                answer.push(found);
            }
            if bytes > MAX_ANSWER {
                return Err(ProtocolError::new(
                    ErrorCode::InvalidRequest,
                    format!(
                        "the offsets' metadata exceeds {MAX_ANSWER} bytes; ask for fewer partitions"
                    ),
                ));
            }
        }
        Ok(answer)
    }

    /// Every existing partition of which a group has an offset stored, or held by a transaction.
    fn stored_partitions(&self, topics: &Topics, group: &str) -> Vec<TopicPartitions> {
        let names: HashMap<u32, String> =
            topics.all().iter().map(|topic| (topic.id, topic.name.clone())).collect();
        let state = self.lock();
        let mut found: BTreeMap<&String, Vec<u32>> = BTreeMap::new();
        for (&(topic, partition), slot) in state.groups.get(group).into_iter().flatten() {
            if let Some(name) = names.get(&topic).filter(|_| !slot.is_vacant()) {
                found.entry(name).or_default().push(partition);
            }
        }
        found
            .into_iter()
            .map(|(topic, partitions)| TopicPartitions { topic: topic.clone(), partitions })
            .collect()
    }

    /// A group's stored offsets by topic id and partition.
    pub fn stored(&self, group: &str) -> Vec<(Place, i64)> {
        let state = self.lock();
        let slots = state.groups.get(group).into_iter().flatten();
        slots.filter_map(|(&place, slot)| Some((place, slot.stored.as_ref()?.offset))).collect()
    }

    /// Whether a group has offsets stored, or held by a transaction.
    pub fn has(&self, group: &str) -> bool {
        self.lock().groups.get(group).is_some_and(|slots| slots.values().any(|s| !s.is_vacant()))
    }

    /// Every group that has offsets stored, or held by a transaction.
    pub fn groups(&self) -> Vec<String> {
        let state = self.lock();
        let used = state.groups.iter().filter(|(_, slots)| slots.values().any(|s| !s.is_vacant()));
        used.map(|(group, _)| group.clone()).collect()
    }

    /// Adds the removal of a topic's offsets to the changes that delete it. To be called between
    /// commits, followed by [`forget_topic`](Self::forget_topic) and the topic's mark as deleted.
    pub fn remove_topic(&self, changes: &mut Changes, topic: u32) {
        for (group, slots) in &self.lock().groups {
            for (&place, _) in slots.range((topic, 0)..=(topic, u32::MAX)) {
                changes.remove_offset(key(group, place));
            }
        }
    }

    /// Takes a deleted topic's offsets out of memory.
    pub fn forget_topic(&self, topic: u32) {
        let mut state = self.lock();
        state.groups.retain(|_, slots| {
            slots.retain(|place, _| place.0 != topic);
            !slots.is_empty()
        });
    }

    /// Adds the removal of a group's offsets to a commit.
    pub fn stage_removal(&self, batch: &mut OwnedWriteBatch, store: &Store, group: &str) {
        for &place in self.lock().groups.get(group).into_iter().flat_map(BTreeMap::keys) {
            batch.remove(&store.offsets, key(group, place));
        }
    }

    /// Takes a removed group's offsets out of memory. What open transactions hold stays: it becomes
    /// the group's when they commit.
    pub fn forget_group(&self, group: &str) {
        let mut state = self.lock();
        let Some(slots) = state.groups.get_mut(group) else { return };
        slots.retain(|_, slot| {
            slot.stored = None;
            !slot.holders.is_empty()
        });
        if slots.is_empty() {
            state.groups.remove(group);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn slot(&mut self, group: &str, place: Place) -> &mut Slot {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.to_owned(), BTreeMap::new());
        }
        let slots = self.groups.get_mut(group).expect("inserted just now");
        slots.entry(place).or_default()
    }
}

impl Slot {
    fn is_vacant(&self) -> bool {
        self.stored.is_none() && self.holders.is_empty()
    }
}

fn key(group: &str, (topic, partition): Place) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + group.len() + 8);
    // Groups' names have at most 255 bytes.
    key.push(group.len() as u8);
    key.extend_from_slice(group.as_bytes());
    key.extend_from_slice(&topic.to_be_bytes());
    key.extend_from_slice(&partition.to_be_bytes());
    key
}

fn parse_key(key: &[u8]) -> Option<(&str, Place)> {
    let (&length, rest) = key.split_first()?;
    let (group, rest) = rest.split_at_checked(length.into())?;
    let (topic, rest) = rest.split_first_chunk::<4>()?;
    let partition: [u8; 4] = rest.try_into().ok()?;
    let place = (u32::from_be_bytes(*topic), u32::from_be_bytes(partition));
    Some((std::str::from_utf8(group).ok()?, place))
}

fn encode_value(offset: i64, metadata: &str) -> Vec<u8> {
    [&offset.to_be_bytes(), metadata.as_bytes()].concat()
}

fn parse_value(value: &[u8]) -> Option<Stored> {
    let (offset, metadata) = value.split_first_chunk::<8>()?;
    let metadata = std::str::from_utf8(metadata).ok()?.to_owned();
    Some(Stored { offset: i64::from_be_bytes(*offset), metadata })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::topics::TopicRecord;

    fn entry(topic: &Arc<Topic>, partition: u32, offset: i64) -> OffsetEntry {
        OffsetEntry { topic: topic.clone(), partition, offset, metadata: "m".into() }
    }

    #[test]
    fn what_a_transaction_holds_is_unstable_until_it_ends() {
        let record =
            TopicRecord { id: 7, partitions: 2, overrides: BTreeMap::new(), first_segment: 0 };
        let topic = Arc::new(Topic::new("t".into(), record, Vec::new(), Vec::new()).unwrap());
        topic.add_partitions(2);
        let topics = Topics::default();
        topics.insert(topic.clone());
        let offsets = Offsets::default();
        let read = |stable| -> Vec<_> {
            let asked = vec![TopicPartitions { topic: "t".into(), partitions: vec![0, 1] }];
            let found = offsets.read(&topics, "g", Some(asked), stable).unwrap();
            found.iter().map(|o| (o.offset, o.error)).collect()
        };
        offsets.publish("g", vec![entry(&topic, 0, 5), entry(&topic, 1, 6)]);
        offsets.hold("g", &[entry(&topic, 0, 9)], 1);
        offsets.hold("g", &[entry(&topic, 0, 9)], 1);
        offsets.hold("g", &[entry(&topic, 0, 9)], 2);
        let unstable = ErrorCode::UnstableOffsets as u16;
        assert_eq!(read(true), [(None, unstable), (Some(6), 0)]);
        assert_eq!(read(false), [(Some(5), 0), (Some(6), 0)]);
        offsets.release(1);
        assert_eq!(read(true)[0], (None, unstable));
        // A group that is deleted meanwhile keeps what the transaction holds.
        offsets.forget_group("g");
        assert_eq!(read(true), [(None, unstable), (None, 0)]);
        offsets.publish("g", vec![entry(&topic, 0, 9)]);
        offsets.release(2);
        assert_eq!(read(true), [(Some(9), 0), (None, 0)]);
        offsets.forget_topic(7);
        assert!(!offsets.has("g"));
    }

    #[test]
    fn keys_and_values_read_back() {
        let group = "g".repeat(255);
        assert_eq!(parse_key(&key(&group, (1, 2))), Some((group.as_str(), (1, 2))));
        for damaged in [&b""[..], b"\x05ab", b"\x01a\0\0\0\x01"] {
            assert_eq!(parse_key(damaged), None);
        }
        assert!(parse_value(b"1234567").is_none());
    }
}
