//! Options of `flymq produce` and `flymq consume`.

use std::path::PathBuf;

use clap::ValueEnum;
use flymq_core::{Compression, Isolation, StartOffset};

use super::{Format, KeyOptions, OnUndecryptableArg, key_value};

/// Options of `flymq produce`.
///
/// Every line, also an empty one, becomes a record; its newline is not part of it.
#[derive(Debug, clap::Args)]
pub struct ProduceOptions {
    /// The topic
    pub topic: String,
    /// Read lines from this file instead of standard input
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// What stands between key and value in each line; without it lines are values
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub key_separator: Option<String>,
    /// A header for every record, as name=value; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = key_value)]
    pub headers: Vec<(String, String)>,
    /// Send every record to this partition; else by key, or in turn
    #[arg(long)]
    pub partition: Option<u32>,
    /// How to compress
    #[arg(long, default_value = "none")]
    pub compression: CompressionArg,
    /// What to encrypt with.
    #[command(flatten)]
    pub keys: KeyOptions,
    /// Encrypt names and values of headers too
    #[arg(long)]
    pub encrypt_headers: bool,
    /// How to print the final count, which goes to standard error
    #[arg(long, default_value = "text")]
    pub format: Format,
}

/// Options of `flymq consume`.
#[derive(Debug, clap::Args)]
pub struct ConsumeOptions {
    /// The topic
    pub topic: String,
    /// Where to begin: earliest, latest, an offset, a time such as 2025-01-31T08:00:00Z, or @ and
    /// milliseconds since 1970; with --group, earliest or latest where the group has no offset yet
    #[arg(long, default_value = "earliest")]
    pub from: FromArg,
    /// Read only this partition; default all
    #[arg(long)]
    pub partition: Option<u32>,
    /// Read as a member of this group: share the partitions with its other members, go on where the
    /// group has come to, and commit what was printed
    #[arg(long, conflicts_with = "partition")]
    pub group: Option<String>,
    /// Go on with new records until Ctrl-C; else stop where the log ends now
    #[arg(long)]
    pub follow: bool,
    /// Stop after this many records
    #[arg(long)]
    pub max: Option<u64>,
    /// Print each record's value, or all of it as one JSON object a line
    #[arg(long, default_value = "text")]
    pub format: Format,
    /// With text, print the key too, this after it, then the value
    #[arg(long)]
    pub key_separator: Option<String>,
    /// Which records of transactions to show
    #[arg(long, default_value = "read-committed")]
    pub isolation: IsolationArg,
    /// What to decrypt with.
    #[command(flatten)]
    pub keys: KeyOptions,
    /// Print encrypted records as they are stored, and need no key
    #[arg(long, conflicts_with = "encryption_key_file")]
    pub no_decrypt: bool,
    /// What to do about records that cannot be decrypted: error, skip, dead-letter (send them to
    /// the topic with .dlq behind its name) or dead-letter:TOPIC
    #[arg(long, default_value = "error", value_name = "POLICY")]
    pub on_undecryptable: OnUndecryptableArg,
}

/// Where to begin reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FromArg(pub StartOffset);

impl std::str::FromStr for FromArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "earliest" => StartOffset::Earliest,
            "latest" => StartOffset::Latest,
            _ if text.bytes().all(|b| b.is_ascii_digit()) => StartOffset::Offset(
                text.parse().map_err(|_| "the offset is empty or too large".to_owned())?,
            ),
            _ => StartOffset::Timestamp(match text.strip_prefix('@') {
                Some(millis) => millis
                    .parse()
                    .map_err(|_| "write milliseconds since 1970 after the @".to_owned())?,
                None => text
                    .parse::<jiff::Timestamp>()
                    .map_err(|_| {
                        "use earliest, latest, an offset, an RFC 3339 time such as \
                         2025-01-31T08:00:00Z, or @ and milliseconds since 1970"
                            .to_owned()
                    })?
                    .as_millisecond(),
            }),
        }))
    }
}

/// How to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompressionArg {
    /// Not at all
    None,
    /// LZ4: fast
    Lz4,
    /// Zstandard: small
    Zstd,
}

impl From<CompressionArg> for Compression {
    fn from(arg: CompressionArg) -> Self {
        match arg {
            CompressionArg::None => Self::None,
            CompressionArg::Lz4 => Self::Lz4,
            CompressionArg::Zstd => Self::Zstd,
        }
    }
}

/// Which records of transactions to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IsolationArg {
    /// Those of committed transactions
    ReadCommitted,
    /// Also those of open and aborted transactions
    ReadUncommitted,
}

impl From<IsolationArg> for Isolation {
    fn from(arg: IsolationArg) -> Self {
        match arg {
            IsolationArg::ReadCommitted => Self::ReadCommitted,
            IsolationArg::ReadUncommitted => Self::ReadUncommitted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_begin() {
        let parse = |text: &str| text.parse::<FromArg>().map(|f| f.0);
        assert_eq!(parse("earliest"), Ok(StartOffset::Earliest));
        assert_eq!(parse("latest"), Ok(StartOffset::Latest));
        assert_eq!(parse("17"), Ok(StartOffset::Offset(17)));
        assert_eq!(parse("@17"), Ok(StartOffset::Timestamp(17)));
        assert_eq!(parse("1970-01-01T01:00:00.5+01:00"), Ok(StartOffset::Timestamp(500)));
        for bad in ["", "-1", "@", "yesterday", "99999999999999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
