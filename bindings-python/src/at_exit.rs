//! What is still open when the interpreter exits is closed, the newest first: a producer before its
//! client, a client before its broker. What was sent arrives, and temporary folders go away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;

use crate::bound::ProcessBound;

/// Something with a `close()`.
pub trait Close: Send + Sync {
    /// Closes it within a bounded time; harmless when closed.
    fn close(&self, py: Python<'_>) -> PyResult<()>;
}

/// Everything that is open, the oldest first. Locked only for moments and never across a call of
/// Python, so that a fork cannot find it locked.
static OPEN: Mutex<Vec<ProcessBound<Weak<dyn Close>>>> = Mutex::new(Vec::new());

/// Has this closed when the interpreter exits, unless it is gone by then.
pub fn register<T: Close + 'static>(open: &Arc<T>) {
    let weak: Weak<dyn Close> = Arc::downgrade(open) as Weak<dyn Close>;
    let mut all = lock();
    all.retain(|entry| entry.at_home().is_some_and(|weak| weak.strong_count() > 0));
    all.push(ProcessBound::new(weak));
}

/// Closes what is open. Called by Python's `atexit`.
#[pyfunction]
pub fn close_all(py: Python<'_>) -> PyResult<()> {
    let all = std::mem::take(&mut *lock());
    let mut result = Ok(());
    for entry in all.iter().rev() {
        if let Some(open) = entry.at_home().and_then(Weak::upgrade) {
            result = result.and(open.close(py));
        }
    }
    result
}

fn lock() -> MutexGuard<'static, Vec<ProcessBound<Weak<dyn Close>>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
