//! `FlyMQClient`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flymq_core::config::read_password;
use flymq_core::{
    Client, Config, FetchOptions, Password, Pem, PooledClient, TlsConfig, TlsVersion,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::at_exit::patience_after;
use crate::convert::{self, Addresses, Data, Headers, Seconds};
use crate::encryption::{Key, Keys, encryption};
use crate::errors;
use crate::handle::{Handle, Resource};
use crate::messages::{Message, RecordMetadata};
use crate::producer::Origin;
use crate::serdes::{Deserializer, Deserializers, Serializer, Serializers};
use crate::tls;
use crate::transaction::Transaction;
use crate::wait::{Failure, Host, in_time};

/// Threads that serve a client's connections.
const THREADS: usize = 1;

/// A connected client of the core. The client is dropped before the threads that serve it.
pub struct Connected {
    pub client: Client,
    /// The client's place in its pool, if it has one.
    lease: Mutex<Option<PooledClient>>,
    pub host: Arc<Host>,
}

impl Connected {
    pub fn new(py: Python<'_>, config: Config) -> PyResult<Self> {
        let host = Arc::new(Host::new(THREADS)?);
        let client = host.wait(py, Client::with_config(config))?;
        Ok(Self { client, lease: Mutex::default(), host })
    }

    fn borrowed(lease: PooledClient, host: Arc<Host>) -> Self {
        Self { client: lease.clone(), lease: Mutex::new(Some(lease)), host }
    }
}

impl Resource for Connected {
    const NAME: &'static str = "client";

    fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        if let Some(lease) = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(lease);
            return Ok(());
        }
        let close = async {
            self.client.close().await;
            Ok::<_, Failure>(())
        };
        self.host.wait(py, in_time(timeout, "close", close))
    }
}

/// The core's options for the addresses: those given, else FLYMQ_BOOTSTRAP_SERVERS, else the core's
/// default; and for the keys, with those of the environment by default.
pub fn config(
    addresses: Option<Addresses>,
    key: Option<Key>,
    keyring: Option<Keys<'_>>,
) -> PyResult<Config> {
    let addresses =
        addresses.map(|a| a.0).or_else(|| std::env::var("FLYMQ_BOOTSTRAP_SERVERS").ok());
    let config = match addresses {
        Some(addresses) => Config::parse(&addresses).map_err(errors::from_core)?,
        None => Config::default(),
    };
    Ok(Config { encryption: encryption(key, keyring)?, ..config })
}

/// Whom a producer or a consumer uses: a client, or one of its own.
#[derive(FromPyObject)]
pub enum Through<'py> {
    Client(Bound<'py, FlyMQClient>),
    Addresses(Addresses),
}

impl Through<'_> {
    pub fn connected(this: Option<Self>, py: Python<'_>) -> PyResult<Arc<Connected>> {
        let addresses = match this {
            Some(Through::Client(client)) => return client.get().connected(),
            Some(Through::Addresses(addresses)) => Some(addresses),
            None => None,
        };
        Ok(Arc::new(Connected::new(
            py,
            with_user(config(addresses, None, None)?, None, None, None)?,
        )?))
    }
}

/// The options with the user's name and password: those given, else those of the environment.
pub fn with_user(
    mut config: Config,
    username: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
) -> PyResult<Config> {
    config.username = username.or(config.username);
    config.password = match (password, password_file) {
        (Some(_), Some(_)) => {
            return Err(PyValueError::new_err("give password or password_file, not both"));
        }
        (Some(password), None) => Some(Password::new(password)),
        (None, Some(file)) => Some(read_password(&file).map_err(errors::from_core)?),
        (None, None) => None,
    };
    config.or_environment().map_err(errors::from_core)
}

