//! What a consumer of Python is given to call.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flymq_core::{ErrorCode, Event, Rebalance};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::groups::Partitions;
use crate::serdes::Deserializers;

/// Callbacks of rebalances, and deserializers.
pub struct Hooks {
    pub deserializers: Deserializers,
    /// What deserializers have raised, by the text of the error that the core was given for it.
    pub raised: Mutex<HashMap<String, PyErr>>,
    pub assigned: Option<Py<PyAny>>,
    pub revoked: Option<Py<PyAny>>,
    pub lost: Option<Py<PyAny>>,
}

impl Hooks {
    /// Calls the callback of a rebalance. Returns what is to be awaited, if it returned that.
    pub fn tell<'py>(
        &self,
        consumer: &Bound<'py, PyAny>,
        event: Event,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (callback, slots) = match event {
            Event::Rebalance(Rebalance::Assigned(slots)) => (&self.assigned, slots),
            Event::Rebalance(Rebalance::Revoked(slots)) => (&self.revoked, slots),
            Event::Rebalance(Rebalance::Lost(slots)) => (&self.lost, slots),
            Event::Records(_) => return Ok(None),
        };
        let Some(callback) = callback else { return Ok(None) };
        let returned = callback.bind(consumer.py()).call1((consumer, Partitions(slots)))?;
        Ok(returned.hasattr("__await__")?.then_some(returned))
    }

    /// The error that a deserializer led to, where the core returns what it was given for it.
    pub fn with_cause(&self, py: Python<'_>, error: PyErr) -> PyErr {
        let raised = serialization(py, &error).and_then(|text| self.raised().remove(&text));
        raised.unwrap_or(error)
    }

    /// Remembers what a deserializer has raised.
    pub fn remember(&self, text: String, raised: PyErr) {
        self.raised().insert(text, raised);
    }

    fn raised(&self) -> MutexGuard<'_, HashMap<String, PyErr>> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.deserializers.traverse(visit)?;
        let callbacks = [&self.assigned, &self.revoked, &self.lost];
        callbacks.into_iter().flatten().try_for_each(|callback| visit.call(callback))
    }
}

/// The message of a SerializationError.
pub fn serialization(py: Python<'_>, error: &PyErr) -> Option<String> {
    let value = error.value(py);
    let code: u16 = value.getattr("code").ok()?.extract().ok()?;
    (code == ErrorCode::Serialization as u16).then_some(())?;
    value.getattr("message").ok()?.extract().ok()
}
