//! Options of a client, and how they are written in a URL.

mod names;

use std::path::PathBuf;
use std::time::Duration;

use flymq_auth::Password;

use crate::encryption::Encryption;
use crate::error::{Error, Result};
use crate::options;
use crate::tls::TlsConfig;

pub(crate) use names::OPTIONS;

/// The port of addresses that name none.
pub const DEFAULT_PORT: u16 = 9092;

/// Options of a client, with their defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Brokers to begin with, as `host:port`; at least one.
    pub bootstrap: Vec<String>,
    /// A name for the broker's logs. Default `flymq`.
    pub client_id: String,
    /// The name of the producer behind [`Client::transaction`](crate::Client::transaction). Default
    /// a random one.
    pub transactional_id: Option<String>,
    /// A file in the form of `/etc/hosts` that is looked into before the system is asked what
    /// address a broker's name stands for. It is read each time. Default none.
    pub hosts_file: Option<PathBuf>,
    /// How long what is known of the cluster's brokers is taken for true; 0 to use the addresses of
    /// `bootstrap` only. Default 5 minutes.
    pub metadata_max_age: Duration,
    /// How long making a connection may take. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a request may take, retries included. Default 30 s.
    pub request_timeout: Duration,
    /// The first pause before trying again; doubled each time, with full jitter. Default 50 ms.
    pub backoff_initial: Duration,
    /// The longest pause before trying again. Default 2 s.
    pub backoff_max: Duration,
    /// The longest response that is taken, in bytes. Default 64 MiB.
    pub max_response_bytes: usize,
    /// How connections are secured. Default not at all.
    pub tls: TlsConfig,
    /// Encrypts what is sent and decrypts what is read. Default not at all.
    pub encryption: Option<Encryption>,
    /// Whether encrypted records are decrypted. Without a key to do so, reading them is an error then.
    /// Turned off, they are read as they are stored, to be sent on or looked at. Default on.
    pub decrypt: bool,
    /// Whether names and values of headers are encrypted too, whatever `encryption` says. Default no.
    pub encrypt_headers: bool,
    /// Whether records that are not encrypted are refused, whatever `encryption` says. Default no.
    pub refuse_plain: bool,
    /// Who to log in as; nobody by default.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Password>,
    /// How to log in. Default [`Mechanism::Auto`].
    pub sasl_mechanism: Mechanism,
    /// Send the password itself even where others may read it, if the broker takes nothing else.
    /// Default no.
    pub allow_plain_without_tls: bool,
}

/// How to log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mechanism {
    /// The best that both sides offer.
    #[default]
    Auto,
    /// SCRAM-SHA-256, bound to the TLS connection where that can be.
    ScramSha256,
    /// PLAIN: the password itself.
    Plain,
    /// EXTERNAL: the TLS client certificate.
    External,
}

impl std::str::FromStr for Mechanism {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "SCRAM-SHA-256" => Ok(Self::ScramSha256),
            "PLAIN" => Ok(Self::Plain),
            "EXTERNAL" => Ok(Self::External),
            _ => Err(invalid(format!(
                "sasl_mechanism is auto, SCRAM-SHA-256, PLAIN or EXTERNAL, not {name:?}"
            ))),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bootstrap: vec![format!("localhost:{DEFAULT_PORT}")],
            client_id: "flymq".to_owned(),
            transactional_id: None,
            hosts_file: None,
            metadata_max_age: Duration::from_secs(300),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            backoff_initial: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            max_response_bytes: 64 << 20,
            tls: TlsConfig::default(),
            encryption: None,
            decrypt: true,
            encrypt_headers: false,
            refuse_plain: false,
            username: None,
            password: None,
            sasl_mechanism: Mechanism::Auto,
            allow_plain_without_tls: false,
        }
    }
}

