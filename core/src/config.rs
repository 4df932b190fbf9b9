//! Options of a client, and how they are written in a URL.

use std::time::Duration;

use crate::encryption::Encryption;
use crate::error::{Error, Result};
use crate::tls::TlsConfig;

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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bootstrap: vec![format!("localhost:{DEFAULT_PORT}")],
            client_id: "flymq".to_owned(),
            transactional_id: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            backoff_initial: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            max_response_bytes: 64 << 20,
            tls: TlsConfig::default(),
            encryption: None,
            decrypt: true,
        }
    }
}

impl Config {
    /// Reads `host:port,host2:port2` or `flymq://host:port,host2/?client_id=…&request_timeout_ms=…`.
    ///
    /// The options are `client_id`, `transactional_id`, `connect_timeout_ms`, `request_timeout_ms`,
    /// `backoff_initial_ms`, `backoff_max_ms`, `max_response_bytes`, and those of [`TlsConfig`]:
    /// `tls_enabled`, `tls_ca_file`, `tls_server_name`, `tls_cert_file`, `tls_key_file`,
    /// `tls_min_version` and `tls_insecure_skip_verify`. With `flymqs://`, `tls_enabled` is true.
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
    /// INVALID_ARGUMENT for an empty list, a port that is no number, or an unknown option.
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
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            config.set(key, value)?;
        }
        if secured.is_some() && !config.tls.enabled {
            return Err(invalid(
                "flymqs:// and tls_enabled=false contradict each other".to_owned(),
            ));
        }
        Ok(config)
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
        if self.connect_timeout.is_zero() || self.request_timeout.is_zero() {
            return Err(invalid("connect_timeout and request_timeout are above 0".to_owned()));
        }
        if !(1024..=1 << 30).contains(&self.max_response_bytes) {
            return Err(invalid("max_response_bytes is 1 KiB to 1 GiB".to_owned()));
        }
        self.tls.check()
    }

    /// How often a connection on which requests wait looks whether the broker still answers. It
    /// takes up to three looks to tell, which leaves time to ask another broker.
    pub(crate) fn probe_interval(&self) -> Duration {
        (self.request_timeout / 4).clamp(Duration::from_millis(100), Duration::from_secs(10))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let millis = || {
            value
                .parse()
                .map(Duration::from_millis)
                .map_err(|_| invalid(format!("{key} takes milliseconds, not {value:?}")))
        };
        match key {
            "client_id" => self.client_id = value.to_owned(),
            "transactional_id" => self.transactional_id = Some(value.to_owned()),
            "connect_timeout_ms" => self.connect_timeout = millis()?,
            "request_timeout_ms" => self.request_timeout = millis()?,
            "backoff_initial_ms" => self.backoff_initial = millis()?,
            "backoff_max_ms" => self.backoff_max = millis()?,
            "max_response_bytes" => {
                self.max_response_bytes = value
                    .parse()
                    .map_err(|_| invalid(format!("{key} takes bytes, not {value:?}")))?;
            }
            _ => {
                let known = match key.strip_prefix("tls_") {
                    Some(name) => self.tls.set(name, value)?,
                    None => false,
                };
                if !known {
                    return Err(invalid(format!("there is no option {key:?}")));
                }
            }
        }
        Ok(())
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
}
