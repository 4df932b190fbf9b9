//! From the core's threads to an event loop.
//!
//! Outcomes are queued, and one callback of the event loop takes all that there are: the core's threads
//! never wait for the GIL.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::FutureExt;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use super::alarm::Alarm;
use super::running_loop;
use crate::errors;
use crate::fork;
use crate::op::{Outcome, Work};
use crate::wait::{Host, panicked};

/// What became of a call; an error if it panicked, `None` if it was cut off.
type Arrival = Option<std::thread::Result<Outcome>>;

/// Brings outcomes to one event loop. It lasts while anything is open there or waits there.
pub struct Bridge {
    generation: u32,
    event_loop: Py<PyAny>,
    create_future: Py<PyAny>,
    arrivals: Arc<Arrivals>,
    waiting: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
    seats: AtomicUsize,
}

/// What the core's threads have of it.
struct Arrivals {
    queue: Mutex<Vec<(u64, Arrival)>>,
    alarm: Alarm,
}

/// A call under way.
struct Waiting {
    /// Of asyncio; done once the arrival is there.
    future: Py<PyAny>,
    arrival: Option<Arrival>,
}

/// Those in use. Locked only for moments, with the GIL, and never across a call of Python.
static ALL: Mutex<Vec<Weak<Bridge>>> = Mutex::new(Vec::new());

impl Bridge {
    /// The bridge to the event loop that runs on this thread.
    fn current(py: Python<'_>) -> PyResult<Arc<Self>> {
        let event_loop = running_loop(py)?;
        let known = |bridge: &Arc<Self>| bridge.is_home() && bridge.event_loop.is(&event_loop);
        if let Some(bridge) = lock(&ALL).iter().filter_map(Weak::upgrade).find(known) {
            return Ok(bridge);
        }
        let open = |watches_sockets| {
            let bridge = Arc::new(Self {
                generation: fork::generation(),
                event_loop: event_loop.clone().unbind(),
                create_future: event_loop.getattr("create_future")?.unbind(),
                arrivals: Arc::new(Arrivals {
                    queue: Mutex::default(),
                    alarm: Alarm::new(watches_sockets)?,
                }),
                waiting: Mutex::default(),
                next: AtomicU64::new(0),
                seats: AtomicUsize::new(0),
            });
            let deliver = Bound::new(py, Deliver(bridge.clone()))?;
            let is_set = bridge.arrivals.alarm.set(&event_loop, deliver.as_any())?;
            PyResult::Ok(is_set.then_some(bridge))
        };
        let bridge = match open(true)? {
            Some(bridge) => bridge,
            None => open(false)?.expect("a thread can always wait"),
        };
        lock(&ALL).push(Arc::downgrade(&bridge));
        Ok(bridge)
    }

    fn is_home(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Completes what has arrived.
    fn deliver(&self, py: Python<'_>) {
        self.arrivals.alarm.heard();
        let arrived = std::mem::take(&mut *lock(&self.arrivals.queue));
        let mut done = Vec::with_capacity(arrived.len());
        {
            let mut waiting = lock(&self.waiting);
            for (id, arrival) in arrived {
                // Whoever waited may have given up.
                if let Some(call) = waiting.get_mut(&id) {
                    call.arrival = Some(arrival);
                    done.push(call.future.clone_ref(py));
                }
            }
        }
        for future in done {
            // It fails where the future was cancelled, which is about to be noticed.
            let _ = future.call_method1(py, "set_result", (py.None(),));
        }
    }

    /// Ends the bridge if nobody uses it.
    fn rest(&self, py: Python<'_>) {
        if !self.is_home() || self.seats.load(Relaxed) > 0 || !lock(&self.waiting).is_empty() {
            return;
        }
        let is_known = {
            let mut all = lock(&ALL);
            let before = all.len();
            all.retain(|weak| weak.strong_count() > 0 && !std::ptr::eq(weak.as_ptr(), self));
            all.len() < before
        };
        if is_known {
            self.arrivals.alarm.unset(self.event_loop.bind(py));
        }
    }
}

/// Has the core's threads wake no event loop any more. Called when the interpreter exits.
pub fn stop_all(py: Python<'_>) {
    let all: Vec<_> = lock(&ALL).iter().filter_map(Weak::upgrade).collect();
    for bridge in all.iter().filter(|bridge| bridge.is_home()) {
        bridge.arrivals.alarm.stop(py);
    }
}

/// What the event loop calls.
#[pyclass(frozen)]
struct Deliver(Arc<Bridge>);

#[pymethods]
impl Deliver {
    fn __call__(&self, py: Python<'_>) {
        self.0.deliver(py);
    }
}

/// Keeps the bridge of an event loop for as long as something is open there.
pub struct Seat(Arc<Bridge>);

impl Seat {
    /// A seat on the event loop that runs on this thread.
    pub fn take(py: Python<'_>) -> PyResult<Self> {
        let bridge = Bridge::current(py)?;
        bridge.seats.fetch_add(1, Relaxed);
        Ok(Self(bridge))
    }

