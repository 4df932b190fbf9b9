//! What is still open when the interpreter exits is closed, the newest first: a producer before its
//! client, a client before its broker. What was sent arrives, and temporary folders go away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::asyncio;
use crate::handle::{Handle, Resource};
use crate::logging;

/// How long closing may take when the program ends, or Ctrl-C leaves a `with` block.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A [`Handle`] of whatever kind.
trait Open: Send + Sync {
    fn is_home(&self) -> bool;
    fn close(&self, py: Python<'_>, timeout: Duration) -> PyResult<()>;
}

impl<T: Resource> Open for Handle<T> {
    fn is_home(&self) -> bool {
        Self::is_home(self)
    }

    fn close(&self, py: Python<'_>, timeout: Duration) -> PyResult<()> {
        Self::close(self, py, Some(timeout))
    }
}

/// Everything that is open, the oldest first. Locked only for moments and never across a call of
/// Python, so that no fork finds it locked.
static OPEN: Mutex<Vec<Weak<dyn Open>>> = Mutex::new(Vec::new());

/// Has this closed when the interpreter exits, unless it is gone by then.
pub fn register<T: Resource>(handle: &Arc<Handle<T>>) {
    let weak: Weak<Handle<T>> = Arc::downgrade(handle);
    let mut all = lock();
    all.retain(|weak| weak.strong_count() > 0);
    all.push(weak);
}

/// Closes what is open and belongs to this process. Called by Python's `atexit`.
#[pyfunction]
pub fn close_all(py: Python<'_>) -> PyResult<()> {
    let all = std::mem::take(&mut *lock());
    let deadline = Instant::now() + PATIENCE;
    let mut result = Ok(());
    for open in all.iter().rev().filter_map(Weak::upgrade).filter(|open| open.is_home()) {
        let left = deadline.saturating_duration_since(Instant::now());
        result = result.and(open.close(py, left));
    }
    asyncio::stop_all(py);
    logging::stop(py);
    result
}

/// How long the end of a `with` block may take: whoever pressed Ctrl-C does not wait for the usual
/// time-outs.
pub fn patience_after(exception: Option<&Bound<'_, PyType>>) -> PyResult<Option<Duration>> {
    let Some(exception) = exception else { return Ok(None) };
    let interrupted = exception.is_subclass_of::<pyo3::exceptions::PyKeyboardInterrupt>()?;
    Ok(interrupted.then_some(PATIENCE))
}

fn lock() -> MutexGuard<'static, Vec<Weak<dyn Open>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