/// A client of a FlyMQ broker, or of several that serve the same data.
///
/// `addresses` is "host:port,…", a sequence of "host:port", or a "flymq://" or "flymqs://" URL; without it the
/// environment variable FLYMQ_BOOTSTRAP_SERVERS counts, else localhost:9092. Timeouts are seconds:
/// `connect_timeout` (10) for making a connection, `request_timeout` (30) for a request with its
/// retries. `transactional_id` names the producer behind `transaction()`. Connects at once, and
/// raises ConnectFailedError where no broker answers.
///
/// With `tls_enabled`, or a "flymqs://" URL, connections are secured. `tls_ca_file` names whom to trust
/// in place of the operating system's authorities, `tls_server_name` the name that the broker's
/// certificate must have if not the host, `tls_cert_file` and `tls_key_file` the client's own
/// certificate; each as a PEM file, or with `_pem` in place of `_file` as its content.
/// `tls_min_version` is "1.2" (the default) or "1.3". `tls_insecure_skip_verify` takes any certificate.
/// Raises TlsFailedError where a connection cannot be secured.
///
/// With `encryption_key`, 32 bytes or a str of base64 or hex, values are encrypted before they are sent
/// and decrypted when they are read; with `encryption_keyring`, a Keyring or a mapping of ids to keys,
/// by its first key, and decrypted by any. Without either, what FLYMQ_ENCRYPTION_KEY or
/// FLYMQ_ENCRYPTION_KEYRING (a file) says. `encrypt_headers` encrypts names and values of headers too;
/// `refuse_plain` refuses records that are not encrypted. With `decrypt=False` encrypted records are
/// returned as they are stored.
///
/// `username` with `password`, or with `password_file` whose first line it is, logs in; without them
/// FLYMQ_USERNAME, FLYMQ_PASSWORD and FLYMQ_PASSWORD_FILE count. `sasl_mechanism` is "auto",
/// "SCRAM-SHA-256", "PLAIN" or "EXTERNAL"; `allow_plain_without_tls` sends the password itself even
/// where others may read it, if the broker takes nothing else. AuthFailedError says that the broker
/// does not accept them.
///
/// One client is enough for a program: it may be used from any number of threads. `close()`, which
/// leaving a `with` block calls, ends it; calls after that raise ClosedError. A child of `fork`
/// gets ForkError and opens its own.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct FlyMQClient {
    handle: Arc<Handle<Connected>>,
}

impl FlyMQClient {
    pub fn connected(&self) -> PyResult<Arc<Connected>> {
        self.handle.get()
    }

    /// A client that goes back to its pool when it is closed.
    pub fn borrowed(lease: PooledClient, host: Arc<Host>) -> Self {
        Self { handle: Handle::new(Connected::borrowed(lease, host)) }
    }

    /// Gives the connection up to whoever goes on with it.
    pub fn take_parts(&self) -> PyResult<(Client, Arc<Host>)> {
        let connected = self.handle.get()?;
        self.handle.forget()?;
        Ok((connected.client.clone(), connected.host.clone()))
    }
}

#[pymethods]
impl FlyMQClient {
    #[new]
    #[pyo3(signature = (addresses=None, *, client_id=None, transactional_id=None, connect_timeout=None, request_timeout=None, tls_enabled=None, tls_ca_file=None, tls_ca_pem=None, tls_server_name=None, tls_cert_file=None, tls_cert_pem=None, tls_key_file=None, tls_key_pem=None, tls_min_version=None, tls_insecure_skip_verify=None, encryption_key=None, encryption_keyring=None, encrypt_headers=false, refuse_plain=false, decrypt=true, username=None, password=None, password_file=None, sasl_mechanism=None, allow_plain_without_tls=None))]
    fn new(
        py: Python<'_>,
        addresses: Option<Addresses>,
        client_id: Option<String>,
        transactional_id: Option<String>,
        connect_timeout: Option<Seconds>,
        request_timeout: Option<Seconds>,
        tls_enabled: Option<bool>,
        tls_ca_file: Option<PathBuf>,
        tls_ca_pem: Option<Data>,
        tls_server_name: Option<String>,
        tls_cert_file: Option<PathBuf>,
        tls_cert_pem: Option<Data>,
        tls_key_file: Option<PathBuf>,
        tls_key_pem: Option<Data>,
        tls_min_version: Option<&str>,
        tls_insecure_skip_verify: Option<bool>,
        encryption_key: Option<Key>,
        encryption_keyring: Option<Keys<'_>>,
        encrypt_headers: bool,
        refuse_plain: bool,
        decrypt: bool,
        username: Option<String>,
        password: Option<String>,
        password_file: Option<PathBuf>,
        sasl_mechanism: Option<&str>,
        allow_plain_without_tls: Option<bool>,
    ) -> PyResult<Self> {
        let config = config(addresses, encryption_key, encryption_keyring)?;
        let mut config = with_user(config, username, password, password_file)?;
        if let Some(mechanism) = sasl_mechanism {
            config.sasl_mechanism = mechanism.parse().map_err(errors::from_core)?;
        }
        if let Some(allow) = allow_plain_without_tls {
            config.allow_plain_without_tls = allow;
        }
        if config.encryption.is_none() && (encrypt_headers || refuse_plain) {
            return Err(PyValueError::new_err(
                "encrypt_headers and refuse_plain need an encryption_key",
            ));
        }
        config.encryption =
            config.encryption.map(|e| e.seal_headers(encrypt_headers).refuse_plain(refuse_plain));
        config.decrypt = decrypt;
        config.client_id = client_id.unwrap_or(config.client_id);
        config.transactional_id = transactional_id.or(config.transactional_id);
        config.connect_timeout = connect_timeout.map_or(config.connect_timeout, |s| s.0);
        config.request_timeout = request_timeout.map_or(config.request_timeout, |s| s.0);
        let ca = tls::pem("ca", tls_ca_file, tls_ca_pem, Pem::File, Pem::Memory)?;
        let cert = tls::pem("cert", tls_cert_file, tls_cert_pem, Pem::File, Pem::Memory)?;
        let key = tls::pem("key", tls_key_file, tls_key_pem, Pem::File, Pem::Memory)?;
        let given = config.tls;
        config.tls = TlsConfig {
            enabled: tls_enabled.unwrap_or(given.enabled),
            ca: ca.or(given.ca),
            server_name: tls_server_name.or(given.server_name),
            cert: cert.or(given.cert),
            key: key.or(given.key),
            min_version: match tls_min_version.map(tls::is_1_3).transpose()? {
                Some(true) => TlsVersion::V1_3,
                Some(false) => TlsVersion::V1_2,
                None => given.min_version,
            },
            insecure_skip_verify: tls_insecure_skip_verify.unwrap_or(given.insecure_skip_verify),
        };
        Ok(Self { handle: Handle::new(Connected::new(py, config)?) })
    }

