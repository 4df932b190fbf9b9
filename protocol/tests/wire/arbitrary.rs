//! Arbitrary values of any message type: a serde deserializer whose input is entropy.

use serde::de::value::Error;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};

/// How many elements a list gets at most.
const LONGEST: u64 = 4;

/// A value of `T` that is determined by `entropy`; where that has run out, by zeros.
pub fn arbitrary<T: DeserializeOwned>(entropy: &[u8]) -> T {
    T::deserialize(&mut Source { entropy }).unwrap()
}

struct Source<'a> {
    entropy: &'a [u8],
}

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.entropy.split_first() else { return 0 };
        self.entropy = rest;
        first
    }

    /// An integer whose magnitude is spread over all lengths, so that short forms come up too.
    fn word(&mut self) -> u64 {
        let bits = self.byte() % 65;
        let wide = (0..8).fold(0, |n, _| n << 8 | u64::from(self.byte()));
        wide & 1u64.checked_shl(bits.into()).map_or(u64::MAX, |n| n.wrapping_sub(1))
    }

    fn length(&mut self) -> u64 {
        u64::from(self.byte()) % (LONGEST + 1)
    }

    fn bytes(&mut self) -> Vec<u8> {
        // Now and then long enough to travel as a part of its own.
        let length = match self.byte() {
            255 => 5000,
            n => usize::from(n % 40),
        };
        (0..length).map(|_| self.byte()).collect()
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.word() as $type)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Source<'_> {
    type Error = Error;

    integers! {
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
    }

    /// The protocol's `u8` are small enumerations; 0 and 1 are values of each.
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u8(self.byte() & 1)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.byte() & 1 == 1)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(String::from_utf8_lossy(&self.bytes()).into_owned())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(&self.bytes())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.byte() & 1 == 0 { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length();
        visitor.visit_seq(Elements { source: self, left, names: &[] })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Elements { source: self, left: length as u64, names: &[] })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length();
        visitor.visit_map(Elements { source: self, left, names: &[] })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Elements { source: self, left: names.len() as u64, names })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        unreachable!("the messages name the type of each field")
    }

    serde::forward_to_deserialize_any! {
        i8 i128 u128 f32 f64 char str byte_buf unit unit_struct newtype_struct tuple_struct enum
        identifier ignored_any
    }
}

/// The elements of a list, the entries of a map, or the fields of a struct.
struct Elements<'s, 'a> {
    source: &'s mut Source<'a>,
    left: u64,
    /// Keys, if they are given.
    names: &'static [&'static str],
}

impl Elements<'_, '_> {
    fn more(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        more
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.more().then(|| seed.deserialize(&mut *self.source)).transpose()
    }
}

impl<'de> MapAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if !self.more() {
            return Ok(None);
        }
        match self.names.split_first() {
            Some((name, rest)) => {
                self.names = rest;
                seed.deserialize((*name).into_deserializer()).map(Some)
            }
            None => seed.deserialize(&mut *self.source).map(Some),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(&mut *self.source)
    }
}
