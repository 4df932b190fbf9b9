//! Reading and writing the exchange's `attribute=value` lists.

use crate::{AuthError, MAX_MESSAGE};

/// A message as text, if it may be one.
pub fn text(message: &[u8]) -> Result<&str, AuthError> {
    if message.len() > MAX_MESSAGE {
        return Err(AuthError::Exchange("the message is too long"));
    }
    let text = std::str::from_utf8(message)
        .map_err(|_| AuthError::Exchange("the message is not UTF-8"))?;
    match text.contains('\0') {
        true => Err(AuthError::Exchange("the message holds a byte 0")),
        false => Ok(text),
    }
}

/// Reads attributes in the order that the mechanism fixes.
pub struct Attributes<'a>(std::str::Split<'a, char>);

impl<'a> Attributes<'a> {
    pub fn new(text: &'a str) -> Self {
        Self(text.split(','))
    }

    /// The value of the next attribute, which has to be this one.
    pub fn expect(&mut self, name: char) -> Result<&'a str, AuthError> {
        let value = self.0.next().and_then(|attribute| {
            attribute.strip_prefix(name).and_then(|rest| rest.strip_prefix('='))
        });
        value.ok_or(AuthError::Exchange("an attribute is missing or out of order"))
    }

    /// Passes over optional extensions. None may be called `p`, which only ends a proof.
    pub fn finish(self) -> Result<(), AuthError> {
        for attribute in self.0 {
            let mut chars = attribute.chars();
            let (name, equals) = (chars.next(), chars.next());
            if !name.is_some_and(|c| c.is_ascii_alphabetic() && c != 'm' && c != 'p')
                || equals != Some('=')
            {
                return Err(AuthError::Exchange("an extension is not understood"));
            }
        }
        Ok(())
    }
}

/// A nonce: printable and without commas.
pub fn nonce(text: &str) -> Result<&str, AuthError> {
    match !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(AuthError::Exchange("the nonce is empty, too long, or not printable")),
    }
}

/// A user name with `,` and `=` written so that they can stand in an attribute.
pub fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The reverse of [`escape`].
pub fn unescape(name: &str) -> Result<String, AuthError> {
    let mut parts = name.split('=');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(AuthError::Exchange("the user name holds a lone =")),
        };
        plain.push(character);
        plain.push_str(rest);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_round_trip() {
        for name in ["ada", "a,b=c", "==", ",", "=2C", "é"] {
            assert_eq!(unescape(&escape(name)).unwrap(), name);
        }
        for bad in ["=", "a=2c", "=2", "a=3Xb"] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }
}
