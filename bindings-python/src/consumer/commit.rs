//! `Commit` and `AsyncCommit`.

use flymq_python_macros::mirrored;
use futures_util::FutureExt;
use futures_util::future::Shared;
use pyo3::prelude::*;

use crate::asyncio::Call;
use crate::convert::Seconds;
use crate::handle::{Served, Waiter};
use crate::wait::{Failure, in_time};

/// A commit on its way, returned by `Consumer.commit_async`. It goes on whether or not this is kept.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct Commit {
    handle: Waiter<Storing>,
}

impl Commit {
    pub fn opened(commit: Served<flymq_core::Commit>) -> Self {
        Self { handle: Storing::waiter(commit) }
    }
}

/// `Commit` for asyncio, returned by `AsyncConsumer.commit_async`: awaiting it is awaiting its
/// `result()`. It goes on whether or not this is kept or awaited.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct AsyncCommit {
    handle: Waiter<Storing>,
}

impl AsyncCommit {
    pub fn opened(_py: Python<'_>, commit: Served<flymq_core::Commit>) -> PyResult<Self> {
        Ok(Self { handle: Storing::waiter(commit) })
    }
}

/// A commit of the core, for any number of those who wait.
#[derive(Clone)]
struct Storing(Shared<flymq_core::Commit>);

impl Storing {
    fn waiter(commit: Served<flymq_core::Commit>) -> Waiter<Self> {
        let Served { core, host } = commit;
        Waiter::new("commit", Served { core: Self(core.shared()), host })
    }
}

#[mirrored(Commit, AsyncCommit)]
impl Storing {
    /// Wait until the offsets are stored. Raises why they could not be, or RequestTimeoutError after
    /// `timeout` seconds, if one is given.
    #[quick]
    #[pyo3(signature = (timeout=None))]
    async fn result(self, timeout: Option<Seconds>) -> Result<(), Failure> {
        in_time(timeout.map(|s| s.0), "result", self.0).await
    }
}

#[pymethods]
impl AsyncCommit {
    fn __await__(&self) -> Call {
        self.result(None)
    }
}
