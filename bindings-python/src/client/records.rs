//! Producing and consuming one by one and in batches.

use flymq_core::FetchOptions;
use flymq_python_macros::mirrored;
use pyo3::prelude::*;

use super::{AsyncFlyMQClient, Connected, FlyMQClient};
use crate::convert::{self, Headers, Seconds};
use crate::messages::{Message, Messages, RecordMetadata};
use crate::op::Op;
use crate::serdes::{Deserializer, Deserializers, Serializer, Serializers};

#[mirrored(FlyMQClient, AsyncFlyMQClient)]
impl Connected {
    /// Send one record, wait until it is stored, and return its offset.
    ///
    /// Records of one key go to one partition; without a key they go round the partitions, so that
    /// offsets alone do not say where a record is: see `produce_record`. `data` and `key` are
    /// bytes-like, or str for UTF-8; `data` None marks the key as deleted. `headers` maps names to
    /// values, or is pairs of both. `timestamp` is milliseconds since 1970, by default now. With a
    /// `serializer`, see `flymq.serializers`, `data` is what that takes.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
    fn produce(
        topic: String,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<Serializer>,
    ) -> PyResult<Op<Self, u64>> {
        let serializers = Serializers::of_value(serializer);
        let record = serializers.record(&topic, data, key, headers, partition, timestamp, None)?;
        let produce = async move |this: Self| this.client.produce(&topic, record).await;
        Ok(Op::new(produce, |_, stored| Ok(stored.offset)).quick())
    }

    /// As `produce`, but return the RecordMetadata: topic, partition, offset and timestamp.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
    fn produce_record(
        topic: String,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<Serializer>,
    ) -> PyResult<Op<Self, RecordMetadata>> {
        let serializers = Serializers::of_value(serializer);
        let record = serializers.record(&topic, data, key, headers, partition, timestamp, None)?;
        let produce = async move |this: Self| this.client.produce(&topic, record).await;
        Ok(Op::new(produce, |_, stored| Ok(RecordMetadata(stored))).quick())
    }

    /// Send (key, data) pairs, wait until all are stored, and return their offsets in their order.
    ///
    /// `partition` and `serializer` are for all of them. The first failure is raised; some of the
    /// others may be stored then.
    #[pyo3(signature = (topic, records, partition=None, *, serializer=None))]
    fn produce_batch(
        topic: String,
        records: &Bound<'_, PyAny>,
        partition: Option<u32>,
        serializer: Option<Serializer>,
    ) -> PyResult<Op<Self, Vec<u64>>> {
        let records = Serializers::of_value(serializer).records(&topic, records, partition)?;
        let produce = async move |this: Self| this.client.produce_batch(&topic, records).await;
        let offsets = |stored: Vec<flymq_core::RecordMetadata>| {
            stored.into_iter().map(|stored| stored.offset).collect()
        };
        Ok(Op::new(produce, move |_, stored| Ok(offsets(stored))))
    }

    /// Return the first message at or after the offset, or None at the end of the log. Its value is
    /// what the `deserializer` makes of it, see `flymq.serializers`, else bytes.
    #[pyo3(signature = (topic, offset, partition=0, *, deserializer=None))]
    fn consume(
        topic: String,
        offset: u64,
        partition: u32,
        deserializer: Option<Deserializer>,
    ) -> PyResult<Op<Self, Option<Message>>> {
        let deserializers = Deserializers::of_value(deserializer);
        let consume = async move |this: Self| this.client.consume(&topic, partition, offset).await;
        Ok(Op::new(consume, move |py, found: Option<flymq_core::Message>| {
            found.map(|message| deserializers.message(py, &message)).transpose()
        }))
    }

    /// Return messages of a partition from the offset on; none at the end of the log.
    ///
    /// Waits up to `max_wait` seconds (0) for `min_bytes` (1) if there are none yet. Returns at
    /// most `max_records` (10,000), and roughly `max_bytes` (1 MiB). `isolation` is
    /// "read_committed" (the default) or "read_uncommitted". Read on behind the last message's
    /// offset; offsets may have gaps. Values are what the `deserializer` makes of them; the first
    /// that it cannot read raises SerializationError, which says where.
    #[pyo3(signature = (topic, offset, partition=0, *, max_records=None, max_wait=None, max_bytes=None, min_bytes=None, isolation=None, deserializer=None))]
    fn fetch(
        topic: String,
        offset: u64,
        partition: u32,
        max_records: Option<usize>,
        max_wait: Option<Seconds>,
        max_bytes: Option<u32>,
        min_bytes: Option<u32>,
        isolation: Option<String>,
        deserializer: Option<Deserializer>,
    ) -> PyResult<Op<Self, Messages>> {
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
        let deserializers = Deserializers::of_value(deserializer);
        let fetch =
            async move |this: Self| this.client.fetch(&topic, partition, offset, options).await;
        Ok(Op::new(fetch, move |py, messages: Vec<flymq_core::Message>| {
            deserializers.messages(py, messages)
        }))
    }
}
