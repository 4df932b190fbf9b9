//! Waiting: GIL released, signals answered, panics caught.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::errors;

/// How often a wait lets Python's signal handlers run.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);
/// How long the drop of a runtime waits for what runs on it.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Threads that do the work while Python waits.
pub struct Host {
    runtime: Option<Runtime>,
}

impl Host {
    /// Starts the threads.
    pub fn new() -> PyResult<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("flymq")
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs the future on the threads, whether or not anybody waits for it.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime().spawn(future)
    }

    /// Waits for the future with the GIL released. A signal handler that raises, as that of Ctrl-C
    /// does, ends the wait with its exception and drops the future.
    pub fn wait<T: Send>(
        &self,
        py: Python<'_>,
        future: impl Future<Output = PyResult<T>> + Send,
    ) -> PyResult<T> {
        guarded(|| {
            py.detach(|| {
                let _context = self.runtime().enter();
                block_on(future)
            })
        })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("there until the drop")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
        }
    }
}

/// Turns a panic into `PanicError`.
pub fn guarded<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("panic");
        Err(errors::panicked(message))
    })
}

/// Wakes the waiting thread. A thread's own park needs no timer of the runtime for the interval.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = PyResult<T>>) -> PyResult<T> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut checked = Instant::now();
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
        thread::park_timeout(SIGNAL_INTERVAL.saturating_sub(checked.elapsed()));
        if checked.elapsed() >= SIGNAL_INTERVAL {
            checked = Instant::now();
            // Nothing is to be asked of an interpreter that is shutting down.
            Python::try_attach(|py| py.check_signals()).unwrap_or(Ok(()))?;
        }
    }
}
