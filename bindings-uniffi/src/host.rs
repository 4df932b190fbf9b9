//! The threads that serve a client or a broker, and waiting for what they do.

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use flymq_core::blocking::Runtime;
use flymq_core::{Error, ErrorCode, Result};
use tokio::runtime::EnterGuard;
use tokio::task::JoinHandle;

/// An owned runtime that may be dropped anywhere, also on its own threads.
pub struct Host {
    /// Taken when dropped.
    runtime: Option<Runtime>,
    /// Whom to tell that an answer is there. A thread of its own tells them: it may take long to get
    /// the attention of a language.
    bell: Mutex<Sender<Waker>>,
    process: u32,
}

impl Host {
    /// Starts the threads: those of the runtime, and one that tells of answers.
    pub fn new(threads: usize) -> Result<Arc<Self>> {
        let (bell, rung) = mpsc::channel::<Waker>();
        let tell = move || rung.into_iter().for_each(Waker::wake);
        std::thread::Builder::new().name("flymq-bell".to_owned()).spawn(tell).map_err(|e| {
            let message = format!("cannot start a thread: {e}");
            Error::new(ErrorCode::Internal, "start", message)
        })?;
        let runtime = Some(Runtime::new(threads)?);
        Ok(Arc::new(Self { runtime, bell: Mutex::new(bell), process: std::process::id() }))
    }

    /// Has the calling thread use the runtime.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime().handle().enter()
    }

    /// Runs a future in the background, and keeps the threads for as long as it takes.
    pub fn detach(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let keep = self.clone();
        self.runtime().handle().spawn(async move {
            work.await;
            drop(keep);
        });
    }

    /// Runs a future on the threads of the runtime, and waits for it anywhere. It ends early if nobody
    /// waits any more.
    pub fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let host = self.clone();
        async move {
            host.check_home()?;
            let task = host.runtime().handle().spawn(work);
            Answer { task, host }.await
        }
    }

    /// Refuses the child of a fork, which has none of the threads.
    pub fn check_home(&self) -> Result<()> {
        if self.is_home() {
            return Ok(());
        }
        let message = "the process was forked, and its child has none of the client's threads";
        Err(Error::new(ErrorCode::Closed, "fork", message))
    }

    fn is_home(&self) -> bool {
        self.process == std::process::id()
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("taken only when dropped")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Without waiting: this may be one of its threads. They end by themselves.
            runtime.shutdown(Duration::ZERO);
        }
    }
}

/// What a task comes to. Dropped, it ends the task.
struct Answer<T> {
    task: JoinHandle<Result<T>>,
    host: Arc<Host>,
}

impl<T> Future for Answer<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let bell = self.host.bell.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ringing = Waker::from(Arc::new(Ring { waker: context.waker().clone(), bell }));
        let joined = Pin::new(&mut self.task).poll(&mut Context::from_waker(&ringing));
        joined.map(|joined| match joined {
            Ok(result) => result,
            Err(failure) if failure.is_panic() => {
                let panic = failure.into_panic();
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                Err(Error::new(ErrorCode::Panic, "call", text.unwrap_or("panic")))
            }
            Err(_) => Err(Error::new(ErrorCode::Closed, "call", "the client's threads have ended")),
        })
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Has a waker called by the thread that is there for it.
struct Ring {
    waker: Waker,
    bell: Sender<Waker>,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        // It is gone with its host only, and with that whoever waits.
        let _ = self.bell.send(self.waker.clone());
    }
}

/// A value of the core, dropped before the threads that serve it. Only the process that made it uses
/// and drops it: in a forked child its locks may be held for ever.
pub struct Served<T> {
    host: ManuallyDrop<Arc<Host>>,
    value: ManuallyDrop<T>,
}

impl<T> Served<T> {
    /// Binds a value to its threads.
    pub fn new(host: Arc<Host>, value: T) -> Self {
        Self { host: ManuallyDrop::new(host), value: ManuallyDrop::new(value) }
    }

    /// The threads.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// The value, in the process that made it.
    ///
    /// # Errors
    ///
    /// CLOSED in a forked child.
    pub fn get(&self) -> Result<&T> {
        self.host.check_home()?;
        Ok(&self.value)
    }
}

impl<T> Drop for Served<T> {
    fn drop(&mut self) {
        if self.host.is_home() {
            // SAFETY: this is the drop, so neither is used or dropped again.
            unsafe {
                let _context = self.host.enter();
                ManuallyDrop::drop(&mut self.value);
            }
            // SAFETY: as above; the context that borrowed it is gone.
            unsafe { ManuallyDrop::drop(&mut self.host) };
        }
    }
}

/// Fails with TIMEOUT unless the future is ready in time.
pub async fn in_time<T>(
    timeout: Duration,
    what: &'static str,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::time::timeout(timeout, future).await.unwrap_or_else(|_| {
        let message = format!("not done within {} ms", timeout.as_millis());
        Err(Error::new(ErrorCode::Timeout, what, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::time::Instant;

    #[test]
    fn who_stops_waiting_ends_the_work() {
        let host = Host::new(1).unwrap();
        let held = Arc::new(());
        let inside = held.clone();
        let mut waiting = Box::pin(host.run(async move {
            let _inside = inside;
            pending::<Result<()>>().await
        }));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(Arc::strong_count(&held), 2);
        drop(waiting);
        let deadline = Instant::now() + Duration::from_secs(30);
        while Arc::strong_count(&held) > 1 {
            assert!(Instant::now() < deadline, "the work still goes on");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_panic_is_an_error() {
        let host = Host::new(1).unwrap();
        let mut waiting = Box::pin(host.run(async { panic!("by accident") as Result<()> }));
        let error = loop {
            match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => break result.unwrap_err(),
                Poll::Pending => std::thread::yield_now(),
            }
        };
        assert_eq!(error.code(), Some(ErrorCode::Panic));
        assert_eq!(error.message(), "by accident");
    }
}
