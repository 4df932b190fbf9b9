//! Record batches: the unit that is stored, checked and sent.
//!
//! ```
//! use flymq_protocol::{BatchBuilder, Codec, Record};
//!
//! let mut builder = BatchBuilder::new();
//! builder.push(Some(b"key"), Some(b"value"), &[], 1_700_000_000_000);
//! let batch = builder.build(Codec::None);
//! assert_eq!(batch.count, 1);
//! let records: Vec<Record> = batch.records(1024).unwrap().collect::<Result<_, _>>().unwrap();
//! assert_eq!(records[0].value.as_deref(), Some(&b"value"[..]));
//! ```

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::compression::Codec;
use crate::error::{ErrorCode, ProtocolError};
use crate::msgpack::{Cursor, Token, write_array, write_bin, write_int, write_str};
use crate::view::HeaderView;

/// How many records a batch may hold.
pub const MAX_RECORDS: u32 = 1 << 20;
/// How many headers a record may carry.
pub const MAX_HEADERS: u32 = 1024;
/// How large a batch's records may be once decompressed, unless configured otherwise: 32 MiB.
pub const DEFAULT_MAX_RAW: usize = 32 << 20;

/// A name and a value that travel with a record. Names may repeat and keep their order.
pub type Header = (String, Option<Bytes>);

/// Records of one partition, one after another, as PRODUCE sends and FETCH returns them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordBatch {
    /// Offset of the first record; the others follow without gaps. Ignored in PRODUCE.
    #[serde(default)]
    pub base_offset: u64,
    /// How many records there are.
    pub count: u32,
    /// Compression of `records`, by number (see [`Codec`]).
    #[serde(default)]
    pub codec: u8,
    /// What `records` measures once decompressed. May be left out with codec 0.
    #[serde(default)]
    pub raw_size: u32,
    /// Milliseconds since 1970 that the records' own timestamps are relative to.
    pub base_timestamp: i64,
    /// The latest timestamp among the records. Computed by the broker; ignored in PRODUCE.
    #[serde(default)]
    pub max_timestamp: i64,
    /// Who wrote it, for idempotence; -1 for nobody in particular.
    #[serde(default = "minus_one")]
    pub producer_id: i64,
    /// The producer's epoch; -1 without a producer id.
    #[serde(default = "minus_one_16")]
    pub producer_epoch: i16,
    /// The producer's sequence number of the first record; -1 without a producer id.
    #[serde(default = "minus_one_32")]
    pub base_sequence: i32,
    /// Whether the records belong to the producer's open transaction.
    #[serde(default)]
    pub transactional: bool,
    /// CRC-32C (Castagnoli) of `records` as sent.
    pub crc32c: u32,
    /// The records: MessagePack arrays `[key, value, headers, timestamp]`, compressed as one block.
    pub records: Blob,
}

fn minus_one() -> i64 {
    -1
}
fn minus_one_16() -> i16 {
    -1
}
fn minus_one_32() -> i32 {
    -1
}

/// One record of a batch. Key and value share the batch's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Position in the partition.
    pub offset: u64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// What chose the partition, if anything did.
    pub key: Option<Bytes>,
    /// The payload. `None` marks a deletion, as in Kafka.
    pub value: Option<Bytes>,
    /// Headers in the order they were given.
    pub headers: Vec<Header>,
}

impl RecordBatch {
    /// The sequence number of the last record, wrapping at `i32::MAX` as Kafka's does.
    pub fn last_sequence(&self) -> i32 {
        advance_sequence(self.base_sequence, self.count.saturating_sub(1))
    }

    /// The records' memory, decompressed. `max_raw` bounds what is allocated.
    pub(crate) fn raw(&self, max_raw: usize) -> Result<Bytes, ProtocolError> {
        let codec = Codec::from_u8(self.codec)?;
        let raw_size = match (codec, self.raw_size) {
            (Codec::None, 0) => self.records.len(),
            (_, size) => size as usize,
        };
        if raw_size > max_raw {
            return Err(ProtocolError::new(
                ErrorCode::RecordTooLarge,
                format!("a batch of {raw_size} bytes uncompressed exceeds the limit of {max_raw}"),
            ));
        }
        codec.decompress(&self.records.0, raw_size)
    }

    /// Checks that the records are those that the header speaks of. Fails with `CorruptBatch`.
    pub fn check_crc(&self) -> Result<(), ProtocolError> {
        let actual = crc32c::crc32c(&self.records);
        if actual != self.crc32c {
            return Err(ProtocolError::new(
                ErrorCode::CorruptBatch,
                format!(
                    "the batch's CRC-32C is {actual:#010x}, its header says {:#010x}",
                    self.crc32c
                ),
            ));
        }
        Ok(())
    }

