//! Records and positions, as the languages have them.

use std::sync::Arc;

use flymq_core as core;
use flymq_core::Isolation;

use crate::blob::Blob;

/// A header of a record. Names may repeat and keep their order.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value, if it has one.
    #[uniffi(default)]
    pub value: Option<Blob>,
}

/// A record to produce.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Record {
    /// The value; none marks the key as deleted.
    #[uniffi(default)]
    pub value: Option<Blob>,
    /// Records of one key go to one partition, in order.
    #[uniffi(default)]
    pub key: Option<Blob>,
    /// Headers in their order.
    #[uniffi(default)]
    pub headers: Vec<Header>,
    /// Where to send it, whatever its key.
    #[uniffi(default)]
    pub partition: Option<u32>,
    /// When it happened, in milliseconds since 1970; by default when it is handed over.
    #[uniffi(default)]
    pub timestamp_ms: Option<i64>,
}

impl From<Record> for core::Record {
    fn from(record: Record) -> Self {
        let Record { value, key, headers, partition, timestamp_ms } = record;
        let mut made = match (value, key) {
            (Some(value), Some(key)) => Self::new(value.0).key(key.0),
            (Some(value), None) => Self::new(value.0),
            (None, Some(key)) => Self::tombstone(key.0),
            (None, None) => Self::default(),
        };
        if let Some(partition) = partition {
            made = made.partition(partition);
        }
        if let Some(timestamp) = timestamp_ms {
            made = made.timestamp(timestamp);
        }
        let header = |Header { name, value }: Header| (name, value.map(|blob| blob.0));
        made.headers(headers.into_iter().map(header))
    }
}

/// A record that was consumed.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Message {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Position in the partition.
    pub offset: u64,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The key, if it has one.
    pub key: Option<Blob>,
    /// The value; none marks the key as deleted.
    pub value: Option<Blob>,
    /// Headers in their order.
    pub headers: Vec<Header>,
}

impl From<core::Message> for Message {
    fn from(message: core::Message) -> Self {
        let header = |(name, value): core::Header| Header { name, value: value.map(Blob) };
        Self {
            topic: message.topic.to_string(),
            partition: message.partition,
            offset: message.offset,
            timestamp_ms: message.timestamp,
            key: message.key.map(Blob),
            value: message.value.map(Blob),
            headers: message.headers.into_iter().map(header).collect(),
        }
    }
}

/// Where a record was stored.
#[derive(Clone, Debug, uniffi::Record)]
pub struct RecordMetadata {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The record's position in the partition.
    pub offset: u64,
    /// The record's timestamp, in milliseconds since 1970.
    pub timestamp_ms: i64,
}

impl From<core::RecordMetadata> for RecordMetadata {
    fn from(stored: core::RecordMetadata) -> Self {
        let core::RecordMetadata { topic, partition, offset, timestamp } = stored;
        Self { topic: topic.to_string(), partition, offset, timestamp_ms: timestamp }
    }
}

/// A partition of a topic.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TopicPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
}

impl From<core::TopicPartition> for TopicPartition {
    fn from(slot: core::TopicPartition) -> Self {
        Self { topic: slot.topic.to_string(), partition: slot.partition }
    }
}

impl From<TopicPartition> for core::TopicPartition {
    fn from(slot: TopicPartition) -> Self {
        Self::new(slot.topic, slot.partition)
    }
}

/// What a group has processed of a partition.
#[derive(Clone, Debug, uniffi::Record)]
pub struct GroupOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The last offset processed; −1 for none.
    pub offset: i64,
    /// A note of the application, up to 4,096 bytes.
    #[uniffi(default = "")]
    pub metadata: String,
}

impl From<core::GroupOffset> for GroupOffset {
    fn from(found: core::GroupOffset) -> Self {
        let core::GroupOffset { topic, partition, offset, metadata } = found;
        Self { topic: topic.to_string(), partition, offset, metadata }
    }
}

impl From<GroupOffset> for core::GroupOffset {
    fn from(processed: GroupOffset) -> Self {
        let GroupOffset { topic, partition, offset, metadata } = processed;
        Self::new(Arc::from(topic), partition, offset).metadata(metadata)
    }
}

/// Where reading a partition begins.
#[derive(Clone, Debug, uniffi::Enum)]
pub enum StartOffset {
    /// At the oldest record there is.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// At this offset.
    At {
        /// The offset.
        offset: u64,
    },
    /// At the first record of this time or later.
    Since {
        /// Milliseconds since 1970.
        timestamp_ms: i64,
    },
}

impl From<StartOffset> for core::StartOffset {
    fn from(start: StartOffset) -> Self {
        match start {
            StartOffset::Earliest => Self::Earliest,
            StartOffset::Latest => Self::Latest,
            StartOffset::At { offset } => Self::Offset(offset),
            StartOffset::Since { timestamp_ms } => Self::Timestamp(timestamp_ms),
        }
    }
}

/// Where reading of one partition begins.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Placement {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Where to begin.
    pub start: StartOffset,
}

/// Which records of transactions are seen.
#[uniffi::remote(Enum)]
pub enum Isolation {
    /// Those of transactions that were committed.
    ReadCommitted,
    /// Those of open and aborted transactions too.
    ReadUncommitted,
}

/// Several values as the language has them.
pub fn all<T: From<U>, U>(values: impl IntoIterator<Item = U>) -> Vec<T> {
    values.into_iter().map(T::from).collect()
}
