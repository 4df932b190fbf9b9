//! `Call`: what an asynchronous method returns.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::bridge::Pending;
use crate::handle::ProcessBound;
use crate::step::{AfterCore, AfterPython, Step};

type Begin = Box<dyn FnOnce(Python<'_>) -> PyResult<Step> + Send>;

/// An awaitable, as the call of an `async def` returns one: nothing happens before it is awaited, and
/// cancelling its task drops what it waits for.
///
/// The result of some is an asynchronous context manager; these can stand behind `async with` themselves.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct Call {
    name: &'static str,
    state: ProcessBound<Mutex<State>>,
    /// What `async with` has entered.
    entered: Mutex<Option<Py<PyAny>>>,
}

enum State {
    Unawaited(Begin),
    Core { pending: Pending, then: AfterCore },
    Python { iterator: Py<PyAny>, then: AfterPython },
    Running,
    Over,
}

/// What a step was woken with.
enum Wake {
    Go,
    Throw(PyErr),
}

impl Call {
    /// A call that begins when it is awaited; on an event loop, whose running one is asked for then.
    pub fn new(
        name: &'static str,
        begin: impl FnOnce(Python<'_>) -> PyResult<Step> + Send + 'static,
    ) -> Self {
        let state = Mutex::new(State::Unawaited(Box::new(begin)));
        Self { name, state: ProcessBound::new("call", state), entered: Mutex::default() }
    }

    /// Goes on until there is something to wait for, which is returned, or an end, which
    /// StopIteration tells.
    fn advance(&self, py: Python<'_>, wake: Wake) -> PyResult<Py<PyAny>> {
        let state = self.state.get()?;
        let before = {
            let mut state = lock(state);
            let after = match &*state {
                State::Running => {
                    return Err(PyValueError::new_err("the call is being awaited already"));
                }
                State::Over => {
                    return Err(PyRuntimeError::new_err("cannot reuse a call already awaited"));
                }
                _ => State::Running,
            };
            std::mem::replace(&mut *state, after)
        };
        let result = Self::go_on(py, before, wake);
        let (after, result) = match result {
            Ok((after, waits_for)) => (after, Ok(waits_for)),
            Err(end) => (State::Over, Err(end)),
        };
        *lock(state) = after;
        result
    }

    fn go_on(py: Python<'_>, before: State, wake: Wake) -> PyResult<(State, Py<PyAny>)> {
        let mut step = match (before, wake) {
            (State::Unawaited(begin), Wake::Go) => begin(py)?,
            // Dropping what is under way cuts it off.
            (State::Unawaited(_) | State::Core { .. }, Wake::Throw(error)) => return Err(error),
            (State::Core { pending, then }, Wake::Go) => {
                let outcome = pending.take().unwrap_or_else(|| {
                    Err(PyRuntimeError::new_err("await wasn't used with future"))
                })?;
                drop(pending);
                then(py, outcome)?
            }
            (State::Python { iterator, then }, wake) => match resume(iterator.bind(py), wake) {
                Ok(waits_for) => return Ok((State::Python { iterator, then }, waits_for)),
                Err(end) => then(py, returned(py, end))?,
            },
            (State::Running | State::Over, _) => unreachable!("neither is taken out"),
        };
        loop {
            step = match step {
                Step::Return(value) => return Err(PyStopIteration::new_err((value,))),
                Step::Core { host, mut work, is_quick, then } => {
                    let ready = match is_quick {
                        true => host.poll_once(work.as_mut(), Waker::noop())?,
                        false => Poll::Pending,
                    };
                    if let Poll::Ready(outcome) = ready {
                        then(py, outcome)?
                    } else {
                        let start = if is_quick { Pending::start_here } else { Pending::start };
                        let (pending, future) = start(py, host, work)?;
                        // Whoever waits for a future of asyncio says so.
                        let blocking = pyo3::intern!(py, "_asyncio_future_blocking");
                        future.bind(py).setattr(blocking, true)?;
                        return Ok((State::Core { pending, then }, future));
                    }
                }
                Step::Python { iterator, then } => match resume(iterator.bind(py), Wake::Go) {
                    Ok(waits_for) => return Ok((State::Python { iterator, then }, waits_for)),
                    Err(end) => then(py, returned(py, end))?,
                },
            }
        }
    }
}

fn resume(iterator: &Bound<'_, PyAny>, wake: Wake) -> PyResult<Py<PyAny>> {
    let waits_for = match wake {
        Wake::Go => iterator.call_method1("send", (iterator.py().None(),)),
        Wake::Throw(error) => iterator.call_method1("throw", (error,)),
    };
    waits_for.map(Bound::unbind)
}

/// What the end of an iterator says.
fn returned(py: Python<'_>, end: PyErr) -> PyResult<Py<PyAny>> {
    if end.is_instance_of::<PyStopIteration>(py) {
        return Ok(end.value(py).getattr("value")?.unbind());
    }
    Err(end)
}

#[pymethods]
impl Call {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.advance(py, Wake::Go)
    }

