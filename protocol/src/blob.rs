//! Binary fields that cross serde without being copied.
//!
//! serde hands a deserializer's user a `&[u8]` and takes a `&[u8]` from its serializer. The frame
//! that is being decoded, or the blob that is being encoded, is therefore kept in a thread-local
//! for the length of that one call, so that the slice can be traded for a reference-counted one.

use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

thread_local! {
    static DECODING: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
    static ENCODING: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
}

/// A binary field of a message: cheap to clone, a slice of the frame it arrived in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Bytes);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl<T: Into<Bytes>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl std::ops::Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Runs `decode` over `payload`, letting the blobs it meets share the payload's memory.
pub(crate) fn decoding<T>(payload: &Bytes, decode: impl FnOnce(&[u8]) -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            DECODING.set(Bytes::new());
        }
    }
    DECODING.set(payload.clone());
    let _reset = Reset;
    decode(payload)
}

/// The blob that `bytes` belongs to, if it is the one being serialized right now.
pub(crate) fn being_encoded(bytes: &[u8]) -> Option<Bytes> {
    ENCODING.with_borrow(|blob| {
        (blob.len() == bytes.len() && blob.as_ptr() == bytes.as_ptr()).then(|| blob.clone())
    })
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ENCODING.set(self.0.clone());
        let result = serializer.serialize_bytes(&self.0);
        ENCODING.set(Bytes::new());
        result
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;

        impl<'de> Visitor<'de> for BlobVisitor {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a binary")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Blob, E> {
                DECODING.with_borrow(|frame| {
                    let whole = frame.as_ptr_range();
                    let part = bytes.as_ptr_range();
                    Ok(if whole.start <= part.start && part.end <= whole.end {
                        Blob(frame.slice_ref(bytes))
                    } else {
                        Blob(Bytes::copy_from_slice(bytes))
                    })
                })
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(Bytes::copy_from_slice(bytes)))
            }
        }

        deserializer.deserialize_bytes(BlobVisitor)
    }
}
