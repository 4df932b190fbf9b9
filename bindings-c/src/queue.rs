//! `flymq_queue`: events on their way to the application. It polls them, waits for a file descriptor
//! to become readable, or has a thread of the library call it.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use flymq_core::{DeliveryListener, DeliveryReport, Error, ErrorCode, Result};
use tokio::sync::Notify;

use crate::bell::Bell;
use crate::boundary::{self, given, invalid, put};
use crate::callback::{Callback, flymq_drop_fn, flymq_event_fn};
use crate::error::flymq_error;
use crate::event::flymq_event;
use crate::events::{Waiting, flymq_events};
use crate::handle::{Handle, open};
use crate::host::{block_signals, patience};

/// From how many events on producers have to wait.
const FULL: usize = 1_000_000;
/// How many lines of the log may wait; what comes then is counted, and dropped.
const MAX_LINES: usize = 10_000;
/// How many events a serving thread takes at a time.
const AT_A_TIME: usize = 1_000;

/// Events on their way to the application: what became of records and commits, records that were
/// read, changes of partitions, the log. Any thread may use it.
///
/// Either the application takes events with flymq_poll(), for which the descriptor of flymq_queue_fd()
/// tells when, or a thread of the library calls a function for each: flymq_queue_serve().
pub struct flymq_queue(Handle<Queue>);

impl flymq_queue {
    pub fn get(queue: Option<&Self>) -> Result<Arc<Queue>> {
        let queue = open(queue.map(|queue| &queue.0), "queue")?;
        if queue.state().closed { Err(closed()) } else { Ok(queue) }
    }
}

/// What a queue is to those who fill it.
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    /// Whether producers have to wait, for them to see without the lock.
    full: AtomicBool,
    /// Rung when events were taken from a queue that is full.
    emptied: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// How many events that is.
    events: usize,
    lines: usize,
    /// Lines of the log that were dropped.
    dropped: u64,
    bell: Option<Bell>,
    woken: bool,
    closed: bool,
    served: Option<JoinHandle<()>>,
}

impl State {
    fn has_news(&self) -> bool {
        self.events > 0 || self.woken || self.closed
    }

    /// Takes the first events.
    fn take(&mut self, max: usize) -> Vec<Waiting> {
        let mut taken = Vec::new();
        let mut room = max.min(self.events);
        self.events -= room;
        while room > 0
            && let Some(next) = self.waiting.pop_front_if(|next| next.count() <= room)
        {
            room -= next.count();
            self.lines -= usize::from(next.is_log());
            taken.push(next);
        }
        if room > 0 {
            taken.extend(self.waiting.front_mut().and_then(|next| next.split(room)));
        }
        taken
    }

    fn ring(&mut self) {
        let news = self.has_news();
        if let Some(bell) = &mut self.bell {
            bell.set(news);
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorCode::Closed, "poll", "the queue is closed")
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what holds of the events now.
    fn changed(&self, state: &mut State) {
        self.full.store(state.events >= FULL, Release);
        state.ring();
    }

    /// Adds what waits. Returns false if the queue is closed.
    pub fn push(&self, waiting: impl Into<Waiting>) -> bool {
        let waiting = waiting.into();
        let mut state = self.state();
        if state.closed {
            return false;
        }
        state.events += waiting.count();
        state.waiting.push_back(waiting);
        self.changed(&mut state);
        drop(state);
        self.filled.notify_all();
        true
    }

    /// Adds a line of the log, if there is room.
    pub fn push_line(&self, line: flymq_event) {
        let mut state = self.state();
        if state.lines >= MAX_LINES {
            state.dropped += 1;
            return;
        }
        state.lines += 1;
        drop(state);
        self.push(line);
    }

    /// How many lines of the log were dropped since this was asked.
    pub fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.state().dropped)
    }

    /// Whether producers have to ask whether the queue may take more.
    pub fn is_full(&self) -> bool {
        self.full.load(Acquire)
    }

    /// Waits until the queue may take more events: for the thread that serves it, but not for an
    /// application that has to poll by itself.
    pub async fn admit(&self) -> Result<()> {
        while self.is_full() {
            let emptied = self.emptied.notified();
            {
                let state = self.state();
                if state.events < FULL || state.closed {
                    return Ok(());
                }
                let waits = state.served.as_ref().is_some_and(|s| !is_current(s));
                if !waits {
                    let message = format!("{FULL} events wait to be taken from the queue");
                    return Err(Error::new(ErrorCode::BufferFull, "send", message));
                }
            }
            emptied.await;
        }
        Ok(())
    }

    /// Takes events once there are any: none when the time is up, or someone has woken the queue.
    fn take(&self, max: usize, timeout_ms: i64) -> Result<flymq_events> {
        let deadline = Instant::now().checked_add(patience(timeout_ms));
        let mut state = self.state();
        while !state.has_news() {
            let Some(deadline) = deadline else {
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(flymq_events::new(Vec::new()));
            }
            let waited = self.filled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.closed {
            return Err(closed());
        }
        state.woken = false;
        let taken = state.take(max);
        self.changed(&mut state);
        drop(state);
        self.emptied.notify_waiters();
        Ok(flymq_events::new(taken))
    }

    /// Takes no more events, forgets those that wait, and ends the thread that serves it.
    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let forgotten = state.take(usize::MAX);
        self.changed(&mut state);
        let serving = state.served.take();
        drop(state);
        drop(forgotten);
        self.filled.notify_all();
        self.emptied.notify_waiters();
        if let Some(thread) = serving.filter(|thread| !is_current(thread)) {
            // It ends after the callback that it is in; a panic there has been caught.
            let _ = thread.join();
        }
    }
}

