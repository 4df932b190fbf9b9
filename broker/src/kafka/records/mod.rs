//! FlyMQ's record batches and Kafka's (message format 2), one into the other.
//!
//! | module | holds |
//! | --- | --- |
//! | `encode` | a batch for Kafka |
//! | `decode` | what Kafka returns, as batches for FlyMQ's readers |
//! | `codecs` | how Kafka compresses |
//! | `varint` | how Kafka writes numbers |

mod codecs;
mod decode;
mod encode;
mod varint;

pub use decode::{Decoded, Reading, decode};
pub use encode::{Encoded, encode};

/// Bytes of a batch before its records.
const HEADER: usize = 61;
/// Bytes in front of what the length in a batch's header counts.
const PRELUDE: usize = 12;
/// The message format that is spoken.
const MAGIC: u8 = 2;

/// Bits of a batch's attributes.
mod attributes {
    pub const CODEC: i16 = 0b111;
    pub const APPEND_TIME: i16 = 1 << 3;
    pub const TRANSACTIONAL: i16 = 1 << 4;
    pub const CONTROL: i16 = 1 << 5;
}

#[cfg(test)]
mod tests;
