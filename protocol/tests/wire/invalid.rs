//! `conformance/wire/invalid.json`: frames that a broker has to refuse, with the error it answers.

use flymq_protocol::frame::{DEFAULT_MAX_FRAME, HEADER_LEN};
use flymq_protocol::messages::ProduceRequest;
use flymq_protocol::{ErrorCode, Frame, FrameHeader, OpCode, ProtocolError, bounds};
use serde_json::{Value as Json, json};

use crate::invalid_cases::{self, cases};
use crate::json::{check_or_bless, read, unhex};
use crate::kinds;

/// A topic's `max_record_bytes` unless configured otherwise.
const MAX_RECORD: usize = 1 << 20;

/// A refusal: the error, the id it goes out with, and whether the connection is closed after it.
#[derive(Debug, PartialEq)]
struct Refusal {
    code: ErrorCode,
    id: u64,
    closes: bool,
}

/// What a broker does with a frame's bytes before it looks at topics and offsets.
fn take(bytes: &[u8]) -> Result<(), Refusal> {
    let refusal = |id, closes| move |e: ProtocolError| Refusal { code: e.code, id, closes };
    let header = FrameHeader::parse(bytes.first_chunk().unwrap(), DEFAULT_MAX_FRAME)
        .map_err(refusal(0, true))?;
    let payload = bytes[HEADER_LEN..].to_vec();
    assert_eq!(header.length, payload.len());
    let id = bounds::id_before_fault(&payload);
    let frame = Frame::new(header.opcode, payload.into()).map_err(refusal(id, false))?;
    let refuse = refusal(frame.id, false);
    let Some(op) = OpCode::from_u8(frame.opcode) else {
        return Err(refuse(ProtocolError::new(ErrorCode::UnknownOpcode, "")));
    };
    let kind = kinds::all().into_iter().find(|kind| kind.opcode == op as u8).unwrap();
    (kind.recode)(&frame).map_err(&refuse)?;
    if op == OpCode::Produce {
        let request: ProduceRequest = frame.decode().map_err(&refuse)?;
        request.batch.validate(32 << 20, MAX_RECORD).map_err(&refuse)?;
    }
    Ok(())
}

/// Puts a frame together from its parts.
fn assemble(parts: &Json) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts.as_array().unwrap() {
        match part {
            Json::String(hex) => bytes.extend(unhex(hex)),
            run => {
                let unit = unhex(run["repeat"].as_str().unwrap());
                let times = run["times"].as_u64().unwrap() as usize;
                bytes.extend(unit.repeat(times));
            }
        }
    }
    bytes
}

#[test]
fn the_file_is_what_the_cases_say() {
    let vectors: Vec<Json> = cases()
        .into_iter()
        .map(|case| {
            json!({
                "name": case.name,
                "frame": case.parts,
                "error": {"id": case.id, "code": case.code as u16, "name": case.code.name()},
                "closes": case.closes,
            })
        })
        .collect();
    check_or_bless("wire/invalid.json", &json!({"vectors": vectors}));
}

#[test]
fn invalid_frames_are_refused_with_their_code() {
    for vector in read("wire/invalid.json")["vectors"].as_array().unwrap() {
        let error = &vector["error"];
        let expected = Refusal {
            code: ErrorCode::from_u16(error["code"].as_u64().unwrap() as u16).unwrap(),
            id: error["id"].as_u64().unwrap(),
            closes: vector["closes"].as_bool().unwrap(),
        };
        assert_eq!(error["name"], expected.code.name());
        assert_eq!(take(&assemble(&vector["frame"])), Err(expected), "{}", vector["name"]);
    }
}

#[test]
fn what_the_invalid_frames_are_made_from_is_valid() {
    assert_eq!(take(&invalid_cases::produce(|_| {})), Ok(()));
    assert_eq!(take(&invalid_cases::lz4(20, 100)), Ok(()));
}
