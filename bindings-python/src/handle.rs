//! What stands behind a Python object: something that can be closed, and that only the process
//! which made it may touch.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flymq_core::ErrorCode;
use pyo3::prelude::*;

use crate::at_exit;
use crate::errors;
use crate::fork;

/// Something with threads, locks or sockets behind it.
pub trait Resource: Send + Sync + 'static {
    /// What a user calls it.
    const NAME: &'static str;

    /// Closes it, waiting for what is under way no longer than `timeout`, or, without one, as long
    /// as the core thinks right.
    fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()>;
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

    fn is_home(&self) -> bool {
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

/// A resource until it is closed. Each call takes a reference for as long as it lasts, so that
/// `close` frees nothing under it.
///
/// The mutex is locked only for moments and never across a call of Python.
pub struct Handle<T: Resource>(ProcessBound<Mutex<Option<Arc<T>>>>);

impl<T: Resource> Handle<T> {
    /// A handle that is closed at interpreter exit, if it still is open then.
    pub fn new(resource: T) -> Arc<Self> {
        let open = Mutex::new(Some(Arc::new(resource)));
        let handle = Arc::new(Self(ProcessBound::new(T::NAME, open)));
        at_exit::register(&handle);
        handle
    }

    /// The resource, for one call.
    pub fn get(&self) -> PyResult<Arc<T>> {
        let closed =
            || errors::from_entry(ErrorCode::Closed, &format!("the {} is closed", T::NAME));
        self.peek()?.ok_or_else(closed)
    }

    /// The resource, if it is open.
    pub fn peek(&self) -> PyResult<Option<Arc<T>>> {
        Ok(self.lock()?.clone())
    }

    /// Closes the resource; harmless when closed.
    pub fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        self.forget()?.map_or(Ok(()), |resource| resource.close(py, timeout))
    }

    /// The resource, if it is open, from now on closed for everyone else.
    pub fn forget(&self) -> PyResult<Option<Arc<T>>> {
        Ok(self.lock()?.take())
    }

    /// Whether this is the process that made the resource.
    pub fn is_home(&self) -> bool {
        self.0.is_home()
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, Option<Arc<T>>>> {
        Ok(self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
