//! Topic names and configuration keys.

use std::collections::BTreeMap;

use flymq_protocol::{ErrorCode, ProtocolError};

use crate::Result;

/// Refuses what is not a topic name.
pub fn check_name(name: &str) -> Result<()> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty()
        || name.len() > 249
        || name == "."
        || name == ".."
        || !name.bytes().all(legal)
    {
        return Err(ProtocolError::new(
            ErrorCode::InvalidTopicName,
            format!("{:?} is not a topic name", shorten(name)),
        ));
    }
    Ok(())
}

/// A name from a request, cut to a length that is fit for a message.
pub fn shorten(name: &str) -> String {
    shorten_to(name, 64)
}

/// Foreign text, cut to at most so many characters.
pub(crate) fn shorten_to(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most).chain("…".chars()).collect()
}

/// How often and how long records are kept, and how large they may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// After how many milliseconds records may go; -1 for never.
    pub retention_ms: i64,
    /// How many bytes the topic, all partitions together, may take; -1 for any number.
    pub retention_bytes: i64,
    /// At what size a segment, the unit in which records go, is closed.
    pub segment_bytes: i64,
    /// At what age a segment is closed.
    pub segment_ms: i64,
    /// How large a record may be, as encoded in a batch.
    pub max_record_bytes: i64,
}

/// One configuration key: its name, default, least and greatest value, and its field.
type Key = (&'static str, i64, i64, i64, fn(&mut TopicConfig) -> &mut i64);

const DAY_MS: i64 = 24 * 3600 * 1000;

const KEYS: [Key; 5] = [
    ("max_record_bytes", 1 << 20, 1, 16 << 20, |c| &mut c.max_record_bytes),
    ("retention_bytes", -1, -1, i64::MAX, |c| &mut c.retention_bytes),
    ("retention_ms", 7 * DAY_MS, -1, i64::MAX, |c| &mut c.retention_ms),
    ("segment_bytes", 256 << 20, 64 << 10, 1 << 40, |c| &mut c.segment_bytes),
    ("segment_ms", DAY_MS, 1, i64::MAX, |c| &mut c.segment_ms),
];

impl Default for TopicConfig {
    fn default() -> Self {
        let mut config = Self {
            retention_ms: 0,
            retention_bytes: 0,
            segment_bytes: 0,
            segment_ms: 0,
            max_record_bytes: 0,
        };
        for (_, default, _, _, field) in KEYS {
            *field(&mut config) = default;
        }
        config
    }
}

impl TopicConfig {
    /// Defaults with `overrides` on top; refuses unknown keys and values out of bounds.
    pub fn from_overrides(overrides: &BTreeMap<String, String>) -> Result<Self> {
        let mut config = Self::default();
        for (name, value) in overrides {
            let Some((_, _, least, most, field)) = KEYS.into_iter().find(|key| key.0 == name)
            else {
                let known: Vec<_> = KEYS.iter().map(|key| key.0).collect();
                return Err(invalid(format!(
                    "there is no key {:?}; the keys are {}",
                    shorten(name),
                    known.join(", ")
                )));
            };
            let number = value.parse().ok().filter(|n| (least..=most).contains(n));
            *field(&mut config) = number.ok_or_else(|| {
                invalid(format!("{name} takes {least} to {most}, not {:?}", shorten(value)))
            })?;
        }
        Ok(config)
    }

    /// Sets a key to a value that is in force elsewhere, whatever its bounds here.
    #[cfg(feature = "kafka")]
    pub(crate) fn put(&mut self, name: &str, value: i64) {
        if let Some((.., field)) = KEYS.into_iter().find(|key| key.0 == name) {
            *field(self) = value;
        }
    }

    /// Every key with the value in force.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut config = self.clone();
        KEYS.iter().map(|key| (key.0.to_owned(), key.4(&mut config).to_string())).collect()
    }
}

fn invalid(message: String) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidConfig, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "A.b_c-9", &"x".repeat(249)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", &"x".repeat(250)] {
            assert_eq!(check_name(bad).unwrap_err().code, ErrorCode::InvalidTopicName);
        }
    }

    #[test]
    fn configuration() {
        let map = |k: &str, v: &str| BTreeMap::from([(k.to_owned(), v.to_owned())]);
        let config = TopicConfig::from_overrides(&map("retention_ms", "-1")).unwrap();
        assert_eq!(config.to_map()["retention_ms"], "-1");
        assert_eq!(config.to_map().len(), KEYS.len());
        for (key, value) in [("retension_ms", "1"), ("retention_ms", "x"), ("segment_bytes", "1")] {
            let error = TopicConfig::from_overrides(&map(key, value)).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidConfig);
            assert!(error.message.contains(key), "{}", error.message);
        }
    }
}
