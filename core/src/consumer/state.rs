//! Positions of the partitions being read, and what was read ahead.

use std::collections::VecDeque;
use std::sync::Arc;

use flymq_protocol::RecordBatch;
use flymq_protocol::batch::Records;
use flymq_protocol::messages::{FetchPartition, FetchTopic, FetchedPartition};

use super::undecryptable::{Letter, Opened};
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::record::Message;

/// What a consumer knows of one partition.
struct Partition {
    topic: Arc<str>,
    partition: u32,
    /// Offset of the next record for the application.
    position: u64,
    /// Where the next fetch begins.
    fetch_from: u64,
    /// End of the log as of the last fetch.
    latest: Option<u64>,
    paused: bool,
    /// Whether the fetch that is under way asks for it.
    asked: bool,
    /// Nothing is fetched until a seek, because of an error that was reported.
    halted: bool,
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
}

impl State {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, partitions: Vec::new(), generation: 0, buffered: 0, turn: 0, failure: None }
    }

    fn note_buffered(&mut self, more: usize, less: usize) {
        self.buffered = self.buffered + more - less;
        self.metrics.prefetched(more as i64 - less as i64);
    }

    pub fn assign(&mut self, positions: Vec<(Arc<str>, u32, u64)>) {
        self.generation += 1;
        self.note_buffered(0, self.buffered);
        self.failure = None;
        self.partitions = positions
            .into_iter()
            .map(|(topic, partition, position)| Partition {
                topic,
                partition,
                position,
                fetch_from: position,
                latest: None,
                paused: false,
                asked: false,
                halted: false,
                batches: VecDeque::new(),
                reading: None,
                letter: None,
            })
            .collect();
    }

    fn find(&mut self, topic: &str, partition: u32) -> Option<&mut Partition> {
        self.partitions.iter_mut().find(|p| p.partition == partition && &*p.topic == topic)
    }

    pub fn assignment(&self) -> Vec<(Arc<str>, u32)> {
        self.partitions.iter().map(|p| (p.topic.clone(), p.partition)).collect()
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn seek(&mut self, topic: &str, partition: u32, position: u64) {
        self.generation += 1;
        let Some(found) = self.find(topic, partition) else { return };
        found.position = position;
        found.halted = false;
        let dropped = found.drop_ahead();
        self.note_buffered(0, dropped);
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
                partition: p.partition,
                offset: p.fetch_from,
                max_bytes: fetch_bytes,
            };
            match topics.iter_mut().find(|t| t.topic == *p.topic) {
                Some(topic) => topic.partitions.push(wanted),
                None => {
                    topics.push(FetchTopic { topic: p.topic.to_string(), partitions: vec![wanted] })
                }
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
                    match open(Message::new(self.topic.clone(), self.partition, record)) {
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
        let message = format!(
            "partition {} of topic {:?} cannot be read at offset {}: {}",
            self.partition, self.topic, self.position, error.message
        );
        Error::new(error.code, "poll", message)
    }
}
