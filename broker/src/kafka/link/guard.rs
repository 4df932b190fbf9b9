//! Decoding without trust.
//!
//! The codec makes room for as many elements as an array claims to have before it reads one. In
//! the versions that are spoken here every such claim is a varint, and so is every other length, so
//! the source of bytes can refuse what cannot be true: that more elements or bytes follow than
//! there are bytes.

use bytes::{Buf, Bytes, TryGetError};
use flymq_protocol::ProtocolError;
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::protocol::buf::{ByteBuf, NotEnoughBytesError};
use kafka_protocol::protocol::{Decodable, HeaderVersion};

use super::api::Api;
use crate::kafka::errors::malformed;

/// A response's bytes, on their guard.
struct Guarded {
    bytes: Bytes,
    /// Value and width so far of the varint that is being read byte by byte.
    varint: u64,
    shift: u32,
}

impl Guarded {
    fn enough(&self, wanted: usize) -> Result<(), TryGetError> {
        let available = self.bytes.remaining();
        if wanted <= available {
            return Ok(());
        }
        Err(TryGetError { requested: wanted, available })
    }
}

impl Buf for Guarded {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        (self.varint, self.shift) = (0, 0);
    }

    /// The codec reads varints with this. It reads flags with it, too; a flag that pretends to be
    /// the beginning of a varint makes the next one only larger.
    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        self.enough(1)?;
        let byte = self.bytes.get_u8();
        self.varint |= u64::from(byte & 0x7f) << self.shift.min(56);
        if byte & 0x80 != 0 {
            self.shift += 7;
            return Ok(byte);
        }
        // Lengths are sent with 1 added, 0 standing for null.
        let claimed = usize::try_from(self.varint).unwrap_or(usize::MAX).saturating_sub(1);
        (self.varint, self.shift) = (0, 0);
        self.enough(claimed)?;
        Ok(byte)
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        (self.varint, self.shift) = (0, 0);
        self.bytes.copy_to_bytes(count)
    }
}

impl ByteBuf for Guarded {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.copy_to_bytes(size)
    }

    fn try_get_bytes(&mut self, size: usize) -> Result<Bytes, NotEnoughBytesError> {
        if size > self.remaining() {
            return Err(NotEnoughBytesError);
        }
        Ok(self.get_bytes(size))
    }
}

/// Reads a whole response frame.
///
/// # Errors
///
/// INTERNAL for bytes that are no such response. Nothing is allocated out of proportion to them.
pub fn decode<R: Api>(frame: Bytes) -> Result<R::Response, ProtocolError> {
    let mut bytes = Guarded { bytes: frame, varint: 0, shift: 0 };
    let header = R::Response::header_version(R::VERSION);
    ResponseHeader::decode(&mut bytes, header)
        .and_then(|_| R::Response::decode(&mut bytes, R::VERSION))
        .map_err(|e| malformed(format!("Kafka's answer to {:?} cannot be read: {e:#}", R::KEY)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::MetadataRequest;
    use proptest::prelude::*;

    /// Correlation id, no tags, throttle time: then the array of brokers.
    const HEAD: [u8; 9] = [0, 0, 0, 1, 0, 0, 0, 0, 0];

    #[test]
    fn claims_beyond_the_frame_are_refused_before_room_is_made() {
        for claim in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x80, 0x80, 0x80, 0x80, 0x08], &[9]] {
            let frame: Vec<u8> = [&HEAD, claim, &[0; 4]].concat();
            let error = decode::<MetadataRequest>(frame.into()).unwrap_err();
            assert!(error.message.contains("Metadata"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<MetadataRequest>(bytes.clone().into());
            let _ = decode::<kafka_protocol::messages::FetchRequest>(bytes.clone().into());
            let framed: Vec<u8> = [&HEAD[..], &bytes].concat();
            let _ = decode::<MetadataRequest>(framed.into());
        }
    }
}
