//! A broker inside the Python process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use flymq_broker::{Broker, Config, Durability};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

use crate::at_exit::{self, Close};
use crate::bound::ProcessBound;
use crate::errors;
use crate::wait::Host;

/// A FlyMQ broker inside this process, listening on 127.0.0.1.
///
/// It runs from construction to `close()`, which leaving a `with` block calls. Without `data_dir`
/// it keeps its data in a temporary folder and removes that on close; with it the data stays, for
/// the next broker on the same folder. Port 0 takes a free port; read `address`. With durability
/// "fsync" a record is acknowledged once it is on the disk, with "os" once the operating system
/// has it.
#[pyclass(module = "flymq._native", frozen, weakref)]
pub struct EmbeddedBroker {
    address: SocketAddr,
    data_dir: PathBuf,
    running: ProcessBound<Arc<Running>>,
}

/// What a broker has until it is closed.
struct Running {
    host: Host,
    parts: Mutex<Option<Parts>>,
}

struct Parts {
    broker: Broker,
    temporary: Option<TempDir>,
}

#[pymethods]
impl EmbeddedBroker {
    #[new]
    #[pyo3(signature = (data_dir=None, port=0, durability="fsync"))]
    fn new(
        py: Python<'_>,
        data_dir: Option<PathBuf>,
        port: u16,
        durability: &str,
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
            ..Config::default()
        };
        let host = Host::new()?;
        let broker =
            host.wait(py, async { Broker::start(config).await.map_err(errors::from_broker) })?;
        let address = broker.local_addr();
        let parts = Mutex::new(Some(Parts { broker, temporary }));
        let running = Arc::new(Running { host, parts });
        at_exit::register(&running);
        Ok(Self { address, data_dir, running: ProcessBound::new(running) })
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
        self.running.get()?.close(py)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        format!("EmbeddedBroker(address='{}', data_dir={:?})", self.address, self.data_dir)
    }
}

impl Close for Running {
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        // The task goes on in the background where a signal ends the wait for it.
        let Some(parts) = self.parts.lock_py_attached(py).map_or(None, |mut parts| parts.take())
        else {
            return Ok(());
        };
        let done = self.host.spawn(async move {
            parts.broker.shutdown().await;
            // Removes the temporary folder.
            drop(parts.temporary);
        });
        self.host.wait(py, async { done.await.map_err(errors::from_join) })
    }
}
