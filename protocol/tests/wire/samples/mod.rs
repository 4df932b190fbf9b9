//! The messages behind the golden vectors: at least one of every kind, with every field in use.

mod access;
mod groups;
mod log;
mod topics;

use std::collections::BTreeMap;

use bytes::Bytes;
use flymq_protocol::error::ErrorReply;
use flymq_protocol::messages::*;
use flymq_protocol::{Blob, ErrorCode, Frame, ProtocolError, frame, opcode};
use serde::{Serialize, de::DeserializeOwned};

pub use log::one_record;

/// A message and its frame.
pub struct Sample {
    pub name: &'static str,
    pub frame: Bytes,
    /// Panics unless the frame decodes to the message.
    pub check: Box<dyn Fn(&Frame)>,
}

/// Samples by file of `conformance/wire/`.
pub fn areas() -> Vec<(&'static str, Vec<Sample>)> {
    vec![
        ("session", session()),
        ("topics", topics::topics()),
        ("log", log::log()),
        ("groups", groups::groups()),
        ("transactions", groups::transactions()),
        ("access", access::access()),
        ("errors", errors()),
    ]
}

fn sample<T>(name: &'static str, opcode: u8, id: u64, message: T) -> Sample
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug + 'static,
{
    let frame = frame::encode(opcode, id, &message).unwrap().to_bytes();
    let check = Box::new(move |frame: &Frame| {
        assert_eq!((frame.opcode, frame.id), (opcode, id), "{name}");
        assert_eq!(frame.decode::<T>().unwrap(), message, "{name}");
    });
    Sample { name, frame, check }
}

fn request<R>(name: &'static str, id: u64, message: R) -> Sample
where
    R: Request + PartialEq + std::fmt::Debug + 'static,
{
    sample(name, R::OPCODE as u8, id, message)
}

fn response<R>(name: &'static str, id: u64, message: R::Response) -> Sample
where
    R: Request,
    R::Response: PartialEq + std::fmt::Debug + 'static,
{
    sample(name, R::OPCODE.response(), id, message)
}

fn strings<const N: usize>(values: [&str; N]) -> Vec<String> {
    values.map(str::to_owned).into()
}

fn config<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

fn blob(bytes: &[u8]) -> Blob {
    bytes.to_vec().into()
}

fn session() -> Vec<Sample> {
    vec![
        request("hello", 1, HelloRequest { client_id: "page".into(), software: "raw/1".into() }),
        response::<HelloRequest>(
            "hello_response",
            1,
            HelloResponse {
                cluster_id: "c1".into(),
                broker_version: "0.1.0".into(),
                auth_required: false,
                mechanisms: strings(["ANONYMOUS"]),
                nonce: blob(&std::array::from_fn::<u8, 32, _>(|i| i as u8)),
                max_frame_bytes: 32 << 20,
                features: strings(["idempotence"]),
            },
        ),
        request(
            "auth_anonymous",
            2,
            AuthRequest { mechanism: "ANONYMOUS".into(), data: Blob::default() },
        ),
        request(
            "auth_plain",
            2,
            AuthRequest { mechanism: "PLAIN".into(), data: blob(b"\0ada\0secret") },
        ),
        response::<AuthRequest>(
            "auth_response",
            2,
            AuthResponse {
                done: true,
                data: blob(b"v=ok"),
                principal: "ada".into(),
                session_lifetime_ms: 3_600_000,
            },
        ),
        request("ping", 3, PingRequest {}),
        response::<PingRequest>("ping_response", 3, PingResponse { time_ms: 1_700_000_000_123 }),
        // An id may be any unsigned 64-bit integer.
        request("ping_with_the_largest_id", u64::MAX, PingRequest {}),
    ]
}

fn errors() -> Vec<Sample> {
    let error = |name, id, code, message: &str| {
        let reply: ErrorReply = ProtocolError::new(code, message).to_reply();
        sample(name, opcode::ERROR, id, reply)
    };
    vec![
        error("unknown_topic", 15, ErrorCode::UnknownTopic, "there is no topic \"orders\""),
        error(
            "offset_out_of_range",
            15,
            ErrorCode::OffsetOutOfRange,
            "offset 99 is outside partition 0's range of 0 to 43",
        ),
        error("bad_magic", 0, ErrorCode::BadMagic, "a frame begins with byte 0x47 instead of 0xfb"),
        error("shutting_down", 30, ErrorCode::ShuttingDown, "the broker is stopping"),
    ]
}
