//! `Commit`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use flymq_core::Error;
use pyo3::prelude::*;

use crate::client::Connected;
use crate::convert::Seconds;
use crate::handle::ProcessBound;
use crate::wait::in_time;

/// A commit on its way, returned by `Consumer.commit_async`. It goes on whether or not this is kept.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct Commit(ProcessBound<(Mutex<State>, Arc<Connected>)>);

enum State {
    UnderWay(flymq_core::Commit),
    Done(Result<(), Error>),
}

impl State {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let State::UnderWay(commit) = self
            && let Poll::Ready(result) = Pin::new(commit).poll(context)
        {
            *self = State::Done(result);
        }
        match self {
            State::UnderWay(_) => Poll::Pending,
            State::Done(result) => Poll::Ready(result.clone()),
        }
    }
}

impl Commit {
    pub fn new(commit: flymq_core::Commit, client: Arc<Connected>) -> Self {
        Self(ProcessBound::new("commit", (Mutex::new(State::UnderWay(commit)), client)))
    }
}

#[pymethods]
impl Commit {
    /// Wait until the offsets are stored. Raises why they could not be, or RequestTimeoutError after
    /// `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    fn result(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        let (state, client) = self.0.get()?;
        // Of several threads that wait, only the last is woken at once; the others look again soon.
        let stored = poll_fn(|context| lock(state).poll(context));
        client.host.wait_unless_ready(py, in_time(timeout.map(|s| s.0), "result", stored))
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
