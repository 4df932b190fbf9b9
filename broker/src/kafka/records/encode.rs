//! A FlyMQ batch as Kafka takes it.

use bytes::Bytes;
use flymq_protocol::batch::{DEFAULT_MAX_RAW, MAX_RECORDS};
use flymq_protocol::view::RecordView;
use flymq_protocol::{Codec, ErrorCode, ProtocolError, RecordBatch};

use super::{HEADER, MAGIC, PRELUDE, attributes, codecs, varint};
use crate::Result;

/// A batch for Kafka.
#[derive(Debug)]
pub struct Encoded {
    /// The whole batch, header and all.
    pub bytes: Bytes,
    /// Size of the largest record, as FlyMQ counts it.
    pub largest: usize,
}

/// Checks a batch as a broker has to, and writes it as Kafka wants it.
///
/// # Errors
///
/// INVALID_BATCH, CORRUPT_BATCH, UNSUPPORTED_CODEC, RECORD_TOO_LARGE, as `docs/protocol.md` says.
pub fn encode(batch: &RecordBatch) -> Result<Encoded> {
    check(batch)?;
    let codec = Codec::from_u8(batch.codec)?;
    let view = batch.view(DEFAULT_MAX_RAW)?;
    // What Kafka needs more than FlyMQ for a small record: length, attributes, distance.
    let mut out = Vec::with_capacity(HEADER + view.size() + 8 * batch.count as usize);
    out.resize(HEADER, 0);
    let mut largest = 0;
    let mut max_timestamp = i64::MIN;
    for (index, record) in view.records().enumerate() {
        let record = record?;
        largest = largest.max(record.size);
        max_timestamp = max_timestamp.max(record.timestamp);
        put_record(&mut out, &record, index as i64, batch.base_timestamp);
    }
    let (codec, packed) = match codec {
        Codec::None => (0, None),
        codec => {
            let (number, packed) = codecs::compress(codec, &out[HEADER..])?;
            (number, Some(packed.into_owned()))
        }
    };
    if let Some(packed) = packed {
        out.truncate(HEADER);
        out.extend_from_slice(&packed);
    }
    put_header(&mut out, batch, codec, max_timestamp);
    Ok(Encoded { bytes: out.into(), largest })
}

fn check(batch: &RecordBatch) -> Result<()> {
    let invalid = |message: String| Err(ProtocolError::new(ErrorCode::InvalidBatch, message));
    if batch.count == 0 || batch.count > MAX_RECORDS {
        return invalid(format!("a batch holds 1 to {MAX_RECORDS} records, not {}", batch.count));
    }
    let identified = batch.producer_id >= 0;
    if identified != (batch.producer_epoch >= 0) || identified != (batch.base_sequence >= 0) {
        return invalid(
            "producer_id, producer_epoch and base_sequence are given together or not at all".into(),
        );
    }
    if batch.transactional && !identified {
        return invalid("a transactional batch needs a producer_id".into());
    }
    Ok(())
}

#[inline]
fn put_record(out: &mut Vec<u8>, record: &RecordView<'_>, index: i64, base_timestamp: i64) {
    let delta = record.timestamp.wrapping_sub(base_timestamp);
    let length_of = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => varint::len(bytes.len() as i64) + bytes.len(),
        None => 1,
    };
    let mut length = 1
        + varint::len(delta)
        + varint::len(index)
        + length_of(record.key)
        + length_of(record.value)
        + varint::len(record.header_count.into());
    for (name, value) in record.headers() {
        length += length_of(Some(name.as_bytes())) + length_of(value);
    }
    varint::put(out, length as i64);
    out.push(0);
    varint::put(out, delta);
    varint::put(out, index);
    put_bytes(out, record.key);
    put_bytes(out, record.value);
    varint::put(out, record.header_count.into());
    for (name, value) in record.headers() {
        put_bytes(out, Some(name.as_bytes()));
        put_bytes(out, value);
    }
}

#[inline]
fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            varint::put(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
        None => varint::put(out, -1),
    }
}

fn put_header(out: &mut [u8], batch: &RecordBatch, codec: i16, max_timestamp: i64) {
    let transactional = if batch.transactional { attributes::TRANSACTIONAL } else { 0 };
    let length = (out.len() - PRELUDE) as u32;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    // The leader fills its epoch in.
    out[12..16].copy_from_slice(&(-1i32).to_be_bytes());
    out[16] = MAGIC;
    out[21..23].copy_from_slice(&(codec | transactional).to_be_bytes());
    out[23..27].copy_from_slice(&(batch.count - 1).to_be_bytes());
    out[27..35].copy_from_slice(&batch.base_timestamp.to_be_bytes());
    out[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
    out[43..51].copy_from_slice(&batch.producer_id.to_be_bytes());
    out[51..53].copy_from_slice(&batch.producer_epoch.to_be_bytes());
    out[53..57].copy_from_slice(&batch.base_sequence.to_be_bytes());
    out[57..61].copy_from_slice(&batch.count.to_be_bytes());
    let crc = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
}
