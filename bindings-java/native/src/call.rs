//! Running a call.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use flymq_core::{Error, ErrorCode, Result};

use crate::completions::Completion;
use crate::host::Host;
use crate::wire::{Args, Out, answer};

/// A call: makes a job of a handle and arguments.
pub type Operation = fn(u64, &mut Args) -> Result<Job>;

/// What a call comes to.
pub enum Job {
    /// An answer that is there at once.
    Done(Out),
    /// Work, and where it is done.
    Work(Arc<Host>, Pin<Box<dyn Future<Output = Result<Out>> + Send>>),
}

impl Job {
    /// Work to be done on a host.
    pub fn new(host: &Arc<Host>, work: impl Future<Output = Result<Out>> + Send + 'static) -> Self {
        Self::Work(host.clone(), Box::pin(work))
    }
}

/// Runs a call as far as it goes without waiting. Returns the answer if that is all; otherwise it
/// goes on in the background and is answered by its id.
pub fn run(operation: Operation, handle: u64, id: u64, args: &mut Args) -> Option<Vec<u8>> {
    let begun = guarded(|| {
        let job = operation(handle, args)?;
        let Job::Work(host, mut work) = job else { return Ok(job) };
        let context = host.enter();
        let first = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(context);
        match first {
            Poll::Ready(result) => result.map(Job::Done),
            Poll::Pending => Ok(Job::Work(host, work)),
        }
    });
    let (host, work) = match begun {
        Ok(Job::Work(host, work)) => (host, work),
        Ok(Job::Done(out)) => return Some(answer(Ok(out))),
        Err(error) => return Some(answer(Err(error))),
    };
    let completion = Completion::of(id);
    let keep = host.clone();
    host.spawn(async move {
        let result = Guarded(work).await;
        // What the call was about goes before the answer does, so that it is not in use any more
        // once Java knows.
        completion.answer(result);
        drop(keep);
    });
    None
}

/// Turns a panic into an error.
pub fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(ErrorCode::Panic, "call", message.unwrap_or("panic"))
}

/// A future whose panics are errors.
struct Guarded<F>(Pin<Box<F>>)
where
    F: Future + ?Sized;

impl<T, F: Future<Output = Result<T>> + ?Sized> Future for Guarded<F> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let work = self.0.as_mut();
        guarded(|| Ok(work.poll(context))).unwrap_or_else(|panic| Poll::Ready(Err(panic)))
    }
}

/// Fails with TIMEOUT unless the future is ready in time.
pub async fn in_time<T>(
    timeout: std::time::Duration,
    what: &'static str,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::time::timeout(timeout, future).await.unwrap_or_else(|_| {
        let message = format!("not done within {} ms", timeout.as_millis());
        Err(Error::new(ErrorCode::Timeout, what, message))
    })
}
