//! For callers that are not asynchronous: bindings above all.

use std::future::Future;
use std::time::Duration;

use flymq_protocol::ErrorCode;

use crate::error::{Error, Result};

/// An owned tokio runtime that serves clients of other languages.
///
/// Everything of this crate can be made and awaited through [`block_on`](Runtime::block_on). When the
/// runtime is shut down or dropped, whatever still runs on it is cut off within a bounded time, and
/// whoever waits for a record or an answer gets an error.
///
/// ```
/// use std::time::Duration;
/// use flymq_core::blocking::Runtime;
///
/// let runtime = Runtime::new(2)?;
/// let endless = std::future::pending::<()>();
/// // The host looks for its signals every 50 ms, and finds one.
/// let outcome =
///     runtime.block_on_interruptible(endless, Duration::from_millis(50), || Err("interrupted"));
/// assert_eq!(outcome, Err("interrupted"));
/// runtime.shutdown(Duration::from_secs(1));
/// # flymq_core::Result::Ok(())
/// ```
pub struct Runtime {
    runtime: Option<tokio::runtime::Runtime>,
}

/// How long dropping a runtime may wait for its threads.
const SHUTDOWN: Duration = Duration::from_secs(1);

impl Runtime {
    /// A runtime with `threads` worker threads, at least 1.
    ///
    /// # Errors
    ///
    /// INTERNAL if the operating system gives no threads.
    pub fn new(threads: usize) -> Result<Self> {
        Self::with_thread_start(threads, || ())
    }

    /// As [`new`](Self::new), with something for each thread to do first, such as to block signals
    /// that the host wants for itself.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_thread_start(
        threads: usize,
        start: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("flymq")
            .on_thread_start(start)
            .enable_all()
            .build()
            .map_err(|e| {
                Error::with_source(
                    ErrorCode::Internal,
                    "start",
                    format!("cannot start the runtime: {e}"),
                    e,
                )
            })?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// A handle for entering the runtime or spawning on it.
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.runtime.as_ref().expect("taken only when dropped").handle()
    }

    /// Waits for a future on the calling thread, which must not be one of a tokio runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle().block_on(future)
    }

    /// Waits for a future, calling `check` every `interval` so that the host can end the wait: when
    /// it has a signal to handle, for instance. The future stays alive from one look to the next.
    ///
    /// # Errors
    ///
    /// The error that `check` returns.
    pub fn block_on_interruptible<F: Future, E>(
        &self,
        future: F,
        interval: Duration,
        mut check: impl FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<F::Output, E> {
        let mut future = std::pin::pin!(future);
        loop {
            let slice = async { tokio::time::timeout(interval, &mut future).await };
            match self.handle().block_on(slice) {
                Ok(output) => return Ok(output),
                Err(_) => check()?,
            }
        }
    }

    /// Ends the runtime, waiting at most `timeout` for its threads.
    pub fn shutdown(mut self, timeout: Duration) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(timeout);
        }
    }

    /// Forgets the runtime without touching its threads: in a forked child they do not exist.
    pub fn forget(mut self) {
        std::mem::forget(self.runtime.take());
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}
