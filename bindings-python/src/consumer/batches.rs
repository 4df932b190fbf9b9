//! Iterating over messages many at a time.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::polling::{self, Wanted};
use super::{AsyncConsumer, Consumer};
use crate::asyncio::Call;

/// What `Consumer.batches` returns.
#[pyclass(module = "flymq._native", name = "_Batches", frozen)]
pub struct Batches {
    pub consumer: Py<Consumer>,
    pub wanted: Wanted,
}

#[pymethods]
impl Batches {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        polling::poll(py, self.consumer.clone_ref(py), self.wanted)?.wait(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.consumer)
    }
}

/// What `AsyncConsumer.batches` returns.
#[pyclass(module = "flymq._native", name = "_AsyncBatches", frozen)]
pub struct AsyncBatches {
    pub consumer: Py<AsyncConsumer>,
    pub wanted: Wanted,
}

#[pymethods]
impl AsyncBatches {
    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> Call {
        let (consumer, wanted) = (self.consumer.clone_ref(py), self.wanted);
        Call::new("AsyncConsumer.batches", move |py| polling::poll(py, consumer, wanted))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.consumer)
    }
}
