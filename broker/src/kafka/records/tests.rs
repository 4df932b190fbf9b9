//! FlyMQ → Kafka → FlyMQ, and what Kafka may return besides.

use bytes::Bytes;
use flymq_protocol::{BatchBuilder, Codec, ErrorCode, Header, Record, RecordBatch};
use proptest::prelude::*;

use super::*;

fn all(from: u64) -> Reading<'static> {
    Reading { from, aborted: &[] }
}

fn batch(values: &[&str]) -> RecordBatch {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.push(Some(b"k"), Some(value.as_bytes()), &[], 1000);
    }
    builder.build(Codec::None)
}

/// A batch as Kafka would store it at an offset, with a change to its bytes.
fn stored(batch: &RecordBatch, offset: u64, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = encode(batch).unwrap().bytes.to_vec();
    bytes[..8].copy_from_slice(&offset.to_be_bytes());
    change(&mut bytes);
    let length = (bytes.len() - PRELUDE) as u32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn values(decoded: &Decoded) -> Vec<(u64, String)> {
    let records = decoded.batches.iter().flat_map(|b| b.records(1 << 20).unwrap());
    let value = |r: Record| (r.offset, String::from_utf8(r.value.unwrap().to_vec()).unwrap());
    records.map(|record| value(record.unwrap())).collect()
}

/// Sets bits of a batch's attributes.
fn attribute(bits: i16) -> impl FnOnce(&mut Vec<u8>) {
    move |bytes| {
        let attributes = i16::from_be_bytes([bytes[21], bytes[22]]) | bits;
        bytes[21..23].copy_from_slice(&attributes.to_be_bytes());
    }
}

fn owned_by(producer: i64, batch: RecordBatch) -> RecordBatch {
    RecordBatch { producer_id: producer, producer_epoch: 0, base_sequence: 0, ..batch }
}

/// A marker that ends a producer's transaction.
fn marker(producer: i64, offset: u64) -> Vec<u8> {
    let bits = attributes::CONTROL | attributes::TRANSACTIONAL;
    stored(&owned_by(producer, batch(&["marker"])), offset, attribute(bits))
}

type Parts = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, i64);

proptest! {
    #[test]
    fn round_trip(
        records in prop::collection::vec(any::<Parts>(), 1..20),
        codec in prop::sample::select(vec![Codec::None, Codec::Lz4, Codec::Zstd]),
        offset in 0u64..1 << 60,
    ) {
        let mut builder = BatchBuilder::new();
        for (key, value, headers, timestamp) in &records {
            let headers: Vec<Header> =
                headers.iter().map(|(n, v)| (n.clone(), v.clone().map(Bytes::from))).collect();
            builder.push(key.as_deref(), value.as_deref(), &headers, timestamp >> 2);
        }
        let before = RecordBatch { base_offset: offset, ..builder.build(codec) };
        let bytes = stored(&before, offset, |_| {});
        let decoded = decode(bytes.into(), &all(offset)).unwrap();
        prop_assert_eq!(decoded.next_offset, offset + records.len() as u64);
        let records = |batch: &RecordBatch| batch.records(1 << 20).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        let after: Vec<_> = decoded.batches.iter().flat_map(records).collect();
        prop_assert_eq!(records(&before), after);
    }

    #[test]
    fn never_panics(mut bytes: Vec<u8>, flip in 0usize..100, bits: u8) {
        let _ = decode(bytes.clone().into(), &all(0));
        // Beyond the checksum.
        bytes = stored(&batch(&["a", "b"]), 5, |bytes| {
            let at = 21 + flip % (bytes.len() - 21);
            bytes[at] ^= bits;
        });
        let _ = decode(bytes.into(), &Reading { from: 0, aborted: &[(1, 0), (-1, 3)] });
    }
}

#[test]
fn a_batch_that_is_cut_off_comes_next_time() {
    let mut bytes = stored(&batch(&["a", "b"]), 5, |_| {});
    let second = stored(&batch(&["c"]), 7, |_| {});
    bytes.extend_from_slice(&second[..second.len() - 1]);
    let decoded = decode(bytes.into(), &all(6)).unwrap();
    // The batch that holds the offset is whole; its reader skips what it has not asked for.
    assert_eq!(values(&decoded), [(5, "a".into()), (6, "b".into())]);
    assert_eq!(decoded.next_offset, 7);
}

#[test]
fn gaps_of_compaction_part_batches() {
    // Records 0, 1 and 4 of what were 6: the distances are in the records themselves.
    let bytes = stored(&batch(&["a", "b", "c"]), 10, |bytes| {
        bytes[23..27].copy_from_slice(&5u32.to_be_bytes());
        let size = (bytes.len() - HEADER) / 3;
        // Length, attributes, time, distance.
        bytes[HEADER + 2 * size + 3] = 4 << 1;
    });
    let decoded = decode(bytes.clone().into(), &all(10)).unwrap();
    assert_eq!(values(&decoded), [(10, "a".into()), (11, "b".into()), (14, "c".into())]);
    assert_eq!(decoded.batches.len(), 2);
    assert_eq!(decoded.next_offset, 16);
    let later = decode(bytes.into(), &all(12)).unwrap();
    assert_eq!(values(&later), [(14, "c".into())]);
}

