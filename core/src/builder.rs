//! Options of a client, one by one.

use std::path::PathBuf;
use std::time::Duration;

use flymq_auth::Password;

use crate::client::Client;
use crate::config::{Config, Mechanism, OPTIONS};
use crate::encryption::{Encryption, EncryptionKey, Keyring};
use crate::error::Result;
use crate::options::{self, OptionInfo};
use crate::pool::ClientPool;
use crate::tls::{Pem, TlsVersion};

/// Options of a client. Made by [`Client::builder`].
///
/// ```no_run
/// # async fn example() -> flymq_core::Result<()> {
/// use std::time::Duration;
/// use flymq_core::Client;
///
/// let client = Client::builder("broker-1:9092,broker-2:9092")
///     .client_id("billing")
///     .request_timeout(Duration::from_secs(10))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    config: Result<Config>,
}

impl ClientBuilder {
    pub(crate) fn new(addresses: &str) -> Self {
        Self { config: Config::parse(addresses) }
    }

    fn with(mut self, set: impl FnOnce(&mut Config)) -> Self {
        if let Ok(config) = &mut self.config {
            set(config);
        }
        self
    }

    /// All options that [`set`](Self::set) takes, in an order to read them in.
    ///
    /// ```
    /// let names: Vec<_> = flymq_core::ClientBuilder::options().map(|option| option.name).collect();
    /// assert!(names.contains(&"connect_timeout_ms"));
    /// ```
    pub fn options() -> impl Iterator<Item = &'static OptionInfo> {
        options::infos(OPTIONS)
    }

    /// Sets an option by its name (see [`options`](Self::options)). What is wrong with it is said
    /// by [`check`](Self::check) and [`connect`](Self::connect).
    pub fn set(self, name: &str, value: &str) -> Self {
        Self { config: self.config.and_then(|config| config.set(name, value)) }
    }

    /// Takes from the environment what is not set: the user's name from FLYMQ_USERNAME, the password
    /// from FLYMQ_PASSWORD or the file that FLYMQ_PASSWORD_FILE names, encryption keys as
    /// [`Keyring::from_env`] does.
    pub fn or_environment(self) -> Self {
        let from_environment = |config: Config| {
            let mut config = config.or_environment()?;
            if config.encryption.is_none() {
                config.encryption = Keyring::from_env()?.map(Encryption::new);
            }
            Ok(config)
        };
        Self { config: self.config.and_then(from_environment) }
    }

    /// Looks for mistakes in the options, as [`connect`](Self::connect) does first.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT.
    pub fn check(&self) -> Result<()> {
        self.config.as_ref().map_err(Clone::clone)?.check()
    }

    /// A name for the broker's logs. Default `flymq`.
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.with(|config| config.client_id = id.into())
    }

    /// The name of the producer behind [`Client::transaction`], 1 to 255 bytes. Default a random one.
    pub fn transactional_id(self, id: impl Into<String>) -> Self {
        self.with(|config| config.transactional_id = Some(id.into()))
    }

    /// A file in the form of `/etc/hosts` that is looked into before the system is asked what
    /// address a broker's name stands for. It is read each time. Default none.
    pub fn hosts_file(self, path: impl Into<PathBuf>) -> Self {
        self.with(|config| config.hosts_file = Some(path.into()))
    }

    /// How long what is known of the cluster's brokers is taken for true; 0 to use the given
    /// addresses only. Default 5 minutes.
    pub fn metadata_max_age(self, age: Duration) -> Self {
        self.with(|config| config.metadata_max_age = age)
    }

    /// How long making a connection may take. Default 10 s.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.with(|config| config.connect_timeout = timeout)
    }

    /// How long a request may take, retries included. Default 30 s.
    pub fn request_timeout(self, timeout: Duration) -> Self {
        self.with(|config| config.request_timeout = timeout)
    }

    /// The first and the longest pause before trying again. It doubles each time, with full jitter.
    /// Default 50 ms and 2 s.
    pub fn backoff(self, initial: Duration, max: Duration) -> Self {
        self.with(|config| {
            config.backoff_initial = initial;
            config.backoff_max = max;
        })
    }

    /// The longest response that is taken, in bytes; also what a batch may expand to. Default 64 MiB.
    pub fn max_response_bytes(self, bytes: usize) -> Self {
        self.with(|config| config.max_response_bytes = bytes)
    }

    /// Whether connections are secured by TLS. Default off.
    pub fn tls_enabled(self, enabled: bool) -> Self {
        self.with(|config| config.tls.enabled = enabled)
    }

    /// Whom to trust in place of the operating system's certificate authorities: certificates in a
    /// PEM file.
    pub fn tls_ca_file(self, path: impl Into<PathBuf>) -> Self {
        self.with(|config| config.tls.ca = Some(Pem::File(path.into())))
    }

    /// As [`tls_ca_file`](Self::tls_ca_file), with the PEM text itself.
    pub fn tls_ca_pem(self, pem: impl Into<Vec<u8>>) -> Self {
        self.with(|config| config.tls.ca = Some(Pem::Memory(pem.into())))
    }

    /// The name that the broker's certificate must have. Default the host connected to.
    pub fn tls_server_name(self, name: impl Into<String>) -> Self {
        self.with(|config| config.tls.server_name = Some(name.into()))
    }

    /// The client's own certificate and its key in PEM files, for brokers that ask for one.
    pub fn tls_cert_file(self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.with(|config| {
            config.tls.cert = Some(Pem::File(cert.into()));
            config.tls.key = Some(Pem::File(key.into()));
        })
    }

    /// As [`tls_cert_file`](Self::tls_cert_file), with the PEM texts themselves.
    pub fn tls_cert_pem(self, cert: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.with(|config| {
            config.tls.cert = Some(Pem::Memory(cert.into()));
            config.tls.key = Some(Pem::Memory(key.into()));
        })
    }

    /// The lowest version of TLS that is spoken. Default 1.2.
    pub fn tls_min_version(self, version: TlsVersion) -> Self {
        self.with(|config| config.tls.min_version = version)
    }

    /// Takes any certificate of a broker, which secures nothing. For trying things out. Default off.
    pub fn tls_insecure_skip_verify(self, skip: bool) -> Self {
        self.with(|config| config.tls.insecure_skip_verify = skip)
    }

    /// Encrypts what is sent and decrypts what is read with this key. Default neither.
    pub fn encryption_key(self, key: EncryptionKey) -> Self {
        self.encryption(Encryption::new(Keyring::new(key)))
    }

    /// Encrypts what is sent and decrypts what is read. Default neither.
    pub fn encryption(self, encryption: Encryption) -> Self {
        self.with(|config| config.encryption = Some(encryption))
    }

    /// Whether encrypted records are decrypted; else they are read as they are stored, without an
    /// error for want of a key. Default on.
    pub fn decrypt(self, decrypt: bool) -> Self {
        self.with(|config| config.decrypt = decrypt)
    }

    /// Who to log in as, with a password. Nobody by default.
    pub fn credentials(self, username: impl Into<String>, password: Password) -> Self {
        self.with(|config| {
            config.username = Some(username.into());
            config.password = Some(password);
        })
    }

    /// How to log in. Default [`Mechanism::Auto`]: the best that both sides offer.
    pub fn sasl_mechanism(self, mechanism: Mechanism) -> Self {
        self.with(|config| config.sasl_mechanism = mechanism)
    }

    /// Send the password itself even where others may read it, if the broker takes nothing else.
    /// Default no.
    pub fn allow_plain_without_tls(self, allow: bool) -> Self {
        self.with(|config| config.allow_plain_without_tls = allow)
    }

    /// Connects. Must be called within a tokio runtime, which serves the client from then on.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for addresses or options that are not valid; CONNECT_FAILED if no broker
    /// answers within the connect time-out; TLS_FAILED; TLS_REQUIRED; AUTH_REQUIRED, AUTH_FAILED,
    /// UNSUPPORTED_MECHANISM.
    pub async fn connect(self) -> Result<Client> {
        Client::with_config(self.config?).await
    }

    /// A pool of up to `size` clients with these options (see [`ClientPool`]).
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a size that is not 1 to 10,000, and for addresses or options that are not
    /// valid.
    pub fn pool(self, size: usize) -> Result<ClientPool> {
        ClientPool::new(self.config?, size)
    }
}
