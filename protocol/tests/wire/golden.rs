//! `conformance/wire/`: the golden frames of every message, both ways.

use std::collections::BTreeSet;

use flymq_protocol::frame::{DEFAULT_MAX_FRAME, HEADER_LEN};
use flymq_protocol::{Frame, FrameHeader, OpCode};
use serde_json::{Value as Json, json};

use crate::json::{check_or_bless, hex, read, to_json, unhex};
use crate::kinds::{self, Kind};
use crate::samples::{self, Sample};

/// Takes a whole frame in, as a receiver does.
pub fn receive(bytes: &[u8]) -> Frame {
    let header = FrameHeader::parse(bytes.first_chunk().unwrap(), DEFAULT_MAX_FRAME).unwrap();
    assert_eq!(header.length, bytes.len() - HEADER_LEN, "the frame's length");
    Frame::new(header.opcode, bytes[HEADER_LEN..].to_vec().into()).unwrap()
}

/// The kind of message that an opcode byte announces.
pub fn kind_of(opcode: u8) -> Kind {
    let found = kinds::all().into_iter().find(|kind| kind.opcode == opcode);
    found.unwrap_or_else(|| panic!("no message has opcode {opcode:#04x}"))
}

/// The payload as MessagePack values, by a reader other than the crate's own.
pub fn payload(frame: &[u8]) -> rmpv::Value {
    let mut rest = &frame[HEADER_LEN..];
    let value = rmpv::decode::read_value(&mut rest).unwrap();
    assert!(rest.is_empty());
    value
}

fn vector(sample: &Sample) -> Json {
    let frame = receive(&sample.frame);
    json!({
        "name": sample.name,
        "message": kind_of(frame.opcode).name,
        "opcode": frame.opcode,
        "frame": hex(&sample.frame),
        "payload": to_json(&payload(&sample.frame)),
    })
}

#[test]
fn messages_encode_to_the_golden_frames() {
    for (area, samples) in samples::areas() {
        let vectors: Vec<_> = samples.iter().map(vector).collect();
        check_or_bless(&format!("wire/{area}.json"), &json!({"vectors": vectors}));
    }
}

#[test]
fn golden_frames_decode_to_the_messages() {
    for (area, samples) in samples::areas() {
        let file = read(&format!("wire/{area}.json"));
        let vectors = file["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), samples.len(), "{area}");
        for (vector, sample) in vectors.iter().zip(&samples) {
            let bytes = unhex(vector["frame"].as_str().unwrap());
            (sample.check)(&receive(&bytes));
            assert_eq!(to_json(&payload(&bytes)), vector["payload"], "{area}/{}", sample.name);
        }
    }
}

#[test]
fn every_kind_of_message_has_a_golden_frame() {
    let present: BTreeSet<u8> = samples::areas()
        .iter()
        .flat_map(|(_, samples)| samples.iter().map(|sample| sample.frame[2]))
        .collect();
    let mut wanted = BTreeSet::from([flymq_protocol::opcode::ERROR]);
    for op in OpCode::ALL {
        wanted.extend([*op as u8, op.response()]);
    }
    assert_eq!(present, wanted);
    assert_eq!(kinds::all().iter().map(|kind| kind.opcode).collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn unknown_keys_of_any_type_are_ignored() {
    use rmpv::Value;
    let extras = [
        Value::Nil,
        Value::F64(1.5),
        Value::Ext(-1, vec![0; 4]),
        Value::Ext(9, vec![1, 2, 3]),
        Value::Binary(vec![0; 300]),
        Value::Array(vec![Value::Map(vec![(Value::from(7), Value::Ext(5, vec![0; 16]))])]),
    ];
    for (area, samples) in samples::areas() {
        for sample in samples {
            let rmpv::Value::Map(mut entries) = payload(&sample.frame) else { panic!() };
            for (i, extra) in extras.iter().enumerate() {
                entries.insert(i, (format!("x{i}").into(), extra.clone()));
            }
            let mut bytes = Vec::new();
            rmpv::encode::write_value(&mut bytes, &Value::Map(entries)).unwrap();
            let frame = Frame::new(sample.frame[2], bytes.into()).unwrap();
            (kind_of(frame.opcode).recode)(&frame)
                .unwrap_or_else(|e| panic!("{area}/{}: {e}", sample.name));
            (sample.check)(&frame);
        }
    }
}
