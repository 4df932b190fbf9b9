//! Waiting for the core: GIL released, signals answered, panics caught.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use flymq_core::blocking::Runtime;
use flymq_core::{Error, ErrorCode};
use pyo3::prelude::*;
use tokio::task::JoinHandle;

use crate::errors;
use crate::logging;

/// How often a wait lets Python's signal handlers run.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Threads that do the work while Python waits.
pub struct Host(Runtime);

impl Host {
    /// Starts the threads.
    pub fn new(py: Python<'_>, threads: usize) -> PyResult<Self> {
        logging::install(py)?;
        Runtime::new(threads).map(Self).map_err(errors::from_core)
    }

    /// Runs the future on the threads, whether or not anybody waits for it.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.handle().spawn(future)
    }

    /// Looks once whether the future is ready; the waker tells when to look again.
    pub fn poll_once<F: Future + ?Sized>(
        &self,
        future: Pin<&mut F>,
        waker: &Waker,
    ) -> PyResult<Poll<F::Output>> {
        guarded(|| {
            let _context = self.0.handle().enter();
            Ok(future.poll(&mut Context::from_waker(waker)))
        })
    }

    /// Waits for the future with the GIL released. A signal handler that raises, as that of Ctrl-C
    /// does, ends the wait with its exception and drops the future.
    pub fn wait<T: Send, E: Send + Into<Failure>>(
        &self,
        py: Python<'_>,
        future: impl Future<Output = Result<T, E>> + Send,
    ) -> PyResult<T> {
        logging::follow(py)?;
        let result = guarded(|| {
            py.detach(|| self.0.block_on_interruptible(future, SIGNAL_INTERVAL, check_signals))
        })?;
        result.map_err(|error| error.into().into())
    }

    /// As [`wait`](Self::wait), but keeps the GIL if the future is ready at once.
    pub fn wait_unless_ready<T: Send, E: Send + Into<Failure>>(
        &self,
        py: Python<'_>,
        future: impl Future<Output = Result<T, E>> + Send,
    ) -> PyResult<T> {
        let mut future = pin!(future);
        match self.poll_once(future.as_mut(), Waker::noop())? {
            Poll::Ready(result) => result.map_err(|error| error.into().into()),
            Poll::Pending => self.wait(py, future),
        }
    }
}

/// Fails with TIMEOUT unless the future is ready in time, where there is a time.
pub async fn in_time<T, E: Into<Failure>>(
    timeout: Option<Duration>,
    what: &'static str,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    let Some(timeout) = timeout else { return future.await.map_err(Into::into) };
    match tokio::time::timeout(timeout, future).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => {
            let message = format!("not done within {} s", timeout.as_secs_f64());
            Err(Error::new(ErrorCode::Timeout, what, message).into())
        }
    }
}

/// An error on its way to Python, made an exception once the GIL is there again.
pub struct Failure(Box<dyn FnOnce() -> PyErr + Send>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Box::new(|| errors::from_core(error)))
    }
}

/// What was wrong with an argument.
impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self(Box::new(|| error))
    }
}

impl From<flymq_broker::ProtocolError> for Failure {
    fn from(error: flymq_broker::ProtocolError) -> Self {
        Self(Box::new(move || errors::from_entry(error.code, &error.message)))
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(Box::new(move || errors::from_entry(ErrorCode::Panic, &error.to_string())))
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        failure.0()
    }
}

/// Turns a panic into `PanicError`.
pub fn guarded<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The `PanicError` for what a panic carries.
pub fn panicked(panic: &(dyn Any + Send)) -> PyErr {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic");
    errors::from_entry(ErrorCode::Panic, message)
}

fn check_signals() -> PyResult<()> {
    // Nothing is to be asked of an interpreter that is shutting down.
    Python::try_attach(|py| py.check_signals()).unwrap_or(Ok(()))
}

/// Panic with the message, caught where all panics are: a hook for the tests.
#[pyfunction]
pub fn _panic(message: String) -> PyResult<()> {
    guarded(|| panic!("{message}"))
}
