//! Threads that do the work, and waiting for it.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use flymq_core::blocking::Runtime;
use flymq_core::{Error, ErrorCode, Result};

/// Threads that serve the connections of a client or a broker.
pub struct Host(Runtime);

impl Host {
    pub fn new(threads: usize) -> Result<Self> {
        Runtime::with_thread_start(threads, block_signals).map(Self)
    }

    /// Runs the future on the threads, whether or not anybody waits for it.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.0.handle().spawn(future);
    }

    /// Waits for the future on the caller's thread.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        // Most are ready at once, such as taking in a record: then nobody has to be woken.
        let first = {
            let _context = self.0.handle().enter();
            future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        match first {
            Poll::Ready(output) => output,
            Poll::Pending => self.0.block_on(future),
        }
    }
}

/// Keeps the host's signals, and SIGPIPE, away from a thread of this library.
pub fn block_signals() {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the set is filled before it is read, and only this thread's mask changes.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), std::ptr::null_mut());
    }
}

/// A time in milliseconds, of which a negative one is for ever.
pub fn patience(timeout_ms: i64) -> Duration {
    u64::try_from(timeout_ms).map_or(Duration::MAX, Duration::from_millis)
}

/// Fails with TIMEOUT unless the future is ready in time.
pub async fn in_time<T>(
    timeout_ms: i64,
    what: &'static str,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    if timeout_ms < 0 {
        return future.await;
    }
    tokio::time::timeout(patience(timeout_ms), future).await.unwrap_or_else(|_| {
        let message = format!("not done within {timeout_ms} ms");
        Err(Error::new(ErrorCode::Timeout, what, message))
    })
}
