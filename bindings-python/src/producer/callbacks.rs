//! Callbacks of deliveries, on a thread of Python's own, or on an event loop.
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

use crate::asyncio::Pending;
use crate::op::erase;
use crate::wait::{Failure, Host, in_time};

/// The callbacks of one producer, and the thread that calls them, if there ever was one.
#[derive(Default)]
pub struct Callbacks {
    queue: Mutex<Option<Sender<Arc<Callback>>>>,
    calls: Arc<Calls>,
}

/// A callback that waits for its delivery.
struct Callback {
    function: Py<PyAny>,
    delivery: Py<PyAny>,
    queue: Sender<Arc<Callback>>,
    _turn: Turn,
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
        delivery: &Bound<'_, PyAny>,
        mut fate: flymq_core::Delivery,
        function: Py<PyAny>,
    ) -> PyResult<()> {
        let callback = Arc::new(Callback {
            function,
            delivery: delivery.clone().unbind(),
            queue: self.queue(delivery.py())?,
            _turn: Calls::begin(&self.calls),
        });
        let waker = Waker::from(callback.clone());
        if std::pin::pin!(&mut fate).poll(&mut Context::from_waker(&waker)).is_ready() {
            callback.wake();
        }
        Ok(())
    }

    /// As [`add`](Self::add), but has the event loop of this thread call it.
    pub fn add_to_loop(
        &self,
        delivery: &Bound<'_, PyAny>,
        host: Arc<Host>,
        fate: flymq_core::Delivery,
        function: Py<PyAny>,
    ) -> PyResult<()> {
        let py = delivery.py();
        let delivery = delivery.clone().unbind();
        let turn = Mutex::new(Some(Calls::begin(&self.calls)));
        let (pending, future) = Pending::start(py, host, erase(fate))?;
        let pending = Mutex::new(Some(pending));
        let call_back = PyCFunction::new_closure(py, None, None, move |arguments, _| {
            drop(lock(&pending).take());
            call(arguments.py(), &function, &delivery);
            drop(lock(&turn).take());
        })?;
        future.call_method1(py, "add_done_callback", (call_back,))?;
        Ok(())
    }

    /// Waits until the callbacks of all deliveries that are decided by now were called. Not on the
    /// thread that calls them: they would wait for themselves.
    pub async fn called(&self) {
        if !self.calls.is_own_thread() {
            self.calls.until_called().await;
        }
    }

    /// Waits for all callbacks, and for the end of their thread.
    pub async fn finish(&self, timeout: Duration) -> Result<(), Failure> {
        drop(lock(&self.queue).take());
        let finish = async {
            self.called().await;
            if !self.calls.is_own_thread() {
                self.calls.until(|state| state.thread.is_none()).await;
            }
            Ok::<_, Failure>(())
        };
        in_time(Some(timeout), "close", finish).await
    }

    /// The queue of the thread, which is started if there is none.
    fn queue(&self, py: Python<'_>) -> PyResult<Sender<Arc<Callback>>> {
        if let Some(queue) = &*lock(&self.queue) {
            return Ok(queue.clone());
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
        py.import("threading")?.call_method("Thread", (), Some(&options))?.call_method0("start")?;
        // Another thread may have been quicker; then this one ends with its queue.
        Ok(lock(&self.queue).get_or_insert(queue).clone())
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

/// That a callback is to be called. Dropped when it was, or never will be.
struct Turn {
    calls: Arc<Calls>,
    number: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.calls.done(self.number);
    }
}

impl Calls {
    fn begin(this: &Arc<Self>) -> Turn {
        let mut state = lock(&this.state);
        state.called.push_back(false);
        let number = state.low + state.called.len() as u64 - 1;
        Turn { calls: this.clone(), number }
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
        self.until(|state| state.low >= end).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if is_so(&lock(&self.state)) {
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
            call(py, &first.function, &first.delivery);
            drop(first);
            while let Ok(next) = { lock(waiting).try_recv() } {
                call(py, &next.function, &next.delivery);
            }
        }
        lock(&self.state).thread = None;
        self.changed.notify_waiters();
    }
}

/// Calls back. What that raises is logged: there is nobody to raise it to.
fn call(py: Python<'_>, function: &Py<PyAny>, delivery: &Py<PyAny>) {
    let Err(error) = function.call1(py, (delivery,)) else { return };
    let log = || {
        let logger = py.import("logging")?.call_method1("getLogger", ("flymq",))?;
        let options = PyDict::new(py);
        options.set_item("exc_info", error.value(py))?;
        logger.call_method("error", ("a delivery's callback failed",), Some(&options))
    };
    if let Err(unlogged) = log() {
        unlogged.write_unraisable(py, Some(function.bind(py)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
