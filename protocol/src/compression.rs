//! Block codecs of a batch. The receiver is told the size beforehand, so expansion is bounded by
//! what it agreed to, never by what the compressed bytes claim.

use bytes::Bytes;

use crate::error::{ErrorCode, ProtocolError};

/// How a batch's records are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// As they are.
    #[default]
    None = 0,
    /// One LZ4 block, without a frame or a length in front.
    Lz4 = 1,
    /// One Zstandard frame.
    Zstd = 2,
}

impl Codec {
    /// The codec of its number on the wire.
    pub fn from_u8(value: u8) -> Result<Self, ProtocolError> {
        match value {
            0 => Ok(Self::None),
            1 => Ok(Self::Lz4),
            2 => Ok(Self::Zstd),
            other => Err(ProtocolError::new(
                ErrorCode::UnsupportedCodec,
                format!("compression codec {other} is not known"),
            )),
        }
    }

    /// Compresses `raw` and says with which codec: bytes that would not shrink stay as they are.
    pub fn compress(self, raw: Bytes) -> (Codec, Bytes) {
        let packed = match self {
            Self::None => return (Self::None, raw),
            Self::Lz4 => lz4_flex::block::compress(&raw),
            // Level 3 is the library's own default. Its one failure, exhausted memory, is no reason
            // to lose the records.
            Self::Zstd => zstd::bulk::compress(&raw, 3).unwrap_or_default(),
        };
        if packed.is_empty() || packed.len() >= raw.len() {
            return (Self::None, raw);
        }
        (self, packed.into())
    }

    /// Expands to exactly `raw_size` bytes, which the caller has checked against its limit.
    pub fn decompress(self, packed: &Bytes, raw_size: usize) -> Result<Bytes, ProtocolError> {
        let expanded = match self {
            Self::None => packed.clone(),
            Self::Lz4 => lz4_flex::block::decompress(packed, raw_size)
                .map_err(|e| ProtocolError::invalid_batch(format!("lz4: {e}")))?
                .into(),
            Self::Zstd => zstd::bulk::decompress(packed, raw_size)
                .map_err(|e| ProtocolError::invalid_batch(format!("zstd: {e}")))?
                .into(),
        };
        if expanded.len() != raw_size {
            return Err(ProtocolError::invalid_batch(format!(
                "the records have {} bytes where raw_size says {raw_size}",
                expanded.len()
            )));
        }
        Ok(expanded)
    }
}
