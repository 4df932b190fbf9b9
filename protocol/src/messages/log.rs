//! Writing to and reading from partitions.

use serde::{Deserialize, Serialize};

use crate::batch::RecordBatch;
use crate::blob::Blob;

/// Which records of transactions a reader sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[repr(u8)]
pub enum Isolation {
    /// All records, also of transactions that are open or were aborted.
    ReadUncommitted = 0,
    /// Only records of committed transactions, and none beyond the first open one.
    #[default]
    ReadCommitted = 1,
}

impl TryFrom<u8> for Isolation {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, String> {
        match value {
            0 => Ok(Self::ReadUncommitted),
            1 => Ok(Self::ReadCommitted),
            other => Err(format!("isolation {other} is neither 0 nor 1")),
        }
    }
}

impl From<Isolation> for u8 {
    fn from(isolation: Isolation) -> u8 {
        isolation as u8
    }
}

fn one() -> u32 {
    1
}
fn one_mib() -> u32 {
    1 << 20
}
fn eight_mib() -> u32 {
    8 << 20
}

/// Obtains an identity for idempotent or transactional produce.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InitProducerRequest {
    /// A stable name that fences older producers of the same name; nil for plain idempotence.
    #[serde(default)]
    pub transactional_id: Option<String>,
    /// After how long an open transaction is aborted, in milliseconds.
    #[serde(default)]
    pub transaction_timeout_ms: u32,
}

/// The identity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InitProducerResponse {
    /// Goes into every batch.
    pub producer_id: i64,
    /// Goes into every batch.
    pub producer_epoch: i16,
}

/// Appends one batch to one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProduceRequest {
    /// The topic.
    pub topic: String,
    /// The partition, chosen by the client.
    #[serde(default)]
    pub partition: u32,
    /// The producer's stable name, with a transactional batch.
    #[serde(default)]
    pub transactional_id: Option<String>,
    /// The records.
    pub batch: RecordBatch,
}

/// The batch is stored, durably.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProduceResponse {
    /// Offset of the batch's first record.
    pub base_offset: u64,
    /// Whether an earlier attempt had stored the batch already.
    #[serde(default)]
    pub duplicate: bool,
}

/// Reads one record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsumeRequest {
    /// The topic.
    pub topic: String,
    /// The partition.
    #[serde(default)]
    pub partition: u32,
    /// The offset.
    pub offset: u64,
    /// Which records of transactions are seen.
    #[serde(default)]
    pub isolation: Isolation,
}

/// The first visible record at or after the offset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsumeResponse {
    /// The record, or nil at the end of the log.
    #[serde(default)]
    pub record: Option<ConsumedRecord>,
    /// Where to read on.
    pub next_offset: u64,
}

/// One record, decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsumedRecord {
    /// Position in the partition.
    pub offset: u64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The key, or nil.
    #[serde(default)]
    pub key: Option<Blob>,
    /// The value, or nil.
    #[serde(default)]
    pub value: Option<Blob>,
    /// Pairs of name and value.
    #[serde(default)]
    pub headers: Vec<(String, Option<Blob>)>,
}

/// How many partitions one request may name, and how many topics.
pub const MAX_NAMED: usize = 10_000;
/// How many batches a FETCH returns at most.
pub const MAX_FETCHED_BATCHES: usize = 8192;

/// How many batches the answer to a FETCH of `partitions` partitions may hold, so that a receiver
/// that counts its values (see [`crate::bounds::MAX_VALUES`]) takes it.
pub fn max_fetched_batches(partitions: usize) -> usize {
    // A batch is a map of 12 entries; a partition one of 7, perhaps in a topic of its own, a map of
    // 2. Each entry counts two values and each map or array itself one.
    const PER_BATCH: usize = 1 + 2 * 12;
    const PER_PARTITION: usize = (1 + 2 * 7) + (1 + 2 * 2);
    const ENVELOPE: usize = 16;
    let room = (crate::bounds::MAX_VALUES as usize).saturating_sub(ENVELOPE);
    let left = room.saturating_sub(partitions.saturating_mul(PER_PARTITION));
    (left / PER_BATCH).min(MAX_FETCHED_BATCHES)
}

/// Reads batches from up to [`MAX_NAMED`] partitions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// How long to wait for `min_bytes`, at most 60,000 ms; 0 answers at once.
    #[serde(default)]
    pub max_wait_ms: u32,
    /// How many bytes of records to wait for.
    #[serde(default = "one")]
    pub min_bytes: u32,
    /// How many bytes of records to return, roughly: a first batch is returned whatever its size.
    #[serde(default = "eight_mib")]
    pub max_bytes: u32,
    /// Which records of transactions are seen.
    #[serde(default)]
    pub isolation: Isolation,
    /// What to read.
    pub topics: Vec<FetchTopic>,
}

/// What to read of one topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchTopic {
    /// The topic.
    pub topic: String,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// What to read of one partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchPartition {
    /// The partition.
    pub partition: u32,
    /// The first offset of interest. The batch that holds it may begin before it.
    pub offset: u64,
    /// How many bytes of records to return from this partition, roughly.
    #[serde(default = "one_mib")]
    pub max_bytes: u32,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchResponse {
    /// Topics that have something to say.
    #[serde(default)]
    pub topics: Vec<FetchedTopic>,
}

/// What was read of one topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchedTopic {
    /// The topic.
    pub topic: String,
    /// The partitions with batches, with an error, or with an advanced `next_offset`.
    #[serde(default)]
    pub partitions: Vec<FetchedPartition>,
}

/// What was read of one partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchedPartition {
    /// The partition.
    pub partition: u32,
    /// Why it could not be read, by error code; 0 for no error.
    #[serde(default)]
    pub error: u16,
    /// The error's message.
    #[serde(default)]
    pub message: String,
    /// Batches in the order of their offsets. There may be gaps between them.
    #[serde(default)]
    pub batches: Vec<RecordBatch>,
    /// Where to read on; may lie beyond the last batch where invisible records were passed over.
    #[serde(default)]
    pub next_offset: u64,
    /// Offset that the next record will get.
    #[serde(default)]
    pub latest: u64,
    /// Offset of the oldest record there is.
    #[serde(default)]
    pub earliest: u64,
}

/// `timestamp` of [`OffsetQuery`] that asks for the end of the log.
pub const LATEST: i64 = -1;
/// `timestamp` of [`OffsetQuery`] that asks for the oldest record.
pub const EARLIEST: i64 = -2;

/// Asks for offsets by position in time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListOffsetsRequest {
    /// The topic.
    pub topic: String,
    /// The partitions and what to look for in each.
    pub partitions: Vec<OffsetQuery>,
    /// With read committed, `LATEST` is where such a reader can get to.
    #[serde(default)]
    pub isolation: Isolation,
}

/// What to look for in one partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OffsetQuery {
    /// The partition.
    pub partition: u32,
    /// Milliseconds since 1970 for the first record at or after that time, or [`LATEST`] or
    /// [`EARLIEST`].
    pub timestamp: i64,
}

/// The offsets found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListOffsetsResponse {
    /// One entry a query, in its order.
    #[serde(default)]
    pub partitions: Vec<FoundOffset>,
}

/// The offset found in one partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FoundOffset {
    /// The partition.
    pub partition: u32,
    /// The offset; the end of the log where no record is as late as asked for.
    #[serde(default)]
    pub offset: u64,
    /// That record's timestamp, or -1 where there is none.
    #[serde(default)]
    pub timestamp: i64,
    /// Why there is no answer, by error code; 0 for no error.
    #[serde(default)]
    pub error: u16,
}
