//! How a record looks on standard output.
//!
//! As JSON, bytes that are UTF-8 are strings under their plain name; others are Base64 under the name
//! with `_base64` behind it. So a program that expects text finds it where it looks, and no byte is
//! ever lost. A key or value that is not there is `null`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flymq_core::Message;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::output::Output;

/// The value and a newline, with the key and `key_separator` before it if that is given.
pub fn text(
    out: &mut Output,
    message: &Message,
    key_separator: Option<&str>,
) -> anyhow::Result<()> {
    if let Some(separator) = key_separator {
        out.write(message.key.as_deref().unwrap_or_default())?;
        out.write(separator.as_bytes())?;
    }
    out.write(message.value.as_deref().unwrap_or_default())?;
    out.write(b"\n")
}

/// Everything there is, as an object on one line.
pub fn json(out: &mut Output, message: &Message) -> anyhow::Result<()> {
    out.json(&Json(message))
}

struct Json<'a>(&'a Message);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("topic", &*message.topic)?;
        map.serialize_entry("partition", &message.partition)?;
        map.serialize_entry("offset", &message.offset)?;
        map.serialize_entry("timestamp", &message.timestamp)?;
        bytes(&mut map, ["key", "key_base64"], message.key.as_deref())?;
        bytes(&mut map, ["value", "value_base64"], message.value.as_deref())?;
        let headers: Vec<_> =
            message.headers.iter().map(|(name, value)| Header(name, value.as_deref())).collect();
        map.serialize_entry("headers", &headers)?;
        map.end()
    }
}

struct Header<'a>(&'a str, Option<&'a [u8]>);

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", self.0)?;
        bytes(&mut map, ["value", "value_base64"], self.1)?;
        map.end()
    }
}

fn bytes<M: SerializeMap>(
    map: &mut M,
    [plain, base64]: [&str; 2],
    bytes: Option<&[u8]>,
) -> Result<(), M::Error> {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => map.serialize_entry(plain, &()),
        Some((_, Ok(text))) => map.serialize_entry(plain, text),
        Some((bytes, Err(_))) => map.serialize_entry(base64, &STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_place() {
        let message = Message {
            topic: "t".into(),
            partition: 1,
            offset: 2,
            timestamp: 3,
            key: None,
            value: Some(vec![0xff, 0].into()),
            headers: vec![("a".into(), Some("1".into())), ("a".into(), None)],
        };
        assert_eq!(
            serde_json::to_string(&Json(&message)).unwrap(),
            r#"{"topic":"t","partition":1,"offset":2,"timestamp":3,"key":null,"value_base64":"/wA=","headers":[{"name":"a","value":"1"},{"name":"a","value":null}]}"#
        );
    }
}
