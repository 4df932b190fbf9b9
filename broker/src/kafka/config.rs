//! How a gateway reaches its Kafka cluster, by the names that Kafka's own clients give to options.

use std::path::PathBuf;
use std::time::Duration;

use flymq_auth::{Hash, Password, Sha256, Sha512};
use flymq_protocol::{ErrorCode, ProtocolError};

use crate::Result;

/// Options of the Kafka engine. `Debug` shows no secrets.
///
/// ```
/// use flymq_broker::kafka::KafkaConfig;
///
/// let mut config = KafkaConfig::new("kafka-1:9092,kafka-2:9092");
/// config.set("security.protocol", "SASL_SSL")?;
/// config.set("sasl.mechanism", "SCRAM-SHA-256")?;
/// config.set("sasl.username", "flymq")?;
/// config.set("sasl.password", "secret")?;
/// assert!(!format!("{config:?}").contains("secret"));
/// assert!(config.set("acks", "1").is_err());
/// # Ok::<(), flymq_broker::ProtocolError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// Nodes to ask for all others, each `host:port`.
    pub bootstrap_servers: Vec<String>,
    /// What the gateway calls itself in Kafka's logs and quotas. Default `flymq`.
    pub client_id: String,
    /// How connections are secured. Default [`SecurityProtocol::Plaintext`].
    pub security_protocol: SecurityProtocol,
    /// How the gateway proves who it is. Default [`SaslMechanism::Plain`].
    pub sasl_mechanism: SaslMechanism,
    /// The user for SASL.
    pub sasl_username: Option<String>,
    /// The user's password.
    pub sasl_password: Option<Password>,
    /// Whom to trust in place of the operating system's certificate authorities: a PEM file.
    pub ssl_ca: Option<PathBuf>,
    /// The gateway's certificate, for clusters that ask for one: a PEM file.
    pub ssl_certificate: Option<PathBuf>,
    /// The certificate's private key, not encrypted: a PEM file.
    pub ssl_key: Option<PathBuf>,
    /// How many copies topics get that do not say; `None` for 3, or as many as there are nodes.
    pub replication_factor: Option<u16>,
    /// How many copies have to take a record before it is acknowledged, in topics that are made
    /// here; never more than a topic has copies, less one. Default 2.
    pub min_insync_replicas: u16,
    /// How long a connection may take to come about. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a node may take to answer one request. Default 10 s.
    pub request_timeout: Duration,
    /// How long an operation is tried, all attempts together. Default 20 s, which is below the 30 s
    /// that FlyMQ's clients wait.
    pub api_timeout: Duration,
    /// The pause before a second attempt; it doubles from there on. Default 50 ms.
    pub retry_backoff: Duration,
    /// The longest pause between attempts, and between attempts to connect. Default 1 s.
    pub retry_backoff_max: Duration,
    /// For how long what is known of a topic is believed without being told otherwise. Default 60 s.
    pub metadata_max_age: Duration,
    /// The longest response that is taken, in bytes. Default 100,000,000.
    pub max_response_bytes: usize,
}

/// How connections to Kafka are secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Not at all.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without TLS.
    SaslPlaintext,
    /// SASL within TLS.
    SaslSsl,
}

impl SecurityProtocol {
    const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// What Kafka calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// What to ask oneself where a node hangs up, which is all that Kafka does about another protocol
    /// than its listener's.
    pub(super) fn doubt(self) -> String {
        let others = Self::ALL.map(Self::name).into_iter().filter(|other| *other != self.name());
        format!(
            "is security.protocol={} that of this listener? Others are --kafka security.protocol={}",
            self.name(),
            others.collect::<Vec<_>>().join("|")
        )
    }

    /// Whether connections are within TLS.
    pub fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether the gateway has to prove who it is.
    pub fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// How the gateway proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Name and password as they are.
    #[default]
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// The mechanism's registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => Sha256::MECHANISM,
            Self::ScramSha512 => Sha512::MECHANISM,
        }
    }
}

/// Sets an option from its text.
type Set = fn(&mut KafkaConfig, &str) -> std::result::Result<(), String>;