    /// Checks the checksum, decompresses and iterates. `max_raw` bounds the decompressed size.
    ///
    /// Iteration ends with an error if the bytes are not exactly `count` well-formed records.
    pub fn records(&self, max_raw: usize) -> Result<Records, ProtocolError> {
        self.check_crc()?;
        Ok(Records {
            raw: self.raw(max_raw)?,
            at: 0,
            index: 0,
            count: self.count,
            base_offset: self.base_offset,
            base_timestamp: self.base_timestamp,
        })
    }

    /// Checks everything that a broker must before it stores a batch: checksum, codec, sizes, and
    /// that the bytes are exactly `count` well-formed records of at most `max_record` bytes.
    /// Returns the latest timestamp.
    pub fn validate(&self, max_raw: usize, max_record: usize) -> Result<i64, ProtocolError> {
        if self.count == 0 || self.count > MAX_RECORDS {
            return Err(ProtocolError::invalid_batch(format!(
                "a batch holds 1 to {MAX_RECORDS} records, not {}",
                self.count
            )));
        }
        let identified = self.producer_id >= 0;
        if identified != (self.producer_epoch >= 0) || identified != (self.base_sequence >= 0) {
            return Err(ProtocolError::invalid_batch(
                "producer_id, producer_epoch and base_sequence are given together or not at all",
            ));
        }
        if self.transactional && !identified {
            return Err(ProtocolError::invalid_batch("a transactional batch needs a producer_id"));
        }
        self.check_crc()?;
        let raw = self.raw(max_raw)?;
        let mut cursor = Cursor::new(&raw);
        let mut max_timestamp = i64::MIN;
        for index in 0..self.count {
            let before = cursor.remaining();
            let delta = skip_record(&mut cursor).map_err(|e| in_record(index, e))?;
            let size = before - cursor.remaining();
            if size > max_record {
                return Err(ProtocolError::new(
                    ErrorCode::RecordTooLarge,
                    format!(
                        "record {index} of the batch has {size} bytes, the topic takes {max_record}"
                    ),
                ));
            }
            max_timestamp = max_timestamp.max(self.base_timestamp.saturating_add(delta));
        }
        if cursor.remaining() != 0 {
            return Err(leftover(cursor.remaining(), self.count));
        }
        Ok(max_timestamp)
    }
}

/// A sequence number advanced by `n` records; after `i32::MAX` comes 0.
pub fn advance_sequence(sequence: i32, n: u32) -> i32 {
    ((i64::from(sequence) + i64::from(n)) % (i64::from(i32::MAX) + 1)) as i32
}

pub(crate) fn leftover(bytes: usize, count: u32) -> ProtocolError {
    ProtocolError::invalid_batch(format!("{bytes} bytes follow the batch's {count} records"))
}

pub(crate) fn in_record(index: u32, error: ProtocolError) -> ProtocolError {
    ProtocolError::invalid_batch(format!("record {index} of the batch: {}", error.message))
}

/// Walks over one record and returns its timestamp's distance from the batch's.
#[inline]
fn skip_record(cursor: &mut Cursor) -> Result<i64, ProtocolError> {
    record_head(cursor)?;
    optional_bin(cursor)?;
    optional_bin(cursor)?;
    for _ in 0..header_count(cursor)? {
        header(cursor)?;
    }
    delta(cursor)
}

#[inline]
pub(crate) fn record_head(cursor: &mut Cursor) -> Result<(), ProtocolError> {
    match cursor.token()? {
        Token::Array(4) => Ok(()),
        _ => Err(ProtocolError::invalid_batch("not an array of 4")),
    }
}

#[inline]
pub(crate) fn optional_bin<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, ProtocolError> {
    match cursor.token()? {
        Token::Bin(bytes) => Ok(Some(bytes)),
        Token::Nil => Ok(None),
        _ => Err(ProtocolError::invalid_batch("key, value and header values are binary or nil")),
    }
}

#[inline]
pub(crate) fn header_count(cursor: &mut Cursor) -> Result<u32, ProtocolError> {
    match cursor.token()? {
        Token::Nil => Ok(0),
        Token::Array(n) if n <= MAX_HEADERS => Ok(n),
        Token::Array(n) => Err(ProtocolError::invalid_batch(format!(
            "{n} headers exceed the limit of {MAX_HEADERS}"
        ))),
        _ => Err(ProtocolError::invalid_batch("headers are an array or nil")),
    }
}

