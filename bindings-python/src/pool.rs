//! `FlyMQClientPool`.

use std::sync::Arc;
use std::time::Duration;

use flymq_core::ClientPool;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::at_exit::patience_after;
use crate::client::FlyMQClient;
use crate::convert::Seconds;
use crate::errors;
use crate::handle::{Handle, Resource};
use crate::wait::{Failure, Host, in_time};

/// A pool of the core, dropped before the threads that serve its clients.
struct Pool {
    pool: ClientPool,
    host: Arc<Host>,
}

impl Resource for Pool {
    const NAME: &'static str = "pool";

    fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        let close = async {
            self.pool.close().await;
            Ok::<_, Failure>(())
        };
        self.host.wait(py, in_time(timeout, "close", close))
    }
}

/// Up to `size` clients, each of which one borrower has at a time.
///
///     pool = FlyMQClientPool(size=10)
///     with pool.get_client() as client:
///         client.produce("orders", data)
///
/// `addresses` and `options` are those of FlyMQClient. The first client connects at once, and raises
/// ConnectFailedError where no broker answers; the others connect when they are needed. One FlyMQClient
/// may be used from any number of threads over one connection, and that is enough for most programs.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct FlyMQClientPool {
    handle: Arc<Handle<Pool>>,
}

#[pymethods]
impl FlyMQClientPool {
    #[new]
    #[pyo3(signature = (addresses=None, *, size=10, **options))]
    fn new(
        py: Python<'_>,
        addresses: Option<Bound<'_, PyAny>>,
        size: usize,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let first = py.get_type::<FlyMQClient>().call((addresses,), options)?;
        let (client, host) = first.cast::<FlyMQClient>()?.get().take_parts()?;
        let pool = ClientPool::starting_with(client, size).map_err(errors::from_core)?;
        Ok(Self { handle: Handle::new(Pool { pool, host }) })
    }

    /// Borrow a client. Closing it, which leaving its `with` block does, gives it back.
    ///
    /// Waits while all are borrowed, and raises RequestTimeoutError after `timeout` seconds, if given.
    #[pyo3(signature = (timeout=None))]
    fn get_client(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<FlyMQClient> {
        let this = self.handle.get()?;
        let get = in_time(timeout.map(|s| s.0), "get_client", this.pool.get());
        let lease = this.host.wait(py, get)?;
        Ok(FlyMQClient::borrowed(lease, this.host.clone()))
    }

    /// How many clients there may be.
    #[getter]
    fn size(&self) -> PyResult<usize> {
        Ok(self.handle.get()?.pool.size())
    }

    /// How many clients are borrowed.
    #[getter]
    fn borrowed(&self) -> PyResult<usize> {
        Ok(self.handle.get()?.pool.borrowed())
    }

    /// Close the clients that nobody has; those that are borrowed end when they are given back.
    /// Harmless when closed.
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
