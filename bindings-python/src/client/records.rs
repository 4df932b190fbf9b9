//! Producing and consuming one by one and in batches.

use flymq_core::FetchOptions;
use flymq_python_macros::mirrored;

use super::{AsyncFlyMQClient, Connected, FlyMQClient};
use crate::convert::{self, Data, Headers, Records, Seconds, record};
use crate::messages::{Message, RecordMetadata};
use crate::wait::Failure;

#[mirrored(FlyMQClient, AsyncFlyMQClient)]
impl Connected {
    /// Send one record, wait until it is stored, and return its offset.
    ///
    /// Records of one key go to one partition; without a key they go round the partitions, so that
    /// offsets alone do not say where a record is: see `produce_record`. `data` and `key` are
    /// bytes-like, or str for UTF-8; `data` None marks the key as deleted. `headers` maps names to
    /// values, or is pairs of both. `timestamp` is milliseconds since 1970, by default now.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None))]
    async fn produce(
        self,
        topic: String,
        data: Option<Data>,
        key: Option<Data>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
    ) -> flymq_core::Result<u64> {
        let record = record(data, key, headers, partition, timestamp);
        Ok(self.client.produce(&topic, record).await?.offset)
    }

    /// As `produce`, but return the RecordMetadata: topic, partition, offset and timestamp.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None))]
    async fn produce_record(
        self,
        topic: String,
        data: Option<Data>,
        key: Option<Data>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
    ) -> flymq_core::Result<RecordMetadata> {
        let record = record(data, key, headers, partition, timestamp);
        self.client.produce(&topic, record).await.map(RecordMetadata)
    }

    /// Send (key, data) pairs, wait until all are stored, and return their offsets in their order.
    ///
    /// `partition` is for all of them. The first failure is raised; some of the others may be
    /// stored then.
    #[pyo3(signature = (topic, records, partition=None))]
    async fn produce_batch(
        self,
        topic: String,
        records: Records,
        partition: Option<u32>,
    ) -> flymq_core::Result<Vec<u64>> {
        let records = records.0.into_iter().map(|record| match partition {
            Some(partition) => record.partition(partition),
            None => record,
        });
        let stored = self.client.produce_batch(&topic, records).await?;
        Ok(stored.into_iter().map(|stored| stored.offset).collect())
    }

    /// Return the first message at or after the offset, or None at the end of the log.
    #[pyo3(signature = (topic, offset, partition=0))]
    async fn consume(
        self,
        topic: String,
        offset: u64,
        partition: u32,
    ) -> flymq_core::Result<Option<Message>> {
        let message = self.client.consume(&topic, partition, offset).await?;
        Ok(message.map(Message))
    }

    /// Return messages of a partition from the offset on; none at the end of the log.
    ///
    /// Waits up to `max_wait` seconds (0) for `min_bytes` (1) if there are none yet. Returns at
    /// most `max_records` (10,000), and roughly `max_bytes` (1 MiB). `isolation` is
    /// "read_committed" (the default) or "read_uncommitted". Read on behind the last message's
    /// offset; offsets may have gaps.
    #[pyo3(signature = (topic, offset, partition=0, *, max_records=None, max_wait=None, max_bytes=None, min_bytes=None, isolation=None))]
    async fn fetch(
        self,
        topic: String,
        offset: u64,
        partition: u32,
        max_records: Option<usize>,
        max_wait: Option<Seconds>,
        max_bytes: Option<u32>,
        min_bytes: Option<u32>,
        isolation: Option<String>,
    ) -> Result<Vec<Message>, Failure> {
        let defaults = FetchOptions::default();
        let options = FetchOptions {
            max_wait: max_wait.map_or(defaults.max_wait, |s| s.0),
            min_bytes: min_bytes.unwrap_or(defaults.min_bytes),
            max_bytes: max_bytes.unwrap_or(defaults.max_bytes),
            max_records: max_records.unwrap_or(defaults.max_records),
            isolation: match isolation {
                Some(name) => convert::isolation(&name)?,
                None => defaults.isolation,
            },
        };
        let messages = self.client.fetch(&topic, partition, offset, options).await?;
        Ok(messages.into_iter().map(Message).collect())
    }
}