impl DeliveryListener for Queue {
    fn decided(&self, report: DeliveryReport) {
        self.push(Waiting::deliveries(report));
    }
}

fn is_current(thread: &JoinHandle<()>) -> bool {
    thread.thread().id() == thread::current().id()
}

impl Drop for flymq_queue {
    fn drop(&mut self) {
        if let Ok(queue) = self.0.get() {
            queue.close();
        }
    }
}

/// Makes an event queue.
///
/// The caller frees it with flymq_queue_free(). Producers and consumers made with it may outlive it:
/// what they have to tell is lost then.
///
/// Errors: INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_queue_new(
    queue: Option<&mut MaybeUninit<*mut flymq_queue>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(queue, error, || {
        let state = Mutex::default();
        let queue = Queue {
            state,
            filled: Condvar::new(),
            full: AtomicBool::new(false),
            emptied: Notify::new(),
        };
        Ok(flymq_queue(Handle::new("queue", queue)))
    })
}

/// Waits for events and takes at most `max` of them, at least 1. `timeout_ms` is in milliseconds: 0
/// does not wait, a negative one waits for ever. Gives NULL, without an error, when the time is up
/// or flymq_wake() was called.
///
/// The caller frees the events with flymq_events_free(). Any number of threads may poll.
///
/// Errors: CLOSED, also while it waits; INVALID_ARGUMENT while a thread serves the queue.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_poll(
    queue: Option<&flymq_queue>,
    max: usize,
    timeout_ms: i64,
    events: Option<&mut MaybeUninit<*mut flymq_events>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make_some(events, error, || {
        let queue = flymq_queue::get(queue)?;
        if queue.state().served.is_some() {
            return Err(invalid("a thread serves this queue"));
        }
        let taken = queue.take(max.max(1), timeout_ms)?;
        Ok((!taken.is_empty()).then_some(taken))
    })
}

/// Has one flymq_poll() that waits, or else the next one, return without events.
///
/// Errors: CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_wake(
    queue: Option<&flymq_queue>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let queue = flymq_queue::get(queue)?;
        let mut state = queue.state();
        state.woken = true;
        state.ring();
        drop(state);
        queue.filled.notify_all();
        Ok(())
    })
}

/// A file descriptor that is readable while flymq_poll() would return at once: for poll(), epoll,
/// libuv and their like. Only wait for it: do not read, write or close it. It lives as long as the
/// queue.
///
/// Errors: INTERNAL if the operating system gives no descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_queue_fd(
    queue: Option<&flymq_queue>,
    fd: Option<&mut MaybeUninit<i32>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let queue = flymq_queue::get(queue)?;
        let mut state = queue.state();
        if state.bell.is_none() {
            let bell = Bell::new().map_err(|e| {
                Error::new(ErrorCode::Internal, "fd", format!("cannot open a descriptor: {e}"))
            })?;
            state.bell = Some(bell);
            state.ring();
        }
        put(fd, state.bell.as_ref().map_or(-1, |bell| bell.fd()));
        Ok(())
    })
}

/// Starts a thread that takes the events and calls `function` with `context` for each, one after the
/// other, until the queue is closed. Then it calls `drop_context`, if that is not NULL, once.
///
/// The thread has all signals blocked. The function may call everything of this library; if it waits
/// for long, other events wait too.
///
/// Errors: INVALID_ARGUMENT without a function, or if a thread serves the queue already; then
/// `drop_context` is not called.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_queue_serve(
    queue: Option<&flymq_queue>,
    function: flymq_event_fn,
    context: *mut c_void,
    drop_context: flymq_drop_fn,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let queue = flymq_queue::get(queue)?;
        let mut state = queue.state();
        if state.served.is_some() {
            return Err(invalid("a thread serves this queue already"));
        }
        given(function.as_ref(), "function")?;
        let served = queue.clone();
        let context = context as usize;
        let serve = move || {
            let callback = Callback::new(function, context as *mut c_void, drop_context);
            block_signals();
            while let Ok(events) = served.take(AT_A_TIME, -1) {
                for event in events.iter() {
                    callback.iter().for_each(|callback| callback.tell(event));
                }
            }
        };
        let thread = thread::Builder::new().name("flymq-events".to_owned()).spawn(serve);
        state.served = Some(thread.map_err(|e| {
            Error::new(ErrorCode::Internal, "serve", format!("cannot start a thread: {e}"))
        })?);
        Ok(())
    })
}

/// Closes a queue: events that wait are forgotten, a flymq_poll() that waits returns CLOSED, and a
/// thread that serves the queue ends, which is waited for unless this is that thread. Harmless when
/// closed.
///
/// Errors: INVALID_ARGUMENT for NULL; CLOSED in a child of fork().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_queue_close(
    queue: Option<&flymq_queue>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        open(queue.map(|queue| &queue.0), "queue")?.close();
        Ok(())
    })
}

/// Closes a queue, and frees it. No other call with it may be under way. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_queue_free(queue: Option<Box<flymq_queue>>) {
    boundary::free(queue);
}
