//! `FlyMQClientPool` and `AsyncFlyMQClientPool`.

use std::sync::Arc;
use std::time::Duration;

use flymq_core::ClientPool;
use flymq_python_macros::mirrored;
use futures_util::FutureExt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asyncio::{AsyncHandle, Call};
use crate::client::{AsyncFlyMQClient, Connected, FlyMQClient};
use crate::context::{asyncio_context, blocking_context};
use crate::convert::Seconds;
use crate::handle::{Blueprint, Handle, Making, Resource};
use crate::wait::{Failure, in_time};

/// A pool of the core.
#[derive(Clone)]
struct Pool(ClientPool);

impl Resource for Pool {
    const NAME: &'static str = "pool";

    async fn close(self, timeout: Option<Duration>) -> Result<(), Failure> {
        let close = async move {
            self.0.close().await;
            Ok::<_, Failure>(())
        };
        in_time(timeout, "close", close).await
    }
}

/// A pool that is yet to be made, with its first client.
struct Plan {
    first: Arc<dyn Blueprint<Resource = Connected>>,
    size: usize,
}

impl Blueprint for Plan {
    type Resource = Pool;

    fn make(&self, py: Python<'_>) -> PyResult<Making<Pool>> {
        let (host, connecting) = self.first.make(py)?;
        let size = self.size;
        let pool = async move {
            let first = connecting.await?.client;
            Ok(Pool(ClientPool::starting_with(first, size)?))
        };
        Ok((host, pool.boxed()))
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

impl FlyMQClientPool {
    fn open(py: Python<'_>, plan: Plan) -> PyResult<Self> {
        Ok(Self { handle: Handle::make(py, &plan)? })
    }
}

/// `FlyMQClientPool` for asyncio: up to `size` clients, each of which one borrower has at a time.
///
///     async with AsyncFlyMQClientPool(size=10) as pool:
///         async with pool.get_client() as client:
///             await client.produce("orders", data)
///
/// `addresses` and `options` are those of FlyMQClient. Constructing connects nothing: `async with` or
/// `await pool.connect()` connects the first client, and the others connect when they are needed. One
/// AsyncFlyMQClient serves any number of tasks over one connection, and that is enough for most programs.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct AsyncFlyMQClientPool {
    handle: Arc<AsyncHandle<Pool>>,
}

impl AsyncFlyMQClientPool {
    fn unconnected(plan: Plan) -> Self {
        Self { handle: AsyncHandle::unconnected(plan) }
    }
}

#[mirrored(FlyMQClientPool, AsyncFlyMQClientPool)]
impl Plan {
    #[new]
    #[pyo3(signature = (addresses=None, *, size=10, **options))]
    fn new(
        py: Python<'_>,
        addresses: Option<Bound<'_, PyAny>>,
        size: usize,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let first = py.get_type::<AsyncFlyMQClient>().call((addresses,), options)?;
        let first = first.cast::<AsyncFlyMQClient>()?.get().blueprint()?;
        Ok(Self { first, size })
    }
}

#[mirrored(FlyMQClientPool, AsyncFlyMQClientPool)]
impl Pool {
    /// Borrow a client. Closing it, which leaving its block does, gives it back.
    ///
    /// Waits while all are borrowed, and raises RequestTimeoutError after `timeout` seconds, if given.
    #[opens(FlyMQClient, AsyncFlyMQClient)]
    #[pyo3(signature = (timeout=None))]
    async fn get_client(self, timeout: Option<Seconds>) -> Result<Connected, Failure> {
        let get = in_time(timeout.map(|s| s.0), "get_client", self.0.get());
        get.await.map(Connected::borrowed)
    }

    /// How many clients there may be.
    #[getter]
    fn size(self) -> flymq_core::Result<usize> {
        Ok(self.0.size())
    }

    /// How many clients are borrowed.
    #[getter]
    fn borrowed(self) -> flymq_core::Result<usize> {
        Ok(self.0.borrowed())
    }
}

#[pymethods]
impl FlyMQClientPool {
    /// Close the clients that nobody has; those that are borrowed end when they are given back.
    /// Harmless when closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.close(py, None)
    }
}

#[pymethods]
impl AsyncFlyMQClientPool {
    /// Close the clients that nobody has; those that are borrowed end when they are given back.
    /// Harmless when closed.
    fn close(&self) -> Call {
        self.handle.close("AsyncFlyMQClientPool.close", None)
    }
}

blocking_context!(FlyMQClientPool);
asyncio_context!(AsyncFlyMQClientPool);
