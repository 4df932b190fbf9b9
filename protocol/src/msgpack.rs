//! A cursor over MessagePack bytes that borrows what it reads and never trusts a length.
//!
//! Payloads as a whole go through serde; this cursor serves the two places where that is too slow
//! or too trusting: the walk that bounds a payload before it is decoded, and the records of a batch.

use crate::error::ProtocolError;

type Result<T> = std::result::Result<T, ProtocolError>;

/// The kind and size of the value at the cursor, once its marker has been read.
pub(crate) enum Token<'a> {
    Nil,
    Bool,
    Int(i128),
    Float,
    Str(&'a [u8]),
    Bin(&'a [u8]),
    Array(u32),
    Map(u32),
    Ext,
}

pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(n) {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(head)
            }
            None => Err(truncated()),
        }
    }

    #[inline]
    fn uint<const N: usize>(&mut self) -> Result<u64> {
        let mut wide = [0; 8];
        wide[8 - N..].copy_from_slice(self.take(N)?);
        Ok(u64::from_be_bytes(wide))
    }

    #[inline]
    fn sized<const N: usize>(&mut self) -> Result<&'a [u8]> {
        let len = self.uint::<N>()?;
        self.take(usize::try_from(len).map_err(|_| truncated())?)
    }

    fn ext(&mut self, len: usize) -> Result<Token<'a>> {
        self.take(len.checked_add(1).ok_or_else(truncated)?)?;
        Ok(Token::Ext)
    }

    /// Reads one marker and, for scalars, strings and binaries, the value with it.
    #[inline]
    pub fn token(&mut self) -> Result<Token<'a>> {
        let marker = self.take(1)?[0];
        Ok(match marker {
            0x00..=0x7f => Token::Int(marker.into()),
            0xe0..=0xff => Token::Int((marker as i8).into()),
            0x80..=0x8f => Token::Map((marker & 0x0f).into()),
            0x90..=0x9f => Token::Array((marker & 0x0f).into()),
            0xa0..=0xbf => Token::Str(self.take((marker & 0x1f).into())?),
            0xc0 => Token::Nil,
            0xc1 => return Err(ProtocolError::malformed("byte 0xc1 is no MessagePack marker")),
            0xc2 | 0xc3 => Token::Bool,
            0xc4 => Token::Bin(self.sized::<1>()?),
            0xc5 => Token::Bin(self.sized::<2>()?),
            0xc6 => Token::Bin(self.sized::<4>()?),
            0xc7 => {
                let len = self.uint::<1>()?;
                self.ext(len as usize)?
            }
            0xc8 => {
                let len = self.uint::<2>()?;
                self.ext(len as usize)?
            }
            0xc9 => {
                let len = self.uint::<4>()?;
                self.ext(len as usize)?
            }
            0xca => {
                self.take(4)?;
                Token::Float
            }
            0xcb => {
                self.take(8)?;
                Token::Float
            }
            0xcc => Token::Int(self.uint::<1>()?.into()),
            0xcd => Token::Int(self.uint::<2>()?.into()),
            0xce => Token::Int(self.uint::<4>()?.into()),
            0xcf => Token::Int(self.uint::<8>()?.into()),
            0xd0 => Token::Int((self.uint::<1>()? as i8).into()),
            0xd1 => Token::Int((self.uint::<2>()? as i16).into()),
            0xd2 => Token::Int((self.uint::<4>()? as i32).into()),
            0xd3 => Token::Int((self.uint::<8>()? as i64).into()),
            0xd4 => self.ext(1)?,
            0xd5 => self.ext(2)?,
            0xd6 => self.ext(4)?,
            0xd7 => self.ext(8)?,
            0xd8 => self.ext(16)?,
            0xd9 => Token::Str(self.sized::<1>()?),
            0xda => Token::Str(self.sized::<2>()?),
            0xdb => Token::Str(self.sized::<4>()?),
            0xdc => Token::Array(self.uint::<2>()? as u32),
            0xdd => Token::Array(self.uint::<4>()? as u32),
            0xde => Token::Map(self.uint::<2>()? as u32),
            0xdf => Token::Map(self.uint::<4>()? as u32),
        })
    }
}

fn truncated() -> ProtocolError {
    ProtocolError::malformed("the payload ends in the middle of a value")
}

/// Appends the shortest encoding of `value`.
pub(crate) fn write_int(out: &mut Vec<u8>, value: i64) {
    match value {
        0..=0x7f => out.push(value as u8),
        -32..=-1 => out.push(value as i8 as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        0x1_0000_0000.. => {
            out.push(0xcf);
            out.extend_from_slice(&(value as u64).to_be_bytes());
        }
        -0x80..=-33 => out.extend_from_slice(&[0xd0, value as i8 as u8]),
        -0x8000..=-0x81 => {
            out.push(0xd1);
            out.extend_from_slice(&(value as i16).to_be_bytes());
        }
        -0x8000_0000..=-0x8001 => {
            out.push(0xd2);
            out.extend_from_slice(&(value as i32).to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// Appends `bytes` as a binary, or nil for `None`. Lengths above `u32::MAX` are the caller's to
/// refuse; a batch is bounded far below that.
pub(crate) fn write_bin(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else {
        out.push(0xc0);
        return;
    };
    match bytes.len() {
        n @ 0..=0xff => out.extend_from_slice(&[0xc4, n as u8]),
        n @ 0..=0xffff => {
            out.push(0xc5);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0xc6);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

/// Appends `text` as a string.
pub(crate) fn write_str(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        n @ 0..=31 => out.push(0xa0 | n as u8),
        n @ 0..=0xff => out.extend_from_slice(&[0xd9, n as u8]),
        n @ 0..=0xffff => {
            out.push(0xda);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0xdb);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends the head of an array of `len` elements.
pub(crate) fn write_array(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=15 => out.push(0x90 | len as u8),
        16..=0xffff => {
            out.push(0xdc);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(0xdd);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_round_trip(value: i64) {
            let mut out = Vec::new();
            write_int(&mut out, value);
            match Cursor::new(&out).token() {
                Ok(Token::Int(read)) => prop_assert_eq!(read, i128::from(value)),
                _ => prop_assert!(false, "not an integer: {:02x?}", out),
            }
            // serde's encoder agrees that this is the shortest form.
            prop_assert_eq!(out, rmp_serde::to_vec(&value).unwrap());
        }

        #[test]
        fn strings_and_binaries_agree_with_serde(text in ".{0,400}", bytes: Vec<u8>) {
            let mut out = Vec::new();
            write_str(&mut out, &text);
            prop_assert_eq!(&out, &rmp_serde::to_vec(&text).unwrap());
            out.clear();
            write_bin(&mut out, Some(&bytes));
            match Cursor::new(&out).token() {
                Ok(Token::Bin(read)) => prop_assert_eq!(read, &bytes[..]),
                _ => prop_assert!(false, "not a binary"),
            }
        }
    }
}
