//! The frames of `conformance/wire/invalid.json`.

use flymq_protocol::{Blob, ErrorCode, Frame, bounds};
use rmpv::Value;
use serde_json::{Value as Json, json};

use crate::golden::payload;
use crate::json::hex;
use crate::samples;

/// A frame to be refused.
pub struct Case {
    pub name: &'static str,
    /// Hexadecimal pieces, and `{"repeat": hex, "times": n}` for long runs.
    pub parts: Vec<Json>,
    pub id: u64,
    pub code: ErrorCode,
    pub closes: bool,
}

fn case(name: &'static str, id: u64, code: ErrorCode, frame: &[u8]) -> Case {
    Case { name, parts: vec![json!(hex(frame))], id, code, closes: false }
}

pub fn cases() -> Vec<Case> {
    let mut cases = framing();
    cases.extend(payloads());
    cases.extend(fields());
    cases.extend(batches());
    cases.extend(bombs());
    cases
}

const MALFORMED: ErrorCode = ErrorCode::MalformedPayload;
const PING: u8 = 0x32;
const PRODUCE: u8 = 0x01;

fn header(opcode: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![0xFB, 0x01, opcode];
    frame.extend((length as u32).to_be_bytes());
    frame
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&header(opcode, payload.len()), payload].concat()
}

fn framing() -> Vec<Case> {
    let closing = |case| Case { closes: true, ..case };
    let ping = frame(PING, &[0x81, 0xa2, b'i', b'd', 7]);
    let with = |at: usize, byte: u8| {
        let mut bytes = ping.clone();
        bytes[at] = byte;
        bytes
    };
    let too_long = header(PING, (32 << 20) + 1);
    vec![
        closing(case("wrong_magic", 0, ErrorCode::BadMagic, &with(0, 0xAF))),
        closing(case("http", 0, ErrorCode::BadMagic, b"GET / HTTP/1.1\r\n\r\n")),
        closing(case("tls", 0, ErrorCode::BadMagic, &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])),
        closing(case("wrong_version", 0, ErrorCode::UnsupportedVersion, &with(1, 2))),
        closing(case("length_beyond_the_limit", 0, ErrorCode::FrameTooLarge, &too_long)),
        closing(case(
            "length_of_4_gib",
            0,
            ErrorCode::FrameTooLarge,
            &header(PING, u32::MAX as usize),
        )),
        case("unknown_opcode", 7, ErrorCode::UnknownOpcode, &with(2, 0x7F)),
        case("opcode_of_a_response", 7, ErrorCode::UnknownOpcode, &with(2, 0xB2)),
        case("opcode_of_an_error", 7, ErrorCode::UnknownOpcode, &with(2, 0xFF)),
    ]
}

fn payloads() -> Vec<Case> {
    let ping = |name, id, payload: &[u8]| case(name, id, MALFORMED, &frame(PING, payload));
    let id7 = |rest: &[u8]| [&[0x82, 0xa2, b'i', b'd', 7][..], rest].concat();
    vec![
        ping("empty_payload", 0, &[]),
        ping("not_messagepack", 0, &[0xc1]),
        ping("text_instead_of_a_map", 0, b"\xa5hello"),
        ping("json_instead_of_messagepack", 0, b"{\"id\":7}"),
        ping("array_instead_of_a_map", 0, &[0x91, 0x07]),
        ping("a_key_that_is_no_string", 0, &[0x81, 0x01, 0x01]),
        ping("id_of_the_wrong_type", 0, b"\x81\xa2id\xa17"),
        ping("negative_id", 0, &[0x81, 0xa2, b'i', b'd', 0xff]),
        ping("id_twice", 8, &id7(&[0xa2, b'i', b'd', 8])),
        ping("bytes_after_the_map", 7, &[0x81, 0xa2, b'i', b'd', 7, 0xc0]),
        ping("ends_within_a_string", 7, &id7(b"\xa5hel")),
        ping("ends_before_the_last_value", 7, &id7(b"\xa1a")),
        ping(
            "a_binary_longer_than_the_payload",
            7,
            &id7(&[0xa1, b'a', 0xc6, 0xff, 0xff, 0xff, 0xff]),
        ),
        ping(
            "an_array_longer_than_the_payload",
            7,
            &id7(&[0xa1, b'a', 0xdd, 0xff, 0xff, 0xff, 0xff]),
        ),
        ping("a_map_longer_than_the_payload", 7, &id7(&[0xa1, b'a', 0xdf, 0xff, 0xff, 0xff, 0xff])),
    ]
}

fn sample(area: &str, name: &str) -> Value {
    let (_, samples) = samples::areas().into_iter().find(|(a, _)| *a == area).unwrap();
    payload(&samples.iter().find(|s| s.name == name).unwrap().frame)
}

