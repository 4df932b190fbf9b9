//! What stands behind an object of asyncio: connecting it, its event loop, closing it.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::bridge::Seat;
use super::call::Call;
use crate::at_exit::{self, PATIENCE};
use crate::errors;
use crate::handle::{Blueprint, Handle, ProcessBound, Resource, Served, Waiter};
use crate::op::Op;
use crate::step::{Step, none, value};
use crate::wait::Failure;

/// A resource that is connected on an event loop, used there, and closed.
pub struct AsyncHandle<R: Resource>(ProcessBound<Mutex<State<R>>>);

enum State<R: Resource> {
    Unconnected(Arc<dyn Blueprint<Resource = R>>),
    Connecting,
    Open { handle: Arc<Handle<R>>, seat: Seat },
    Closed,
}

impl<R: Resource> AsyncHandle<R> {
    /// Something that is yet to be connected.
    pub fn unconnected(blueprint: impl Blueprint<Resource = R>) -> Arc<Self> {
        Self::in_state(State::Unconnected(Arc::new(blueprint)))
    }

    /// Something that belongs to the event loop that runs on this thread.
    pub fn open(py: Python<'_>, resource: Served<R>) -> PyResult<Arc<Self>> {
        let seat = Seat::take(py)?;
        Ok(Self::in_state(State::Open { handle: Handle::new(resource), seat }))
    }

    fn in_state(state: State<R>) -> Arc<Self> {
        Arc::new(Self(ProcessBound::new(R::NAME, Mutex::new(state))))
    }

    /// How to make it, as long as it is not made.
    pub fn blueprint(&self) -> PyResult<Arc<dyn Blueprint<Resource = R>>> {
        match &*self.lock()? {
            State::Unconnected(blueprint) => Ok(blueprint.clone()),
            _ => Err(errors::closed(R::NAME)),
        }
    }

    /// Connects it to the event loop that runs then. Harmless when connected.
    pub fn connect(self: &Arc<Self>, name: &'static str) -> Call {
        let this = self.clone();
        Call::new(name, move |py| this.connect_then(py, |py| Ok(py.None())))
    }

