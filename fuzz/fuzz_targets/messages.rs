//! A whole frame, as it comes from the network: header, structure, fields of every kind of message,
//! and the batches inside.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use flymq_protocol::frame::HEADER_LEN;
use flymq_protocol::messages::ProduceRequest;
use flymq_protocol::{Frame, FrameHeader, OpCode, bounds};
use libfuzzer_sys::fuzz_target;

#[path = "../../protocol/tests/wire/kinds.rs"]
mod kinds;

const LIMIT: usize = 1 << 20;

static KINDS: LazyLock<Vec<kinds::Kind>> = LazyLock::new(kinds::all);

fuzz_target!(|bytes: &[u8]| {
    let Some((head, payload)) = bytes.split_first_chunk::<HEADER_LEN>() else { return };
    let Ok(header) = FrameHeader::parse(head, LIMIT) else { return };
    assert!(header.length <= LIMIT);
    let payload = Bytes::copy_from_slice(payload);
    let Ok(frame) = Frame::new(header.opcode, payload.clone()) else { return };
    assert_eq!(frame.id, bounds::id_before_fault(&payload));
    for kind in KINDS.iter().filter(|kind| kind.opcode == header.opcode) {
        let Ok(encoded) = (kind.recode)(&frame) else { continue };
        // What was understood says the same when it is said again.
        let encoded = encoded.to_bytes();
        let again = Frame::new(header.opcode, encoded.slice(HEADER_LEN..)).unwrap();
        assert_eq!(again.id, frame.id);
        assert_eq!((kind.recode)(&again).unwrap().to_bytes(), encoded);
    }
    if header.opcode == OpCode::Produce as u8
        && let Ok(request) = frame.decode::<ProduceRequest>()
    {
        let _ = request.batch.validate(LIMIT, LIMIT);
    }
});
