//! How Kafka compresses the records of a batch.

use std::borrow::Cow;
use std::io::{Read, Write};

use flymq_protocol::{Codec, ErrorCode, ProtocolError};

use crate::Result;

/// The most that one batch of another producer may expand to.
const MAX_EXPANDED: usize = 64 << 20;

/// Kafka's number of a codec, and the records as it compresses them.
pub fn compress(codec: Codec, raw: &[u8]) -> Result<(i16, Cow<'_, [u8]>)> {
    let failed =
        |e: String| ProtocolError::new(ErrorCode::Internal, format!("cannot compress: {e}"));
    Ok(match codec {
        Codec::None => (0, raw.into()),
        Codec::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::with_capacity(raw.len() / 2));
            encoder.write_all(raw).map_err(|e| failed(e.to_string()))?;
            (3, encoder.finish().map_err(|e| failed(e.to_string()))?.into())
        }
        Codec::Zstd => (4, zstd::bulk::compress(raw, 3).map_err(|e| failed(e.to_string()))?.into()),
    })
}

/// Expands records of Kafka's codec number, to no more than a bound.
pub fn expand(codec: i16, packed: &[u8]) -> Result<Cow<'_, [u8]>> {
    match codec {
        0 => Ok(packed.into()),
        1 => read("gzip", flate2::read::MultiGzDecoder::new(packed)),
        2 => snappy(packed),
        3 => read("lz4", lz4_flex::frame::FrameDecoder::new(packed)),
        4 => match zstd::stream::read::Decoder::with_buffer(packed) {
            Ok(decoder) => read("zstd", decoder),
            Err(e) => Err(corrupt("zstd", &e.to_string())),
        },
        other => Err(ProtocolError::new(
            ErrorCode::UnsupportedCodec,
            format!("a batch in Kafka has compression {other}, which is not known here"),
        )),
    }
}

fn read<'a>(name: &str, decoder: impl Read) -> Result<Cow<'a, [u8]>> {
    let mut expanded = Vec::new();
    decoder
        .take(MAX_EXPANDED as u64 + 1)
        .read_to_end(&mut expanded)
        .map_err(|e| corrupt(name, &e.to_string()))?;
    if expanded.len() > MAX_EXPANDED {
        return Err(too_large());
    }
    Ok(expanded.into())
}

/// Snappy as Java producers frame it: a header, then blocks with their lengths. Others send one
/// bare block.
fn snappy(packed: &[u8]) -> Result<Cow<'_, [u8]>> {
    const MAGIC: &[u8] = b"\x82SNAPPY\0";
    const HEADER: usize = 16;
    let mut expanded = Vec::new();
    if !packed.starts_with(MAGIC) {
        snappy_block(packed, &mut expanded)?;
        return Ok(expanded.into());
    }
    let ends_early = || corrupt("snappy", "it ends early");
    let mut rest = packed.get(HEADER..).ok_or_else(ends_early)?;
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or_else(ends_early)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, behind) = behind.split_at_checked(length).ok_or_else(ends_early)?;
        snappy_block(block, &mut expanded)?;
        rest = behind;
    }
    Ok(expanded.into())
}

fn snappy_block(block: &[u8], expanded: &mut Vec<u8>) -> Result<()> {
    let broken = |e: snap::Error| corrupt("snappy", &e.to_string());
    let size = snap::raw::decompress_len(block).map_err(broken)?;
    let start = expanded.len();
    if start + size > MAX_EXPANDED {
        return Err(too_large());
    }
    expanded.resize(start + size, 0);
    let written = snap::raw::Decoder::new().decompress(block, &mut expanded[start..]);
    expanded.truncate(start + written.map_err(broken)?);
    Ok(())
}

fn corrupt(codec: &str, reason: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::CorruptBatch,
        format!("a batch in Kafka cannot be decompressed ({codec}): {reason}"),
    )
}

fn too_large() -> ProtocolError {
    ProtocolError::new(
        ErrorCode::RecordTooLarge,
        format!("a batch in Kafka has more than {MAX_EXPANDED} bytes once decompressed"),
    )
}