const OPTIONS: &[(&str, Set)] = &[
    ("bootstrap.servers", |c, v| {
        c.bootstrap_servers = servers(v);
        Ok(())
    }),
    ("client.id", |c, v| {
        c.client_id = v.to_owned();
        Ok(())
    }),
    ("security.protocol", |c, v| {
        c.security_protocol = one_of(v, &SecurityProtocol::ALL.map(|p| (p.name(), p)))?;
        Ok(())
    }),
    ("sasl.mechanism", |c, v| {
        use SaslMechanism::*;
        let known = [Plain, ScramSha256, ScramSha512].map(|m| (m.name(), m));
        c.sasl_mechanism = one_of(v, &known)?;
        Ok(())
    }),
    ("sasl.username", |c, v| {
        c.sasl_username = Some(v.to_owned());
        Ok(())
    }),
    ("sasl.password", |c, v| {
        c.sasl_password = Some(Password::new(v));
        Ok(())
    }),
    ("ssl.ca.location", |c, v| {
        c.ssl_ca = Some(v.into());
        Ok(())
    }),
    ("ssl.certificate.location", |c, v| {
        c.ssl_certificate = Some(v.into());
        Ok(())
    }),
    ("ssl.key.location", |c, v| {
        c.ssl_key = Some(v.into());
        Ok(())
    }),
    ("replication.factor", |c, v| {
        c.replication_factor = Some(number(v, 1, 32_767)?);
        Ok(())
    }),
    ("min.insync.replicas", |c, v| {
        c.min_insync_replicas = number(v, 1, 32_767)?;
        Ok(())
    }),
    ("socket.connection.setup.timeout.ms", |c, v| {
        c.connect_timeout = millis(v)?;
        Ok(())
    }),
    ("request.timeout.ms", |c, v| {
        c.request_timeout = millis(v)?;
        Ok(())
    }),
    ("default.api.timeout.ms", |c, v| {
        c.api_timeout = millis(v)?;
        Ok(())
    }),
    ("retry.backoff.ms", |c, v| {
        c.retry_backoff = millis(v)?;
        Ok(())
    }),
    ("retry.backoff.max.ms", |c, v| {
        c.retry_backoff_max = millis(v)?;
        Ok(())
    }),
    ("metadata.max.age.ms", |c, v| {
        c.metadata_max_age = millis(v)?;
        Ok(())
    }),
    ("receive.message.max.bytes", |c, v| {
        c.max_response_bytes = number(v, 1 << 20, 1 << 30)?;
        Ok(())
    }),
];

impl KafkaConfig {
    /// Defaults, for the cluster that these comma-separated nodes belong to.
    pub fn new(bootstrap_servers: &str) -> Self {
        Self {
            bootstrap_servers: servers(bootstrap_servers),
            client_id: "flymq".to_owned(),
            security_protocol: SecurityProtocol::default(),
            sasl_mechanism: SaslMechanism::default(),
            sasl_username: None,
            sasl_password: None,
            ssl_ca: None,
            ssl_certificate: None,
            ssl_key: None,
            replication_factor: None,
            min_insync_replicas: 2,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            api_timeout: Duration::from_secs(20),
            retry_backoff: Duration::from_millis(50),
            retry_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(60),
            max_response_bytes: 100_000_000,
        }
    }

