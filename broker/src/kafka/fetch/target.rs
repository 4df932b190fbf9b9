//! A partition that is read, and what was found in it.

use flymq_protocol::ProtocolError;
use flymq_protocol::messages::FetchedPartition;
use kafka_protocol::messages::fetch_response::PartitionData;

use crate::kafka::records::Decoded;

/// A partition to be read, and what was found in it.
pub struct Target {
    /// The place of its topic among those of the fetch.
    pub topic: usize,
    pub partition: u32,
    /// Where the reader is.
    pub offset: u64,
    pub max_bytes: usize,
    pub answer: FetchedPartition,
    /// Whether this round has brought an answer.
    pub is_settled: bool,
}

impl Target {
    pub fn new(topic: usize, partition: u32, offset: u64, max_bytes: usize) -> Self {
        let answer =
            FetchedPartition { partition, next_offset: offset, ..FetchedPartition::default() };
        Self { topic, partition, offset, max_bytes, answer, is_settled: false }
    }

    pub fn fail(&mut self, error: ProtocolError) {
        self.answer.error = error.code as u16;
        self.answer.message = error.message;
        self.is_settled = true;
    }

    pub fn has_news(&self) -> bool {
        self.answer.error != 0 || self.answer.next_offset != self.offset
    }

    /// Whether nothing is left behind what was read.
    pub fn was_read_to_end(&self) -> bool {
        self.answer.error == 0
            && self.answer.latest > 0
            && self.answer.next_offset >= self.answer.latest
    }

    pub fn bytes(&self) -> usize {
        self.answer.batches.iter().map(|batch| batch.records.len()).sum()
    }

    /// Takes over what was read.
    pub fn take(&mut self, found: Decoded, data: &PartitionData) {
        self.answer.batches.extend(found.batches);
        self.answer.next_offset = self.answer.next_offset.max(found.next_offset);
        // The leader notes the high watermark before it reads, and may read what came in between.
        let latest = u64::try_from(data.high_watermark).unwrap_or(0);
        self.answer.latest = latest.max(self.answer.next_offset);
        self.answer.earliest = u64::try_from(data.log_start_offset).unwrap_or(0);
        self.is_settled = true;
    }

    /// Leaves out batches for which there is no room; they come with the next fetch. One is kept if
    /// there is nothing else.
    pub fn trim(&mut self, batches: &mut usize, bytes: &mut usize, is_first: bool) {
        let mut own = self.max_bytes;
        let mut keep = 0;
        for batch in &self.answer.batches {
            let size = batch.records.len();
            let fits = size <= *bytes && size <= own;
            let must_come = keep == 0 && is_first;
            if *batches == 0 || !(fits || must_come) {
                break;
            }
            *batches -= 1;
            *bytes = bytes.saturating_sub(size);
            own = own.saturating_sub(size);
            keep += 1;
        }
        if let Some(left) = self.answer.batches.get(keep) {
            self.answer.next_offset = left.base_offset.max(self.offset);
            self.answer.batches.truncate(keep);
        }
    }
}