impl Config {
    /// Reads `host:port,host2:port2` or `flymq://user@host:port,host2/?client_id=…&…`.
    ///
    /// The options are those of [`ClientBuilder::options`](crate::ClientBuilder::options). With
    /// `flymqs://`, `tls_enabled` is true. Passwords and keys have no place in a URL, which ends up in
    /// logs and lists of processes.
    ///
    /// ```
    /// use flymq_core::Config;
    ///
    /// let config = Config::parse("flymq://a:9093,b?client_id=billing&request_timeout_ms=5000")?;
    /// assert_eq!(config.bootstrap, ["a:9093", "b:9092"]);
    /// # flymq_core::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for an empty list, a password, a port that is no number, or an unknown option.
    pub fn parse(addresses: &str) -> Result<Self> {
        let mut config = Self::default();
        let addresses = addresses.trim();
        let secured = addresses.strip_prefix("flymqs://");
        config.tls.enabled = secured.is_some();
        let (hosts, query) = match secured.or_else(|| addresses.strip_prefix("flymq://")) {
            Some(rest) => {
                let (hosts, query) = rest.split_once('?').unwrap_or((rest, ""));
                (hosts.trim_end_matches('/'), query)
            }
            None => (addresses, ""),
        };
        let hosts = match hosts.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => {
                return Err(invalid(
                    "a URL must not hold a password; give it by option, file or environment"
                        .to_owned(),
                ));
            }
            Some((user, hosts)) => {
                config.username = Some(user.to_owned()).filter(|user| !user.is_empty());
                hosts
            }
            None => hosts,
        };
        if hosts.contains("://") || hosts.contains('/') {
            return Err(invalid(format!(
                "{addresses:?} is neither host:port nor a flymq:// or flymqs:// URL"
            )));
        }
        config.bootstrap = hosts
            .split(',')
            .map(str::trim)
            .filter(|host| !host.is_empty())
            .map(with_port)
            .collect::<Result<_>>()?;
        if config.bootstrap.is_empty() {
            return Err(invalid("no broker address is given".to_owned()));
        }
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if options::infos(OPTIONS).any(|info| info.secret && info.name == name) {
                return Err(invalid(format!(
                    "a URL must not hold {name}; give it by option, file or environment"
                )));
            }
            config = config.set(name, value)?;
        }
        if secured.is_some() && !config.tls.enabled {
            return Err(invalid(
                "flymqs:// and tls_enabled=false contradict each other".to_owned(),
            ));
        }
        Ok(config)
    }

    /// Sets an option by its name (see [`ClientBuilder::options`](crate::ClientBuilder::options)).
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a name that there is not, or a value that the option does not take.
    pub fn set(self, name: &str, value: &str) -> Result<Self> {
        options::set(OPTIONS, self, "connect", name, value)
    }

    /// Takes user name and password from the environment where they are not set: FLYMQ_USERNAME;
    /// FLYMQ_PASSWORD, or the first line of the file that FLYMQ_PASSWORD_FILE names.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the file cannot be read.
    pub fn or_environment(mut self) -> Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        self.username = self.username.or_else(|| variable("FLYMQ_USERNAME"));
        if self.password.is_none() {
            self.password = match (variable("FLYMQ_PASSWORD"), variable("FLYMQ_PASSWORD_FILE")) {
                (Some(password), _) => Some(Password::new(password)),
                (None, Some(file)) => Some(read_password(file.as_ref())?),
                (None, None) => None,
            };
        }
        Ok(self)
    }

    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        if self.bootstrap.is_empty() {
            return Err(invalid("no broker address is given".to_owned()));
        }
        if self.client_id.len() > 255 {
            return Err(invalid("client_id has at most 255 bytes".to_owned()));
        }
        let id = self.transactional_id.as_ref();
        if id.is_some_and(|id| !(1..=255).contains(&id.len())) {
            return Err(invalid("transactional_id has 1 to 255 bytes".to_owned()));
        }
        if self.username.is_some()
            && self.password.is_none()
            && self.sasl_mechanism != Mechanism::External
        {
            return Err(invalid("a user name is given, but no password".to_owned()));
        }
        if self.connect_timeout.is_zero() || self.request_timeout.is_zero() {
            return Err(invalid("connect_timeout and request_timeout are above 0".to_owned()));
        }
        if !(1024..=1 << 30).contains(&self.max_response_bytes) {
            return Err(invalid("max_response_bytes is 1 KiB to 1 GiB".to_owned()));
        }
        if self.encryption.is_none() && (self.encrypt_headers || self.refuse_plain) {
            return Err(invalid(
                "encrypt_headers and refuse_plain need an encryption_key".to_owned(),
            ));
        }
        self.tls.check()
    }

    /// How often a connection on which requests wait looks whether the broker still answers. It
    /// takes up to three looks to tell, which leaves time to ask another broker.
    pub(crate) fn probe_interval(&self) -> Duration {
        (self.request_timeout / 4).clamp(Duration::from_millis(100), Duration::from_secs(10))
    }
}

