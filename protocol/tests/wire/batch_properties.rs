//! What holds for every batch: records come out as they went in, whatever is damaged is refused, and
//! readers and validators agree.

use bytes::Bytes;
use flymq_protocol::batch::{advance_sequence, encoded_size_bound};
use flymq_protocol::{BatchBuilder, Codec, ErrorCode, Record, RecordBatch};
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        // Lengths around the ends of MessagePack's short forms, and something to compress.
        prop_oneof![Just(255), Just(256), Just(65_535), Just(65_536)].prop_map(|n| vec![b'x'; n]),
    ]
    .prop_map(Bytes::from)
}

fn record() -> impl Strategy<Value = Record> {
    let blob = || prop::option::of(bytes());
    let header = (".{0,8}", prop::option::of(bytes()));
    let timestamp = prop_oneof![Just(0), 0..1i64 << 41, -(1i64 << 61)..1i64 << 61];
    (blob(), blob(), prop::collection::vec(header, 0..20), timestamp).prop_map(
        |(key, value, headers, timestamp)| Record { offset: 0, timestamp, key, value, headers },
    )
}

/// Bytes that are records, nearly, or not at all.
fn dubious_records() -> impl Strategy<Value = Vec<u8>> {
    let well_formed: [&[u8]; 3] = [
        b"\x94\xc0\xc0\xc0\x00",
        b"\x94\xc4\x01k\xc4\x00\xc0\x07",
        b"\x94\xc0\xc4\x01v\x91\x92\xa1h\xc0\xff",
    ];
    let pieces: [&[u8]; 6] = [b"\x94", b"\x92", b"\xc0", b"\x00", b"\xa1", b"\xc4\x01"];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(prop::sample::select(well_formed.to_vec()), 1..6)
            .prop_map(|r| r.concat()),
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..30)
            .prop_map(|p| p.concat()),
    ]
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![Just(Codec::None), Just(Codec::Lz4), Just(Codec::Zstd)]
}

fn build(records: &[Record], codec: Codec) -> RecordBatch {
    let mut builder = BatchBuilder::new();
    for r in records {
        let before = builder.size();
        builder.push(r.key.as_deref(), r.value.as_deref(), &r.headers, r.timestamp);
        let bound = encoded_size_bound(r.key.as_deref(), r.value.as_deref(), &r.headers);
        assert!(builder.size() - before <= bound);
    }
    let batch = builder.build(codec);
    assert!(builder.is_empty() && builder.size() == 0);
    batch
}

fn read(batch: &RecordBatch, max_raw: usize) -> Result<Vec<Record>, ErrorCode> {
    let records = batch.records(max_raw).map_err(|e| e.code)?;
    records.map(|r| r.map_err(|e| e.code)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn records_come_out_as_they_went_in(
        mut records in prop::collection::vec(record(), 1..8),
        codec in codec(),
        base_offset in 0..u64::MAX / 2,
    ) {
        let mut batch = build(&records, codec);
        batch.base_offset = base_offset;
        let latest = records.iter().map(|r| r.timestamp).max();
        prop_assert_eq!(Some(batch.max_timestamp), latest);
        prop_assert_eq!(batch.validate(8 * LIMIT, 8 * LIMIT).ok(), latest);
        for (record, offset) in records.iter_mut().zip(base_offset..) {
            record.offset = offset;
        }
        prop_assert_eq!(read(&batch, 8 * LIMIT).unwrap(), records);
    }

    #[test]
    fn any_flipped_bit_is_found(
        records in prop::collection::vec(record(), 1..4),
        codec in codec(),
        at: prop::sample::Index,
        bit in 0..8u8,
    ) {
        let mut batch = build(&records, codec);
        let mut damaged = batch.records.to_vec();
        let at = at.index(damaged.len());
        damaged[at] ^= 1 << bit;
        batch.records = damaged.into();
        prop_assert_eq!(batch.validate(8 * LIMIT, 8 * LIMIT).unwrap_err().code, ErrorCode::CorruptBatch);
        prop_assert_eq!(read(&batch, 8 * LIMIT), Err(ErrorCode::CorruptBatch));
    }

    /// Behind a checksum that matches, whatever validation lets through reads well, and what reading
    /// finds fault with, validation does not let through.
    #[test]
    fn validation_and_reading_agree_on_any_bytes(
        records in dubious_records(),
        count in 1..5u32,
        codec in prop_oneof![6 => Just(0), 1 => 1..4u8],
        raw_size in prop_oneof![6 => Just(0), 1 => 0..400u32, 1 => any::<u32>()],
        base_offset: u64,
        base_timestamp: i64,
    ) {
        let records = Bytes::from(records);
        let batch = RecordBatch {
            base_offset, count, codec, raw_size, base_timestamp,
            crc32c: crc32c::crc32c(&records),
            records: records.into(),
            ..build(&[], Codec::None)
        };
        let valid = batch.validate(LIMIT, LIMIT).map_err(|e| e.code);
        let found = read(&batch, LIMIT);
        match (&valid, &found) {
            (Ok(latest), Ok(records)) => {
                prop_assert_eq!(records.len(), count as usize);
                prop_assert_eq!(records.iter().map(|r| r.timestamp).max(), Some(*latest));
            }
            (Err(a), Err(b)) => prop_assert_eq!(a, b),
            _ => prop_assert!(false, "validation says {:?}, reading {:?}", valid, found),
        }
    }

    #[test]
    fn compressed_bytes_of_any_kind(
        records in prop::collection::vec(record(), 1..4),
        codec in prop_oneof![Just(Codec::Lz4), Just(Codec::Zstd)],
        damage in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
        raw_size: Option<u32>,
    ) {
        let mut batch = build(&records, codec);
        let mut packed = batch.records.to_vec();
        for (at, with) in damage {
            let at = at.index(packed.len());
            packed[at] = with;
        }
        batch.crc32c = crc32c::crc32c(&packed);
        batch.records = packed.into();
        batch.raw_size = raw_size.unwrap_or(batch.raw_size);
        let valid = batch.validate(LIMIT, LIMIT).map_err(|e| e.code);
        prop_assert_eq!(valid.is_ok(), read(&batch, LIMIT).is_ok());
    }

    #[test]
    fn sequences_wrap_to_zero(sequence in 0..=i32::MAX, n: u32) {
        let expected = (u64::from(sequence as u32) + u64::from(n)) % (1 << 31);
        prop_assert_eq!(advance_sequence(sequence, n), expected as i32);
    }
}

#[test]
fn records_larger_than_the_topic_takes_are_refused() {
    let record = |size| {
        let mut builder = BatchBuilder::new();
        builder.push(None, Some(&vec![0; size]), &[], 0);
        builder.build(Codec::None)
    };
    // One byte of array head, one for the key, 3 of the value's head, headers and timestamp.
    assert!(record(1000).validate(LIMIT, 1007).is_ok());
    let error = record(1001).validate(LIMIT, 1007).unwrap_err();
    assert_eq!(error.code, ErrorCode::RecordTooLarge);
    assert!(error.message.contains("1008") && error.message.contains("1007"), "{error}");
}
