//! Reading: ranges of a partition, single records, offsets by time.

use std::io;
use std::sync::Arc;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError, Record, RecordBatch, batch};

use super::Inner;
use super::keys::{self, BatchHead};
use super::partition::Partition;
use super::segment::{Records, damaged};
use super::store::failed;
use super::topics::Topic;
use crate::Result;
use crate::engine::Reply;

/// A reader that is this many records behind or fewer is answered on the session's own thread: what
/// it wants is in memory.
pub(super) const NEAR_END: u64 = 1024;
/// How many batches of aborted transactions one request passes over.
const MAX_HIDDEN: usize = 100_000;

/// What may still be read in one go.
pub(super) struct Limits {
    pub bytes: usize,
    pub batches: usize,
    /// How many batches that the reader does not see may be passed over.
    pub hidden: usize,
}

impl Limits {
    pub fn new(bytes: usize, batches: usize) -> Self {
        Self { bytes, batches, hidden: MAX_HIDDEN }
    }
}

/// What was read of a partition.
pub(super) struct Span {
    pub batches: Vec<RecordBatch>,
    pub next_offset: u64,
    /// Size of the next batch where it alone exceeds the limit.
    pub oversize: Option<usize>,
}

fn check_offset(partition: &Partition, offset: u64) -> Result<u64> {
    let (start, end) = (partition.start(), partition.end());
    if offset < start || offset > end {
        return Err(ProtocolError::new(
            ErrorCode::OffsetOutOfRange,
            format!(
                "offset {offset} is outside partition {}'s range of {start} to {end}",
                partition.index
            ),
        ));
    }
    Ok(end)
}

/// Reads batches from the one that holds `offset` on, as many as `limits` allow.
pub(super) fn read(
    topic: &Topic,
    partition: &Partition,
    offset: u64,
    isolation: Isolation,
    limits: &mut Limits,
) -> Result<Span> {
    check_offset(partition, offset)?;
    // A reader may have got further by another isolation.
    let end = partition.visible_end(isolation).max(offset);
    let mut span = Span { batches: Vec::new(), next_offset: offset, oversize: None };
    let Some(first) = partition.segment_of(offset).filter(|_| offset < end) else {
        span.next_offset = end;
        return Ok(span);
    };
    for segment in topic.segments_from(first) {
        let mut stored = Records::of(&segment);
        for guard in segment.keyspace.range(keys::range(partition.index, offset)) {
            let room = limits.bytes;
            let fits = |key: &fjall::UserKey| {
                BatchHead::decode(key).is_some_and(|h| {
                    h.last_offset < end && h.size as usize <= room && partition.shows(&h, isolation)
                })
            };
            let (key, value) =
                guard.into_inner_if(fits).map_err(|e| failed("cannot read a segment", e))?;
            let head = BatchHead::decode(&key).ok_or_else(damaged)?;
            if head.last_offset >= end {
                span.next_offset = span.next_offset.max(end.min(head.base_offset()));
                return Ok(span);
            }
            if !partition.shows(&head, isolation) {
                span.next_offset = head.last_offset + 1;
                if limits.hidden == 0 {
                    return Ok(span);
                }
                limits.hidden -= 1;
                continue;
            }
            let Some(value) = value.filter(|_| limits.batches > 0) else {
                span.oversize = Some(head.size as usize);
                return Ok(span);
            };
            let records = stored.get(&head, value).map_err(|e| unreadable(partition, &head, e))?;
            limits.bytes -= records.len();
            limits.batches -= 1;
            span.next_offset = head.last_offset + 1;
            span.batches.push(head.into_batch(records));
        }
    }
    // Whatever lies between the last batch and the end is a gap.
    span.next_offset = end;
    Ok(span)
}

/// What is said when a batch's records cannot be read: that they are gone, where retention has dropped
/// their segment meanwhile.
fn unreadable(partition: &Partition, head: &BatchHead, error: io::Error) -> ProtocolError {
    let gone = check_offset(partition, head.base_offset()).err();
    gone.unwrap_or_else(|| failed("cannot read a segment", error))
}

/// Reads the first record at or after an offset.
pub fn consume(inner: &Arc<Inner>, request: ConsumeRequest) -> Reply<ConsumeResponse> {
    let found = inner.topics.find(&request.topic).and_then(|topic| {
        let partition = topic.partition(request.partition)?;
        let end = check_offset(&partition, request.offset)?;
        Ok((topic, partition, end))
    });
    let (topic, partition, end) = match found {
        Ok(found) => found,
        Err(error) => return Reply::Ready(Err(error)),
    };
    let offset = request.offset;
    let read = move || read_record(&topic, &partition, offset, request.isolation);
    if end - offset <= NEAR_END { Reply::Ready(read()) } else { Reply::blocking(read) }
}