    /// Return the name of the user that the broker takes this client for.
    fn whoami(&self, py: Python<'_>) -> PyResult<String> {
        let this = self.handle.get()?;
        Ok(this.host.wait(py, this.client.whoami())?.principal)
    }

    /// Send one record, wait until it is stored, and return its offset.
    ///
    /// Records of one key go to one partition; without a key they go round the partitions, so that
    /// offsets alone do not say where a record is: see `produce_record`. `data` and `key` are
    /// bytes-like, or str for UTF-8; `data` None marks the key as deleted. `headers` maps names to
    /// values, or is pairs of both. `timestamp` is milliseconds since 1970, by default now. With a
    /// `serializer`, see `flymq.serializers`, `data` is what that takes.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
    fn produce(
        &self,
        py: Python<'_>,
        topic: &str,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<Serializer>,
    ) -> PyResult<u64> {
        self.produce_record(py, topic, data, key, headers, partition, timestamp, serializer)
            .map(|stored| stored.0.offset)
    }

    /// As `produce`, but return the RecordMetadata: topic, partition, offset and timestamp.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
    fn produce_record(
        &self,
        py: Python<'_>,
        topic: &str,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<Serializer>,
    ) -> PyResult<RecordMetadata> {
        let serializers = Serializers::of_value(serializer);
        let record = serializers.record(topic, data, key, headers, partition, timestamp, None)?;
        let this = self.handle.get()?;
        this.host.wait(py, this.client.produce(topic, record)).map(RecordMetadata)
    }

    /// Send (key, data) pairs, wait until all are stored, and return their offsets in their order.
    ///
    /// `partition` and `serializer` are for all of them. The first failure is raised; some of the
    /// others may be stored then.
    #[pyo3(signature = (topic, records, partition=None, *, serializer=None))]
    fn produce_batch(
        &self,
        py: Python<'_>,
        topic: &str,
        records: &Bound<'_, PyAny>,
        partition: Option<u32>,
        serializer: Option<Serializer>,
    ) -> PyResult<Vec<u64>> {
        let records = Serializers::of_value(serializer).records(topic, records, partition)?;
        let this = self.handle.get()?;
        let stored = this.host.wait(py, this.client.produce_batch(topic, records))?;
        Ok(stored.into_iter().map(|stored| stored.offset).collect())
    }

    /// Return the first message at or after the offset, or None at the end of the log. Its value is
    /// what the `deserializer` makes of it, see `flymq.serializers`, else bytes.
    #[pyo3(signature = (topic, offset, partition=0, *, deserializer=None))]
    fn consume(
        &self,
        py: Python<'_>,
        topic: &str,
        offset: u64,
        partition: u32,
        deserializer: Option<Deserializer>,
    ) -> PyResult<Option<Message>> {
        let this = self.handle.get()?;
        let message = this.host.wait(py, this.client.consume(topic, partition, offset))?;
        let deserializers = Deserializers::of_value(deserializer);
        message.map(|message| deserializers.message(py, &message)).transpose()
    }

