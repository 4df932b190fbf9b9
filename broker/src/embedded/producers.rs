//! Producer sequences: which batches a producer has stored in a partition, so that a retry is
//! answered instead of stored again.

use std::collections::VecDeque;

use flymq_protocol::batch::advance_sequence;
use flymq_protocol::{ErrorCode, ProtocolError, RecordBatch};
use serde::{Deserialize, Serialize};

use super::store::failed;
use crate::Result;

/// How many batches of a producer are remembered in a partition; producers keep no more in flight.
pub const REMEMBERED: usize = 5;

/// What a producer last stored in a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerState {
    epoch: i16,
    /// Milliseconds since 1970 of the last append.
    pub last_append: i64,
    /// The last batches, oldest first.
    batches: VecDeque<StoredBatch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredBatch {
    base_sequence: i32,
    count: u32,
    base_offset: u64,
}

/// What to do with a batch of an identified producer.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It follows the last one: store it.
    Append,
    /// It is stored already, at this offset.
    Duplicate(u64),
}

/// Compares a batch with what its producer has stored so far.
pub fn judge(state: Option<&ProducerState>, batch: &RecordBatch) -> Result<Verdict> {
    let Some(state) = state else {
        return first(batch, || {
            ProtocolError::new(
                ErrorCode::UnknownProducer,
                format!(
                    "producer {} begins this partition with sequence {} instead of 0",
                    batch.producer_id, batch.base_sequence
                ),
            )
        });
    };
    if batch.producer_epoch < state.epoch {
        return Err(ProtocolError::new(
            ErrorCode::ProducerFenced,
            format!(
                "producer {} is at epoch {}, the batch has {}",
                batch.producer_id, state.epoch, batch.producer_epoch
            ),
        ));
    }
    let expected = match state.batches.back() {
        Some(last) if batch.producer_epoch == state.epoch => {
            advance_sequence(last.base_sequence, last.count)
        }
        _ => return first(batch, || out_of_order(batch, 0)),
    };
    let stored = state
        .batches
        .iter()
        .find(|b| b.base_sequence == batch.base_sequence && b.count == batch.count);
    match stored {
        Some(stored) => Ok(Verdict::Duplicate(stored.base_offset)),
        None if batch.base_sequence == expected => Ok(Verdict::Append),
        None => Err(out_of_order(batch, expected)),
    }
}

fn first(batch: &RecordBatch, error: impl FnOnce() -> ProtocolError) -> Result<Verdict> {
    if batch.base_sequence == 0 { Ok(Verdict::Append) } else { Err(error()) }
}

fn out_of_order(batch: &RecordBatch, expected: i32) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::OutOfOrderSequence,
        format!(
            "producer {} sent sequence {} where {expected} follows",
            batch.producer_id, batch.base_sequence
        ),
    )
}

impl ProducerState {
    pub fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec(self).map_err(|e| failed("cannot encode a producer", e))
    }

    /// Forgets batches that a partition which ends at `end` has no more. Returns whether there were any.
    pub fn forget_from(&mut self, end: u64) -> bool {
        let before = self.batches.len();
        self.batches.retain(|batch| batch.base_offset < end);
        self.batches.len() < before
    }

    /// Takes note of a batch that [`judge`] said to append.
    pub fn record(&mut self, batch: &RecordBatch, base_offset: u64, now: i64) {
        if self.epoch != batch.producer_epoch {
            self.epoch = batch.producer_epoch;
            self.batches.clear();
        }
        if self.batches.len() == REMEMBERED {
            self.batches.pop_front();
        }
        self.batches.push_back(StoredBatch {
            base_sequence: batch.base_sequence,
            count: batch.count,
            base_offset,
        });
        self.last_append = now;
    }
}

/// Key of a producer's state in the store.
pub fn key(topic: u32, partition: u32, producer_id: i64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&topic.to_be_bytes());
    key[4..8].copy_from_slice(&partition.to_be_bytes());
    key[8..].copy_from_slice(&producer_id.to_be_bytes());
    key
}

/// Reads [`key`] back: topic, partition, producer id.
pub fn parse_key(key: &[u8]) -> Option<(u32, u32, i64)> {
    let (topic, rest) = key.split_first_chunk::<4>()?;
    let (partition, rest) = rest.split_first_chunk::<4>()?;
    let id: [u8; 8] = rest.try_into().ok()?;
    Some((u32::from_be_bytes(*topic), u32::from_be_bytes(*partition), i64::from_be_bytes(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flymq_protocol::{BatchBuilder, Codec};

    fn batch(epoch: i16, base_sequence: i32, count: u32) -> RecordBatch {
        let mut builder = BatchBuilder::new();
        (0..count).for_each(|_| builder.push(None, Some(b"v"), &[], 0));
        let batch = builder.build(Codec::None);
        RecordBatch { producer_id: 9, producer_epoch: epoch, base_sequence, ..batch }
    }

    fn code(result: Result<Verdict>) -> ErrorCode {
        result.unwrap_err().code
    }

    #[test]
    fn follows_sequences() {
        let mut state = ProducerState::default();
        assert_eq!(code(judge(None, &batch(0, 3, 1))), ErrorCode::UnknownProducer);
        assert_eq!(judge(None, &batch(0, 0, 2)), Ok(Verdict::Append));
        for i in 0..7 {
            state.record(&batch(0, 2 * i, 2), 100 + 2 * i as u64, 0);
        }
        assert_eq!(judge(Some(&state), &batch(0, 14, 2)), Ok(Verdict::Append));
        assert_eq!(judge(Some(&state), &batch(0, 12, 2)), Ok(Verdict::Duplicate(112)));
        assert_eq!(judge(Some(&state), &batch(0, 4, 2)), Ok(Verdict::Duplicate(104)));
        assert_eq!(code(judge(Some(&state), &batch(0, 2, 2))), ErrorCode::OutOfOrderSequence);
        assert_eq!(code(judge(Some(&state), &batch(0, 16, 2))), ErrorCode::OutOfOrderSequence);
        // The same sequence with another count is another batch.
        assert_eq!(code(judge(Some(&state), &batch(0, 12, 1))), ErrorCode::OutOfOrderSequence);
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_fences_the_old() {
        let mut state = ProducerState::default();
        state.record(&batch(3, 0, 1), 0, 0);
        assert_eq!(code(judge(Some(&state), &batch(2, 1, 1))), ErrorCode::ProducerFenced);
        assert_eq!(code(judge(Some(&state), &batch(4, 1, 1))), ErrorCode::OutOfOrderSequence);
        assert_eq!(judge(Some(&state), &batch(4, 0, 1)), Ok(Verdict::Append));
        state.record(&batch(4, 0, 1), 1, 0);
        assert_eq!(judge(Some(&state), &batch(4, 0, 1)), Ok(Verdict::Duplicate(1)));
    }

    #[test]
    fn sequences_wrap() {
        let mut state = ProducerState::default();
        state.record(&batch(0, i32::MAX, 2), 0, 0);
        assert_eq!(judge(Some(&state), &batch(0, 1, 1)), Ok(Verdict::Append));
    }
}