    /// Go on; for event loops.
    fn send(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let _ = value;
        self.advance(py, Wake::Go)
    }

    /// Go on with an exception; for event loops.
    #[pyo3(signature = (typ, val=None, tb=None))]
    fn throw(
        &self,
        py: Python<'_>,
        typ: Bound<'_, PyAny>,
        val: Option<Bound<'_, PyAny>>,
        tb: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = tb;
        self.advance(py, Wake::Throw(PyErr::from_value(val.unwrap_or(typ))))
    }

    /// Give up.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let state = std::mem::replace(&mut *lock(self.state.get()?), State::Over);
        if let State::Python { iterator, .. } = state {
            iterator.call_method0(py, "close")?;
        }
        Ok(())
    }

    fn __aenter__(slf: Py<Self>) -> Self {
        Self::new("Call.__aenter__", move |py| {
            let call = slf.clone_ref(py);
            Step::python(call.bind(py), move |py, opened| {
                let opened = opened?;
                *lock(&slf.get().entered) = Some(opened.clone_ref(py));
                let enter = opened.call_method0(py, "__aenter__")?;
                Step::python(enter.bind(py), |_, entered| Ok(Step::Return(entered?)))
            })
        })
    }

    #[pyo3(signature = (*exception))]
    fn __aexit__(slf: Py<Self>, exception: Py<PyTuple>) -> Self {
        Self::new("Call.__aexit__", move |py| {
            let not_entered = || PyRuntimeError::new_err("nothing was entered");
            let entered = lock(&slf.get().entered).take().ok_or_else(not_entered)?;
            let exit = entered.bind(py).call_method1("__aexit__", exception.bind(py).clone())?;
            Step::python(&exit, |_, left| Ok(Step::Return(left?)))
        })
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, method)| method)
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name
    }

    fn __repr__(&self) -> String {
        format!("<flymq call {}>", self.name)
    }
}

impl Drop for Call {
    /// Says so if it was forgotten to await it, as Python does of an `async def`.
    fn drop(&mut self) {
        if self.state.is_home()
            && let Ok(state) = self.state.get()
            && matches!(&*lock(state), State::Unawaited(_))
        {
            Python::try_attach(|py| warn(py, self.name));
        }
    }
}

fn warn(py: Python<'_>, name: &str) {
    // What is being raised meanwhile stays.
    let raising = PyErr::take(py);
    let message = format!("coroutine '{name}' was never awaited");
    let category = py.get_type::<PyRuntimeWarning>();
    let warned = std::ffi::CString::new(message)
        .map_err(PyErr::from)
        .and_then(|message| PyErr::warn(py, &category, &message, 1));
    if let Err(error) = warned {
        error.write_unraisable(py, None);
    }
    if let Some(error) = raising {
        error.restore(py);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
