//! Records of such a topic.

use bytes::Bytes;
use flymq_protocol::batch::DEFAULT_MAX_RAW;
use flymq_protocol::{BatchBuilder, Codec};
use kafka_protocol::messages::fetch_response::PartitionData;

use crate::Result;
use crate::kafka::fetch;
use crate::kafka::records;
use crate::kafka::transactions::Identity;

/// A record of a journal; without a value, what the key names is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: Option<Bytes>,
    /// When it was written, by the clock of whoever the topic's configuration says.
    pub timestamp: i64,
}

/// Entries as Kafka takes them, within a transaction if they have an identity.
pub fn encode(entries: &[(String, Option<Bytes>)], identity: Option<Identity>) -> Result<Bytes> {
    let now = crate::now_ms();
    let mut builder = BatchBuilder::new();
    for (key, value) in entries {
        builder.push(Some(key.as_bytes()), value.as_deref(), &[], now);
    }
    let mut batch = builder.build(Codec::None);
    if let Some(Identity { producer_id, epoch }) = identity {
        batch.producer_id = producer_id;
        batch.producer_epoch = epoch;
        batch.base_sequence = 0;
        batch.transactional = true;
    }
    Ok(records::encode(&batch)?.bytes)
}

/// The entries from `from` on that belong to no aborted transaction, and where to read on.
pub fn decode(data: &PartitionData, from: i64) -> Result<(Vec<Entry>, i64)> {
    let decoded = fetch::decode(data, from.cast_unsigned())?;
    let mut entries = Vec::new();
    for batch in decoded.batches {
        for record in batch.records(DEFAULT_MAX_RAW)? {
            let record = record?;
            if record.offset < from.cast_unsigned() {
                continue;
            }
            let key = record.key.as_deref().unwrap_or_default();
            entries.push(Entry {
                key: String::from_utf8_lossy(key).into_owned(),
                value: record.value,
                timestamp: record.timestamp,
            });
        }
    }
    Ok((entries, decoded.next_offset.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::ProducerId;
    use kafka_protocol::messages::fetch_response::AbortedTransaction;

    fn batch(base: i64, keys: &[&str], producer_id: i64) -> Vec<u8> {
        let entries: Vec<_> =
            keys.iter().map(|key| ((*key).to_owned(), Some(Bytes::from("v")))).collect();
        let identity = (producer_id >= 0).then_some(Identity { producer_id, epoch: 0 });
        let mut bytes = encode(&entries, identity).unwrap().to_vec();
        // Kafka gives the offsets; they are not part of the checksum.
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes
    }

    fn read(log: Vec<u8>, aborted: &[(i64, i64)], from: i64) -> Result<(Vec<Entry>, i64)> {
        let aborted = aborted.iter().map(|&(producer_id, first_offset)| {
            AbortedTransaction::default()
                .with_producer_id(ProducerId(producer_id))
                .with_first_offset(first_offset)
        });
        let data = PartitionData::default()
            .with_records(Some(log.into()))
            .with_aborted_transactions(Some(aborted.collect()));
        decode(&data, from)
    }

    fn keys(log: Vec<u8>, aborted: &[(i64, i64)], from: i64) -> (String, i64) {
        let (entries, next) = read(log, aborted, from).unwrap();
        (entries.into_iter().map(|entry| entry.key).collect(), next)
    }

    #[test]
    fn entries_come_back_without_those_of_aborted_transactions() {
        let log = [batch(0, &["a", "b"], -1), batch(2, &["c"], 7), batch(3, &["d"], 8)].concat();
        assert_eq!(keys(log.clone(), &[], 0), ("abcd".into(), 4));
        assert_eq!(keys(log.clone(), &[(7, 2)], 1), ("bd".into(), 4));
        let mut cut = log.clone();
        cut.truncate(log.len() - 1);
        assert_eq!(keys(cut, &[(7, 2)], 0), ("ab".into(), 3));
        assert_eq!(keys(Vec::new(), &[], 9), (String::new(), 9));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let mut log = batch(0, &["a"], -1);
        log[8..12].copy_from_slice(&3_i32.to_be_bytes());
        assert!(read(log, &[], 0).is_err());
        let mut log = batch(0, &["a"], -1);
        *log.last_mut().unwrap() ^= 1;
        assert!(read(log, &[], 0).is_err());
    }
}
