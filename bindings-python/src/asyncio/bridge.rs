//! From the core's threads to an event loop.
//!
//! Outcomes are queued, and one callback of the event loop takes all that there are: the core's threads
//! never wait for the GIL. Work of short steps is not even theirs: the event loop's own thread does it,
//! and they only tell when it can go on.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Wake, Waker};

use futures_util::FutureExt;
use pyo3::intern;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use super::alarm::Alarm;
use super::running_loop;
use crate::errors;
use crate::fork;
use crate::logging;
use crate::op::{Outcome, Work};
use crate::wait::{Host, panicked};

/// What became of a call; an error if it panicked, `None` if it was cut off.
type Arrival = Option<std::thread::Result<Outcome>>;

/// What the core's threads tell of a call.
enum News {
    Arrival(Arrival),
    /// Work that the event loop's thread does can go on.
    GoOn,
}

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
    queue: Mutex<Vec<(u64, News)>>,
    alarm: Alarm,
}

impl Arrivals {
    fn announce(&self, id: u64, news: News) {
        let was_empty = {
            let mut queue = lock(&self.queue);
            queue.push((id, news));
            queue.len() == 1
        };
        // Who rings for the first is heard for all that follow.
        if was_empty {
            self.alarm.ring();
        }
    }
}

/// A call under way.
struct Waiting {
    /// Of asyncio; done once the arrival is there.
    future: Py<PyAny>,
    /// What the event loop's thread has to do for it.
    work: Option<OwnWork>,
    outcome: Option<PyResult<Outcome>>,
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
        for (id, news) in arrived {
            let outcome = match news {
                News::Arrival(arrival) => came(arrival),
                News::GoOn => match self.go_on(id) {
                    Some(outcome) => outcome,
                    None => continue,
                },
            };
            // Whoever waited may have given up.
            if let Some(call) = lock(&self.waiting).get_mut(&id) {
                call.outcome = Some(outcome);
                done.push(call.future.clone_ref(py));
            }
        }
        for future in done {
            // It fails where the future was cancelled, which is about to be noticed.
            let _ = future.call_method1(py, intern!(py, "set_result"), (py.None(),));
        }
    }

    /// Goes on with work of the event loop's thread; `None` as long as there is more to do.
    fn go_on(&self, id: u64) -> Option<PyResult<Outcome>> {
        // Not under the lock, which whatever the work leads to may want.
        let mut work = lock(&self.waiting).get_mut(&id)?.work.take()?;
        match work.poll() {
            Ok(Poll::Ready(outcome)) => Some(Ok(outcome)),
            Ok(Poll::Pending) => {
                lock(&self.waiting).get_mut(&id)?.work = Some(work);
                None
            }
            Err(panic) => Some(Err(panic)),
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
    /// Where the core's threads do it.
    task: Option<AbortHandle>,
    /// The threads that do the work.
    _host: Arc<Host>,
}

impl Pending {
    /// Has the core's threads do the work. Returns with it the asyncio future that is done once the
    /// outcome can be taken, on the event loop that runs on this thread.
    pub fn start(py: Python<'_>, host: Arc<Host>, work: Work) -> PyResult<(Self, Py<PyAny>)> {
        let (mut pending, future) = Self::wait(py, host.clone())?;
        let arrivals = pending.bridge.arrivals.clone();
        let ticket = Ticket { arrivals, id: pending.id, arrival: None };
        let task = host.spawn(async move {
            let mut ticket = ticket;
            ticket.arrival = Some(AssertUnwindSafe(work).catch_unwind().await);
        });
        pending.task = Some(task.abort_handle());
        Ok((pending, future))
    }

    /// As [`start`](Self::start), but has the event loop's thread do the work, each of whose steps is
    /// short: nothing has to go to other threads and come back.
    pub fn start_here(py: Python<'_>, host: Arc<Host>, work: Work) -> PyResult<(Self, Py<PyAny>)> {
        let (pending, future) = Self::wait(py, host.clone())?;
        let (bridge, id) = (&pending.bridge, pending.id);
        let waker = Waker::from(Arc::new(Nudge { arrivals: bridge.arrivals.clone(), id }));
        let mut work = OwnWork { host, work, waker };
        match work.poll()? {
            Poll::Pending => {
                if let Some(waiting) = lock(&bridge.waiting).get_mut(&id) {
                    waiting.work = Some(work);
                }
            }
            // Meanwhile; it is for the event loop to say so.
            Poll::Ready(outcome) => bridge.arrivals.announce(id, News::Arrival(Some(Ok(outcome)))),
        }
        Ok((pending, future))
    }

    fn wait(py: Python<'_>, host: Arc<Host>) -> PyResult<(Self, Py<PyAny>)> {
        logging::follow(py)?;
        let bridge = Bridge::current(py)?;
        let future = bridge.create_future.call0(py)?;
        let id = bridge.next.fetch_add(1, Relaxed);
        let waiting = Waiting { future: future.clone_ref(py), work: None, outcome: None };
        lock(&bridge.waiting).insert(id, waiting);
        Ok((Self { bridge, id, task: None, _host: host }, future))
    }

    /// The outcome, if it is there.
    pub fn take(&self) -> Option<PyResult<Outcome>> {
        lock(&self.bridge.waiting).get_mut(&self.id)?.outcome.take()
    }
}

fn came(arrival: Arrival) -> PyResult<Outcome> {
    match arrival {
        Some(Ok(outcome)) => Ok(outcome),
        Some(Err(panic)) => Err(panicked(&*panic)),
        None => Err(errors::closed("client")),
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.task.iter().for_each(AbortHandle::abort);
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
        self.arrivals.announce(self.id, News::Arrival(self.arrival.take()));
    }
}

/// Work of the event loop's thread.
struct OwnWork {
    host: Arc<Host>,
    work: Work,
    waker: Waker,
}

impl OwnWork {
    fn poll(&mut self) -> PyResult<Poll<Outcome>> {
        self.host.poll_once(self.work.as_mut(), &self.waker)
    }
}

/// Announces that work of the event loop's thread can go on.
struct Nudge {
    arrivals: Arc<Arrivals>,
    id: u64,
}

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.arrivals.announce(self.id, News::GoOn);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
