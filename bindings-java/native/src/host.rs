//! The threads that serve a client or a broker.

use std::time::Duration;

use flymq_core::Result;
use flymq_core::blocking::Runtime;
use tokio::runtime::EnterGuard;
use tokio::task::JoinHandle;

/// An owned runtime that may be dropped anywhere, also on its own threads.
pub struct Host(Option<Runtime>);

impl Host {
    /// Starts the threads.
    pub fn new(threads: usize) -> Result<Self> {
        Runtime::new(threads).map(Some).map(Self)
    }

    /// Runs a future in the background.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime().handle().spawn(future)
    }

    /// Has the calling thread poll futures of the runtime.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime().handle().enter()
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("taken only when dropped")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Without waiting: this may be one of its threads. They end by themselves.
            runtime.shutdown(Duration::ZERO);
        }
    }
}
