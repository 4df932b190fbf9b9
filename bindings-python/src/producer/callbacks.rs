//! Callbacks of deliveries, on a thread of Python's own.
//!
//! What decides a record's fate is a thread of the core. That one calls no Python: it puts the
//! callback into a queue, which the Python thread empties, many callbacks at a time.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};
use tokio::sync::Notify;

use super::Delivery;
use crate::wait::{Failure, Host, in_time};

/// How long the thread may take to end once it has nothing more to do.
const ENDING: Duration = Duration::from_secs(1);

/// The callbacks of one producer, and the thread that calls them, if there ever was one.
#[derive(Default)]
pub struct Callbacks {
    thread: Mutex<Option<Caller>>,
    calls: Arc<Calls>,
}

struct Caller {
    queue: Sender<Arc<Callback>>,
    thread: Py<PyAny>,
}

/// A callback that waits for its delivery.
struct Callback {
    function: Py<PyAny>,
    delivery: Py<Delivery>,
    number: u64,
    calls: Arc<Calls>,
    queue: Sender<Arc<Callback>>,
}

impl Wake for Callback {
    fn wake(self: Arc<Self>) {
        // Whoever has closed the queue calls nothing any more.
        let _ = self.queue.clone().send(self);
    }
}

impl Callbacks {
    /// Has the function called with the delivery once the record's fate is decided.
    pub fn add(
        &self,
        delivery: &Bound<'_, Delivery>,
        mut fate: flymq_core::Delivery,
        function: Py<PyAny>,
    ) -> PyResult<()> {
        let callback = Arc::new(Callback {
            function,
            delivery: delivery.clone().unbind(),
            queue: self.queue(delivery.py())?,
            number: self.calls.begin(),
            calls: self.calls.clone(),
        });
        let waker = Waker::from(callback.clone());
        if std::pin::pin!(&mut fate).poll(&mut Context::from_waker(&waker)).is_ready() {
            callback.wake();
        }
        Ok(())
    }

    /// Waits until the callbacks of all deliveries that are decided by now were called. Not on the
    /// thread that calls them: they would wait for themselves.
    pub async fn called(&self) {
        if !self.calls.is_own_thread() {
            self.calls.until_called().await;
        }
    }

    /// Waits for all callbacks, and ends their thread.
    pub fn finish(&self, py: Python<'_>, host: &Host, timeout: Duration) -> PyResult<()> {
        let caller = lock(&self.thread).take();
        let Some(Caller { queue, thread }) = caller else { return Ok(()) };
        drop(queue);
        if self.calls.is_own_thread() {
            return Ok(());
        }
        let called = async {
            self.calls.until_called().await;
            Ok::<_, Failure>(())
        };
        host.wait(py, in_time(Some(timeout), "close", called))?;
        thread.call_method1(py, "join", (ENDING.as_secs_f64(),))?;
        Ok(())
    }

    /// The queue of the thread, which is started if there is none.
    fn queue(&self, py: Python<'_>) -> PyResult<Sender<Arc<Callback>>> {
        if let Some(caller) = &*lock(&self.thread) {
            return Ok(caller.queue.clone());
        }
        // Not under the lock: starting a thread runs Python.
        let (queue, waiting) = channel();
        let (waiting, calls) = (Mutex::new(waiting), self.calls.clone());
        let run = PyCFunction::new_closure(py, None, None, move |arguments, _| {
            calls.run(arguments.py(), &waiting);
        })?;
        let options = PyDict::new(py);
        options.set_item("target", run)?;
        options.set_item("name", "flymq-deliveries")?;
        options.set_item("daemon", true)?;
        let thread = py.import("threading")?.call_method("Thread", (), Some(&options))?;
        thread.call_method0("start")?;
        let mut current = lock(&self.thread);
        // Another thread may have been quicker; then this one ends with its queue.
        let caller = current.get_or_insert(Caller { queue, thread: thread.unbind() });
        Ok(caller.queue.clone())
    }
}

/// Which callbacks were called.
#[derive(Default)]
struct Calls {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// All callbacks of a lower number were called.
    low: u64,
    /// Whether those from there on were.
    called: VecDeque<bool>,
    thread: Option<ThreadId>,
}

impl Calls {
    /// The number of a callback to come.
    fn begin(&self) -> u64 {
        let mut state = lock(&self.state);
        state.called.push_back(false);
        state.low + state.called.len() as u64 - 1
    }

    fn done(&self, number: u64) {
        let mut state = lock(&self.state);
        let at = (number - state.low) as usize;
        state.called[at] = true;
        while state.called.front() == Some(&true) {
            state.called.pop_front();
            state.low += 1;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    async fn until_called(&self) {
        let end = {
            let state = lock(&self.state);
            state.low + state.called.len() as u64
        };
        loop {
            let changed = self.changed.notified();
            if lock(&self.state).low >= end {
                return;
            }
            changed.await;
        }
    }

    fn is_own_thread(&self) -> bool {
        lock(&self.state).thread == Some(thread::current().id())
    }

    /// Calls what comes from the queue until that is closed.
    fn run(&self, py: Python<'_>, waiting: &Mutex<Receiver<Arc<Callback>>>) {
        lock(&self.state).thread = Some(thread::current().id());
        while let Ok(first) = py.detach(|| lock(waiting).recv()) {
            first.call(py);
            while let Ok(next) = { lock(waiting).try_recv() } {
                next.call(py);
            }
        }
    }
}

impl Callback {
    /// Calls it. What it raises is logged: there is nobody to raise it to.
    fn call(&self, py: Python<'_>) {
        if let Err(error) = self.function.call1(py, (&self.delivery,)) {
            let log = || {
                let logger = py.import("logging")?.call_method1("getLogger", ("flymq",))?;
                let options = PyDict::new(py);
                options.set_item("exc_info", error.value(py))?;
                logger.call_method("error", ("a delivery's callback failed",), Some(&options))
            };
            if let Err(unlogged) = log() {
                unlogged.write_unraisable(py, Some(self.function.bind(py)));
            }
        }
        self.calls.done(self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
