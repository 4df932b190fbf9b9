//! Options of a client, one by one.

use std::time::Duration;

use flymq_auth::Password;

use crate::client::Client;
use crate::config::{Config, Mechanism};
use crate::error::Result;

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

    /// A name for the broker's logs. Default `flymq`.
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.with(|config| config.client_id = id.into())
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
    /// answers within the connect time-out; AUTH_REQUIRED, AUTH_FAILED, UNSUPPORTED_MECHANISM.
    pub async fn connect(self) -> Result<Client> {
        Client::with_config(self.config?).await
    }
}
