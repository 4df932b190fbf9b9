//! The bytes of an encrypted record, as `docs/security.md` specifies them.

use bytes::Bytes;
use flymq_protocol::Header;
use flymq_protocol::batch::MAX_HEADERS;

use super::key::{MAX_KEY_ID_LEN, SALT_LEN, is_key_id};

/// The reserved header that marks a record as encrypted.
pub const ENCRYPTION_HEADER: &str = "flymq.enc";

pub(super) const NONCE_LEN: usize = 12;
pub(super) const TAG_LEN: usize = 16;
const VERSION: u8 = 1;
/// The record's headers are encrypted with its value.
const HEADERS_SEALED: u8 = 1;
/// The record has no value; what is encrypted stands in the header.
const NO_VALUE: u8 = 2;

/// What the reserved header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preamble<'a> {
    pub headers_sealed: bool,
    pub no_value: bool,
    pub key_id: &'a str,
    pub salt: [u8; SALT_LEN],
    pub nonce: [u8; NONCE_LEN],
}

impl<'a> Preamble<'a> {
    /// Reads the header's value. Returns the length of the preamble too, behind which stands what is
    /// encrypted where the record has no value.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, usize), &'static str> {
        let [version, flags, id_len, rest @ ..] = bytes else { return Err(CUT_OFF) };
        if *version != VERSION {
            return Err("its format is not one that this version reads");
        }
        if flags & !(HEADERS_SEALED | NO_VALUE) != 0 {
            return Err("it has flags that this version does not know");
        }
        let id_len = usize::from(*id_len);
        if !(1..=MAX_KEY_ID_LEN).contains(&id_len) {
            return Err("the length of its key id is out of bounds");
        }
        let (id, rest) = rest.split_at_checked(id_len).ok_or(CUT_OFF)?;
        let key_id = std::str::from_utf8(id).ok().filter(|id| is_key_id(id));
        let (salt, rest) = rest.split_first_chunk().ok_or(CUT_OFF)?;
        let (nonce, rest) = rest.split_first_chunk().ok_or(CUT_OFF)?;
        let preamble = Self {
            headers_sealed: flags & HEADERS_SEALED != 0,
            no_value: flags & NO_VALUE != 0,
            key_id: key_id.ok_or("its key id has characters that key ids do not have")?,
            salt: *salt,
            nonce: *nonce,
        };
        if !preamble.no_value && !rest.is_empty() {
            return Err("bytes follow its nonce");
        }
        Ok((preamble, bytes.len() - rest.len()))
    }

    pub fn encoded_len(&self) -> usize {
        3 + self.key_id.len() + SALT_LEN + NONCE_LEN
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let flags = if self.headers_sealed { HEADERS_SEALED } else { 0 }
            | if self.no_value { NO_VALUE } else { 0 };
        out.extend([VERSION, flags, self.key_id.len() as u8]);
        out.extend(self.key_id.as_bytes());
        out.extend(self.salt);
        out.extend(self.nonce);
    }
}

const CUT_OFF: &str = "its header is cut off";

/// What is authenticated besides: appended to the preamble.
pub(super) fn write_context(out: &mut Vec<u8>, topic: &str, key: Option<&[u8]>) {
    write_block(out, topic.as_bytes());
    write_optional(out, key);
}

pub(super) fn context_len(topic: &str, key: Option<&[u8]>) -> usize {
    4 + topic.len() + 1 + key.map_or(0, |key| 4 + key.len())
}

fn write_block(out: &mut Vec<u8>, bytes: &[u8]) {
    // Nothing in a record comes near 4 GiB, since no frame does.
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

fn write_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        write_block(out, bytes);
    }
}

/// Headers as they are encrypted, in front of the value.
pub(super) fn write_headers(out: &mut Vec<u8>, headers: &[Header]) {
    out.extend((headers.len() as u32).to_be_bytes());
    for (name, value) in headers {
        write_block(out, name.as_bytes());
        write_optional(out, value.as_deref());
    }
}

