//! Bytes, which cross the border as a whole. uniffi's own way with `Vec<u8>` is byte by byte.

use bytes::{Buf, BufMut, Bytes};
use uniffi::{FfiConverter, MetadataBuffer, TypeId};

/// Bytes of a key, value or header; to the languages what `Vec<u8>` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob(pub Bytes);

// SAFETY: it is written and read as uniffi does a `Vec<u8>`, whose type it claims to be: a length of
// four bytes, then the bytes. Reading checks what is there before it is taken.
unsafe impl FfiConverter<crate::UniFfiTag> for Blob {
    uniffi::ffi_converter_rust_buffer_lift_and_lower!(crate::UniFfiTag);

    fn write(Self(bytes): Self, buffer: &mut Vec<u8>) {
        // No frame comes near the limit.
        buffer.put_i32(bytes.len() as i32);
        buffer.put_slice(&bytes);
    }

    fn try_read(buffer: &mut &[u8]) -> uniffi::Result<Self> {
        uniffi::check_remaining(buffer, 4)?;
        let length = usize::try_from(buffer.get_i32())?;
        uniffi::check_remaining(buffer, length)?;
        Ok(Self(buffer.copy_to_bytes(length)))
    }

    const TYPE_ID_META: MetadataBuffer = <Vec<u8> as TypeId<crate::UniFfiTag>>::TYPE_ID_META;
}

uniffi::derive_ffi_traits!(local Blob);
