//! Options about TLS.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// How connections are secured. Every language has these options, with `tls_` before their names.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// Whether connections are secured. Default off; a `flymqs://` URL turns it on.
    pub enabled: bool,
    /// Whom to trust in place of the operating system's certificate authorities: certificates in PEM
    /// form.
    pub ca: Option<Pem>,
    /// The name that the broker's certificate must have, where that is not the host connected to.
    pub server_name: Option<String>,
    /// The client's own certificate, followed by those that lead from it to a root, for brokers that
    /// ask for one.
    pub cert: Option<Pem>,
    /// The private key of `cert`: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Option<Pem>,
    /// The lowest version that is spoken. Default TLS 1.2.
    pub min_version: TlsVersion,
    /// Takes any certificate, so that anyone on the way can read and change everything. For trying
    /// things out only. Default off.
    pub insecure_skip_verify: bool,
}

/// Where certificates or a key are, in PEM form.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// In a file, which is read when the client is made.
    File(PathBuf),
    /// Here.
    Memory(Vec<u8>),
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Memory(_) => f.write_str("Memory(..)"),
        }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2, written `1.2`.
    #[default]
    V1_2,
    /// TLS 1.3, written `1.3`.
    V1_3,
}

impl std::str::FromStr for TlsVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "1.2" => Ok(Self::V1_2),
            "1.3" => Ok(Self::V1_3),
            _ => Err(invalid(format!("tls_min_version is 1.2 or 1.3, not {text:?}"))),
        }
    }
}

impl TlsConfig {
    /// Refuses what cannot work, and what would be less secure than it looks.
    pub(crate) fn check(&self) -> Result<()> {
        let set = [
            ("tls_ca_file", self.ca.is_some()),
            ("tls_server_name", self.server_name.is_some()),
            ("tls_cert_file", self.cert.is_some()),
            ("tls_key_file", self.key.is_some()),
            ("tls_min_version", self.min_version != TlsVersion::default()),
            ("tls_insecure_skip_verify", self.insecure_skip_verify),
        ];
        match set.iter().find(|(_, set)| *set) {
            Some((name, _)) if !self.enabled => Err(invalid(format!(
                "{name} is set, but TLS is off: set tls_enabled too, or write flymqs://"
            ))),
            _ if self.cert.is_some() != self.key.is_some() => {
                Err(invalid("tls_cert_file and tls_key_file go together".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

fn invalid(message: String) -> Error {
    Error::invalid("connect", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_would_have_no_effect_are_refused() {
        let mut config = TlsConfig::default();
        assert!(config.check().is_ok());
        config.ca = Some(Pem::File("ca.pem".into()));
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("tls_ca_file") && error.contains("tls_enabled"), "{error}");
        config.enabled = true;
        assert!(config.check().is_ok());
        config.cert = Some(Pem::File("client.pem".into()));
        assert!(config.check().is_err());
        config.key = Some(Pem::File("client.key".into()));
        assert!(config.check().is_ok());
        assert!("1.1".parse::<TlsVersion>().is_err());
    }

    #[test]
    fn keys_are_not_shown() {
        let key = Some(Pem::Memory(b"-----BEGIN PRIVATE KEY-----".to_vec()));
        let shown = format!("{:?}", TlsConfig { key, ..TlsConfig::default() });
        assert!(shown.contains("Memory") && !shown.contains("PRIVATE"), "{shown}");
    }
}
