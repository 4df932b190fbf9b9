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

/// The longest varint that the codec reads.
const VARINT: usize = 5;

/// A response's bytes, on their guard.
struct Guarded {
    bytes: Bytes,
    /// The bytes just read that say that a varint goes on behind them.
    run: [u8; VARINT],
    length: usize,
}

impl Guarded {
    fn new(bytes: Bytes) -> Self {
        Self { bytes, run: [0; VARINT], length: 0 }
    }

    fn enough(&self, wanted: usize) -> Result<(), TryGetError> {
        let available = self.bytes.remaining();
        if wanted <= available {
            return Ok(());
        }
        Err(TryGetError { requested: wanted, available })
    }

    /// Refuses a varint that claims more than is there. The codec reads flags byte by byte, too,
    /// and a flag may pretend to be the beginning of a varint: so the claim is checked that is made
    /// from each of the bytes on.
    fn check(&mut self, byte: u8) -> Result<(), TryGetError> {
        self.run[self.length] = byte;
        self.length += 1;
        if byte & 0x80 != 0 {
            return if self.length < VARINT { Ok(()) } else { self.enough(usize::MAX) };
        }
        let run = &self.run[..std::mem::take(&mut self.length)];
        let claims = run.iter().rev().scan(0, |claim, byte| {
            *claim = *claim << 7 | u64::from(byte & 0x7f);
            Some(*claim)
        });
        // Lengths are sent with 1 added, 0 standing for null.
        let claimed = claims.max().unwrap_or(0).saturating_sub(1);
        self.enough(usize::try_from(claimed).unwrap_or(usize::MAX))
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
        self.length = 0;
    }

    /// The codec reads varints with this.
    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        self.enough(1)?;
        let byte = self.bytes.get_u8();
        self.check(byte)?;
        Ok(byte)
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        self.length = 0;
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
    let mut bytes = Guarded::new(frame);
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
        let claims: [&[u8]; 4] = [
            &[0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x80, 0x80, 0x80, 0x80, 0x08],
            &[9],
        ];
        for claim in claims {
            let frame: Vec<u8> = [&HEAD, claim, &[0; 4]].concat();
            let error = decode::<MetadataRequest>(frame.into()).unwrap_err();
            assert!(error.message.contains("Metadata"), "{error}");
        }
    }

    #[test]
    fn a_flag_cannot_hide_a_claim() {
        // The flag, then a varint that the codec takes for 2^31.
        for claim in [[0x80, 0x80, 0x80, 0x80, 0x80, 0x08], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80]] {
            let mut bytes = Guarded::new(claim.to_vec().into());
            assert!((0..claim.len()).any(|_| bytes.try_get_u8().is_err()), "{claim:02x?}");
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
