//! Frames: a 7-byte header and a MessagePack map.
//!
//! ```
//! use flymq_protocol::{Frame, FrameHeader, OpCode, frame, messages::PingRequest};
//!
//! let bytes = frame::encode(OpCode::Ping as u8, 7, &PingRequest {}).unwrap().to_bytes();
//! let header = FrameHeader::parse(bytes[..7].try_into().unwrap(), 1024).unwrap();
//! let frame = Frame::new(header.opcode, bytes.slice(7..)).unwrap();
//! assert_eq!((frame.opcode, frame.id), (OpCode::Ping as u8, 7));
//! let PingRequest {} = frame.decode().unwrap();
//! ```

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{ErrorCode, ErrorReply, ProtocolError};
use crate::{blob, bounds, msgpack, opcode};

/// First byte of every frame.
pub const MAGIC: u8 = 0xFB;
/// The protocol version that this crate speaks.
pub const VERSION: u8 = 0x01;
/// Magic, version, opcode and length.
pub const HEADER_LEN: usize = 7;
/// The longest payload that is accepted unless configured otherwise: 32 MiB.
pub const DEFAULT_MAX_FRAME: usize = 32 << 20;

/// Blobs at least this long travel as their own part of a frame; shorter ones are copied.
const SHARE_FROM: usize = 4096;

/// A frame's header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The operation's number, with the response bit in responses.
    pub opcode: u8,
    /// How many bytes of payload follow.
    pub length: usize,
}

impl FrameHeader {
    /// Reads a header, refusing other protocols, other versions and payloads above `max_length`.
    /// After an error the stream has lost its framing and is to be closed.
    pub fn parse(bytes: &[u8; HEADER_LEN], max_length: usize) -> Result<Self, ProtocolError> {
        let [magic, version, opcode, length @ ..] = *bytes;
        if magic != MAGIC {
            return Err(ProtocolError::new(
                ErrorCode::BadMagic,
                format!(
                    "a frame begins with byte {magic:#04x} instead of {MAGIC:#04x}{}",
                    guess(bytes)
                ),
            ));
        }
        if version != VERSION {
            return Err(ProtocolError::new(
                ErrorCode::UnsupportedVersion,
                format!("protocol version {version} is not supported; this side speaks {VERSION}"),
            ));
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > max_length {
            return Err(ProtocolError::new(
                ErrorCode::FrameTooLarge,
                format!("a frame of {length} bytes exceeds the limit of {max_length}"),
            ));
        }
        Ok(Self { opcode, length })
    }
}

/// Names the protocol that the peer seems to speak, for the commonest mistakes.
fn guess(bytes: &[u8; HEADER_LEN]) -> &'static str {
    match bytes {
        [0x16, 0x03, ..] => " (the peer speaks TLS)",
        [0x15, 0x03, ..] => " (the peer answered with a TLS alert)",
        [b'G' | b'P' | b'H' | b'D' | b'O', b'E' | b'O' | b'U' | b'T' | b'P', ..] => {
            " (the peer speaks HTTP)"
        }
        [0xAF, 0x01, ..] => " (the peer speaks the protocol of FlyMQ 1.x)",
        _ => "",
    }
}

/// A received frame whose payload has been checked for its shape, but not yet for its fields.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The operation's number, with the response bit in responses.
    pub opcode: u8,
    /// Which request this is, or answers.
    pub id: u64,
    payload: Bytes,
}

impl Frame {
    /// Takes a payload in, after [`bounds::check`].
    pub fn new(opcode: u8, payload: Bytes) -> Result<Self, ProtocolError> {
        let id = bounds::check(&payload)?;
        Ok(Self { opcode, id, payload })
    }

    /// The payload as a message. Its blobs share the frame's memory.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, ProtocolError> {
        blob::decoding(&self.payload, |bytes| {
            let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
            deserializer.set_max_depth(4 * bounds::MAX_DEPTH);
            T::deserialize(&mut deserializer).map_err(|e| ProtocolError::malformed(e.to_string()))
        })
    }

    /// How many bytes the payload has.
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }
}

