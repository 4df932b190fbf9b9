//! A record batch: codec, count and raw size from the first 9 bytes, records from the rest. The
//! checksum is made to match, or hardly anything would get past it.

#![no_main]

use bytes::Bytes;
use flymq_protocol::{BatchBuilder, Codec, RecordBatch};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some(([codec, head @ ..], records)) = bytes.split_first_chunk::<9>() else { return };
    let [count, raw_size] =
        [0, 4].map(|at| u32::from_be_bytes(head[at..at + 4].try_into().unwrap()));
    let records = Bytes::copy_from_slice(records);
    let batch = RecordBatch {
        base_offset: u64::MAX - 3,
        base_timestamp: i64::MAX - 3,
        count,
        codec: *codec,
        raw_size,
        crc32c: crc32c::crc32c(&records),
        records: records.into(),
        ..BatchBuilder::new().build(Codec::None)
    };
    let valid = batch.validate(LIMIT, LIMIT);
    // Without keeping them: a batch may hold a million records.
    let read = batch.records(LIMIT).and_then(|records| {
        records.into_iter().try_fold((0, i64::MIN), |(count, latest), record| {
            let record = record?;
            Ok((count + 1, record.timestamp.max(latest)))
        })
    });
    match (valid, read) {
        (Ok(latest), Ok(found)) => assert_eq!(found, (count, latest)),
        // Only validation looks at the number of records and at their size.
        (Err(_), Ok((read, _))) => assert!(read == 0 || read > 1 << 20),
        (Ok(_), Err(error)) => panic!("validated, but not readable: {error}"),
        (Err(_), Err(_)) => {}
    }
});
