//! Positions of the partitions being read, and what was read ahead.

use std::collections::VecDeque;
use std::sync::Arc;

use flymq_protocol::RecordBatch;
use flymq_protocol::batch::Records;
use flymq_protocol::messages::{FetchPartition, FetchTopic, FetchedPartition};

use super::group::{Offsets, Place, Slots, Wanted};
use super::progress::Progress;
use super::unreadable::{Letter, Opened};
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::record::{Message, TopicPartition};

/// What a consumer knows of one partition.
struct Partition {
    slot: TopicPartition,
    /// Offset of the next record for the application.
    position: u64,
    /// Where it was when the partition was assigned.
    began: u64,
    /// Where the next fetch begins.
    fetch_from: u64,
    /// End of the log as of the last fetch.
    latest: Option<u64>,
    paused: bool,
    /// Whether the fetch that is under way asks for it.
    asked: bool,
    /// Nothing is fetched until a seek, because of an error that was reported.
    halted: bool,
    /// Whether it is not known where to begin, so that there is no position yet.
    nowhere: bool,
    progress: Progress,
    batches: VecDeque<RecordBatch>,
    /// The batch that is being handed out.
    reading: Option<Records>,
    /// The record at the position, which is passed over once it is stored elsewhere.
    letter: Option<Letter>,
}

/// Everything that the application's calls and the fetcher share.
pub(super) struct State {
    metrics: Arc<Metrics>,
    partitions: Vec<Partition>,
    /// Counts assignments and seeks, so that the answer to an older fetch is told apart.
    generation: u64,
    buffered: usize,
    /// Which partition is handed out next, so that none starves.
    turn: usize,
    failure: Option<Error>,
    /// Nothing counts as processed any more.
    abandoned: bool,
}

