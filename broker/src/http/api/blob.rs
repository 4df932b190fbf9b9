//! Bytes of records, shown in part: they may be anything, and any number.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// The beginning of some bytes: as text if that is what they are, else in base64.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// How many there are.
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// Whether there are more than are shown.
    truncated: bool,
}

impl Shown {
    /// The first `most` of some bytes; a character of text is never cut.
    pub fn of(bytes: &[u8], most: usize) -> Self {
        let shown = &bytes[..bytes.len().min(most)];
        let truncated = shown.len() < bytes.len();
        let text = match std::str::from_utf8(shown) {
            Ok(text) => Some(text),
            Err(e) if truncated && e.error_len().is_none() => {
                std::str::from_utf8(&shown[..e.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        let base64 = text.is_none().then(|| STANDARD.encode(shown));
        Self { bytes: bytes.len(), text: text.map(str::to_owned), base64, truncated }
    }

    /// How much of an answer it takes, roughly.
    pub fn weight(&self) -> usize {
        [&self.text, &self.base64].into_iter().flatten().map(String::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_other_bytes() {
        let text = |bytes: usize, text: &str, truncated| Shown {
            bytes,
            text: Some(text.into()),
            base64: None,
            truncated,
        };
        assert_eq!(Shown::of(b"", 10), text(0, "", false));
        assert_eq!(Shown::of("häuser".as_bytes(), 10), text(7, "häuser", false));
        assert_eq!(Shown::of("häuser".as_bytes(), 2), text(7, "h", true));
        assert_eq!(Shown::of("häuser".as_bytes(), 3), text(7, "hä", true));
        let cut_for_good = Shown::of(b"h\xc3", 10);
        assert_eq!((cut_for_good.text, cut_for_good.base64.as_deref()), (None, Some("aMM=")));
        let binary = Shown::of(&[0xff; 100], 3);
        assert_eq!(
            (binary.bytes, binary.base64.as_deref(), binary.truncated),
            (100, Some("////"), true)
        );
    }
}