/// A frame ready to be written: one or more parts, to be sent in order.
#[derive(Clone, Debug)]
pub struct EncodedFrame {
    /// The parts; large blobs are parts of their own and have not been copied.
    pub parts: Vec<Bytes>,
}

impl EncodedFrame {
    /// Length of the whole frame, header included.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// Never true: a frame has a header.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The frame in one piece.
    pub fn to_bytes(&self) -> Bytes {
        let mut all = BytesMut::with_capacity(self.len());
        self.parts.iter().for_each(|part| all.extend_from_slice(part));
        all.freeze()
    }
}

/// Encodes a message under an opcode byte and a request id.
pub fn encode(
    opcode: u8,
    id: u64,
    message: &impl Serialize,
) -> Result<EncodedFrame, ProtocolError> {
    let mut prefix = Vec::with_capacity(256);
    prefix.extend_from_slice(&[MAGIC, VERSION, opcode, 0, 0, 0, 0, 0]);
    msgpack::write_str(&mut prefix, "id");
    // Ids are drawn from a counter and stay far below i64::MAX; larger ones keep their bits.
    match i64::try_from(id) {
        Ok(id) => msgpack::write_int(&mut prefix, id),
        Err(_) => {
            prefix.push(0xcf);
            prefix.extend_from_slice(&id.to_be_bytes());
        }
    }
    let mut writer = FrameWriter { buffer: prefix, cuts: Vec::new(), map_head: None };
    let mut serializer = rmp_serde::Serializer::new(&mut writer).with_struct_map();
    message.serialize(&mut serializer).map_err(|e| ProtocolError::malformed(e.to_string()))?;
    writer.finish()
}

/// Encodes an ERROR frame.
pub fn encode_error(id: u64, error: &ErrorReply) -> Result<EncodedFrame, ProtocolError> {
    encode(opcode::ERROR, id, error)
}

/// Collects a message's bytes behind the prefix, with `id` added to the message's own map.
struct FrameWriter {
    buffer: Vec<u8>,
    /// Blobs that are not in the buffer, each with the buffer position it belongs at.
    cuts: Vec<(usize, Bytes)>,
    /// The message's own map marker, which is the first byte it writes.
    map_head: Option<u8>,
}

impl Write for FrameWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if self.map_head.is_none() {
            let Some((&head, tail)) = bytes.split_first() else { return Ok(0) };
            // A fixed map with room for one more entry.
            if !(0x80..=0x8e).contains(&head) {
                return Err(io::Error::other("a message must be a struct of at most 14 fields"));
            }
            self.map_head = Some(head);
            rest = tail;
        }
        match (rest.len() >= SHARE_FROM).then(|| blob::being_encoded(rest)).flatten() {
            Some(blob) => self.cuts.push((self.buffer.len(), blob)),
            None => self.buffer.extend_from_slice(rest),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FrameWriter {
    fn finish(mut self) -> Result<EncodedFrame, ProtocolError> {
        let shared: usize = self.cuts.iter().map(|(_, blob)| blob.len()).sum();
        let length = u32::try_from(self.buffer.len() - HEADER_LEN + shared).map_err(|_| {
            ProtocolError::new(ErrorCode::FrameTooLarge, "a frame cannot exceed 4 GiB")
        })?;
        self.buffer[3..HEADER_LEN].copy_from_slice(&length.to_be_bytes());
        self.buffer[HEADER_LEN] = self.map_head.unwrap_or(0x80) + 1;

        let buffer = Bytes::from(self.buffer);
        let mut parts = Vec::with_capacity(2 * self.cuts.len() + 1);
        let mut from = 0;
        for (at, blob) in self.cuts {
            parts.push(buffer.slice(from..at));
            parts.push(blob);
            from = at;
        }
        if from < buffer.len() {
            parts.push(buffer.slice(from..));
        }
        Ok(EncodedFrame { parts })
    }
}