/// The entry of a map.
fn field<'a>(map: &'a mut Value, key: &str) -> &'a mut Value {
    let Value::Map(entries) = map else { panic!("not a map: {map}") };
    &mut entries.iter_mut().find(|(k, _)| k.as_str() == Some(key)).unwrap().1
}

fn encoded(opcode: u8, value: &Value) -> Vec<u8> {
    let mut payload = Vec::new();
    rmpv::encode::write_value(&mut payload, value).unwrap();
    frame(opcode, &payload)
}

fn fields() -> Vec<Case> {
    let changed = |name, opcode, (area, vector), key, to: Value| {
        let mut value = sample(area, vector);
        *field(&mut value, key) = to;
        let id = field(&mut value, "id").as_u64().unwrap();
        case(name, id, MALFORMED, &encoded(opcode, &value))
    };
    let without = |name, opcode, (area, vector), key: &str| {
        let mut value = sample(area, vector);
        let id = field(&mut value, "id").as_u64().unwrap();
        let Value::Map(entries) = &mut value else { panic!() };
        entries.retain(|(k, _)| k.as_str() != Some(key));
        case(name, id, MALFORMED, &encoded(opcode, &value))
    };
    let (consume, fetch) = (("log", "consume"), ("log", "fetch"));
    vec![
        changed("topic_is_a_number", 0x02, consume, "topic", 5.into()),
        changed("topic_is_nil", 0x02, consume, "topic", Value::Nil),
        changed("topic_is_not_utf8", 0x02, consume, "topic", Value::Binary(vec![0xff, 0xfe])),
        changed("offset_is_negative", 0x02, consume, "offset", (-1).into()),
        changed("offset_is_a_float", 0x02, consume, "offset", 1.0.into()),
        changed("partition_beyond_32_bits", 0x02, consume, "partition", (1u64 << 32).into()),
        changed("isolation_is_neither_0_nor_1", 0x02, consume, "isolation", 2.into()),
        changed("topics_is_a_map", 0x06, fetch, "topics", Value::Map(vec![])),
        changed("topics_holds_numbers", 0x06, fetch, "topics", Value::Array(vec![7.into()])),
        without("topic_is_missing", 0x02, consume, "topic"),
        without("batch_is_missing", PRODUCE, ("log", "produce_one_record"), "batch"),
    ]
}

/// The frame of a PRODUCE of one record, after `change` to its batch.
pub fn produce(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut request = sample("log", "produce_one_record");
    change(field(&mut request, "batch"));
    encoded(PRODUCE, &request)
}

/// The frame of a PRODUCE of the given records, whose checksum is right.
fn produce_records(count: u32, codec: u8, raw_size: usize, records: Vec<u8>) -> Vec<u8> {
    produce(|batch| {
        *field(batch, "count") = count.into();
        *field(batch, "codec") = codec.into();
        *field(batch, "raw_size") = raw_size.into();
        *field(batch, "crc32c") = crc32c::crc32c(&records).into();
        *field(batch, "records") = Value::Binary(records);
    })
}

/// The frame of a PRODUCE of 20 records of 5 bytes, lz4-compressed.
pub fn lz4(count: u32, raw_size: usize) -> Vec<u8> {
    let raw = [0x94, 0xc0, 0xc0, 0xc0, 0x00].repeat(20);
    produce_records(count, 1, raw_size, lz4_flex::block::compress(&raw))
}

