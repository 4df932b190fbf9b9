//! `conformance/wire/batches.json`: record batches with each codec, and their records.

use bytes::Bytes;
use flymq_protocol::messages::{ProduceRequest, Request};
use flymq_protocol::{BatchBuilder, Codec, Record, RecordBatch, frame};
use serde_json::{Value as Json, json};

use crate::golden::{payload, receive};
use crate::json::{check_or_bless, hex, read, to_json, unhex};

type Header = (&'static str, Option<&'static [u8]>);

/// A record to be put into a batch: key, value, headers, timestamp.
type Given = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<Header>, i64);

struct Case {
    name: &'static str,
    codec: Codec,
    records: Vec<Given>,
    producer: Option<(i64, i16, i32)>,
}

const T: i64 = 1_700_000_000_000;

fn plain(value: &[u8]) -> Given {
    (None, Some(value.to_vec()), vec![], T)
}

fn cases() -> Vec<Case> {
    let anonymous = |name, codec, records| Case { name, codec, records, producer: None };
    let repetitive: Vec<Given> = (0..20u8)
        .map(|i| (Some(vec![b'k', b'0' + i % 10]), Some(b"abcdefgh".repeat(8)), vec![], T))
        .collect();
    let headers: Vec<Header> = vec![
        ("traceparent", Some(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
        ("ключ", Some(b"\xff\x00")),
        ("repeated", Some(b"1")),
        ("repeated", Some(b"2")),
        ("nil", None),
        ("empty", Some(b"")),
        ("", Some(b"no name")),
    ];
    vec![
        anonymous(
            "one_record",
            Codec::None,
            vec![(Some(b"k1".to_vec()), Some(b"hello".to_vec()), vec![], T)],
        ),
        anonymous("three_records", Codec::None, vec![plain(b"a"), plain(b"b"), plain(b"c")]),
        anonymous(
            "empty_and_absent_keys_and_values",
            Codec::None,
            vec![
                (None, Some(vec![]), vec![], T),
                (Some(vec![]), Some(vec![]), vec![], T),
                (Some(b"gone".to_vec()), None, vec![], T),
                (None, None, vec![], T),
            ],
        ),
        anonymous("headers", Codec::None, vec![(None, Some(b"v".to_vec()), headers, T)]),
        anonymous(
            "timestamps_before_the_first",
            Codec::None,
            vec![
                (None, None, vec![], T),
                (None, None, vec![], T - 1),
                (None, None, vec![], T - 33),
                (None, None, vec![], T + 128),
                (None, None, vec![], T - 70_000),
                (None, None, vec![], T - 5_000_000_000),
                (None, None, vec![], 0),
            ],
        ),
        anonymous("a_value_of_300_bytes", Codec::None, vec![plain(&[b'x'; 300])]),
        Case {
            name: "of_a_producer",
            codec: Codec::None,
            records: vec![plain(b"a"), plain(b"b")],
            producer: Some((1000, 3, i32::MAX)),
        },
        anonymous("lz4", Codec::Lz4, repetitive.clone()),
        anonymous("zstd", Codec::Zstd, repetitive),
        // What does not shrink is sent as it is, with codec 0.
        anonymous("lz4_that_would_not_shrink", Codec::Lz4, vec![plain(b"short")]),
    ]
}

fn build(case: &Case) -> RecordBatch {
    let mut builder = BatchBuilder::new();
    for (key, value, headers, timestamp) in &case.records {
        let headers: Vec<_> =
            headers.iter().map(|(n, v)| (n.to_string(), v.map(Bytes::from_static))).collect();
        builder.push(key.as_deref(), value.as_deref(), &headers, *timestamp);
    }
    let mut batch = builder.build(case.codec);
    batch.base_offset = 100;
    if let Some((id, epoch, sequence)) = case.producer {
        (batch.producer_id, batch.producer_epoch, batch.base_sequence) = (id, epoch, sequence);
    }
    batch
}

fn bin(bytes: &Option<Bytes>) -> Json {
    bytes.as_ref().map_or(Json::Null, |bytes| json!({"$bin": hex(bytes)}))
}

fn record(record: &Record) -> Json {
    json!({
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": bin(&record.key),
        "value": bin(&record.value),
        "headers": record.headers.iter().map(|(n, v)| json!([n, bin(v)])).collect::<Vec<_>>(),
    })
}

fn records(batch: &RecordBatch) -> Vec<Json> {
    batch.records(1 << 20).unwrap().map(|r| record(&r.unwrap())).collect()
}

fn produce(batch: RecordBatch) -> Bytes {
    let request =
        ProduceRequest { topic: "t".to_owned(), partition: 0, transactional_id: None, batch };
    frame::encode(ProduceRequest::OPCODE as u8, 1, &request).unwrap().to_bytes()
}

fn produced(bytes: &[u8]) -> RecordBatch {
    receive(bytes).decode::<ProduceRequest>().unwrap().batch
}

fn raw(batch: &RecordBatch) -> Bytes {
    let codec = Codec::from_u8(batch.codec).unwrap();
    codec.decompress(&batch.records.0, batch.raw_size as usize).unwrap()
}

fn vector(name: &str, frame: &[u8]) -> Json {
    let batch = produced(frame);
    json!({
        "name": name,
        "frame": hex(frame),
        "batch": to_json(&payload(frame)["batch"]),
        "raw": hex(&raw(&batch)),
        "max_timestamp": batch.validate(1 << 20, 1 << 20).unwrap(),
        "records": records(&batch),
    })
}

#[test]
fn batches_encode_to_the_golden_frames() {
    let old = std::env::var_os("BLESS").is_none().then(|| read("wire/batches.json"));
    let vectors: Vec<_> = cases()
        .iter()
        .enumerate()
        .map(|(i, case)| {
            let batch = build(case);
            // Compressors may change from release to release, so where the records came out
            // compressed, the file's own bytes are kept; `golden_batches_decode` reads them.
            match &old {
                Some(old) if batch.codec != 0 => {
                    let vector = old["vectors"][i].clone();
                    assert_eq!(vector["raw"], hex(&raw(&batch)), "{}", case.name);
                    vector
                }
                _ => vector(case.name, &produce(batch)),
            }
        })
        .collect();
    check_or_bless("wire/batches.json", &json!({"vectors": vectors}));
}

#[test]
fn golden_batches_decode() {
    let file = read("wire/batches.json");
    let vectors = file["vectors"].as_array().unwrap();
    let mut codecs = [0; 3];
    for (golden, case) in vectors.iter().zip(cases()) {
        let frame = unhex(golden["frame"].as_str().unwrap());
        assert_eq!(*golden, vector(case.name, &frame));
        let batch = produced(&frame);
        codecs[batch.codec as usize] += 1;
        let given: Vec<_> = case
            .records
            .into_iter()
            .zip(100..)
            .map(|((key, value, headers, timestamp), offset)| {
                let own = |(n, v): (&str, Option<&'static [u8]>)| {
                    (n.to_owned(), v.map(Bytes::from_static))
                };
                record(&Record {
                    offset,
                    timestamp,
                    key: key.map(Bytes::from),
                    value: value.map(Bytes::from),
                    headers: headers.into_iter().map(own).collect(),
                })
            })
            .collect();
        assert_eq!(records(&batch), given, "{}", case.name);
    }
    assert!(codecs.iter().all(|&n| n > 0), "every codec is in use: {codecs:?}");
}
