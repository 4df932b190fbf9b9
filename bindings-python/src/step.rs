//! Calls that take several steps, of the core and of Python.

use std::future::Future;
use std::sync::Arc;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::op::{Outcome, Work, erase, recover};
use crate::wait::{Failure, Host};

/// What is next in a call.
pub enum Step {
    /// Nothing: this is its result.
    Return(Py<PyAny>),
    /// A future of the core.
    Core { host: Arc<Host>, work: Work, is_quick: bool, then: AfterCore },
    /// An awaitable of Python, by its iterator.
    Python { iterator: Py<PyAny>, then: AfterPython },
}

pub type AfterCore = Box<dyn FnOnce(Python<'_>, Outcome) -> PyResult<Step> + Send>;
pub type AfterPython = Box<dyn FnOnce(Python<'_>, PyResult<Py<PyAny>>) -> PyResult<Step> + Send>;

impl Step {
    /// Waits for a future of the core. `then` runs on the event loop's thread.
    pub fn core<T, E, F, N>(host: Arc<Host>, future: F, then: N) -> Self
    where
        T: Send + 'static,
        E: Into<Failure>,
        F: Future<Output = Result<T, E>> + Send + 'static,
        N: FnOnce(Python<'_>, PyResult<T>) -> PyResult<Self> + Send + 'static,
    {
        let then = |py: Python<'_>, outcome| then(py, recover(outcome));
        Self::Core { host, work: erase(future), is_quick: false, then: Box::new(then) }
    }

    /// As [`core`](Self::core) for a future that takes short steps and is often ready at once: it is
    /// tried first, and an event loop's thread goes on with it by itself.
    pub fn quick(self) -> Self {
        match self {
            Self::Core { host, work, then, .. } => Self::Core { host, work, is_quick: true, then },
            other => other,
        }
    }

    /// Awaits something of Python's.
    pub fn python<N>(awaitable: &Bound<'_, PyAny>, then: N) -> PyResult<Self>
    where
        N: FnOnce(Python<'_>, PyResult<Py<PyAny>>) -> PyResult<Self> + Send + 'static,
    {
        let iterator = awaitable.call_method0("__await__")?.unbind();
        Ok(Self::Python { iterator, then: Box::new(then) })
    }

    /// Goes through all steps on the calling thread, and returns the result.
    pub fn wait(mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        loop {
            self = match self {
                Self::Return(value) => return Ok(value),
                Self::Core { host, work, is_quick, then } => {
                    let work = async { Ok::<_, Failure>(work.await) };
                    let outcome = match is_quick {
                        true => host.wait_unless_ready(py, work)?,
                        false => host.wait(py, work)?,
                    };
                    then(py, outcome)?
                }
                Self::Python { iterator, .. } => {
                    iterator.call_method0(py, "close")?;
                    let message = "an asynchronous callback needs an AsyncConsumer";
                    return Err(PyTypeError::new_err(message));
                }
            };
        }
    }
}

/// The result of a call that has one.
pub fn value<T>(py: Python<'_>, value: T) -> PyResult<Py<PyAny>>
where
    T: for<'py> IntoPyObject<'py>,
{
    value.into_py_any(py)
}

/// The result of a call that has none.
pub fn none(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}
