//! What Kafka returns, as batches for FlyMQ's readers.

use std::collections::HashSet;

use bytes::{Buf, Bytes};
use flymq_protocol::batch::{MAX_HEADERS, advance_sequence};
use flymq_protocol::{BatchBuilder, Codec, ErrorCode, ProtocolError, RecordBatch};

use super::{HEADER, MAGIC, PRELUDE, attributes, codecs, varint};
use crate::Result;

/// At how many bytes a batch is cut, so that readers need not take more at a time.
const CUT_AT: usize = 8 << 20;

/// What of a partition is wanted.
pub struct Reading<'a> {
    /// The first offset of interest.
    pub from: u64,
    /// The aborted transactions among the records: producer id and first offset of each. Empty for
    /// a reader of everything.
    pub aborted: &'a [(i64, i64)],
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// Batches whose offsets have no gaps within.
    pub batches: Vec<RecordBatch>,
    /// Where to read on.
    pub next_offset: u64,
}

/// A batch's header.
struct Head {
    base_offset: u64,
    attributes: i16,
    last_delta: u32,
    base_timestamp: i64,
    max_timestamp: i64,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    count: u32,
}

/// Reads batch after batch. The last one may be cut off, as Kafka does at a size limit.
///
/// Markers of transactions and records of aborted ones are passed over.
///
/// # Errors
///
/// CORRUPT_BATCH for a checksum that does not match, or records that are not what their batch says;
/// other codes for what FlyMQ cannot express. Whatever came before such a batch is returned first.
pub fn decode(mut records: Bytes, reading: &Reading<'_>) -> Result<Decoded> {
    let mut decoded = Decoded { batches: Vec::new(), next_offset: reading.from };
    let mut aborted = Aborted::new(reading.aborted);
    while let Some(batch) = next_batch(&mut records) {
        if let Err(error) = take_batch(&batch?, reading, &mut aborted, &mut decoded) {
            let progress = !decoded.batches.is_empty() || decoded.next_offset > reading.from;
            return if progress { Ok(decoded) } else { Err(error) };
        }
    }
    Ok(decoded)
}

fn next_batch(records: &mut Bytes) -> Option<Result<Bytes>> {
    let length = i32::from_be_bytes(records.get(8..PRELUDE)?.try_into().ok()?);
    let Ok(length) = usize::try_from(length) else {
        return Some(Err(corrupt("a batch has a negative length")));
    };
    let whole = PRELUDE.checked_add(length).filter(|whole| *whole <= records.len())?;
    Some(Ok(records.split_to(whole)))
}

fn take_batch(
    batch: &Bytes,
    reading: &Reading<'_>,
    aborted: &mut Aborted,
    decoded: &mut Decoded,
) -> Result<()> {
    let head = Head::read(batch)?;
    let next = head.base_offset + u64::from(head.last_delta) + 1;
    let packed = &batch[HEADER..];
    aborted.begin_until(next - 1);
    if head.attributes & attributes::CONTROL != 0 {
        aborted.end(head.producer_id);
    } else if next > reading.from
        && !(head.attributes & attributes::TRANSACTIONAL != 0 && aborted.hides(head.producer_id))
    {
        let before = decoded.batches.len();
        if let Err(error) = take_records(&head, packed, reading.from, &mut decoded.batches) {
            decoded.batches.truncate(before);
            return Err(error);
        }
    }
    decoded.next_offset = decoded.next_offset.max(next);
    Ok(())
}

impl Head {
    fn read(batch: &Bytes) -> Result<Self> {
        if batch.len() < HEADER {
            return Err(corrupt("a batch is shorter than its header"));
        }
        if batch[16] != MAGIC {
            return Err(ProtocolError::new(
                ErrorCode::InvalidBatch,
                format!("a batch in Kafka is of message format {}, which is too old", batch[16]),
            ));
        }
        let mut head = &batch[..HEADER];
        let base_offset = head.get_i64();
        head.advance(9);
        let crc = head.get_u32();
        if crc32c::crc32c(&batch[21..]) != crc {
            return Err(corrupt("a batch's checksum does not match"));
        }
        let read = Self {
            base_offset: base_offset as u64,
            attributes: head.get_i16(),
            last_delta: head.get_u32(),
            base_timestamp: head.get_i64(),
            max_timestamp: head.get_i64(),
            producer_id: head.get_i64(),
            producer_epoch: head.get_i16(),
            base_sequence: head.get_i32(),
            count: head.get_u32(),
        };
        if base_offset < 0 || read.last_delta > i32::MAX as u32 {
            return Err(corrupt("a batch's offsets are out of bounds"));
        }
        Ok(read)
    }

