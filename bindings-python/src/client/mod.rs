//! `FlyMQClient` and `AsyncFlyMQClient`.
//!
//! | module | holds |
//! | --- | --- |
//! | [`options`] | constructing them |
//! | [`records`] | producing and consuming |
//! | [`admin`] | topics and offsets |
//! | [`groups`] | groups from outside |

mod admin;
mod groups;
mod options;
mod records;

use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flymq_core::{Client, EndpointMetrics, PooledClient};
use flymq_python_macros::mirrored;
use futures_util::FutureExt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asyncio::{AsyncHandle, Call};
use crate::context::{asyncio_context, blocking_context};
use crate::convert::Addresses;
use crate::handle::{Blueprint, Handle, Making, Resource, Served};
use crate::transaction::{AsyncTransaction, Transacting, Transaction};
use crate::wait::{Failure, in_time};
use options::Options;

/// A connected client of the core.
#[derive(Clone)]
pub struct Connected {
    pub client: Client,
    /// The client's place in its pool, if it has one.
    lease: Arc<Mutex<Option<PooledClient>>>,
}

impl Connected {
    fn new(client: Client) -> Self {
        Self { client, lease: Arc::default() }
    }

    /// A client that goes back to its pool when it is closed.
    pub fn borrowed(lease: PooledClient) -> Self {
        Self { client: lease.clone(), lease: Arc::new(Mutex::new(Some(lease))) }
    }
}

impl Resource for Connected {
    const NAME: &'static str = "client";

    async fn close(self, timeout: Option<Duration>) -> Result<(), Failure> {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        let close = async move {
            match lease {
                Some(lease) => drop(lease),
                None => self.client.close().await,
            }
            Ok::<_, Failure>(())
        };
        in_time(timeout, "close", close).await
    }
}

/// Whom a producer or a consumer is to use: a client, or one of its own.
#[derive(FromPyObject)]
pub enum Through {
    Client(Py<FlyMQClient>),
    AsyncClient(Py<AsyncFlyMQClient>),
    Addresses(Addresses),
}

/// Whom a producer or a consumer uses.
pub enum Base {
    Client(Py<FlyMQClient>),
    AsyncClient(Py<AsyncFlyMQClient>),
    Own(Box<Options>),
}

impl Base {
    pub fn new(through: Option<Through>) -> PyResult<Self> {
        Ok(match through {
            Some(Through::Client(client)) => Self::Client(client),
            Some(Through::AsyncClient(client)) => Self::AsyncClient(client),
            Some(Through::Addresses(addresses)) => Self::own(Some(addresses))?,
            None => Self::own(None)?,
        })
    }

    fn own(addresses: Option<Addresses>) -> PyResult<Self> {
        Ok(Self::Own(Box::new(Options::default_for(addresses)?)))
    }

    pub fn make(&self, py: Python<'_>) -> PyResult<Making<Connected>> {
        let Served { core, host } = match self {
            Self::Client(client) => client.get().handle.get()?,
            Self::AsyncClient(client) => client.get().handle.get(py)?,
            Self::Own(options) => return options.make(py),
        };
        Ok((host, ready(Ok(core)).boxed()))
    }
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
///     with FlyMQClient() as client:
///         client.produce("orders", data)
///         with client.transaction() as txn:
///             txn.produce("debits", "-10", key="alice")
///             txn.produce("credits", "10", key="bob")
///
/// One client is enough for a program: it may be used from any number of threads. `close()`, which
/// leaving a `with` block calls, ends it; calls after that raise ClosedError. A child of `fork`
/// gets ForkError and opens its own.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct FlyMQClient {
    handle: Arc<Handle<Connected>>,
}

impl FlyMQClient {
    fn open(py: Python<'_>, options: Options) -> PyResult<Self> {
        Ok(Self { handle: Handle::make(py, &options)? })
    }

    pub fn opened(client: Served<Connected>) -> Self {
        Self { handle: Handle::new(client) }
    }
}

/// `FlyMQClient` for asyncio: its methods, awaited.
///
///     async with AsyncFlyMQClient() as client:
///         await client.produce("orders", data)
///         async with client.transaction() as txn:
///             await txn.produce("debits", "-10", key="alice")
///             await txn.produce("credits", "10", key="bob")
///
/// The options are those of FlyMQClient, and so are the methods with their arguments and results.
/// Constructing connects nothing: `async with` or `await client.connect()` does, on the event loop that
/// runs then, and there the client is used from then on. Another event loop has a client of its own.
///
/// A call begins when it is awaited. Cancelling its task gives it up at once: a request that has been
/// sent may still be carried out, so that a record of a cancelled `produce` may or may not be stored.
/// `close()`, which leaving the block calls, finishes what is being sent; other calls that are under way
/// raise ClosedError then.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct AsyncFlyMQClient {
    handle: Arc<AsyncHandle<Connected>>,
}