    /// Connects it and returns something, as `async with` does.
    pub fn connect_then(
        self: &Arc<Self>,
        py: Python<'_>,
        result: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Step> {
        let connecting = {
            let mut state = self.lock()?;
            match &*state {
                State::Open { .. } => None,
                State::Connecting => {
                    let message = format!("the {} is being connected already", R::NAME);
                    return Err(PyRuntimeError::new_err(message));
                }
                State::Closed => return Err(errors::closed(R::NAME)),
                State::Unconnected(blueprint) => {
                    let blueprint = blueprint.clone();
                    *state = State::Connecting;
                    let this = self.clone();
                    Some(Connecting { this, blueprint, is_over: false })
                }
            }
        };
        let Some(connecting) = connecting else {
            self.get(py)?;
            return Ok(Step::Return(result(py)?));
        };
        let (host, making) = connecting.blueprint.make(py)?;
        Ok(Step::core(host.clone(), making, move |py, made| {
            connecting.finish(py, Served { core: made?, host })?;
            Ok(Step::Return(result(py)?))
        }))
    }

    /// The resource, for one call on its event loop.
    pub fn get(&self, py: Python<'_>) -> PyResult<Served<R>> {
        if let State::Open { seat, .. } = &*self.lock()?
            && !seat.is_here(py)?
        {
            return Err(PyRuntimeError::new_err(format!(
                "the {} was connected on another event loop; connect one on this",
                R::NAME
            )));
        }
        self.get_anywhere()
    }

    /// The resource, wherever it is asked for.
    pub fn get_anywhere(&self) -> PyResult<Served<R>> {
        match &*self.lock()? {
            State::Open { handle, .. } => handle.get(),
            State::Closed => Err(errors::closed(R::NAME)),
            State::Unconnected(_) | State::Connecting => Err(unconnected(R::NAME)),
        }
    }

    /// The resource, if it is open. What is yet to be connected is closed by that.
    pub fn peek(&self, py: Python<'_>) -> PyResult<Option<Served<R>>> {
        if matches!(&*self.lock()?, State::Open { .. }) {
            return self.get(py).map(Some);
        }
        self.forget()?;
        Ok(None)
    }

    /// Makes a call when it is awaited.
    pub fn call<T, E, F, W>(
        self: &Arc<Self>,
        name: &'static str,
        work: W,
        convert: fn(Python<'_>, T) -> PyResult<Py<PyAny>>,
    ) -> Call
    where
        T: Send + 'static,
        E: Into<Failure>,
        F: Future<Output = Result<T, E>> + Send + 'static,
        W: FnOnce(R) -> F + Send + 'static,
    {
        let this = self.clone();
        Call::new(name, move |py| Ok(returning(this.get(py)?, work, convert)))
    }

    /// As [`call`](Self::call) where the answer is mostly there at once.
    pub fn call_quick<T, E, F, W>(
        self: &Arc<Self>,
        name: &'static str,
        work: W,
        convert: fn(Python<'_>, T) -> PyResult<Py<PyAny>>,
    ) -> Call
    where
        T: Send + 'static,
        E: Into<Failure>,
        F: Future<Output = Result<T, E>> + Send + 'static,
        W: FnOnce(R) -> F + Send + 'static,
    {
        let this = self.clone();
        Call::new(name, move |py| Ok(returning(this.get(py)?, work, convert).quick()))
    }

    /// Makes a call that was prepared, when it is awaited.
    pub fn run<T>(self: &Arc<Self>, name: &'static str, op: Op<R, T>) -> Call
    where
        T: for<'py> IntoPyObject<'py> + 'static,
    {
        let this = self.clone();
        Call::new(name, move |py| {
            let Served { core, host } = this.get(py)?;
            let (finish, is_quick) = (op.finish, op.is_quick);
            let then = |py: Python<'_>, outcome| Ok(Step::Return(value(py, finish(py, outcome)?)?));
            let (work, then) = ((op.call)(core), Box::new(then));
            Ok(Step::Core { host, work, is_quick, then })
        })
    }

    /// As [`call`](Self::call) for what opens something, served by the same threads.
    pub fn call_open<T, E, F, W>(
        self: &Arc<Self>,
        name: &'static str,
        work: W,
        convert: impl FnOnce(Python<'_>, Served<T>) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Call
    where
        T: Send + 'static,
        E: Into<Failure>,
        F: Future<Output = Result<T, E>> + Send + 'static,
        W: FnOnce(R) -> F + Send + 'static,
    {
        let this = self.clone();
        Call::new(name, move |py| {
            let Served { core, host } = this.get(py)?;
            Ok(Step::core(host.clone(), work(core), move |py, opened| {
                Ok(Step::Return(convert(py, Served { core: opened?, host })?))
            })
            .quick())
        })
    }

    /// Makes a call that needs no waiting.
    pub fn with<T, E: Into<Failure>>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(R) -> Result<T, E>,
    ) -> PyResult<T> {
        call(self.get(py)?.core).map_err(|error| error.into().into())
    }

    /// Closes it; harmless when closed.
    pub fn close(self: &Arc<Self>, name: &'static str, timeout: Option<Duration>) -> Call {
        self.close_then(name, timeout, |closed| closed)
    }

    /// Closes it at the end of a block. With `patience`, since the block was cancelled, that takes no
    /// longer, and what it fails with is not raised in place of the cancellation.
    pub fn leave(self: &Arc<Self>, name: &'static str, patience: Option<Duration>) -> Call {
        self.close_then(
            name,
            patience,
            move |closed| if patience.is_some() { Ok(()) } else { closed },
        )
    }

    fn close_then(
        self: &Arc<Self>,
        name: &'static str,
        timeout: Option<Duration>,
        result: impl FnOnce(PyResult<()>) -> PyResult<()> + Send + 'static,
    ) -> Call {
        let this = self.clone();
        Call::new(name, move |py| {
            let Some((Served { core, host }, seat)) = this.forget()? else {
                return Ok(Step::Return(py.None()));
            };
            Ok(Step::core(host, core.close(timeout), move |py, closed| {
                drop(seat);
                Ok(Step::Return(none(py, result(closed)?)?))
            }))
        })
    }

    /// What is open, if anything, from now on closed for everyone else.
    pub fn forget(&self) -> PyResult<Option<(Served<R>, Seat)>> {
        let state = std::mem::replace(&mut *self.lock()?, State::Closed);
        let State::Open { handle, seat } = state else { return Ok(None) };
        Ok(handle.forget()?.map(|open| (open, seat)))
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, State<R>>> {
        Ok(self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long the end of a block may take: whoever cancels, or presses Ctrl-C, does not wait for the
/// usual time-outs.
pub fn patience_after(exception: Option<&Bound<'_, PyType>>) -> PyResult<Option<Duration>> {
    match exception {
        Some(raised) if raised.is_subclass_of::<CancelledError>()? => Ok(Some(PATIENCE)),
        exception => at_exit::patience_after(exception),
    }
}

fn unconnected(name: &str) -> PyErr {
    let message = format!("the {name} is not connected: use `async with`, or await its connect()");
    errors::from_entry(flymq_core::ErrorCode::Closed, &message)
}

impl<R: Clone + Send + Sync + 'static> Waiter<R> {
    /// Waits when it is awaited; the answer may be there at once.
    pub fn call_quick<T, E, F, W>(
        &self,
        name: &'static str,
        work: W,
        convert: fn(Python<'_>, T) -> PyResult<Py<PyAny>>,
    ) -> Call
    where
        T: Send + 'static,
        E: Into<Failure>,
        F: Future<Output = Result<T, E>> + Send + 'static,
        W: FnOnce(R) -> F + Send + 'static,
    {
        let awaited = self.get();
        Call::new(name, move |_| Ok(returning(awaited?, work, convert).quick()))
    }
}

/// A call whose result is made of what its future comes to.
fn returning<R, T, E, F>(
    resource: Served<R>,
    work: impl FnOnce(R) -> F,
    convert: fn(Python<'_>, T) -> PyResult<Py<PyAny>>,
) -> Step
where
    T: Send + 'static,
    E: Into<Failure>,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let Served { core, host } = resource;
    Step::core(host, work(core), move |py, result| Ok(Step::Return(convert(py, result?)?)))
}

/// An attempt to connect. If it fails another may be made.
struct Connecting<R: Resource> {
    this: Arc<AsyncHandle<R>>,
    blueprint: Arc<dyn Blueprint<Resource = R>>,
    is_over: bool,
}

impl<R: Resource> Connecting<R> {
    fn finish(mut self, py: Python<'_>, made: Served<R>) -> PyResult<()> {
        self.is_over = true;
        let seat = Seat::take(py)?;
        let mut state = self.this.lock()?;
        // It may have been closed meanwhile.
        if !matches!(&*state, State::Connecting) {
            return Err(errors::closed(R::NAME));
        }
        *state = State::Open { handle: Handle::new(made), seat };
        Ok(())
    }
}

impl<R: Resource> Drop for Connecting<R> {
    fn drop(&mut self) {
        if !self.is_over
            && let Ok(mut state) = self.this.lock()
            && matches!(&*state, State::Connecting)
        {
            *state = State::Unconnected(self.blueprint.clone());
        }
    }
}
