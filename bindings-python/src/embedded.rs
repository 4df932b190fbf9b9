//! A broker inside the Python process.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flymq_broker::{
    AuthConfig, Broker, ClientAuth, Config, Durability, InitialUser, Pem, TlsConfig, TlsVersion,
};
use flymq_core::Password;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tempfile::TempDir;

use crate::context::blocking_context;
use crate::convert::Data;
use crate::handle::{Handle, Resource, Served};
use crate::tls;
use crate::wait::{Failure, Host, in_time};

/// Threads that serve all connections.
const THREADS: usize = 2;

/// A FlyMQ broker inside this process, listening on 127.0.0.1.
///
/// It runs from construction to `close()`, which leaving a `with` block calls. Without `data_dir`
/// it keeps its data in a temporary folder and removes that on close; with it the data stays, for
/// the next broker on the same folder. Port 0 takes a free port; read `address`. With durability
/// "fsync" a record is acknowledged once it is on the disk, with "os" once the operating system
/// has it. With `users`, a mapping of names to passwords, clients have to log in as one of them; each
/// may do everything. Users that `data_dir` has already keep their passwords and rights.
///
/// With `tls_cert_file` and `tls_key_file` it takes connections within TLS only. With
/// `tls_client_ca_file` clients must show a certificate that one of these has signed, unless
/// `tls_client_auth` ("none", "optional", "required") says otherwise. Each is a PEM file, or with
/// `_pem` in place of `_file` its content.
#[pyclass(module = "flymq._native", frozen, weakref)]
pub struct EmbeddedBroker {
    address: SocketAddr,
    data_dir: PathBuf,
    handle: Arc<Handle<Running>>,
}

/// What there is of a broker until it is closed.
#[derive(Clone)]
struct Running(Arc<Mutex<Option<Parts>>>);

struct Parts {
    broker: Broker,
    temporary: Option<TempDir>,
}

/// Authentication with these users as administrators.
fn auth(users: BTreeMap<String, String>) -> AuthConfig {
    let user = |(name, password)| InitialUser {
        name,
        password: Password::new(password),
        roles: vec!["admin".to_owned()],
    };
    AuthConfig { users: users.into_iter().map(user).collect(), ..AuthConfig::default() }
}

#[pymethods]
impl EmbeddedBroker {
    #[new]
    #[pyo3(signature = (data_dir=None, port=0, durability="fsync", *, users=None, tls_cert_file=None, tls_cert_pem=None, tls_key_file=None, tls_key_pem=None, tls_client_ca_file=None, tls_client_ca_pem=None, tls_client_auth=None, tls_min_version="1.2"))]
    fn new(
        py: Python<'_>,
        data_dir: Option<PathBuf>,
        port: u16,
        durability: &str,
        users: Option<BTreeMap<String, String>>,
        tls_cert_file: Option<PathBuf>,
        tls_cert_pem: Option<Data>,
        tls_key_file: Option<PathBuf>,
        tls_key_pem: Option<Data>,
        tls_client_ca_file: Option<PathBuf>,
        tls_client_ca_pem: Option<Data>,
        tls_client_auth: Option<&str>,
        tls_min_version: &str,
    ) -> PyResult<Self> {
        let durability = match durability {
            "fsync" => Durability::Fsync,
            "os" => Durability::Os,
            other => {
                return Err(PyValueError::new_err(format!(
                    "durability must be \"fsync\" or \"os\", not {other:?}"
                )));
            }
        };
        let cert = tls::pem("cert", tls_cert_file, tls_cert_pem, Pem::File, Pem::Memory)?;
        let key = tls::pem("key", tls_key_file, tls_key_pem, Pem::File, Pem::Memory)?;
        let (file, text) = (tls_client_ca_file, tls_client_ca_pem);
        let client_ca = tls::pem("client_ca", file, text, Pem::File, Pem::Memory)?;
        let client_auth = tls::client_auth(tls_client_auth, client_ca.is_some())?;
        let min_version = match tls::is_1_3(tls_min_version)? {
            true => TlsVersion::V1_3,
            false => TlsVersion::V1_2,
        };
        let tls = match (cert, key) {
            (Some(cert), Some(key)) => {
                Some(TlsConfig { client_ca, client_auth, min_version, ..TlsConfig::new(cert, key) })
            }
            (None, None) if client_ca.is_none() && client_auth == ClientAuth::None => None,
            _ => {
                return Err(PyValueError::new_err(
                    "TLS needs both a certificate (tls_cert_file) and its key (tls_key_file)",
                ));
            }
        };
        let temporary = match data_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("flymq-").tempdir()?),
        };
        let data_dir = match (&data_dir, &temporary) {
            (None, Some(folder)) => folder.path().to_owned(),
            _ => data_dir.unwrap_or_default(),
        };
        let config = Config {
            data_dir: data_dir.clone(),
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            durability,
            tls,
            auth: users.map(auth),
            ..Config::default()
        };
        let host = Arc::new(Host::new(py, THREADS)?);
        let broker = host.wait(py, Broker::start(config))?;
        let address = broker.local_addr();
        let core = Running(Arc::new(Mutex::new(Some(Parts { broker, temporary }))));
        Ok(Self { address, data_dir, handle: Handle::new(Served { core, host }) })
    }

    /// Where clients connect to, as "host:port".
    #[getter]
    fn address(&self) -> String {
        self.address.to_string()
    }

    /// The port it listens on.
    #[getter]
    fn port(&self) -> u16 {
        self.address.port()
    }

    /// The folder with its data.
    #[getter]
    fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Stop the broker: requests under way end, the data is safe on the disk. Harmless when closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.close(py, None)
    }

    fn __repr__(&self) -> String {
        format!("EmbeddedBroker(address='{}', data_dir={:?})", self.address, self.data_dir)
    }
}

blocking_context!(EmbeddedBroker);

impl Resource for Running {
    const NAME: &'static str = "broker";

    async fn close(self, timeout: Option<Duration>) -> Result<(), Failure> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(parts) = parts else { return Ok(()) };
        // A task of its own, so that it goes on where a signal ends the wait for it.
        let done = tokio::spawn(async move {
            parts.broker.shutdown().await;
            // Removes the temporary folder.
            drop(parts.temporary);
        });
        in_time(timeout, "close", done).await
    }
}