    /// Finishes a run of records that begins at a distance from the batch's first.
    fn seal(&self, builder: &mut BatchBuilder, first: u32) -> RecordBatch {
        // What FlyMQ's readers do not have becomes what takes the least time.
        let codec = match self.attributes & attributes::CODEC {
            0 => Codec::None,
            4 => Codec::Zstd,
            _ => Codec::Lz4,
        };
        let base_sequence = match self.base_sequence {
            sequence if sequence >= 0 => advance_sequence(sequence, first),
            none => none,
        };
        RecordBatch {
            base_offset: self.base_offset + u64::from(first),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence,
            transactional: self.attributes & attributes::TRANSACTIONAL != 0,
            ..builder.build(codec)
        }
    }
}

/// Turns a batch's records into batches without gaps, from the one that holds `from` on.
fn take_records(
    head: &Head,
    packed: &[u8],
    from: u64,
    batches: &mut Vec<RecordBatch>,
) -> Result<()> {
    let expanded = codecs::expand(head.attributes & attributes::CODEC, packed)?;
    let mut rest = &expanded[..];
    let mut builder = BatchBuilder::new();
    builder.reserve(rest.len().min(CUT_AT));
    let mut headers = Vec::new();
    let (mut first, mut next) = (0, 0);
    for index in 0..head.count {
        let record = RawRecord::take(&mut rest, &mut headers)
            .ok_or_else(|| corrupt(&format!("record {index} of a batch is not well formed")))?;
        let delta = u32::try_from(record.offset_delta)
            .ok()
            .filter(|delta| (next..=head.last_delta).contains(delta))
            .ok_or_else(|| corrupt("a record's offset is not within its batch"))?;
        if delta != next || builder.size() >= CUT_AT {
            if !builder.is_empty() && head.base_offset + u64::from(next) > from {
                batches.push(head.seal(&mut builder, first));
            } else {
                builder = BatchBuilder::new();
            }
            first = delta;
        }
        next = delta.saturating_add(1);
        if headers.len() > MAX_HEADERS as usize {
            return Err(ProtocolError::new(
                ErrorCode::InvalidBatch,
                format!("a record in Kafka has more than {MAX_HEADERS} headers"),
            ));
        }
        let timestamp = match head.attributes & attributes::APPEND_TIME {
            0 => head.base_timestamp.saturating_add(record.timestamp_delta),
            _ => head.max_timestamp,
        };
        let named = headers.iter().map(|(name, value)| (name.as_ref(), *value));
        builder.push_views(record.key, record.value, named, timestamp);
    }
    if !rest.is_empty() {
        return Err(corrupt("bytes follow a batch's records"));
    }
    if !builder.is_empty() && head.base_offset + u64::from(next) > from {
        batches.push(head.seal(&mut builder, first));
    }
    Ok(())
}

/// A record within its batch.
struct RawRecord<'a> {
    timestamp_delta: i64,
    offset_delta: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

/// A header; names that are not UTF-8 are made so.
type RawHeader<'a> = (std::borrow::Cow<'a, str>, Option<&'a [u8]>);

impl<'a> RawRecord<'a> {
    #[inline]
    fn take(rest: &mut &'a [u8], headers: &mut Vec<RawHeader<'a>>) -> Option<Self> {
        let length = usize::try_from(varint::take(rest)?).ok()?;
        let (mut body, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        let (_attributes, after) = body.split_first()?;
        body = after;
        let timestamp_delta = varint::take(&mut body)?;
        let offset_delta = varint::take(&mut body)?;
        let key = varint::take_bytes(&mut body)?;
        let value = varint::take_bytes(&mut body)?;
        headers.clear();
        let count = varint::take(&mut body)?;
        if count < 0 {
            return None;
        }
        for _ in 0..count {
            let name = varint::take_bytes(&mut body)??;
            headers.push((String::from_utf8_lossy(name), varint::take_bytes(&mut body)?));
        }
        body.is_empty().then_some(Self { timestamp_delta, offset_delta, key, value })
    }
}

/// Which producers' records are hidden at the present place.
struct Aborted {
    to_come: std::iter::Peekable<std::vec::IntoIter<(i64, i64)>>,
    open: HashSet<i64>,
}

impl Aborted {
    fn new(listed: &[(i64, i64)]) -> Self {
        let mut listed = listed.to_vec();
        listed.sort_unstable_by_key(|(_, first)| *first);
        Self { to_come: listed.into_iter().peekable(), open: HashSet::new() }
    }

    /// Aborted transactions that begin at or before `offset` hide their producers' records from
    /// here on.
    fn begin_until(&mut self, offset: u64) {
        let reached = |&(_, first): &(i64, i64)| u64::try_from(first).is_ok_and(|f| f <= offset);
        while let Some((producer, _)) = self.to_come.next_if(reached) {
            self.open.insert(producer);
        }
    }

    /// A marker ends the producer's transaction.
    fn end(&mut self, producer: i64) {
        self.open.remove(&producer);
    }

    fn hides(&self, producer: i64) -> bool {
        self.open.contains(&producer)
    }
}

fn corrupt(message: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::CorruptBatch,
        format!("Kafka returned what it should not: {message}"),
    )
}