#[test]
fn aborted_records_and_markers_are_passed_over() {
    let transactional = |producer, value, offset| {
        let bits = attribute(attributes::TRANSACTIONAL);
        stored(&owned_by(producer, batch(&[value])), offset, bits)
    };
    let log = [
        transactional(1, "aborted", 0),
        transactional(2, "committed", 1),
        marker(1, 2),
        transactional(1, "of the next transaction", 3),
        marker(2, 4),
        stored(&owned_by(1, batch(&["plain"])), 5, |_| {}),
        marker(1, 6),
    ]
    .concat();
    let read = |aborted| decode(log.clone().into(), &Reading { from: 0, aborted }).unwrap();
    let committed = read(&[(1, 0)]);
    let expected = [(1, "committed"), (3, "of the next transaction"), (5, "plain")];
    assert_eq!(values(&committed), expected.map(|(o, v)| (o, v.to_owned())));
    assert_eq!(committed.next_offset, 7);
    assert_eq!(values(&read(&[])).len(), 4);
    // Both of producer 1's.
    assert_eq!(values(&read(&[(1, 3), (1, 0)])).len(), 2);
}

#[test]
fn times_of_arrival_count_where_the_topic_says_so() {
    let bytes = stored(&batch(&["a"]), 0, |bytes| {
        attribute(attributes::APPEND_TIME)(bytes);
        bytes[35..43].copy_from_slice(&77_000i64.to_be_bytes());
    });
    let decoded = decode(bytes.into(), &all(0)).unwrap();
    assert_eq!(decoded.batches[0].max_timestamp, 77_000);
}

#[test]
fn damage_is_found() {
    let mut bytes = stored(&batch(&["a"]), 0, |_| {});
    *bytes.last_mut().unwrap() ^= 1;
    let error = decode(bytes.clone().into(), &all(0)).unwrap_err();
    assert_eq!(error.code, ErrorCode::CorruptBatch);
    // What comes before the damage is read.
    let log = [stored(&batch(&["good"]), 0, |_| {}), bytes].concat();
    assert_eq!(values(&decode(log.into(), &all(0)).unwrap()), [(0, "good".into())]);
    let old = stored(&batch(&["a"]), 0, |bytes| bytes[16] = 1);
    assert_eq!(decode(old.into(), &all(0)).unwrap_err().code, ErrorCode::InvalidBatch);
}

#[test]
fn what_others_compress_is_read() {
    use std::io::Write;
    type Compress = fn(&[u8]) -> Vec<u8>;
    let gzip: Compress = |raw| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(raw).unwrap();
        encoder.finish().unwrap()
    };
    let bare: Compress = |raw| snap::raw::Encoder::new().compress_vec(raw).unwrap();
    let framed: Compress = |raw| {
        let block = snap::raw::Encoder::new().compress_vec(raw).unwrap();
        let head = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
        [&head[..], &(block.len() as u32).to_be_bytes(), &block].concat()
    };
    for (codec, compress) in [(1, gzip), (2, bare), (2, framed)] {
        let bytes = stored(&batch(&["some text", "more text"]), 0, |bytes| {
            let packed = compress(&bytes[HEADER..]);
            bytes.truncate(HEADER);
            bytes.extend(packed);
            attribute(codec)(bytes);
        });
        assert_eq!(values(&decode(bytes.into(), &all(0)).unwrap()).len(), 2, "codec {codec}");
    }
    let unknown = stored(&batch(&["a"]), 0, attribute(5));
    assert_eq!(decode(unknown.into(), &all(0)).unwrap_err().code, ErrorCode::UnsupportedCodec);
}

#[test]
fn little_bytes_do_not_become_many() {
    let raw = vec![0u8; 65 << 20];
    let bytes = stored(&batch(&["a"]), 0, |bytes| {
        bytes.truncate(HEADER);
        bytes.extend(zstd::bulk::compress(&raw, 1).unwrap());
        attribute(4)(bytes);
    });
    assert_eq!(decode(bytes.into(), &all(0)).unwrap_err().code, ErrorCode::RecordTooLarge);
}

#[test]
fn batches_are_checked_before_they_are_sent() {
    let good = batch(&["a", "b"]);
    assert_eq!(encode(&good).unwrap().largest, good.records.len() / 2);
    let code = |batch: RecordBatch| encode(&batch).unwrap_err().code;
    assert_eq!(code(RecordBatch { crc32c: 1, ..good.clone() }), ErrorCode::CorruptBatch);
    for bad in [
        RecordBatch { count: 0, ..good.clone() },
        RecordBatch { count: 1, ..good.clone() },
        RecordBatch { count: 3, ..good.clone() },
        RecordBatch { producer_id: 1, ..good.clone() },
        RecordBatch { transactional: true, ..good.clone() },
    ] {
        assert_eq!(code(bad), ErrorCode::InvalidBatch);
    }
    assert_eq!(code(RecordBatch { codec: 9, ..good }), ErrorCode::UnsupportedCodec);
}
