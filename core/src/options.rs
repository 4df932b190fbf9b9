//! Options by name, as URLs, other languages and files of settings give them.
//!
//! Each builder has one table of them, which is at once what its `set` goes by and what
//! [`OptionInfo`] tells: so there is no option without a default and a description.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};

/// An option that can be set by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionInfo {
    /// Its name. One that ends in `_ms` takes milliseconds, one in `_bytes` bytes, one in `_file` the
    /// path of a file.
    pub name: &'static str,
    /// Its value where it is not set, empty for none.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// Whether it must not be shown. Such options have no place in a URL.
    pub secret: bool,
}

/// An option of a builder, or of whatever else `T` is.
pub(crate) struct Opt<T> {
    info: OptionInfo,
    set: fn(T, Value<'_>) -> Result<T>,
}

/// An option that takes `set` to its value.
pub(crate) const fn option<T>(
    name: &'static str,
    default: &'static str,
    doc: &'static str,
    set: fn(T, Value<'_>) -> Result<T>,
) -> Opt<T> {
    Opt { info: OptionInfo { name, default, doc, secret: false }, set }
}

/// As [`option`], for a value that must not be shown.
pub(crate) const fn secret<T>(
    name: &'static str,
    doc: &'static str,
    set: fn(T, Value<'_>) -> Result<T>,
) -> Opt<T> {
    Opt { info: OptionInfo { name, default: "", doc, secret: true }, set }
}

/// What there is to know about the options of a table.
pub(crate) fn infos<T>(table: &'static [Opt<T>]) -> impl Iterator<Item = &'static OptionInfo> {
    table.iter().map(|option| &option.info)
}

/// Sets an option of `target`.
///
/// # Errors
///
/// INVALID_ARGUMENT for a name that the table lacks, or a value that the option does not take.
pub(crate) fn set<T>(
    table: &'static [Opt<T>],
    target: T,
    operation: &'static str,
    name: &str,
    value: &str,
) -> Result<T> {
    let Some(option) = table.iter().find(|option| option.info.name == name) else {
        return Err(unknown(infos(table), operation, name));
    };
    (option.set)(target, Value { info: &option.info, text: value, operation })
}

/// The error for a name that none of the options has; it tells the one that is nearly so.
pub fn unknown(
    options: impl Iterator<Item = &'static OptionInfo>,
    operation: &'static str,
    name: &str,
) -> Error {
    let nearest = options
        .map(|info| (strsim::damerau_levenshtein(info.name, name), info.name))
        .min()
        .filter(|(distance, _)| *distance <= name.len().div_ceil(3).max(3));
    let hint = nearest.map(|(_, name)| format!("; is it {name}?")).unwrap_or_default();
    Error::invalid(operation, format!("there is no option {name:?}{hint}"))
}

/// A value on its way to an option.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    info: &'static OptionInfo,
    text: &'a str,
    operation: &'static str,
}

impl<'a> Value<'a> {
    /// As it is.
    pub fn text(self) -> &'a str {
        self.text
    }

    /// The path of a file.
    pub fn file(self) -> PathBuf {
        self.text.into()
    }

    /// A number.
    pub fn number<N: FromStr>(self) -> Result<N> {
        self.text.parse().map_err(|_| self.wrong("a whole number in range"))
    }

    /// A time in milliseconds.
    pub fn millis(self) -> Result<Duration> {
        let millis = self.text.parse().map_err(|_| self.wrong("milliseconds"))?;
        Ok(Duration::from_millis(millis))
    }

    /// A size in bytes.
    pub fn bytes<N: FromStr>(self) -> Result<N> {
        self.text.parse().map_err(|_| self.wrong("bytes"))
    }

    /// `true` or `false`.
    pub fn switch(self) -> Result<bool> {
        self.text.parse().map_err(|_| self.wrong("true or false"))
    }

    /// One of several words.
    pub fn one_of<T: Copy>(self, choices: &[(&str, T)]) -> Result<T> {
        let found = choices.iter().find(|(word, _)| *word == self.text);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.wrong(&words.join(", "))
        })
    }

    /// The error for a value that is none of what the option takes.
    pub fn wrong(self, takes: &str) -> Error {
        let OptionInfo { name, secret, .. } = self.info;
        let given = if *secret { String::new() } else { format!(", not {:?}", self.text) };
        Error::invalid(self.operation, format!("{name} takes {takes}{given}"))
    }
}

#[cfg(test)]
mod tests {
    use crate::{ClientBuilder, ConsumerBuilder, ProducerBuilder, TransactionalProducerBuilder};

    #[test]
    fn every_option_is_described_once() {
        let tables: [Vec<_>; 4] = [
            ClientBuilder::options().collect(),
            ProducerBuilder::options().collect(),
            ConsumerBuilder::options().collect(),
            TransactionalProducerBuilder::options().collect(),
        ];
        for table in tables {
            assert!(!table.is_empty());
            for (index, option) in table.iter().enumerate() {
                assert!(option.doc.ends_with('.'), "{option:?}");
                assert!(!option.doc.starts_with(' '), "{option:?}");
                assert!(table[..index].iter().all(|other| other.name != option.name), "{option:?}");
            }
        }
    }

    #[test]
    fn each_default_is_the_one_in_force() {
        let plain = format!("{:?}", ClientBuilder::new("localhost:9092"));
        for option in ClientBuilder::options().filter(|option| !option.default.is_empty()) {
            let set = ClientBuilder::new("localhost:9092").set(option.name, option.default);
            assert_eq!(format!("{set:?}"), plain, "{}", option.name);
        }
    }

    #[test]
    fn mistakes_are_explained() {
        let error = |name, value| {
            let builder = ClientBuilder::new("localhost").set(name, value);
            builder.check().unwrap_err().message().to_owned()
        };
        assert_eq!(
            error("conect_timeout_ms", "1"),
            "there is no option \"conect_timeout_ms\"; is it connect_timeout_ms?"
        );
        assert_eq!(error("zzz", "1"), "there is no option \"zzz\"");
        assert_eq!(
            error("connect_timeout_ms", "soon"),
            "connect_timeout_ms takes milliseconds, not \"soon\""
        );
        assert_eq!(error("tls_enabled", "yes"), "tls_enabled takes true or false, not \"yes\"");
        assert!(!error("encryption_key", "hunter2").contains("hunter2"));
        assert!(error("encrypt_headers", "true").contains("encryption_key"));
    }
}
