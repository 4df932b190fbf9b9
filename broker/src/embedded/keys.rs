//! How batches are keyed in a segment.
//!
//! A key is the partition and the batch's *last* offset, so that a forward seek to an offset lands on
//! the batch that holds it, gaps or not; behind them comes the batch's header. The value is the
//! batch's records and nothing else: they are stored as they came, and a scan of headers never
//! touches them.

use bytes::{Buf, Bytes};
use flymq_protocol::{Blob, RecordBatch};

/// Length of a batch's key.
pub const KEY_LEN: usize = 60;

/// First key of a partition at or after an offset.
pub fn seek(partition: u32, offset: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&partition.to_be_bytes());
    key[4..].copy_from_slice(&offset.to_be_bytes());
    key
}

/// The range of keys of a partition at or after an offset.
pub fn range(partition: u32, offset: u64) -> std::ops::Range<[u8; 12]> {
    seek(partition, offset)..seek(partition.wrapping_add(1), 0)
}

/// A batch without its records, as it stands in the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchHead {
    pub partition: u32,
    pub last_offset: u64,
    pub count: u32,
    pub codec: u8,
    pub transactional: bool,
    /// Bytes of the records as stored.
    pub size: u32,
    pub raw_size: u32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub crc32c: u32,
}

const TRANSACTIONAL: u8 = 1;

impl BatchHead {
    /// The head of a checked batch that is about to be stored at `base_offset`.
    pub fn new(partition: u32, base_offset: u64, batch: &RecordBatch, max_timestamp: i64) -> Self {
        Self {
            partition,
            last_offset: base_offset + u64::from(batch.count) - 1,
            count: batch.count,
            codec: batch.codec,
            transactional: batch.transactional,
            size: batch.records.len() as u32,
            raw_size: batch.raw_size,
            base_timestamp: batch.base_timestamp,
            max_timestamp,
            producer_id: batch.producer_id,
            producer_epoch: batch.producer_epoch,
            base_sequence: batch.base_sequence,
            crc32c: batch.crc32c,
        }
    }

    pub fn base_offset(&self) -> u64 {
        self.last_offset - u64::from(self.count - 1)
    }

    pub fn encode(&self) -> Bytes {
        let mut key = Vec::with_capacity(KEY_LEN);
        key.extend_from_slice(&self.partition.to_be_bytes());
        key.extend_from_slice(&self.last_offset.to_be_bytes());
        key.extend_from_slice(&self.count.to_be_bytes());
        key.push(self.codec);
        key.push(if self.transactional { TRANSACTIONAL } else { 0 });
        key.extend_from_slice(&self.size.to_be_bytes());
        key.extend_from_slice(&self.raw_size.to_be_bytes());
        key.extend_from_slice(&self.base_timestamp.to_be_bytes());
        key.extend_from_slice(&self.max_timestamp.to_be_bytes());
        key.extend_from_slice(&self.producer_id.to_be_bytes());
        key.extend_from_slice(&self.producer_epoch.to_be_bytes());
        key.extend_from_slice(&self.base_sequence.to_be_bytes());
        key.extend_from_slice(&self.crc32c.to_be_bytes());
        key.into()
    }

    /// Reads a key back; `None` if it is not one that [`encode`](Self::encode) made.
    pub fn decode(mut key: &[u8]) -> Option<Self> {
        if key.len() != KEY_LEN {
            return None;
        }
        let head = Self {
            partition: key.get_u32(),
            last_offset: key.get_u64(),
            count: key.get_u32(),
            codec: key.get_u8(),
            transactional: key.get_u8() & TRANSACTIONAL != 0,
            size: key.get_u32(),
            raw_size: key.get_u32(),
            base_timestamp: key.get_i64(),
            max_timestamp: key.get_i64(),
            producer_id: key.get_i64(),
            producer_epoch: key.get_i16(),
            base_sequence: key.get_i32(),
            crc32c: key.get_u32(),
        };
        (head.count > 0 && u64::from(head.count) <= head.last_offset.saturating_add(1))
            .then_some(head)
    }

    /// The batch as readers get it.
    pub fn into_batch(self, records: Bytes) -> RecordBatch {
        RecordBatch {
            base_offset: self.base_offset(),
            count: self.count,
            codec: self.codec,
            raw_size: self.raw_size,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            transactional: self.transactional,
            crc32c: self.crc32c,
            records: Blob(records),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flymq_protocol::{BatchBuilder, Codec};

    #[test]
    fn heads_round_trip_and_sort_by_partition_and_offset() {
        let mut builder = BatchBuilder::new();
        (0..3).for_each(|i| builder.push(None, Some(b"v"), &[], 1000 - i));
        let batch = builder.build(Codec::None);
        let head = BatchHead::new(7, 40, &batch, 1000);
        assert_eq!((head.base_offset(), head.last_offset), (40, 42));
        let key = head.encode();
        assert_eq!(key.len(), KEY_LEN);
        assert_eq!(BatchHead::decode(&key), Some(head.clone()));
        let stored = head.into_batch(batch.records.0.clone());
        assert_eq!(stored, RecordBatch { base_offset: 40, ..batch });

        // A seek to any offset of the batch lands on it, one beyond does not.
        for offset in 0..=42 {
            assert!(range(7, offset).contains(&<[u8; 12]>::try_from(&key[..12]).unwrap()));
        }
        assert!(range(7, 43).start[..] > key[..12]);
        assert!(range(6, 0).end[..] <= key[..12]);
        assert_eq!(BatchHead::decode(&key[1..]), None);
    }
}
