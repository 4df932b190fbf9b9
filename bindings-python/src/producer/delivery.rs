//! `Delivery`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flymq_core::Result as CoreResult;
use pyo3::prelude::*;

use super::Callbacks;
use crate::client::Connected;
use crate::convert::Seconds;
use crate::errors;
use crate::handle::ProcessBound;
use crate::messages::RecordMetadata;
use crate::wait::{Failure, in_time};

/// Where records are sent from, as far as their deliveries have to know.
pub struct Origin {
    pub callbacks: Callbacks,
    pub client: Arc<Connected>,
}

impl Origin {
    pub fn new(client: Arc<Connected>) -> Arc<Self> {
        Arc::new(Self { callbacks: Callbacks::default(), client })
    }
}

/// A record on its way, returned by `Producer.send` and `Transaction.produce`: much like a
/// `concurrent.futures.Future`. The record is sent whether or not this is kept.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct Delivery(ProcessBound<(Mutex<flymq_core::Delivery>, Arc<Origin>)>);

impl Delivery {
    pub fn new(delivery: flymq_core::Delivery, origin: Arc<Origin>) -> Self {
        Self(ProcessBound::new("delivery", (Mutex::new(delivery), origin)))
    }

    /// What became of the record, once that is decided.
    fn outcome(
        &self,
        py: Python<'_>,
        timeout: Option<Seconds>,
    ) -> PyResult<CoreResult<flymq_core::RecordMetadata>> {
        let (delivery, origin) = self.0.get()?;
        if let Some(outcome) = lock(delivery).try_result() {
            return Ok(outcome);
        }
        // Of several threads that wait, only the last is woken at once; the others look again soon.
        let decided =
            poll_fn(|context| Pin::new(&mut *lock(delivery)).poll(context).map(Ok::<_, Failure>));
        origin.client.host.wait(py, in_time(timeout.map(|s| s.0), "result", decided))
    }
}

#[pymethods]
impl Delivery {
    /// The topic that the record was sent to.
    #[getter]
    fn topic(&self) -> PyResult<String> {
        Ok(lock(&self.0.get()?.0).topic().to_string())
    }

    /// Wait until the record is stored and return where, as RecordMetadata. Raises why it could not
    /// be stored, or RequestTimeoutError after `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    fn result(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<RecordMetadata> {
        self.outcome(py, timeout)?.map(RecordMetadata).map_err(errors::from_core)
    }

    /// Wait until the record is stored or given up, and return None or the exception that `result`
    /// raises. Raises RequestTimeoutError after `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    fn exception<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Seconds>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let failure = self.outcome(py, timeout)?.err();
        Ok(failure.map(|error| errors::from_core(error).into_value(py).into_bound(py).into_any()))
    }

    /// Whether the record is stored or given up.
    fn done(&self) -> PyResult<bool> {
        Ok(lock(&self.0.get()?.0).is_done())
    }

    /// Have `fn` called with this delivery once the record is stored or given up, on the producer's
    /// callback thread. What it raises is logged.
    #[pyo3(signature = (r#fn, /))]
    pub fn add_done_callback(slf: &Bound<'_, Self>, r#fn: Py<PyAny>) -> PyResult<()> {
        let (delivery, origin) = slf.get().0.get()?;
        let fate = lock(delivery).clone();
        origin.callbacks.add(slf, fate, r#fn)
    }
}

fn lock(delivery: &Mutex<flymq_core::Delivery>) -> MutexGuard<'_, flymq_core::Delivery> {
    delivery.lock().unwrap_or_else(PoisonError::into_inner)
}