    /// Return messages of a partition from the offset on; none at the end of the log.
    ///
    /// Waits up to `max_wait` seconds (0) for `min_bytes` (1) if there are none yet. Returns at
    /// most `max_records` (10,000), and roughly `max_bytes` (1 MiB). `isolation` is
    /// "read_committed" (the default) or "read_uncommitted". Read on behind the last message's
    /// offset; offsets may have gaps. Values are what the `deserializer` makes of them; the first
    /// that it cannot read raises SerializationError, which says where.
    #[pyo3(signature = (topic, offset, partition=0, *, max_records=None, max_wait=None, max_bytes=None, min_bytes=None, isolation=None, deserializer=None))]
    fn fetch(
        &self,
        py: Python<'_>,
        topic: &str,
        offset: u64,
        partition: u32,
        max_records: Option<usize>,
        max_wait: Option<Seconds>,
        max_bytes: Option<u32>,
        min_bytes: Option<u32>,
        isolation: Option<&str>,
        deserializer: Option<Deserializer>,
    ) -> PyResult<Vec<Message>> {
        let defaults = FetchOptions::default();
        let options = FetchOptions {
            max_wait: max_wait.map_or(defaults.max_wait, |s| s.0),
            min_bytes: min_bytes.unwrap_or(defaults.min_bytes),
            max_bytes: max_bytes.unwrap_or(defaults.max_bytes),
            max_records: max_records.unwrap_or(defaults.max_records),
            isolation: isolation.map_or(Ok(defaults.isolation), convert::isolation)?,
        };
        let this = self.handle.get()?;
        let messages = this.host.wait(py, this.client.fetch(topic, partition, offset, options))?;
        Deserializers::of_value(deserializer).messages(py, &messages)
    }

    /// Begin a transaction: several records, and offsets of a group, that are stored together or not
    /// at all. Leaving the `with` block commits; leaving it by an exception aborts.
    ///
    ///     with client.transaction() as txn:
    ///         txn.produce("debits", "-10", key="alice")
    ///         txn.produce("credits", "10", key="bob")
    ///
    /// A client has one transaction at a time: the next one raises InvalidTxnStateError while one is
    /// open. For several at once make TransactionalProducers. A program that gives the client a
    /// `transactional_id`, the same after each restart, puts what it left open before out of action;
    /// without one that is aborted by its time-out of 15 s.
    fn transaction(&self, py: Python<'_>) -> PyResult<Transaction> {
        let this = self.handle.get()?;
        let transaction = this.host.wait(py, this.client.transaction())?;
        Ok(Transaction::new(transaction, Origin::new(this), Serializers::default()))
    }

    /// Ask the broker whether it is there, and return how many seconds the answer took.
    fn ping(&self, py: Python<'_>) -> PyResult<f64> {
        let this = self.handle.get()?;
        Ok(this.host.wait(py, this.client.ping())?.as_secs_f64())
    }

    /// Return what was counted up to now: connections, requests, retries, errors by code, bytes
    /// buffered, records sent and consumed, and latencies in seconds.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let metrics = self.handle.get()?.client.metrics();
        let dict = PyDict::new(py);
        dict.set_item("connections", metrics.connections)?;
        dict.set_item("requests", metrics.requests)?;
        dict.set_item("retries", metrics.retries)?;
        dict.set_item("errors", metrics.errors)?;
        dict.set_item("buffered_bytes", metrics.buffered_bytes)?;
        dict.set_item("sent_records", metrics.sent_records)?;
        dict.set_item("consumed_records", metrics.consumed_records)?;
        dict.set_item("latency_p50", metrics.latency_p50.as_secs_f64())?;
        dict.set_item("latency_p90", metrics.latency_p90.as_secs_f64())?;
        dict.set_item("latency_p99", metrics.latency_p99.as_secs_f64())?;
        dict.set_item("latency_p999", metrics.latency_p999.as_secs_f64())?;
        Ok(dict)
    }

    /// Finish what is under way and close all connections. Harmless when closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.close(py, None)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: Option<&Bound<'_, PyType>>,
        exc_value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (exc_value, traceback);
        self.handle.close(py, patience_after(exc_type)?)
    }
}