fn read_record(
    topic: &Topic,
    partition: &Partition,
    offset: u64,
    isolation: Isolation,
) -> Result<ConsumeResponse> {
    let span = read(topic, partition, offset, isolation, &mut Limits::new(usize::MAX, 1))?;
    let Some(batch) = span.batches.first() else {
        return Ok(ConsumeResponse { record: None, next_offset: span.next_offset });
    };
    let record = find(batch, |record| record.offset >= offset)?;
    let record = record.ok_or_else(damaged)?;
    Ok(ConsumeResponse { next_offset: record.offset + 1, record: Some(to_wire(record)) })
}

/// The first record of a stored batch that `wanted` accepts.
fn find(batch: &RecordBatch, wanted: impl Fn(&Record) -> bool) -> Result<Option<Record>> {
    for record in batch.records(batch::DEFAULT_MAX_RAW)? {
        let record = record?;
        if wanted(&record) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

fn to_wire(record: Record) -> ConsumedRecord {
    ConsumedRecord {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.map(Into::into),
        value: record.value.map(Into::into),
        headers: record.headers.into_iter().map(|(n, v)| (n, v.map(Into::into))).collect(),
    }
}

/// Finds offsets by position in time.
pub fn list_offsets(inner: &Arc<Inner>, request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
    if request.partitions.len() > MAX_NAMED {
        return Reply::Ready(Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("{} queries exceed the limit of {MAX_NAMED}", request.partitions.len()),
        )));
    }
    let topic = match inner.topics.find(&request.topic) {
        Ok(topic) => topic,
        Err(error) => return Reply::Ready(Err(error)),
    };
    let scan = request.partitions.iter().any(|query| query.timestamp >= 0);
    let answer = move || {
        let partitions = request
            .partitions
            .iter()
            .map(|query| find_offset(&topic, query, request.isolation))
            .collect();
        Ok(ListOffsetsResponse { partitions })
    };
    if scan { Reply::blocking(answer) } else { Reply::Ready(answer()) }
}

fn find_offset(topic: &Topic, query: &OffsetQuery, isolation: Isolation) -> FoundOffset {
    let nothing = FoundOffset { partition: query.partition, timestamp: -1, ..Default::default() };
    let found = topic.partition(query.partition).and_then(|partition| match query.timestamp {
        LATEST => Ok((partition.visible_end(isolation), -1)),
        EARLIEST => Ok((partition.start(), -1)),
        t if t >= 0 => {
            let end = partition.visible_end(isolation);
            let found = first_at(topic, &partition, t, end, isolation)?;
            Ok(found.map_or((end, -1), |r| (r.offset, r.timestamp)))
        }
        other => Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("timestamp {other} is neither a time nor -1 or -2"),
        )),
    });
    match found {
        Ok((offset, timestamp)) => FoundOffset { offset, timestamp, ..nothing },
        Err(error) => FoundOffset { error: error.code as u16, ..nothing },
    }
}

/// The first record of a partition before `end` with a timestamp of `time` or later.
fn first_at(
    topic: &Topic,
    partition: &Partition,
    time: i64,
    end: u64,
    isolation: Isolation,
) -> Result<Option<Record>> {
    let start = partition.start();
    for segment in topic.segments() {
        if segment.max_timestamp() < time {
            continue;
        }
        let mut stored = Records::of(&segment);
        for guard in segment.keyspace.range(keys::range(partition.index, start)) {
            let late = |key: &fjall::UserKey| {
                BatchHead::decode(key).is_some_and(|h| {
                    h.max_timestamp >= time && h.last_offset < end && partition.shows(&h, isolation)
                })
            };
            let (key, value) =
                guard.into_inner_if(late).map_err(|e| failed("cannot read a segment", e))?;
            let Some(value) = value else { continue };
            let head = BatchHead::decode(&key).ok_or_else(damaged)?;
            let records = stored.get(&head, value).map_err(|e| unreadable(partition, &head, e))?;
            let batch = head.into_batch(records);
            if let Some(record) = find(&batch, |r| r.timestamp >= time)? {
                return Ok(Some(record));
            }
        }
    }
    Ok(None)
}