/// The first line of a file.
///
/// # Errors
///
/// INVALID_ARGUMENT if the file cannot be read or begins with an empty line.
pub fn read_password(file: &std::path::Path) -> Result<Password> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| invalid(format!("cannot read the password file {}: {e}", file.display())))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Password::new(line)),
        _ => Err(invalid(format!("the password file {} begins with no password", file.display()))),
    }
}

fn with_port(address: &str) -> Result<String> {
    // A bare IPv6 address has several colons and needs brackets.
    let has_port = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            port.parse::<u16>()
                .map_err(|_| invalid(format!("{port:?} in {address:?} is no port")))?;
            true
        }
        _ => false,
    };
    Ok(match (has_port, address.contains(':') && !address.starts_with('[')) {
        (true, _) => address.to_owned(),
        (false, true) => format!("[{address}]:{DEFAULT_PORT}"),
        (false, false) => format!("{address}:{DEFAULT_PORT}"),
    })
}

fn invalid(message: String) -> Error {
    Error::invalid("connect", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let hosts = |text| Config::parse(text).unwrap().bootstrap;
        assert_eq!(hosts("a"), ["a:9092"]);
        assert_eq!(hosts(" a:1 , b "), ["a:1", "b:9092"]);
        assert_eq!(hosts("::1,[::1]:5"), ["[::1]:9092", "[::1]:5"]);
        assert_eq!(hosts("flymq://a:1,b/?client_id=x"), ["a:1", "b:9092"]);
        let config = Config::parse("flymq://a?client_id=x&request_timeout_ms=5").unwrap();
        assert_eq!((config.client_id.as_str(), config.request_timeout.as_millis()), ("x", 5));
        for bad in [
            "",
            ",",
            "a:x",
            "http://a",
            "flymq://a?bogus=1",
            "flymq://a?tls_bogus=1",
            "flymq://a?connect_timeout_ms=x",
            "flymq://a?encryption_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "flymq://a?password=x",
        ] {
            assert!(Config::parse(bad).is_err(), "{bad}");
        }
        for bad in [
            "?request_timeout_ms=0",
            "?connect_timeout_ms=0",
            "?max_response_bytes=4000000000",
            "?transactional_id=",
        ] {
            assert!(Config::parse(&format!("flymq://a{bad}")).unwrap().check().is_err(), "{bad}");
        }
        assert!(Config::parse("flymqs://a").unwrap().tls.enabled);
        assert!(Config::parse("flymqs://a?tls_enabled=false").is_err());
        assert!(
            Config::parse("flymq://a?tls_enabled=true&tls_ca_file=/ca").unwrap().check().is_ok()
        );
        assert!(Config::parse("flymq://a?tls_ca_file=/ca").unwrap().check().is_err());
        assert!(Config { bootstrap: Vec::new(), ..Config::default() }.check().is_err());
        assert!(Config::default().check().is_ok());
    }

    #[test]
    fn users() {
        let config = Config::parse("flymq://ada@a,b?sasl_mechanism=PLAIN").unwrap();
        assert_eq!(config.bootstrap, ["a:9092", "b:9092"]);
        assert_eq!(config.username.as_deref(), Some("ada"));
        assert_eq!(config.sasl_mechanism, Mechanism::Plain);
        assert!(config.check().unwrap_err().message().contains("no password"));
        let password = Some(Password::new("hunter2"));
        let config = Config { password, ..config };
        assert!(config.check().is_ok());
        assert!(!format!("{config:?}").contains("hunter2"));
        let error = Config::parse("flymq://ada:hunter2@a").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
        for bad in ["sasl_mechanism=MD5", "allow_plain_without_tls=maybe"] {
            assert!(Config::parse(&format!("flymq://a?{bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn password_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        assert!(read_password(&file).unwrap_err().message().contains("cannot read"));
        for (text, password) in [("a b\n", "a b"), ("x\r\ny\n", "x"), ("z", "z")] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read_password(&file).unwrap().reveal(), password);
        }
        for empty in ["", "\n", "\nx"] {
            std::fs::write(&file, empty).unwrap();
            assert!(read_password(&file).is_err());
        }
    }
}
