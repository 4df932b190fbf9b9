//! The walk over a payload before it is decoded: is it one MessagePack map, not too deep, not too
//! many values? After it, decoding cannot allocate out of proportion to the payload's length.

use crate::error::ProtocolError;
use crate::msgpack::{Cursor, Token};

/// How deep arrays and maps of a payload may nest.
pub const MAX_DEPTH: usize = 16;

/// How many values (keys, elements, scalars) a payload may hold in all. Records are one binary
/// value each batch, so they do not count. Decoding takes at most 48 bytes a value for a request and
/// 96 for a response, besides the payload's own length.
pub const MAX_VALUES: u64 = 1 << 18;

/// Checks the payload's structure and returns its top-level `id` (0 where it has none).
///
/// Binaries and strings are skipped over without being read, so the cost is that of the structure
/// alone.
pub fn check(payload: &[u8]) -> Result<u64, ProtocolError> {
    let mut id = None;
    walk(payload, &mut id)?;
    Ok(id.unwrap_or(0))
}

/// The `id` of a payload that [`check`] refused, so that the refusal can be matched with its request:
/// 0 where the fault comes before the id.
pub fn id_before_fault(payload: &[u8]) -> u64 {
    let mut id = None;
    // The fault itself is what the caller already has.
    let _ = walk(payload, &mut id);
    id.unwrap_or(0)
}

fn walk(payload: &[u8], id: &mut Option<u64>) -> Result<(), ProtocolError> {
    let mut cursor = Cursor::new(payload);
    let Token::Map(entries) = cursor.token()? else {
        return Err(ProtocolError::malformed("the payload is not a map"));
    };
    let mut walk = Walk { cursor, values: 0 };
    for _ in 0..entries {
        let Token::Str(key) = walk.next()? else {
            return Err(ProtocolError::malformed("a key of the payload's map is not a string"));
        };
        if key != b"id" {
            walk.skip_value()?;
            continue;
        }
        let Token::Int(value) = walk.next()? else {
            return Err(ProtocolError::malformed("id is not an integer"));
        };
        let value = u64::try_from(value)
            .map_err(|_| ProtocolError::malformed("id is not an unsigned 64-bit integer"))?;
        if id.replace(value).is_some() {
            return Err(ProtocolError::malformed("id appears twice"));
        }
    }
    if walk.cursor.remaining() != 0 {
        return Err(ProtocolError::malformed("bytes follow the payload's map"));
    }
    Ok(())
}

struct Walk<'a> {
    cursor: Cursor<'a>,
    values: u64,
}

impl<'a> Walk<'a> {
    fn next(&mut self) -> Result<Token<'a>, ProtocolError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(ProtocolError::malformed(format!(
                "the payload holds more than {MAX_VALUES} values"
            )));
        }
        self.cursor.token()
    }

    /// Skips one value with all that it contains, keeping the open containers in a fixed array.
    fn skip_value(&mut self) -> Result<(), ProtocolError> {
        // Depth 1 is the payload's own map.
        let mut open = [0u64; MAX_DEPTH - 1];
        let mut depth = 0;
        loop {
            let children = match self.next()? {
                Token::Array(n) => u64::from(n),
                Token::Map(n) => 2 * u64::from(n),
                _ => 0,
            };
            if children > 0 {
                let Some(slot) = open.get_mut(depth) else {
                    return Err(ProtocolError::malformed(format!(
                        "the payload nests deeper than {MAX_DEPTH}"
                    )));
                };
                *slot = children;
                depth += 1;
                continue;
            }
            // A value is complete: close every container that it completes.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                open[depth - 1] -= 1;
                if open[depth - 1] > 0 {
                    break;
                }
                depth -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_id_wherever_it_stands() {
        let payload =
            rmp_serde::to_vec(&std::collections::BTreeMap::from([("aa", 1), ("id", 77), ("z", 2)]));
        assert_eq!(check(&payload.unwrap()), Ok(77));
        assert_eq!(check(&[0x80]), Ok(0));
    }

    #[test]
    fn finds_the_id_of_a_payload_that_is_refused() {
        // {"id": 5, "a": <cut off>
        let cut = [0x82, 0xa2, b'i', b'd', 5, 0xa1, b'a', 0xc4, 9];
        assert!(check(&cut).is_err());
        assert_eq!(id_before_fault(&cut), 5);
        assert_eq!(id_before_fault(&cut[..3]), 0);
        assert_eq!(id_before_fault(b"GET / HTTP/1.1"), 0);
        let twice = [0x82, 0xa2, b'i', b'd', 5, 0xa2, b'i', b'd', 6];
        assert!(check(&twice).is_err());
    }

    #[test]
    fn refuses_what_is_no_map_too_deep_too_many_or_too_long() {
        for bad in [&[][..], &[0x90], &[0x81, 0x01, 0x01], &[0x80, 0x00], &[0x81, 0xa1, b'a', 0xc1]]
        {
            assert!(check(bad).is_err(), "{bad:02x?}");
        }
        let nested = |levels: usize| {
            let mut payload = vec![0x81, 0xa1, b'a'];
            payload.extend(std::iter::repeat_n(0x91, levels));
            payload.push(0xc0);
            payload
        };
        assert!(check(&nested(MAX_DEPTH - 1)).is_ok());
        assert!(check(&nested(MAX_DEPTH)).is_err());

        let many = |n: u32| {
            let mut payload = vec![0x81, 0xa1, b'a', 0xdd];
            payload.extend(n.to_be_bytes());
            payload.extend(std::iter::repeat_n(0xc0, n as usize));
            payload
        };
        assert!(check(&many(MAX_VALUES as u32 - 2)).is_ok());
        assert!(check(&many(MAX_VALUES as u32 - 1)).is_err());
        // A length that promises more than there is costs nothing.
        assert!(check(&[0x81, 0xa1, b'a', 0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = check(&bytes);
        }
    }
}