impl AsyncFlyMQClient {
    fn unconnected(options: Options) -> Self {
        Self { handle: AsyncHandle::unconnected(options) }
    }

    pub fn opened(py: Python<'_>, client: Served<Connected>) -> PyResult<Self> {
        Ok(Self { handle: AsyncHandle::open(py, client)? })
    }

    /// How to connect a client like this one.
    pub fn blueprint(&self) -> PyResult<Arc<dyn Blueprint<Resource = Connected>>> {
        self.handle.blueprint()
    }
}

#[mirrored(FlyMQClient, AsyncFlyMQClient)]
impl Connected {
    /// The brokers that it was told of, each as "host:port".
    #[getter]
    fn addresses(self) -> flymq_core::Result<Vec<String>> {
        Ok(self.client.addresses().to_vec())
    }

    /// Return the name of the user that the broker takes this client for.
    async fn whoami(self) -> flymq_core::Result<String> {
        Ok(self.client.whoami().await?.principal)
    }

    /// Begin a transaction: several records, and offsets of a group, that are stored together or not
    /// at all. Leaving its block commits; leaving it by an exception aborts.
    ///
    /// A client has one transaction at a time: the next one raises InvalidTxnStateError while one is
    /// open. For several at once make TransactionalProducers. A program that gives the client a
    /// `transactional_id`, the same after each restart, puts what it left open before out of action;
    /// without one that is aborted by its time-out of 15 s.
    #[opens(Transaction, AsyncTransaction)]
    async fn transaction(self) -> flymq_core::Result<Transacting> {
        let transaction = self.client.transaction().await?;
        Ok(Transacting::new(transaction, Arc::default()))
    }

    /// Ask the broker whether it is there, and return how many seconds the answer took.
    async fn ping(self) -> flymq_core::Result<f64> {
        Ok(self.client.ping().await?.as_secs_f64())
    }

    /// Return what was counted up to now: connections, requests, retries, errors by code, bytes
    /// buffered, records sent and consumed, and latencies in seconds. `endpoints` has every address of
    /// a broker that is known, with the state of its circuit breaker, "closed", "open" or "half-open",
    /// and its last error, which was `last_error_at` milliseconds after 1970 began.
    fn metrics(self) -> flymq_core::Result<Metrics> {
        Ok(Metrics(self.client.metrics()))
    }
}

#[pymethods]
impl FlyMQClient {
    /// Finish what is under way and close all connections. Harmless when closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.close(py, None)
    }
}

#[pymethods]
impl AsyncFlyMQClient {
    /// Finish what is under way and close all connections. Harmless when closed.
    fn close(&self) -> Call {
        self.handle.close("AsyncFlyMQClient.close", None)
    }
}

blocking_context!(FlyMQClient);
asyncio_context!(AsyncFlyMQClient);

/// A dict of Python.
struct Metrics(flymq_core::MetricsSnapshot);

impl<'py> IntoPyObject<'py> for Metrics {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let Self(metrics) = self;
        let dict = PyDict::new(py);
        dict.set_item("connections", metrics.connections)?;
        dict.set_item("connections_opened", metrics.connections_opened)?;
        dict.set_item("connections_failed", metrics.connections_failed)?;
        dict.set_item("connections_lost", metrics.connections_lost)?;
        dict.set_item("reconnects", metrics.reconnects)?;
        dict.set_item("failovers", metrics.failovers)?;
        dict.set_item("metadata_refreshes", metrics.metadata_refreshes)?;
        let endpoints = metrics.endpoints.into_iter().map(|found| endpoint(py, found));
        dict.set_item("endpoints", endpoints.collect::<PyResult<Vec<_>>>()?)?;
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
}

fn endpoint<'py>(py: Python<'py>, found: EndpointMetrics) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("name", found.name)?;
    dict.set_item("address", found.address)?;
    dict.set_item("learnt", found.learnt)?;
    dict.set_item("in_use", found.in_use)?;
    dict.set_item("circuit", found.circuit.name())?;
    dict.set_item("failures", found.failures)?;
    dict.set_item("last_error", found.last_error)?;
    dict.set_item("last_error_at", found.last_error_at)?;
    Ok(dict)
}
