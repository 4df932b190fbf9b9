//! A broker inside the Python process.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flymq_broker::{AuthConfig, Broker, Config, Durability, InitialUser};
use flymq_core::Password;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use tempfile::TempDir;

use crate::at_exit::patience_after;
use crate::handle::{Handle, Resource};
use crate::wait::{Host, in_time};

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
#[pyclass(module = "flymq._native", frozen, weakref)]
pub struct EmbeddedBroker {
    address: SocketAddr,
    data_dir: PathBuf,
    handle: Arc<Handle<Running>>,
}

/// What there is of a broker until it is closed.
struct Running {
    parts: Mutex<Option<Parts>>,
    host: Host,
}

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
    #[pyo3(signature = (data_dir=None, port=0, durability="fsync", users=None))]
    fn new(
        py: Python<'_>,
        data_dir: Option<PathBuf>,
        port: u16,
        durability: &str,
        users: Option<BTreeMap<String, String>>,
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
            auth: users.map(auth),
            ..Config::default()
        };
        let host = Host::new(THREADS)?;
        let broker = host.wait(py, Broker::start(config))?;
        let address = broker.local_addr();
        let parts = Mutex::new(Some(Parts { broker, temporary }));
        Ok(Self { address, data_dir, handle: Handle::new(Running { parts, host }) })
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

    fn __repr__(&self) -> String {
        format!("EmbeddedBroker(address='{}', data_dir={:?})", self.address, self.data_dir)
    }
}

impl Resource for Running {
    const NAME: &'static str = "broker";

    fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        let Some(parts) = self.parts.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        // A task of its own, so that it goes on where a signal ends the wait for it.
        let done = self.host.spawn(async move {
            parts.broker.shutdown().await;
            // Removes the temporary folder.
            drop(parts.temporary);
        });
        self.host.wait(py, in_time(timeout, "close", done))
    }
}
