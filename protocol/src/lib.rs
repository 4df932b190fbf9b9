//! FlyMQ's wire protocol, without any I/O.
//!
//! `docs/protocol.md` is the contract; this crate is its Rust form, used by the client core and by
//! the broker alike.
//!
//! | module | holds |
//! | --- | --- |
//! | [`frame`] | the 7-byte header; whole frames in and out |
//! | [`opcode`] | operation numbers |
//! | [`messages`] | the payload of every request and response |
//! | [`batch`] | record batches: build, check, read |
//! | [`view`] | a batch's records without copies |
//! | [`compression`] | block codecs of a batch, with a cap on what they may expand to |
//! | [`error`] | the one table of numeric error codes |
//! | [`partitioner`] | key → partition (Kafka's murmur2) |
//! | `blob`, `bounds`, `msgpack` | how payloads are read without copying and without trust |
//!
//! Nothing here panics on any input. Decoding a payload allocates no more than its own length and a
//! constant (see [`bounds::MAX_VALUES`]); reading a batch, what its receiver agreed to decompress.

#![forbid(unsafe_code)]

pub mod batch;
mod blob;
pub mod bounds;
pub mod compression;
pub mod error;
pub mod frame;
pub mod messages;
mod msgpack;
pub mod opcode;
pub mod partitioner;
pub mod view;

pub use batch::{BatchBuilder, Header, Record, RecordBatch};
pub use blob::Blob;
pub use compression::Codec;
pub use error::{ErrorCode, ProtocolError};
pub use frame::{EncodedFrame, Frame, FrameHeader};
pub use opcode::OpCode;
