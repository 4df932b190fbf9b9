//! What stands behind a Python object: something that can be closed, and that only the process
//! which made it may touch.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pyo3::prelude::*;

use crate::at_exit;
use crate::errors;
use crate::fork;
use crate::op::Op;
use crate::wait::{Failure, Host};

/// Something of the core that Python has an object for. Cheap to clone: each call has its own. It does
/// not hold the threads that serve it, since the last clone may go on one of them.
pub trait Resource: Clone + Send + Sync + 'static {
    /// What a user calls it.
    const NAME: &'static str;

    /// Closes it, waiting for what is under way no longer than `timeout`, or, without one, as long
    /// as the core thinks right.
    fn close(
        self,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'static;
}

/// A resource, dropped before the threads that serve it.
#[derive(Clone)]
pub struct Served<R> {
    pub core: R,
    pub host: Arc<Host>,
}

/// How a resource is made: on which threads, and when that is done.
pub type Making<R> = (Arc<Host>, BoxFuture<'static, Result<R, Failure>>);

/// What Python wants made. May be made more than once, since making may fail.
pub trait Blueprint: Send + Sync + 'static {
    type Resource: Resource;

    fn make(&self, py: Python<'_>) -> PyResult<Making<Self::Resource>>;
}

/// A value that only the process which made it may touch. In a forked child its threads are gone
/// and its locks may be held for ever, so there it is neither used (`ForkError`) nor dropped.
pub struct ProcessBound<T> {
    generation: u32,
    name: &'static str,
    value: ManuallyDrop<T>,
}

impl<T> ProcessBound<T> {
    /// Binds the value to this process.
    pub fn new(name: &'static str, value: T) -> Self {
        Self { generation: fork::generation(), name, value: ManuallyDrop::new(value) }
    }

    /// The value, in the process that made it.
    pub fn get(&self) -> PyResult<&T> {
        if self.is_home() { Ok(&self.value) } else { Err(errors::forked(self.name)) }
    }

    pub fn is_home(&self) -> bool {
        self.generation == fork::generation()
    }
}

impl<T> Drop for ProcessBound<T> {
    fn drop(&mut self) {
        if self.is_home() {
            // SAFETY: this is the drop, so the value is neither used nor dropped again.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

/// A resource until it is closed. Each call takes a clone for as long as it lasts, so that `close`
/// frees nothing under it.
///
/// The mutex is locked only for moments and never across a call of Python.
pub struct Handle<R: Resource>(ProcessBound<Mutex<Option<Served<R>>>>);

impl<R: Resource> Handle<R> {
    /// A handle that is closed at interpreter exit, if it still is open then.
    pub fn new(resource: Served<R>) -> Arc<Self> {
        let handle = Arc::new(Self(ProcessBound::new(R::NAME, Mutex::new(Some(resource)))));
        at_exit::register(&handle);
        handle
    }

    /// Waits until the resource is made.
    pub fn make(py: Python<'_>, blueprint: &impl Blueprint<Resource = R>) -> PyResult<Arc<Self>> {
        let (host, making) = blueprint.make(py)?;
        let core = host.wait(py, making)?;
        Ok(Self::new(Served { core, host }))
    }

    /// The resource, for one call.
    pub fn get(&self) -> PyResult<Served<R>> {
        self.peek()?.ok_or_else(|| errors::closed(R::NAME))
    }

    /// The resource, if it is open.
    pub fn peek(&self) -> PyResult<Option<Served<R>>> {
        Ok(self.lock()?.clone())
    }

    /// Waits for a call.
    pub fn wait<T: Send, E: Send + Into<Failure>, F: Future<Output = Result<T, E>> + Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(R) -> F,
    ) -> PyResult<T> {
        let Served { core, host } = self.get()?;
        host.wait(py, call(core))
    }

    /// As [`wait`](Self::wait), but keeps the GIL if the answer is there at once.
    pub fn wait_unless_ready<T: Send, E: Send + Into<Failure>, F>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(R) -> F,
    ) -> PyResult<T>
    where
        F: Future<Output = Result<T, E>> + Send,
    {
        let Served { core, host } = self.get()?;
        host.wait_unless_ready(py, call(core))
    }

    /// Waits for a call that was prepared.
    pub fn run<T>(&self, py: Python<'_>, op: Op<R, T>) -> PyResult<T> {
        let Served { core, host } = self.get()?;
        let outcome = host.wait(py, (op.call)(core).map(Ok::<_, Failure>))?;
        (op.finish)(py, outcome)
    }

    /// Waits for a call that opens something, served by the same threads.
    pub fn wait_open<T: Send, E: Send + Into<Failure>, F>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(R) -> F,
    ) -> PyResult<Served<T>>
    where
        F: Future<Output = Result<T, E>> + Send,
    {
        let Served { core, host } = self.get()?;
        let core = host.wait_unless_ready(py, call(core))?;
        Ok(Served { core, host })
    }

    /// Makes a call that needs no waiting.
    pub fn with<T, E: Into<Failure>>(
        &self,
        _py: Python<'_>,
        call: impl FnOnce(R) -> Result<T, E>,
    ) -> PyResult<T> {
        call(self.get()?.core).map_err(|error| error.into().into())
    }

    /// Closes the resource; harmless when closed.
    pub fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        match self.forget()? {
            Some(Served { core, host }) => host.wait(py, core.close(timeout)),
            None => Ok(()),
        }
    }

    /// The resource, if it is open, from now on closed for everyone else.
    pub fn forget(&self) -> PyResult<Option<Served<R>>> {
        Ok(self.lock()?.take())
    }

    /// Whether this is the process that made the resource.
    pub fn is_home(&self) -> bool {
        self.0.is_home()
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, Option<Served<R>>>> {
        Ok(self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Something that is only waited for, and needs no closing.
pub struct Waiter<T>(ProcessBound<Served<T>>);

impl<T: Clone> Waiter<T> {
    pub fn new(name: &'static str, awaited: Served<T>) -> Self {
        Self(ProcessBound::new(name, awaited))
    }

    pub fn get(&self) -> PyResult<Served<T>> {
        self.0.get().cloned()
    }

    /// Waits, with the GIL if the answer is there at once.
    pub fn wait_unless_ready<V: Send, E: Send + Into<Failure>, F>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(T) -> F,
    ) -> PyResult<V>
    where
        F: Future<Output = Result<V, E>> + Send,
    {
        let Served { core, host } = self.get()?;
        host.wait_unless_ready(py, call(core))
    }

    /// Makes a call that needs no waiting.
    pub fn with<V, E: Into<Failure>>(
        &self,
        _py: Python<'_>,
        call: impl FnOnce(T) -> Result<V, E>,
    ) -> PyResult<V> {
        call(self.get()?.core).map_err(|error| error.into().into())
    }
}