impl State {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            partitions: Vec::new(),
            generation: 0,
            buffered: 0,
            turn: 0,
            failure: None,
            abandoned: false,
        }
    }

    fn note_buffered(&mut self, more: usize, less: usize) {
        self.buffered = self.buffered + more - less;
        self.metrics.prefetched(more as i64 - less as i64);
    }

    /// Reads these and no others.
    pub fn assign(&mut self, positions: Vec<(TopicPartition, u64)>) {
        self.generation += 1;
        self.note_buffered(0, self.buffered);
        self.failure = None;
        let place = |(slot, position)| Partition::new(slot, Place::Reset(position));
        self.partitions = positions.into_iter().map(place).collect();
    }

    /// Reads these too. What others have read ahead is kept.
    pub fn add(&mut self, places: Vec<(TopicPartition, Place)>) {
        self.generation += 1;
        for (slot, place) in places {
            if let Place::Nowhere(error) = &place {
                self.report(error.clone());
            }
            self.partitions.push(Partition::new(slot, place));
        }
    }

    /// Reads these no more. What others have read ahead is kept.
    pub fn remove(&mut self, slots: &Slots) {
        self.generation += 1;
        let mut dropped = 0;
        self.partitions.retain_mut(|p| {
            let stays = !slots.contains(&p.slot);
            if !stays {
                dropped += p.drop_ahead();
            }
            stays
        });
        self.note_buffered(0, dropped);
    }

    fn find(&mut self, topic: &str, partition: u32) -> Option<&mut Partition> {
        let is_it = |p: &&mut Partition| p.slot.partition == partition && &*p.slot.topic == topic;
        self.partitions.iter_mut().find(is_it)
    }

    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.partitions.iter().map(|p| p.slot.clone()).collect()
    }

    /// What the application was given last it will not process.
    pub fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// The application came back: what it was given it has processed.
    pub fn came_back(&mut self) {
        if self.abandoned {
            return;
        }
        for partition in self.partitions.iter_mut().filter(|p| !p.nowhere) {
            partition.progress.came_back(partition.position);
        }
    }

    /// Where the reading of each partition began when it was assigned.
    pub fn beginnings(&self) -> Vec<(TopicPartition, u64)> {
        let placed = self.partitions.iter().filter(|p| !p.nowhere);
        placed.map(|p| (p.slot.clone(), p.began)).collect()
    }

    /// The positions of all partitions that have one.
    pub fn positions(&self) -> Vec<(TopicPartition, u64)> {
        let placed = self.partitions.iter().filter(|p| !p.nowhere);
        placed.map(|p| (p.slot.clone(), p.position)).collect()
    }

    /// What auto-commit has to store now; it is on its way from then on. `wanted` says how, or that
    /// it must not be.
    pub fn take_processed(
        &mut self,
        wanted: impl Fn(&TopicPartition, u64) -> Option<Wanted>,
    ) -> Offsets {
        let mut offsets = Offsets::new();
        for Partition { slot, progress, .. } in &mut self.partitions {
            let Some(position) = progress.due() else { continue };
            let Some(wanted) = wanted(slot, position) else { continue };
            progress.committing(position);
            offsets.insert(slot.clone(), wanted);
        }
        offsets
    }

    /// All before `position` is about to be committed.
    pub fn committing(&mut self, slot: &TopicPartition, position: u64) {
        if let Some(found) = self.find(&slot.topic, slot.partition) {
            found.progress.committing(position);
        }
    }

    pub fn commit_failed(&mut self, slot: &TopicPartition) {
        if let Some(found) = self.find(&slot.topic, slot.partition) {
            found.progress.failed();
        }
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn seek(&mut self, topic: &str, partition: u32, position: u64) {
        self.generation += 1;
        let Some(found) = self.find(topic, partition) else { return };
        found.position = position;
        found.halted = false;
        found.nowhere = false;
        found.progress.sought();
        let dropped = found.drop_ahead();
        self.note_buffered(0, dropped);
    }

    /// Goes back to a record that was handed out, unless a seek has come before, and reports why. With
    /// `halt` the partition is read no further until a seek.
    ///
    /// What was processed before stays processed.
    pub fn go_back(&mut self, topic: &str, partition: u32, offset: u64, error: Error, halt: bool) {
        let untold = self.failure.is_none();
        if !self.unread(topic, partition, offset) {
            return;
        }
        // One error is told at a time: another record is refused again when it comes again.
        if let Some(found) = self.find(topic, partition) {
            found.halted = halt && untold;
        }
        self.report(error);
    }

    /// Goes back to a record that was handed out, unless a seek has come before, and returns whether it
    /// did. What was processed before stays processed.
    pub fn unread(&mut self, topic: &str, partition: u32, offset: u64) -> bool {
        self.generation += 1;
        let Some(found) = self.find(topic, partition).filter(|p| p.position > offset) else {
            return false;
        };
        found.position = offset;
        let dropped = found.drop_ahead();
        self.note_buffered(0, dropped);
        true
    }

    pub fn position(&mut self, topic: &str, partition: u32) -> Option<u64> {
        self.find(topic, partition).map(|p| p.position)
    }

    pub fn lag(&mut self, topic: &str, partition: u32) -> Option<Option<u64>> {
        let found = self.find(topic, partition)?;
        Some(found.latest.map(|latest| latest.saturating_sub(found.position)))
    }

    pub fn set_paused(&mut self, topic: &str, partition: u32, paused: bool) {
        let Some(found) = self.find(topic, partition) else { return };
        let resumed = std::mem::replace(&mut found.paused, paused) && !paused;
        if resumed && !found.asked {
            // The fetch under way may take long to bring something for others.
            self.generation += 1;
        }
    }

    /// Whether there is nothing for the application but what paused partitions hold.
    fn is_starving(&self) -> bool {
        self.partitions.iter().all(|p| p.paused || (p.batches.is_empty() && p.reading.is_none()))
    }

    /// Whether more may be read ahead.
    pub fn has_room(&self, prefetch_bytes: usize) -> bool {
        self.buffered < prefetch_bytes || self.is_starving()
    }

    /// Drops what paused partitions hold, to be fetched again once they are resumed.
    fn drop_paused(&mut self) {
        let mut dropped = 0;
        for partition in self.partitions.iter_mut().filter(|p| p.paused) {
            dropped += partition.drop_ahead();
        }
        self.note_buffered(0, dropped);
    }

    /// What to ask the broker for, by topic; nothing while there is no room for more.
    pub fn plan(&mut self, fetch_bytes: u32, prefetch_bytes: usize) -> Vec<FetchTopic> {
        if self.buffered >= prefetch_bytes && self.is_starving() {
            self.drop_paused();
        }
        let full = self.buffered >= prefetch_bytes;
        self.partitions.iter_mut().for_each(|p| p.asked = !full && !p.paused && !p.halted);
        let mut topics: Vec<FetchTopic> = Vec::new();
        // Those with least read ahead come first, since the answer's size is bounded.
        let mut order: Vec<&Partition> = self.partitions.iter().filter(|p| p.asked).collect();
        order.sort_by_key(|p| p.batches.len());
        for p in order {
            let wanted = FetchPartition {
                partition: p.slot.partition,
                offset: p.fetch_from,
                max_bytes: fetch_bytes,
            };
            match topics.iter_mut().find(|t| t.topic == *p.slot.topic) {
                Some(topic) => topic.partitions.push(wanted),
                None => topics
                    .push(FetchTopic { topic: p.slot.topic.to_string(), partitions: vec![wanted] }),
            }
        }
        topics
    }

    /// Takes in what a fetch brought for one partition.
    pub fn store(&mut self, topic: &str, fetched: FetchedPartition) {
        let bytes: usize = fetched.batches.iter().map(|b| b.records.len()).sum();
        let Some(found) = self.find(topic, fetched.partition).filter(|p| !p.halted) else { return };
        found.latest = Some(fetched.latest);
        let behind = |b: &RecordBatch| b.base_offset.saturating_add(b.count.into());
        let read_to = fetched.batches.last().map_or(0, behind);
        found.fetch_from = fetched.next_offset.max(read_to).max(found.fetch_from);
        if found.batches.is_empty() && found.reading.is_none() && fetched.batches.is_empty() {
            // A gap with nothing in front of it.
            found.position = found.fetch_from;
        }
        found.batches.extend(fetched.batches);
        self.note_buffered(bytes, 0);
    }

    /// Notes an error for the application.
    pub fn report(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// Fetches nothing more from a partition until a seek, and tells why.
    pub fn halt(&mut self, topic: &str, partition: u32, error: Error) {
        if let Some(found) = self.find(topic, partition) {
            found.halted = true;
        }
        self.report(error);
    }

    /// Hands out at most `max` records, partition by partition in turn.
    pub fn take(
        &mut self,
        max: usize,
        max_raw: usize,
        open: &dyn Fn(Message) -> Opened,
    ) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        let count = self.partitions.len();
        for _ in 0..count {
            if messages.len() >= max {
                break;
            }
            self.turn = (self.turn + 1) % count;
            let partition = &mut self.partitions[self.turn];
            if partition.paused {
                continue;
            }
            let freed = partition.take(max, max_raw, open, &mut messages);
            self.note_buffered(0, freed.bytes);
            if let Some(error) = freed.error {
                self.report(error);
            }
        }
        // Records that are in order come before the error that stopped their successors.
        match self.failure.take_if(|_| messages.is_empty()) {
            Some(error) => Err(error),
            None => Ok(messages),
        }
    }

    /// Whether [`take`](Self::take) may have something to hand out or to tell.
    pub fn has_news(&self) -> bool {
        self.failure.is_some() || !self.is_starving()
    }

    /// A record that has to be stored elsewhere before its partition goes on.
    pub fn letter(&self) -> Option<Letter> {
        self.partitions.iter().filter(|p| !p.paused).find_map(|p| p.letter.clone())
    }

    /// Goes on behind a record that was stored elsewhere, unless a seek has come before.
    pub fn pass(&mut self, topic: &str, partition: u32, offset: u64) {
        let Some(found) = self.find(topic, partition) else { return };
        if found.letter.take_if(|letter| letter.message.offset == offset).is_some() {
            found.position = offset + 1;
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.note_buffered(0, self.buffered);
    }
}

/// What taking records from a partition led to.
struct Freed {
    bytes: usize,
    error: Option<Error>,
}

impl Partition {
    fn new(slot: TopicPartition, place: Place) -> Self {
        let (position, committed, nowhere) = match place {
            Place::Committed(position) => (position, Some(position), false),
            Place::Reset(position) => (position, None, false),
            Place::Nowhere(_) => (0, None, true),
        };
        Self {
            slot,
            position,
            began: position,
            fetch_from: position,
            latest: None,
            paused: false,
            asked: false,
            halted: nowhere,
            nowhere,
            progress: Progress::new(committed),
            batches: VecDeque::new(),
            reading: None,
            letter: None,
        }
    }

    /// Drops what was read ahead. Returns how many bytes that were.
    fn drop_ahead(&mut self) -> usize {
        self.fetch_from = self.position;
        self.reading = None;
        self.letter = None;
        self.batches.drain(..).map(|b| b.records.len()).sum()
    }

    fn take(
        &mut self,
        max: usize,
        max_raw: usize,
        open: &dyn Fn(Message) -> Opened,
        messages: &mut Vec<Message>,
    ) -> Freed {
        let mut freed = Freed { bytes: 0, error: None };
        while messages.len() < max && self.letter.is_none() {
            if self.reading.is_none() {
                let Some(batch) = self.batches.pop_front() else { break };
                freed.bytes += batch.records.len();
                match batch.records(max_raw) {
                    Ok(records) => self.reading = Some(records),
                    Err(error) => {
                        freed.error = Some(self.damaged(error));
                        freed.bytes += self.stop();
                        break;
                    }
                }
            }
            match self.reading.as_mut().and_then(Iterator::next) {
                None => self.reading = None,
                Some(Ok(record)) if record.offset < self.position => {}
                Some(Ok(record)) => {
                    self.position = record.offset;
                    let TopicPartition { topic, partition } = &self.slot;
                    match open(Message::new(topic.clone(), *partition, record)) {
                        Opened::Message(message) => messages.push(message),
                        Opened::Skip => {}
                        Opened::Letter(letter) => {
                            self.letter = Some(letter);
                            break;
                        }
                        Opened::Stop(error) => {
                            freed.error = Some(error);
                            freed.bytes += self.stop();
                            break;
                        }
                    }
                    self.position += 1;
                }
                Some(Err(error)) => {
                    freed.error = Some(self.damaged(error));
                    freed.bytes += self.stop();
                    break;
                }
            }
        }
        if self.reading.is_none() && self.batches.is_empty() && !self.halted {
            // A gap behind the last record is passed over.
            self.position = self.position.max(self.fetch_from);
        }
        freed
    }

    /// Hands out and fetches nothing more until a seek, rather than skip records silently. Returns how
    /// many bytes were dropped.
    fn stop(&mut self) -> usize {
        self.halted = true;
        self.drop_ahead()
    }

    /// What to tell of a batch that cannot be read.
    fn damaged(&self, error: flymq_protocol::ProtocolError) -> Error {
        let message =
            format!("{} cannot be read at offset {}: {}", self.slot, self.position, error.message);
        Error::new(error.code, "poll", message)
    }
}