    /// Whether the event loop is the one that runs on this thread.
    pub fn is_here(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.0.event_loop.is(&running_loop(py)?))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.0.seats.fetch_sub(1, Relaxed) == 1 {
            Python::try_attach(|py| self.0.leave(py));
        }
    }
}

impl Bridge {
    /// [`rest`](Self::rest) on the event loop's own thread.
    fn leave(self: &Arc<Self>, py: Python<'_>) {
        if !self.is_home() {
            return;
        }
        if running_loop(py).is_ok_and(|here| self.event_loop.is(&here)) {
            return self.rest(py);
        }
        let rest = Bound::new(py, Rest(self.clone()));
        // One that was closed watches nothing, and takes no calls.
        let asked = rest.and_then(|rest| {
            self.event_loop.bind(py).call_method1("call_soon_threadsafe", (rest,))
        });
        if asked.is_err() {
            self.rest(py);
        }
    }
}

/// What the event loop calls when something is closed on another thread.
#[pyclass(frozen)]
struct Rest(Arc<Bridge>);

#[pymethods]
impl Rest {
    fn __call__(&self, py: Python<'_>) {
        self.0.rest(py);
    }
}

/// Work under way for whoever waits on an event loop. Dropped, it is cut off.
pub struct Pending {
    bridge: Arc<Bridge>,
    id: u64,
    task: AbortHandle,
    /// The threads that do the work.
    _host: Arc<Host>,
}

impl Pending {
    /// Starts the work. Returns with it the asyncio future that is done once the outcome can be
    /// taken, on the event loop that runs on this thread.
    pub fn start(py: Python<'_>, host: Arc<Host>, work: Work) -> PyResult<(Self, Py<PyAny>)> {
        let bridge = Bridge::current(py)?;
        let future = bridge.create_future.call0(py)?;
        let id = bridge.next.fetch_add(1, Relaxed);
        let waiting = Waiting { future: future.clone_ref(py), arrival: None };
        lock(&bridge.waiting).insert(id, waiting);
        let ticket = Ticket { arrivals: bridge.arrivals.clone(), id, arrival: None };
        let task = host.spawn(async move {
            let mut ticket = ticket;
            ticket.arrival = Some(AssertUnwindSafe(work).catch_unwind().await);
        });
        Ok((Self { bridge, id, task: task.abort_handle(), _host: host }, future))
    }

    /// The outcome, if it is there.
    pub fn take(&self) -> Option<PyResult<Outcome>> {
        let arrival = lock(&self.bridge.waiting).get_mut(&self.id)?.arrival.take()?;
        Some(match arrival {
            Some(Ok(outcome)) => Ok(outcome),
            Some(Err(panic)) => Err(panicked(&*panic)),
            None => Err(errors::closed("client")),
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.task.abort();
        let waited = lock(&self.bridge.waiting).remove(&self.id);
        Python::try_attach(|py| {
            drop(waited);
            if self.bridge.seats.load(Relaxed) == 0 {
                self.bridge.leave(py);
            }
        });
    }
}

/// Announces what became of the work, also if it is cut off.
struct Ticket {
    arrivals: Arc<Arrivals>,
    id: u64,
    arrival: Arrival,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let was_empty = {
            let mut queue = lock(&self.arrivals.queue);
            queue.push((self.id, self.arrival.take()));
            queue.len() == 1
        };
        // Who rings for the first is heard for all that follow.
        if was_empty {
            self.arrivals.alarm.ring();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
