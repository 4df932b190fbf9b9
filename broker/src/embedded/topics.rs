//! Topics in memory, and how they come back from the store when the broker starts.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use flymq_protocol::{ErrorCode, ProtocolError};
use serde::{Deserialize, Serialize};

use super::keys;
use super::partition::Partition;
use super::producers::{self, ProducerState};
use super::recovery;
use super::segment::{self, Segment, SegmentRecord};
use super::store::{MetaKey, Store, failed};
use crate::topic::{TopicConfig, shorten};
use crate::{Result, now_ms};

/// A topic as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TopicRecord {
    pub id: u32,
    pub partitions: u32,
    /// Configuration that differs from the defaults.
    pub overrides: BTreeMap<String, String>,
    /// The oldest segment; those before it have been dropped.
    pub first_segment: u64,
}

/// A topic.
pub struct Topic {
    pub name: String,
    pub id: u32,
    config: RwLock<Arc<TopicConfig>>,
    record: RwLock<TopicRecord>,
    partitions: RwLock<Vec<Arc<Partition>>>,
    /// Ascending; the last one is written to.
    segments: RwLock<Vec<Arc<Segment>>>,
    deleted: AtomicBool,
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Topic {
    pub fn new(
        name: String,
        record: TopicRecord,
        partitions: Vec<Arc<Partition>>,
        segments: Vec<Arc<Segment>>,
    ) -> Result<Self> {
        Ok(Self {
            name,
            id: record.id,
            config: RwLock::new(Arc::new(TopicConfig::from_overrides(&record.overrides)?)),
            record: RwLock::new(record),
            partitions: RwLock::new(partitions),
            segments: RwLock::new(segments),
            deleted: AtomicBool::new(false),
        })
    }

    pub fn config(&self) -> Arc<TopicConfig> {
        read(&self.config).clone()
    }

    pub fn record(&self) -> TopicRecord {
        read(&self.record).clone()
    }

    /// Replaces what is stored of the topic, after it has been stored.
    pub fn set_record(&self, record: TopicRecord) -> Result<()> {
        *write(&self.config) = Arc::new(TopicConfig::from_overrides(&record.overrides)?);
        *write(&self.record) = record;
        Ok(())
    }

    pub fn partitions(&self) -> RwLockReadGuard<'_, Vec<Arc<Partition>>> {
        read(&self.partitions)
    }

    pub fn add_partitions(&self, count: u32) {
        let mut partitions = write(&self.partitions);
        for index in partitions.len() as u32..count {
            partitions.push(Arc::new(Partition::new(index, 0, 0, Vec::new())));
        }
    }

    pub fn partition(&self, index: u32) -> Result<Arc<Partition>> {
        let partitions = self.partitions();
        partitions.get(index as usize).cloned().ok_or_else(|| {
            ProtocolError::new(
                ErrorCode::UnknownPartition,
                format!(
                    "topic {} has partitions 0 to {}, not {index}",
                    self.name,
                    partitions.len() - 1
                ),
            )
        })
    }

    pub fn active(&self) -> Arc<Segment> {
        read(&self.segments).last().expect("a topic has an active segment").clone()
    }

    /// The segments from `number` on.
    pub fn segments_from(&self, number: u64) -> Vec<Arc<Segment>> {
        let segments = read(&self.segments);
        segments[segments.partition_point(|s| s.number < number)..].to_vec()
    }

    pub fn segments(&self) -> Vec<Arc<Segment>> {
        read(&self.segments).clone()
    }

    pub fn push_segment(&self, segment: Arc<Segment>) {
        write(&self.segments).push(segment);
    }

    /// Takes the segments before `number` out.
    pub fn take_before(&self, number: u64) -> Vec<Arc<Segment>> {
        let mut segments = write(&self.segments);
        let kept = segments.partition_point(|s| s.number < number);
        segments.drain(..kept).collect()
    }

    pub fn bytes(&self) -> u64 {
        read(&self.segments).iter().map(|s| s.bytes()).sum()
    }

    pub fn mark_deleted(&self) {
        self.deleted.store(true, Ordering::Release);
        self.partitions().iter().for_each(|p| p.wake());
    }

    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }
}

/// All topics by name.
#[derive(Default)]
pub struct Topics {
    by_name: RwLock<BTreeMap<String, Arc<Topic>>>,
}

impl Topics {
    pub fn find(&self, name: &str) -> Result<Arc<Topic>> {
        self.get(name).ok_or_else(|| {
            ProtocolError::new(
                ErrorCode::UnknownTopic,
                format!("there is no topic {:?}", shorten(name)),
            )
        })
    }

    pub fn get(&self, name: &str) -> Option<Arc<Topic>> {
        read(&self.by_name).get(name).cloned()
    }

    pub fn len(&self) -> usize {
        read(&self.by_name).len()
    }

