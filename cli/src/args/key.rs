//! Options about encryption keys.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Subcommand;
use flymq_core::OnUnreadable;

/// Which keys to encrypt or decrypt with.
#[derive(Debug, clap::Args)]
pub struct KeyOptions {
    /// Encrypt and decrypt with the keys of this file, the first line's when encrypting; default what
    /// FLYMQ_ENCRYPTION_KEYRING, such a file too, or FLYMQ_ENCRYPTION_KEY, a key itself, names
    #[arg(long, value_name = "FILE")]
    pub encryption_key_file: Option<PathBuf>,
}

/// What to do with keys for encrypting records.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new random key, and print it or write it to a file that only you can read
    Generate(GenerateKey),
}

/// Options of `flymq key generate`.
#[derive(Debug, clap::Args)]
pub struct GenerateKey {
    /// What records shall call the key; default an id that follows from the key
    #[arg(long)]
    pub id: Option<String>,
    /// Write to this file, which must not exist yet, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What to do about records that cannot be decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnUndecryptableArg(pub OnUnreadable);

impl FromStr for OnUndecryptableArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text.split_once(':') {
            None if text == "error" => OnUnreadable::Error,
            None if text == "skip" => OnUnreadable::Skip,
            None if text == "dead-letter" => OnUnreadable::DeadLetter { topic: None },
            Some(("dead-letter", topic)) if !topic.is_empty() => {
                OnUnreadable::DeadLetter { topic: Some(topic.to_owned()) }
            }
            _ => return Err("use error, skip, dead-letter or dead-letter:TOPIC".to_owned()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        let parse = |text: &str| text.parse::<OnUndecryptableArg>().map(|arg| arg.0);
        assert_eq!(parse("error"), Ok(OnUnreadable::Error));
        assert_eq!(parse("skip"), Ok(OnUnreadable::Skip));
        assert_eq!(parse("dead-letter"), Ok(OnUnreadable::DeadLetter { topic: None }));
        let named = OnUnreadable::DeadLetter { topic: Some("a".to_owned()) };
        assert_eq!(parse("dead-letter:a"), Ok(named));
        for bad in ["", "ignore", "skip:a", "dead-letter:"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
