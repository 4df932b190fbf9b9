//! Fork safety: a value that only the process that made it may touch.

use std::mem::ManuallyDrop;

use pyo3::prelude::*;

use crate::errors;

/// A value with threads, locks or sockets behind it. In a forked child the threads are gone and the
/// locks may be held for ever, so there it can be neither used nor dropped: use raises `ForkError`,
/// and the drop leaks it.
pub struct ProcessBound<T> {
    pid: u32,
    value: ManuallyDrop<T>,
}

impl<T> ProcessBound<T> {
    /// Binds the value to this process.
    pub fn new(value: T) -> Self {
        Self { pid: std::process::id(), value: ManuallyDrop::new(value) }
    }

    /// The value, or `ForkError` in another process than the one that made it.
    pub fn get(&self) -> PyResult<&T> {
        if self.is_home() { Ok(&self.value) } else { Err(errors::forked()) }
    }

    /// The value, or nothing in another process than the one that made it.
    pub fn at_home(&self) -> Option<&T> {
        self.is_home().then_some(&*self.value)
    }

    fn is_home(&self) -> bool {
        self.pid == std::process::id()
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
