//! What goes in and what comes out.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
pub use flymq_protocol::Header;

use crate::encryption::ENCRYPTION_HEADER;

/// A record to produce.
///
/// ```
/// use flymq_core::Record;
///
/// let record = Record::new("21.5").key("sensor-7").header("unit", "C");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub(crate) partition: Option<u32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<Header>,
    /// Sent as it is, encrypted or not.
    pub(crate) forwarded: bool,
}

impl Record {
    /// A record with a value, without key or headers.
    pub fn new(value: impl Into<Bytes>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// A record without a value, which marks its key as deleted.
    pub fn tombstone(key: impl Into<Bytes>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }

    /// The same record again, to send it on to another topic or broker.
    ///
    /// If the message was read without being decrypted (see
    /// [`Config::decrypt`](crate::Config::decrypt)) and is encrypted, it is sent as it is, even by a
    /// client that encrypts; it can then be decrypted as a record of its first topic only.
    pub fn forward(message: &Message) -> Self {
        let Message { timestamp, key, value, headers, .. } = message.clone();
        let forwarded = headers.iter().any(|(name, _)| name == ENCRYPTION_HEADER);
        Self { partition: None, timestamp: Some(timestamp), key, value, headers, forwarded }
    }

    /// Records of one key go to one partition, in order.
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds a header. Names may repeat and keep their order.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Adds headers, whose values may be missing.
    pub fn headers(mut self, headers: impl IntoIterator<Item = Header>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// When it happened, in milliseconds since 1970. Default: when it is handed to the producer.
    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// Sends it to this partition, whatever its key.
    pub fn partition(mut self, partition: u32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Bytes that the record takes in a producer's buffer, at most.
    pub(crate) fn size(&self) -> usize {
        flymq_protocol::batch::encoded_size_bound(
            self.key.as_deref(),
            self.value.as_deref(),
            &self.headers,
        )
    }

    /// Bytes that the record takes at least, which is with the timestamp of its batch.
    pub(crate) fn encoded_size(&self) -> usize {
        let mut alone = flymq_protocol::BatchBuilder::new();
        alone.push(self.key.as_deref(), self.value.as_deref(), &self.headers, 0);
        alone.size()
    }
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: u32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: u32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} of topic {:?}", self.partition, self.topic)
    }
}

/// What a group has processed of a partition.
///
/// ```
/// use flymq_core::GroupOffset;
///
/// let processed = GroupOffset::new("orders", 0, 41);
/// assert_eq!(processed.next(), 42);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: u32,
    /// The last offset processed; −1 for none, so that the group begins at offset 0.
    pub offset: i64,
    /// A note of the application, up to 4,096 bytes.
    pub metadata: String,
}

impl GroupOffset {
    /// Everything up to and with `offset` is processed.
    pub fn new(topic: impl Into<Arc<str>>, partition: u32, offset: i64) -> Self {
        Self { topic: topic.into(), partition, offset, metadata: String::new() }
    }

    /// Adds a note.
    pub fn metadata(mut self, metadata: impl Into<String>) -> Self {
        self.metadata = metadata.into();
        self
    }

    /// The offset at which the group goes on.
    pub fn next(&self) -> u64 {
        u64::try_from(self.offset.saturating_add(1)).unwrap_or(0)
    }

    /// The partition.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }
}

/// Where a record was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: u32,
    /// The record's position in the partition.
    pub offset: u64,
    /// The record's timestamp, in milliseconds since 1970.
    pub timestamp: i64,
}

/// A record that was consumed. Key, value and header values share the memory of the batch they came
/// in, so keeping one small message for long may keep up to a few MiB alive; copy it then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: u32,
    /// Position in the partition.
    pub offset: u64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The value; `None` marks the key as deleted.
    pub value: Option<Bytes>,
    /// Headers in their order.
    pub headers: Vec<Header>,
}

impl Message {
    pub(crate) fn new(topic: Arc<str>, partition: u32, record: flymq_protocol::Record) -> Self {
        Self {
            topic,
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: record.headers,
        }
    }
}