/// Splits what [`write_headers`] wrote from the value behind it.
pub(super) fn read_headers(mut bytes: Bytes) -> Option<(Vec<Header>, Bytes)> {
    let count = read_u32(&mut bytes)?;
    if count > MAX_HEADERS {
        return None;
    }
    let mut headers = Vec::new();
    for _ in 0..count {
        let name = read_block(&mut bytes)?;
        let name = std::str::from_utf8(&name).ok()?.to_owned();
        let value = match take(&mut bytes, 1)?[0] {
            0 => None,
            1 => Some(read_block(&mut bytes)?),
            _ => return None,
        };
        headers.push((name, value));
    }
    Some((headers, bytes))
}

fn read_u32(bytes: &mut Bytes) -> Option<u32> {
    let taken = take(bytes, 4)?;
    Some(u32::from_be_bytes(taken.as_ref().try_into().ok()?))
}

fn read_block(bytes: &mut Bytes) -> Option<Bytes> {
    let len = read_u32(bytes)? as usize;
    take(bytes, len)
}

fn take(bytes: &mut Bytes, len: usize) -> Option<Bytes> {
    (len <= bytes.len()).then(|| bytes.split_to(len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn headers()(headers in prop::collection::vec(
            (".{0,8}", prop::option::of(prop::collection::vec(any::<u8>(), 0..8))), 0..5,
        )) -> Vec<Header> {
            headers.into_iter().map(|(name, value)| (name, value.map(Bytes::from))).collect()
        }
    }

    proptest! {
        #[test]
        fn a_preamble_is_read_as_it_was_written(
            headers_sealed: bool,
            no_value: bool,
            key_id in "[a-zA-Z0-9._-]{1,64}",
            salt: [u8; SALT_LEN],
            nonce: [u8; NONCE_LEN],
            tail: Vec<u8>,
        ) {
            let preamble = Preamble { headers_sealed, no_value, key_id: &key_id, salt, nonce };
            let mut bytes = Vec::new();
            preamble.write(&mut bytes);
            prop_assert_eq!(bytes.len(), preamble.encoded_len());
            prop_assert_eq!(Preamble::parse(&bytes), Ok((preamble, bytes.len())));
            let len = bytes.len();
            for cut in 0..len {
                prop_assert!(Preamble::parse(&bytes[..cut]).is_err());
            }
            bytes.extend(&tail);
            prop_assert_eq!(Preamble::parse(&bytes).is_ok(), no_value || tail.is_empty());
        }

        #[test]
        fn headers_are_read_as_they_were_written(headers in headers(), value: Vec<u8>) {
            let mut bytes = Vec::new();
            write_headers(&mut bytes, &headers);
            bytes.extend(&value);
            prop_assert_eq!(read_headers(bytes.into()), Some((headers, value.into())));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>, id_len in 0u8..70) {
            let _ = Preamble::parse(&bytes);
            let _ = Preamble::parse(&[&[VERSION, 3, id_len], &bytes[..]].concat());
            let _ = read_headers(bytes.clone().into());
            let _ = read_headers([&[0, 0, 0, 2, 0, 0, 0], &bytes[..]].concat().into());
        }

        /// No two records share the bytes that bind them to topic and key.
        #[test]
        fn contexts_are_unambiguous(
            one in (".{0,4}", prop::option::of(prop::collection::vec(0u8..3, 0..6))),
            other in (".{0,4}", prop::option::of(prop::collection::vec(0u8..3, 0..6))),
        ) {
            let context = |(topic, key): &(String, Option<Vec<u8>>)| {
                let mut out = Vec::new();
                write_context(&mut out, topic, key.as_deref());
                assert_eq!(out.len(), context_len(topic, key.as_deref()));
                out
            };
            prop_assert_eq!(context(&one) == context(&other), one == other);
        }
    }

    #[test]
    fn counts_that_promise_too_much_cost_nothing() {
        assert_eq!(read_headers(Bytes::from_static(&[0xff; 64])), None);
        assert_eq!(read_headers(Bytes::from_static(&[0, 0, 4, 0, 0xff, 0xff, 0xff, 0xff])), None);
    }
}