    /// Sets the option that Kafka's clients know by this name.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a name that is not known here, or a value that the option does not take.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let Some((_, set)) = OPTIONS.iter().find(|(known, _)| *known == name) else {
            return Err(invalid(unknown(name)));
        };
        // A value is not repeated where it may be a secret.
        set(self, value.trim()).map_err(|expected| invalid(format!("{name} takes {expected}")))
    }

    /// Refuses what cannot work, and what would be less secure than it looks.
    pub(super) fn check(&self) -> Result<()> {
        if self.bootstrap_servers.is_empty() {
            return Err(invalid(
                "the Kafka engine needs at least one node: bootstrap.servers=host:port".to_owned(),
            ));
        }
        for server in &self.bootstrap_servers {
            let port = server.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
            if !matches!(port, Some((host, Ok(1..))) if !host.is_empty()) {
                return Err(invalid(format!("{server:?} in bootstrap.servers is not host:port")));
            }
        }
        let protocol = self.security_protocol;
        let for_tls = [
            ("ssl.ca.location", self.ssl_ca.is_some()),
            ("ssl.certificate.location", self.ssl_certificate.is_some()),
            ("ssl.key.location", self.ssl_key.is_some()),
        ];
        if let Some((name, _)) = for_tls.iter().find(|(_, set)| *set && !protocol.has_tls()) {
            return Err(invalid(format!(
                "{name} is set, but connections are not secured: set security.protocol to SSL or SASL_SSL"
            )));
        }
        if self.ssl_certificate.is_some() != self.ssl_key.is_some() {
            return Err(invalid(
                "ssl.certificate.location and ssl.key.location go together".to_owned(),
            ));
        }
        let has_user = self.sasl_username.is_some() && self.sasl_password.is_some();
        if protocol.has_sasl() && !has_user {
            return Err(invalid("SASL needs sasl.username and sasl.password".to_owned()));
        }
        if !protocol.has_sasl() && (self.sasl_username.is_some() || self.sasl_password.is_some()) {
            return Err(invalid(
                "sasl.username or sasl.password is set, but not used: set security.protocol to SASL_SSL"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

fn servers(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

fn unknown(name: &str) -> String {
    let known: Vec<_> = OPTIONS.iter().map(|(name, _)| *name).collect();
    let likely = known.iter().max_by(|a, b| {
        let near = |known: &str| strsim::jaro_winkler(known, name);
        near(a).total_cmp(&near(b))
    });
    let name = crate::topic::shorten(name);
    match likely.filter(|known| strsim::jaro_winkler(known, &name) > 0.85) {
        Some(known) => format!("there is no Kafka option {name:?}; did you mean {known}?"),
        None => format!(
            "there is no Kafka option {name:?} for a gateway; the options are {}",
            known.join(", ")
        ),
    }
}

fn one_of<T: Copy>(text: &str, known: &[(&str, T)]) -> std::result::Result<T, String> {
    known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            format!("one of {}", known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "))
        })
}

fn number<T: TryFrom<u64>>(text: &str, least: u64, most: u64) -> std::result::Result<T, String> {
    text.parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .and_then(|n: u64| T::try_from(n).ok())
        .ok_or_else(|| format!("a number from {least} to {most}"))
}

fn millis(text: &str) -> std::result::Result<Duration, String> {
    number(text, 1, 3_600_000).map(Duration::from_millis).map_err(|e| format!("{e}, milliseconds"))
}

pub(super) fn invalid(message: String) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_by_kafkas_names() {
        let mut config = KafkaConfig::new(" a:1, b:2 ,");
        assert_eq!(config.bootstrap_servers, ["a:1", "b:2"]);
        config.set("request.timeout.ms", "1500").unwrap();
        assert_eq!(config.request_timeout, Duration::from_millis(1500));
        config.set("security.protocol", "ssl").unwrap();
        assert_eq!(config.security_protocol, SecurityProtocol::Ssl);
        config.check().unwrap();
        let message = |error: ProtocolError| error.message;
        let typo = message(config.set("request.timout.ms", "1").unwrap_err());
        assert!(typo.contains("did you mean request.timeout.ms"), "{typo}");
        let foreign = message(config.set("linger.ms", "1").unwrap_err());
        assert!(foreign.contains("the options are bootstrap.servers"), "{foreign}");
        let bad = message(config.set("sasl.mechanism", "GSSAPI").unwrap_err());
        assert!(bad.contains("SCRAM-SHA-256"), "{bad}");
        assert!(config.set("request.timeout.ms", "0").is_err());
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        let with = |options: &[(&str, &str)]| {
            let mut config = KafkaConfig::new("a:1");
            options.iter().for_each(|(name, value)| config.set(name, value).unwrap());
            config.check().map_err(|e| e.message)
        };
        assert!(with(&[]).is_ok());
        assert!(with(&[("bootstrap.servers", "")]).is_err());
        assert!(with(&[("bootstrap.servers", "a")]).is_err());
        assert!(with(&[("ssl.ca.location", "x")]).unwrap_err().contains("security.protocol"));
        assert!(with(&[("sasl.username", "x")]).unwrap_err().contains("SASL_SSL"));
        assert!(with(&[("security.protocol", "SASL_SSL")]).unwrap_err().contains("sasl.username"));
        let tls = ("security.protocol", "SSL");
        assert!(with(&[tls, ("ssl.key.location", "x")]).is_err());
    }

    #[test]
    fn secrets_do_not_show() {
        let mut config = KafkaConfig::new("a:1");
        config.set("sasl.password", "hunter2").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
