//! Deliveries, blocking and for asyncio.

use std::sync::Arc;

use flymq_core::Result as CoreResult;
use flymq_python_macros::mirrored;
use pyo3::prelude::*;

use super::Callbacks;
use crate::asyncio::Call;
use crate::convert::Seconds;
use crate::errors;
use crate::handle::{Served, Waiter};
use crate::messages::RecordMetadata;
use crate::wait::{Failure, in_time};

/// What the core returns for a record, and who calls back when its fate is decided.
pub type Sent = Served<(flymq_core::Delivery, Arc<Callbacks>)>;

/// A record on its way, returned by `Producer.send` and `Transaction.produce`: much like a
/// `concurrent.futures.Future`. The record is sent whether or not this is kept.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct Delivery {
    handle: Waiter<Fate>,
    callbacks: Arc<Callbacks>,
}

impl Delivery {
    pub fn opened(Served { core: (fate, callbacks), host }: Sent) -> Self {
        Self { handle: Waiter::new("delivery", Served { core: Fate(fate), host }), callbacks }
    }
}

/// `Delivery` for asyncio, returned by `AsyncProducer.send` and `AsyncTransaction.produce`: awaiting it
/// is awaiting its `result()`. The record is sent whether or not this is kept or awaited.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct AsyncDelivery {
    handle: Waiter<Fate>,
    callbacks: Arc<Callbacks>,
}

impl AsyncDelivery {
    pub fn opened(Served { core: (fate, callbacks), host }: Sent) -> Self {
        Self { handle: Waiter::new("delivery", Served { core: Fate(fate), host }), callbacks }
    }
}

/// What becomes of a record.
#[derive(Clone)]
struct Fate(flymq_core::Delivery);

impl Fate {
    async fn decided(
        self,
        timeout: Option<Seconds>,
    ) -> Result<CoreResult<flymq_core::RecordMetadata>, Failure> {
        let decided = async { Ok::<_, Failure>(self.0.await) };
        in_time(timeout.map(|s| s.0), "result", decided).await
    }
}

/// An exception of Python, or None.
struct Raised(Option<flymq_core::Error>);

impl<'py> IntoPyObject<'py> for Raised {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        match self.0 {
            Some(error) => Ok(errors::from_core(error).into_value(py).into_bound(py).into_any()),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

#[mirrored(Delivery, AsyncDelivery)]
impl Fate {
    /// Wait until the record is stored and return where, as RecordMetadata. Raises why it could not
    /// be stored, or RequestTimeoutError after `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    #[quick]
    async fn result(self, timeout: Option<Seconds>) -> Result<RecordMetadata, Failure> {
        Ok(RecordMetadata(self.decided(timeout).await??))
    }

    /// Wait until the record is stored or given up, and return None or the exception that `result`
    /// raises. Raises RequestTimeoutError after `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    #[quick]
    async fn exception(self, timeout: Option<Seconds>) -> Result<Raised, Failure> {
        Ok(Raised(self.decided(timeout).await?.err()))
    }

    /// Whether the record is stored or given up.
    fn done(self) -> flymq_core::Result<bool> {
        Ok(self.0.is_done())
    }

    /// The topic that the record was sent to.
    #[getter]
    fn topic(self) -> flymq_core::Result<String> {
        Ok(self.0.topic().to_string())
    }
}

#[pymethods]
impl Delivery {
    /// Have `fn` called with this delivery once the record is stored or given up, on the producer's
    /// callback thread. What it raises is logged.
    #[pyo3(signature = (r#fn, /))]
    pub fn add_done_callback(slf: &Bound<'_, Self>, r#fn: Py<PyAny>) -> PyResult<()> {
        let this = slf.get();
        this.callbacks.add(slf.as_any(), this.handle.get()?.core.0, r#fn)
    }
}

#[pymethods]
impl AsyncDelivery {
    /// Have `fn` called with this delivery once the record is stored or given up, by the event loop.
    /// What it raises is logged.
    #[pyo3(signature = (r#fn, /))]
    pub fn add_done_callback(slf: &Bound<'_, Self>, r#fn: Py<PyAny>) -> PyResult<()> {
        let this = slf.get();
        let Served { core: Fate(fate), host } = this.handle.get()?;
        this.callbacks.add_to_loop(slf.as_any(), host, fate, r#fn)
    }

    fn __await__(&self) -> Call {
        self.result(None)
    }
}
