//! Waking an event loop.

use std::io;
#[cfg(unix)]
use std::io::{Read, Write};
#[cfg(unix)]
use std::os::fd::AsRawFd;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use pyo3::exceptions::{PyAttributeError, PyNotImplementedError};
use pyo3::prelude::*;

/// Has an event loop call something. Any thread may ring, and none takes the GIL for that.
pub enum Alarm {
    /// For event loops that watch sockets.
    #[cfg(unix)]
    Socket { ring: UnixStream, hear: UnixStream },
    /// For others: a thread waits in place of the event loop.
    Thread { bell: Arc<Bell>, waiting: Mutex<Option<JoinHandle<()>>> },
}

impl Alarm {
    /// An alarm that has not been told yet what to call.
    pub fn new(watches_sockets: bool) -> io::Result<Self> {
        #[cfg(unix)]
        if watches_sockets {
            let (ring, hear) = UnixStream::pair()?;
            ring.set_nonblocking(true)?;
            hear.set_nonblocking(true)?;
            return Ok(Self::Socket { ring, hear });
        }
        let _ = watches_sockets;
        Ok(Self::Thread { bell: Arc::default(), waiting: Mutex::default() })
    }

    /// From now on rings of the alarm have the event loop make the call. `false` if it watches no
    /// sockets, which this alarm wants.
    pub fn set(&self, event_loop: &Bound<'_, PyAny>, call: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self {
            #[cfg(unix)]
            Self::Socket { hear, .. } => {
                match event_loop.call_method1("add_reader", (hear.as_raw_fd(), call)) {
                    Ok(_) => Ok(true),
                    Err(error) if is_missing(event_loop.py(), &error) => Ok(false),
                    Err(error) => Err(error),
                }
            }
            Self::Thread { bell, waiting } => {
                let bell = bell.clone();
                let event_loop = event_loop.clone().unbind();
                let call = call.clone().unbind();
                let name = "flymq-asyncio".to_owned();
                let thread = thread::Builder::new().name(name).spawn(move || {
                    while bell.wait() {
                        // An event loop that was closed has nobody waiting.
                        let call_soon = |py: Python<'_>| {
                            event_loop.call_method1(py, "call_soon_threadsafe", (&call,)).is_ok()
                        };
                        if Python::try_attach(call_soon).is_none() {
                            return;
                        }
                    }
                    Python::try_attach(|_| drop((event_loop, call)));
                })?;
                *lock(waiting) = Some(thread);
                Ok(true)
            }
        }
    }

    /// Has the event loop make the call soon.
    pub fn ring(&self) {
        match self {
            #[cfg(unix)]
            Self::Socket { ring, .. } => {
                // When it is full the event loop is woken anyhow.
                let _ = (&*ring).write(&[1]);
            }
            Self::Thread { bell, .. } => bell.ring(),
        }
    }

    /// The event loop makes the call: rings from now on are for the next one.
    pub fn heard(&self) {
        #[cfg(unix)]
        if let Self::Socket { hear, .. } = self {
            let _ = (&*hear).read(&mut [0; 64]);
        }
    }

    /// Rings reach the event loop no more. Called on its thread.
    pub fn unset(&self, event_loop: &Bound<'_, PyAny>) {
        #[cfg(unix)]
        if let Self::Socket { hear, .. } = self {
            // One that was closed watches nothing.
            let _ = event_loop.call_method1("remove_reader", (hear.as_raw_fd(),));
        }
        self.stop(event_loop.py());
    }

    /// Ends the thread, if there is one.
    pub fn stop(&self, py: Python<'_>) {
        if let Self::Thread { bell, waiting } = self {
            bell.stop();
            let thread = lock(waiting).take();
            // It wants the GIL for its last steps.
            py.detach(|| thread.map(JoinHandle::join));
        }
    }
}

fn is_missing(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyNotImplementedError>(py)
        || error.is_instance_of::<PyAttributeError>(py)
}

/// What a thread waits for.
#[derive(Default)]
pub struct Bell {
    state: Mutex<BellState>,
    changed: Condvar,
}

#[derive(Default)]
struct BellState {
    rung: bool,
    stopped: bool,
}

impl Bell {
    fn ring(&self) {
        lock(&self.state).rung = true;
        self.changed.notify_one();
    }

    fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_one();
    }

    /// Waits for a ring; `false` once stopped.
    fn wait(&self) -> bool {
        let idle = |state: &mut BellState| !state.rung && !state.stopped;
        let mut state = self
            .changed
            .wait_while(lock(&self.state), idle)
            .unwrap_or_else(PoisonError::into_inner);
        state.rung = false;
        !state.stopped
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
