//! Completing calls of the core for asyncio.
//!
//! | module | holds |
//! | --- | --- |
//! | [`call`] | `Call`: what an asynchronous method returns |
//! | [`bridge`] | from the core's threads to an event loop |
//! | [`alarm`] | waking an event loop |
//! | [`handle`] | what stands behind an object: connecting it, its event loop, closing it |

mod alarm;
mod bridge;
mod call;
mod handle;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

pub use bridge::{Pending, stop_all};
pub use call::Call;
pub use handle::{AsyncHandle, patience_after};

/// What tells the task that runs on this thread from others.
pub fn current_task(py: Python<'_>) -> PyResult<usize> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(GET.import(py, "asyncio", "current_task")?.call0()?.as_ptr() as usize)
}

/// The event loop that runs on this thread. Raises RuntimeError if none does.
fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    GET.import(py, "asyncio", "get_running_loop")?.call0()
}
