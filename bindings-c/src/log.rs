//! The log of the library, as events.

use std::ffi::CString;
use std::fmt::{self, Write};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, Once, PoisonError, RwLock};

use flymq_core::Result;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::boundary::{self, invalid};
use crate::error::flymq_error;
use crate::event::flymq_event;
use crate::queue::{Queue, flymq_queue};
use crate::text::c_string;

/// How grave a line of the log is.
#[repr(i32)]
pub enum flymq_log_level {
    /// Something is broken.
    FLYMQ_LOG_ERROR = 1,
    /// Something is not as it should be, and may need a person.
    FLYMQ_LOG_WARN = 2,
    /// What a person may want to know.
    FLYMQ_LOG_INFO = 3,
    /// What helps to find a mistake.
    FLYMQ_LOG_DEBUG = 4,
    /// Everything.
    FLYMQ_LOG_TRACE = 5,
}

/// A line of the log.
pub struct Line {
    pub level: i32,
    pub text: CString,
}

fn number(level: Level) -> i32 {
    use flymq_log_level::*;
    (match level {
        Level::ERROR => FLYMQ_LOG_ERROR,
        Level::WARN => FLYMQ_LOG_WARN,
        Level::INFO => FLYMQ_LOG_INFO,
        Level::DEBUG => FLYMQ_LOG_DEBUG,
        Level::TRACE => FLYMQ_LOG_TRACE,
    }) as i32
}

/// Up to which level lines are wanted; 0 for none.
static WANTED: AtomicI32 = AtomicI32::new(0);
/// Where they go.
static SINK: RwLock<Option<Arc<Queue>>> = RwLock::new(None);

fn set_sink(queue: Option<Arc<Queue>>, level: i32) {
    static INSTALL: Once = Once::new();
    let replaced =
        std::mem::replace(&mut *SINK.write().unwrap_or_else(PoisonError::into_inner), queue);
    drop(replaced);
    WANTED.store(level, Relaxed);
    INSTALL.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(ToQueue);
        // This library has its own copy of the logger, which nobody else sets.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
    tracing::callsite::rebuild_interest_cache();
}

/// Sends what is logged to the queue.
struct ToQueue;

impl<S: Subscriber> Layer<S> for ToQueue {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("flymq") && number(*metadata.level()) <= WANTED.load(Relaxed)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let sink = SINK.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(queue) = sink else { return };
        let dropped = queue.take_dropped();
        if dropped > 0 {
            let text = c_string(&format!("{dropped} lines of the log were dropped"));
            let level = flymq_log_level::FLYMQ_LOG_WARN as i32;
            queue.push_line(flymq_event::log(Line { level, text }));
        }
        let mut text = Text(format!("{}: ", event.metadata().target()));
        event.record(&mut text);
        let level = number(*event.metadata().level());
        queue.push_line(flymq_event::log(Line { level, text: c_string(&text.0) }));
    }
}

/// Message and fields in one line.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?} "),
            name => write!(self.0, "{name}={value:?} "),
        };
    }
}

/// Has the log of this library, of all clients and brokers in the process, brought by a queue as
/// FLYMQ_EVENT_LOG, up to `level`, a flymq_log_level. At most 10,000 lines wait there; what comes then
/// is dropped and counted. NULL for the queue ends it, as does closing that. Nothing is logged before.
///
/// Errors: INVALID_ARGUMENT for another level; CLOSED for a queue that is closed.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_log_to(
    queue: Option<&flymq_queue>,
    level: i32,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || log_to(queue, level))
}

fn log_to(queue: Option<&flymq_queue>, level: i32) -> Result<()> {
    let Some(queue) = queue else {
        set_sink(None, 0);
        return Ok(());
    };
    if !(number(Level::ERROR)..=number(Level::TRACE)).contains(&level) {
        return Err(invalid(format!("there is no log level {level}")));
    }
    set_sink(Some(flymq_queue::get(Some(queue))?), level);
    Ok(())
}
