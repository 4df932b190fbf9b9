//! What the core logs → `logging.getLogger("flymq")`.
//!
//! The core's threads put lines into a queue and never wait: where it is full, lines are dropped and
//! counted. One thread hands them to Python, many at a time.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::fork;

/// How many lines may wait for Python.
const CAPACITY: usize = 1000;
/// How often the level is looked up, at most.
const LOOK: Duration = Duration::from_millis(500);
/// How long the exit may wait for a handler that does not return.
const PATIENCE: Duration = Duration::from_secs(1);
/// What Python calls the levels; below DEBUG is that of TRACE.
const LEVELS: [(Level, u8); 5] = [
    (Level::TRACE, 5),
    (Level::DEBUG, 10),
    (Level::INFO, 20),
    (Level::WARN, 30),
    (Level::ERROR, 40),
];

/// The least level that Python wants, by its number. WARNING until it was asked.
static WANTED: AtomicU8 = AtomicU8::new(30);
/// When to ask next, in milliseconds since [`START`].
static NEXT_LOOK: AtomicU64 = AtomicU64::new(0);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Has what the core logs go to Python, unless the program has a subscriber already, as the command
/// line has.
pub fn install(py: Python<'_>) -> PyResult<()> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(tracing::subscriber::set_global_default(ToPython)));
    look(py)
}

/// Looks up what level Python wants, unless that was done a moment ago.
pub fn follow(py: Python<'_>) -> PyResult<()> {
    let now = START.elapsed().as_millis() as u64;
    if now < NEXT_LOOK.load(Relaxed) {
        return Ok(());
    }
    NEXT_LOOK.store(now + LOOK.as_millis() as u64, Relaxed);
    look(py)
}

fn look(py: Python<'_>) -> PyResult<()> {
    let level: u32 = logger(py, "flymq")?.call_method0("getEffectiveLevel")?.extract()?;
    WANTED.store(level.min(u8::MAX.into()) as u8, Relaxed);
    Ok(())
}

fn logger<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("logging")?.call_method1("getLogger", (name,))
}

fn number(level: Level) -> u8 {
    LEVELS.iter().find(|(known, _)| *known == level).map_or(0, |(_, number)| *number)
}

struct ToPython;

impl Subscriber for ToPython {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match metadata.is_event() && metadata.target().starts_with("flymq") {
            true => Interest::sometimes(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && metadata.target().starts_with("flymq")
            && number(*metadata.level()) >= WANTED.load(Relaxed)
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut text = Text(String::new());
        event.record(&mut text);
        Queue::current().push(Line {
            level: number(*metadata.level()),
            logger: metadata
                .target()
                .replacen("flymq_core", "flymq", 1)
                .replace("flymq_", "flymq."),
            file: metadata.file().unwrap_or_default().to_owned(),
            line: metadata.line().unwrap_or_default(),
            text: text.0,
            time: SystemTime::now(),
        });
    }

    // Spans are not enabled, so that these are not called.

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// The message, and the other fields behind it.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => {
                let fields = std::mem::take(&mut self.0);
                write!(self.0, "{value:?}{fields}")
            }
            name => write!(self.0, " {name}={value:?}"),
        };
        debug_assert!(written.is_ok(), "strings take everything");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

struct Line {
    level: u8,
    logger: String,
    file: String,
    line: u32,
    text: String,
    time: SystemTime,
}

/// The lines of one process, and the thread that hands them over.
struct Queue {
    generation: u32,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Line>,
    dropped: u64,
    /// Whether the interpreter exits.
    stopped: bool,
    /// Whether there is a thread that hands lines over.
    running: bool,
}

/// The queue of this process. A forked child has another one, since the lock of this may be held.
static QUEUE: AtomicPtr<Queue> = AtomicPtr::new(std::ptr::null_mut());

impl Queue {
    fn current() -> &'static Self {
        let known = QUEUE.load(SeqCst);
        // SAFETY: what is stored there was leaked, so that it stays.
        if let Some(queue) = unsafe { known.as_ref() }
            && queue.generation == fork::generation()
        {
            return queue;
        }
        let queue = Self {
            generation: fork::generation(),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        let queue = Box::into_raw(Box::new(queue));
        match QUEUE.compare_exchange(known, queue, SeqCst, SeqCst) {
            // SAFETY: it was leaked just now.
            Ok(_) => unsafe { &*queue },
            Err(_) => {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(queue) });
                Self::current()
            }
        }
    }

    fn push(&'static self, line: Line) {
        let mut state = self.lock();
        if state.stopped {
            return;
        }
        if state.lines.len() == CAPACITY {
            state.dropped += 1;
            return;
        }
        state.lines.push_back(line);
        if !state.running {
            let name = "flymq-logging".to_owned();
            state.running = thread::Builder::new().name(name).spawn(|| self.run()).is_ok();
        }
        drop(state);
        self.changed.notify_all();
    }

    fn run(&self) {
        loop {
            let idle = |state: &mut State| state.lines.is_empty() && !state.stopped;
            let state = self.changed.wait_while(self.lock(), idle);
            let is_over = state.unwrap_or_else(PoisonError::into_inner).lines.is_empty();
            // Nothing is to be asked of an interpreter that is shutting down.
            if is_over || Python::try_attach(|py| self.hand_over(py)).is_none() {
                break;
            }
        }
        self.lock().running = false;
        self.changed.notify_all();
    }

    /// Gives Python all lines that there are.
    fn hand_over(&self, py: Python<'_>) {
        let (lines, dropped) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.lines), std::mem::take(&mut state.dropped))
        };
        let given = lines.iter().try_for_each(|line| line.log(py)).and_then(|()| {
            if dropped > 0 {
                let text =
                    "%d lines were dropped, since handlers of logging were too slow for them";
                logger(py, "flymq")?.call_method1("warning", (text, dropped))?;
            }
            look(py)
        });
        if let Err(error) = given {
            error.write_unraisable(py, None);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn log(&self, py: Python<'_>) -> PyResult<()> {
        let logger = logger(py, &self.logger.replace("::", "."))?;
        if !logger.call_method1("isEnabledFor", (self.level,))?.extract::<bool>()? {
            return Ok(());
        }
        let (file, text) = (&self.file, &self.text);
        let fields = (&logger.getattr("name")?, self.level, file, self.line, text, (), py.None());
        let record = logger.call_method1("makeRecord", fields)?;
        // When it happened, rather than now.
        let created = self.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        record.setattr("created", created.as_secs_f64())?;
        record.setattr("msecs", created.subsec_millis())?;
        logger.call_method1("handle", (record,))?;
        Ok(())
    }
}

/// Takes no more lines, and waits until those that there are were handed over, unless a handler does
/// not return. Called when the interpreter exits.
pub fn stop(py: Python<'_>) {
    let queue = Queue::current();
    queue.lock().stopped = true;
    queue.changed.notify_all();
    py.detach(|| {
        let running = |state: &mut State| state.running;
        drop(queue.changed.wait_timeout_while(queue.lock(), PATIENCE, running));
    });
}

/// Log the message so many times, as the core does: a hook for the tests.
#[pyfunction]
pub fn _log(message: String, times: usize) {
    for _ in 0..times {
        tracing::info!(target: "flymq_core::test", "{message}");
    }
}