fn batches() -> Vec<Case> {
    use ErrorCode::{CorruptBatch, InvalidBatch, RecordTooLarge, UnsupportedCodec};
    let id = 13;
    let set = |name, code, key: &str, to: Value| {
        case(name, id, code, &produce(|batch| *field(batch, key) = to))
    };
    let records = |name, count, records: &[u8]| {
        case(name, id, InvalidBatch, &produce_records(count, 0, records.len(), records.to_vec()))
    };
    let record = [0x94, 0xc0, 0xc0, 0xc0, 0x00];
    let headers = |head: &[u8]| [&[0x94, 0xc0, 0xc0], head, &[0x00]].concat();
    let mut flipped = samples::one_record().records.to_vec();
    flipped[6] ^= 1;
    let mut too_large = vec![0x94, 0xc0, 0xc6];
    too_large.extend((1u32 << 20).to_be_bytes());
    let zeros = 1 << 20;
    let tail = [0xc0, 0x00];
    let whole = [&too_large[..], &vec![0; zeros], &tail].concat();
    let frame = produce_records(1, 0, whole.len(), whole.clone());
    let split = frame.len() - zeros - tail.len();
    let large_record = Case {
        parts: vec![
            json!(hex(&frame[..split])),
            json!({"repeat": "00", "times": zeros}),
            json!(hex(&tail)),
        ],
        ..case("record_too_large", id, RecordTooLarge, &[])
    };
    vec![
        set("wrong_checksum", CorruptBatch, "crc32c", 1.into()),
        set("a_flipped_bit", CorruptBatch, "records", Value::Binary(flipped)),
        set("unknown_codec", UnsupportedCodec, "codec", 9.into()),
        set("count_of_0", InvalidBatch, "count", 0.into()),
        set("count_above_the_records", InvalidBatch, "count", 2.into()),
        set("count_above_the_limit", InvalidBatch, "count", ((1 << 20) + 1).into()),
        set("producer_without_sequence", InvalidBatch, "producer_id", 5.into()),
        set("transaction_without_producer", InvalidBatch, "transactional", true.into()),
        set("raw_size_below_the_records", InvalidBatch, "raw_size", 13.into()),
        set("raw_size_above_the_records", InvalidBatch, "raw_size", 15.into()),
        case("lz4_raw_size_above_the_records", id, InvalidBatch, &lz4(20, 101)),
        records("count_below_the_records", 1, &[record, record].concat()),
        records("no_records_at_all", 1, &[]),
        records("record_of_three_elements", 1, &[0x93, 0xc0, 0xc0, 0xc0]),
        records("record_that_ends_early", 1, &[0x94, 0xc0, 0xc4, 9, 0]),
        records("key_is_a_string", 1, &[0x94, 0xa1, b'k', 0xc0, 0xc0, 0]),
        records("value_is_a_number", 1, &[0x94, 0xc0, 0x07, 0xc0, 0]),
        records("headers_are_a_map", 1, &headers(&[0x80])),
        records("header_is_no_pair", 1, &headers(&[0x91, 0x91, 0xa1, b'h'])),
        records("header_name_is_binary", 1, &headers(&[0x91, 0x92, 0xc4, 1, b'h', 0xc0])),
        records("header_name_is_not_utf8", 1, &headers(&[0x91, 0x92, 0xa1, 0xff, 0xc0])),
        records("too_many_headers", 1, &headers(&[0xdc, 0x04, 0x01])),
        records("timestamp_is_a_float", 1, &[0x94, 0xc0, 0xc0, 0xc0, 0xca, 0, 0, 0, 0]),
        records(
            "timestamp_beyond_64_bits",
            1,
            &[0x94, 0xc0, 0xc0, 0xc0, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        large_record,
        case("lz4_garbage", id, InvalidBatch, &produce_records(1, 1, 100, vec![0xff; 20])),
        case("zstd_garbage", id, InvalidBatch, &produce_records(1, 2, 100, vec![0xff; 20])),
    ]
}

fn bombs() -> Vec<Case> {
    // {"id": 7, "x": [[[… 16 levels with the payload's own map, and one more.
    let mut deep = vec![0x82, 0xa2, b'i', b'd', 7, 0xa1, b'x'];
    deep.extend([0x91; bounds::MAX_DEPTH]);
    deep.push(0xc0);
    assert!(Frame::new(PING, deep.clone().into()).is_err());

    let (levels, nils) = (1 << 20, bounds::MAX_VALUES as usize + 1);
    let long = |name, head: Vec<u8>, unit: &str, times: usize, tail: &[u8]| {
        let length = head.len() + times + tail.len();
        let parts = vec![
            json!(hex(&[header(PING, length), head].concat())),
            json!({"repeat": unit, "times": times}),
            json!(hex(tail)),
        ];
        Case { parts, ..case(name, 7, MALFORMED, &[]) }
    };
    let start = [0x82, 0xa2, b'i', b'd', 7, 0xa1, b'x'].to_vec();
    let wide = [&start[..], &[0xdd], &(nils as u32).to_be_bytes()].concat();

    let raw = vec![0; (32 << 20) + 1];
    let zstd: Blob = zstd::bulk::compress(&raw, 19).unwrap().into();
    let lz4 = lz4_flex::block::compress(&raw[..1 << 20]);
    let bomb = |name, code, codec, raw_size, records: &[u8]| {
        case(name, 13, code, &produce_records(1, codec, raw_size, records.to_vec()))
    };
    use ErrorCode::{InvalidBatch, RecordTooLarge};
    vec![
        case("one_level_too_deep", 7, MALFORMED, &frame(PING, &deep)),
        long("depth_bomb", start, "91", levels, &[0xc0]),
        long("count_bomb", wide, "c0", nils, &[]),
        bomb("zip_bomb_that_admits_its_size", RecordTooLarge, 2, raw.len(), &zstd),
        bomb("zip_bomb_that_understates_its_size", InvalidBatch, 2, 1000, &zstd),
        bomb(
            "zip_bomb_that_overstates_its_size",
            InvalidBatch,
            2,
            32 << 20,
            &zstd[..zstd.len() / 2],
        ),
        bomb("lz4_bomb_that_understates_its_size", InvalidBatch, 1, 1000, &lz4),
        bomb("raw_size_of_4_gib", RecordTooLarge, 1, u32::MAX as usize, &lz4[..16]),
    ]
}