    pub fn all(&self) -> Vec<Arc<Topic>> {
        read(&self.by_name).values().cloned().collect()
    }

    pub fn insert(&self, topic: Arc<Topic>) {
        write(&self.by_name).insert(topic.name.clone(), topic);
    }

    pub fn remove(&self, name: &str) {
        write(&self.by_name).remove(name);
    }

    /// Brings all topics back from the store, and clears away what a crash left half done.
    pub fn load(store: &Store) -> Result<Self> {
        let mut segments: HashMap<u32, Vec<u64>> = HashMap::new();
        for (topic, number) in store.segments() {
            segments.entry(topic).or_default().push(number);
        }
        let unsynced = store.is_unsynced()?;
        let topics = Self::default();
        let mut by_id = HashMap::new();
        for (name, record) in store.topics::<TopicRecord>()? {
            let mut numbers = segments.remove(&record.id).unwrap_or_default();
            let kept = numbers.partition_point(|&n| n < record.first_segment);
            for dropped in numbers.drain(..kept) {
                store.drop_stray(record.id, dropped)?;
            }
            let topic = Arc::new(load_topic(store, name, record, numbers, unsynced)?);
            by_id.insert(topic.id, topic.clone());
            topics.insert(topic);
        }
        for (topic, numbers) in segments {
            for number in numbers {
                store.drop_stray(topic, number)?;
            }
        }
        store.remove_stray_files()?;
        load_producers(store, &by_id)?;
        topics.sync_files()?;
        Ok(topics)
    }

    /// Brings to the disk what the segments' files hold.
    pub fn sync_files(&self) -> Result<()> {
        for topic in self.all() {
            for segment in topic.segments() {
                segment.file.sync().map_err(|e| failed("cannot bring records to the disk", e))?;
            }
        }
        Ok(())
    }
}

fn load_topic(
    store: &Store,
    name: String,
    record: TopicRecord,
    mut numbers: Vec<u64>,
    unsynced: bool,
) -> Result<Topic> {
    let now = now_ms();
    let mut ended = recovery::Ended::new();
    if numbers.is_empty() {
        numbers.push(record.first_segment);
    }
    let segments = numbers
        .into_iter()
        .map(|number| {
            let storage = store.segment(record.id, number)?;
            let segment = match store.get::<SegmentRecord>(MetaKey::Segment(record.id, number))? {
                Some(closed) => Segment::with_record(number, storage, closed),
                None => {
                    let segment = Segment::new(number, storage, now);
                    if unsynced {
                        recovery::cut(store, &name, &segment, &mut ended)?;
                    }
                    segment.scan(now)?;
                    segment
                }
            };
            Ok(Arc::new(segment))
        })
        .collect::<Result<Vec<_>>>()?;
    let partitions = (0..record.partitions)
        .map(|index| load_partition(store, record.id, index, &segments).map(Arc::new))
        .collect::<Result<Vec<_>>>()?;
    Topic::new(name, record, partitions, segments)
}

fn load_partition(
    store: &Store,
    topic: u32,
    index: u32,
    segments: &[Arc<Segment>],
) -> Result<Partition> {
    let (mut start, mut end) = store.get(MetaKey::Bounds(topic, index))?.unwrap_or((0, 0));
    let mut first_offsets = Vec::new();
    for segment in segments {
        let mut range = segment.keyspace.range(keys::range(index, 0));
        let Some(first) = range.next() else { continue };
        first_offsets.push((segment.number, segment::head(first)?.base_offset()));
    }
    if let Some(&(_, first)) = first_offsets.first() {
        start = u64::max(start, first);
    }
    if let Some(&(number, first)) = first_offsets.last() {
        let segment = segments.iter().find(|s| s.number == number).expect("listed just now");
        let last = segment.keyspace.range(keys::range(index, 0)).next_back();
        let last = last.map(segment::head).transpose()?;
        end = u64::max(end, last.map_or(first, |head| head.last_offset + 1));
    }
    Ok(Partition::new(index, start.min(end), end, first_offsets))
}

fn load_producers(store: &Store, topics: &HashMap<u32, Arc<Topic>>) -> Result<()> {
    let mut changes = store.changes();
    for guard in store.producers.iter() {
        let (key, value) = guard.into_inner().map_err(|e| failed("cannot read producers", e))?;
        let partition = producers::parse_key(&key).and_then(|(topic, partition, id)| {
            Some((topics.get(&topic)?.partition(partition).ok()?, id))
        });
        match partition {
            Some((partition, id)) => {
                let mut state: ProducerState = rmp_serde::from_slice(&value)
                    .map_err(|e| failed("cannot read producers", e))?;
                if state.forget_from(partition.end()) {
                    changes.put_producer(&key, &state)?;
                }
                partition.writer().producers.insert(id, state);
            }
            None => changes.remove_producer(&key),
        }
    }
    changes.commit()
}