pub(crate) fn header<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<(&'a str, Option<&'a [u8]>), ProtocolError> {
    let not_a_pair = || ProtocolError::invalid_batch("a header is an array [name, value]");
    let Token::Array(2) = cursor.token()? else { return Err(not_a_pair()) };
    let Token::Str(name) = cursor.token()? else { return Err(not_a_pair()) };
    let name = std::str::from_utf8(name)
        .map_err(|_| ProtocolError::invalid_batch("a header's name is not UTF-8"))?;
    Ok((name, optional_bin(cursor)?))
}

#[inline]
pub(crate) fn delta(cursor: &mut Cursor) -> Result<i64, ProtocolError> {
    match cursor.token()? {
        Token::Int(delta) => i64::try_from(delta)
            .map_err(|_| ProtocolError::invalid_batch("a timestamp does not fit 64 bits")),
        _ => Err(ProtocolError::invalid_batch("a timestamp is an integer")),
    }
}

/// The records of one batch, in order. Made by [`RecordBatch::records`].
#[derive(Debug)]
pub struct Records {
    raw: Bytes,
    at: usize,
    index: u32,
    count: u32,
    base_offset: u64,
    base_timestamp: i64,
}

impl Records {
    fn read(&mut self) -> Result<Record, ProtocolError> {
        let raw = &self.raw;
        let mut cursor = Cursor::new(&raw[self.at..]);
        record_head(&mut cursor)?;
        let key = optional_bin(&mut cursor)?.map(|b| raw.slice_ref(b));
        let value = optional_bin(&mut cursor)?.map(|b| raw.slice_ref(b));
        let mut headers = Vec::new();
        for _ in 0..header_count(&mut cursor)? {
            let (name, value) = header(&mut cursor)?;
            headers.push((name.to_owned(), value.map(|b| raw.slice_ref(b))));
        }
        let timestamp = self.base_timestamp.saturating_add(delta(&mut cursor)?);
        self.at = raw.len() - cursor.remaining();
        Ok(Record {
            offset: self.base_offset.saturating_add(self.index.into()),
            timestamp,
            key,
            value,
            headers,
        })
    }

    fn end(&mut self) {
        self.index = self.count;
        self.at = self.raw.len();
    }

    /// Once: the error for bytes behind the last record.
    fn leftover(&mut self) -> Option<ProtocolError> {
        let bytes = self.raw.len() - self.at;
        self.end();
        (bytes > 0).then(|| leftover(bytes, self.count))
    }
}

impl Iterator for Records {
    type Item = Result<Record, ProtocolError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index == self.count {
            return self.leftover().map(Err);
        }
        let result = self.read().map_err(|e| in_record(self.index, e));
        match result {
            Ok(_) => self.index += 1,
            Err(_) => self.end(),
        }
        Some(result)
    }
}

/// Collects records into a batch. Reusable: [`build`](Self::build) leaves it empty.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    records: Vec<u8>,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record with a timestamp in milliseconds since 1970.
    pub fn push(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
        timestamp: i64,
    ) {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        self.push_views(key, value, headers, timestamp);
    }

    /// As [`push`](Self::push), with headers that are borrowed.
    pub fn push_views<'a>(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = HeaderView<'a>>,
        timestamp: i64,
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.count += 1;
        let out = &mut self.records;
        write_array(out, 4);
        write_bin(out, key);
        write_bin(out, value);
        if headers.len() == 0 {
            out.push(0xc0);
        } else {
            write_array(out, headers.len());
            for (name, value) in headers {
                write_array(out, 2);
                write_str(out, name);
                write_bin(out, value);
            }
        }
        write_int(out, timestamp.saturating_sub(self.base_timestamp));
    }

    /// How many records there are so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes they take before compression.
    pub fn size(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Reserves room for `bytes` more.
    pub fn reserve(&mut self, bytes: usize) {
        self.records.reserve(bytes);
    }

    /// Compresses and seals the batch, without producer identity; leaves the builder empty.
    pub fn build(&mut self, codec: Codec) -> RecordBatch {
        let raw = std::mem::take(&mut self.records);
        let raw_size = raw.len() as u32;
        let (codec, records) = codec.compress(raw.into());
        RecordBatch {
            base_offset: 0,
            count: std::mem::take(&mut self.count),
            codec: codec as u8,
            raw_size,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            transactional: false,
            crc32c: crc32c::crc32c(&records),
            records: Blob(records),
        }
    }
}

/// The bytes a record takes in a batch, at most; used to bound batches before they are built.
pub fn encoded_size_bound(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> usize {
    // Array head 1, timestamp 9, headers' own head 3; binary and string heads at most 5 each.
    let bin = |b: Option<&[u8]>| 5 + b.map_or(0, <[u8]>::len);
    let header = |(name, value): &Header| 1 + 5 + name.len() + bin(value.as_deref());
    13 + bin(key) + bin(value) + headers.iter().map(header).sum::<usize>()
}
