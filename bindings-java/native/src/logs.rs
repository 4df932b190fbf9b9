//! Log lines on their way to SLF4J: put into one buffer, which a Java thread drains.

use std::fmt::{self, Write};
use std::sync::{Condvar, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::wire::Out;

/// Lines that have not been taken yet.
static LINES: Mutex<Lines> = Mutex::new(Lines { out: Out(Vec::new()), dropped: 0 });
/// Rung when there is a line.
static FILLED: Condvar = Condvar::new();
/// How many bytes of lines are kept for a thread that does not come to take them.
const MOST: usize = 1 << 20;

struct Lines {
    out: Out,
    dropped: u64,
}

/// Logs from now on: nothing, errors, warnings too, and so on up to 5 for everything. Without effect
/// if something else in the process listens to what is logged.
pub fn start(level: i32) {
    let filter = match level {
        ..=0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let subscriber = tracing_subscriber::registry().with(Bridge.with_filter(filter));
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Waits for lines and takes all that there are.
pub fn take() -> Vec<u8> {
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    while lines.out.0.is_empty() {
        lines = FILLED.wait(lines).unwrap_or_else(PoisonError::into_inner);
    }
    if lines.dropped > 0 {
        let text = format!("{} lines were dropped: they came too fast", lines.dropped);
        lines.dropped = 0;
        line(&mut lines.out, Level::WARN, "flymq_jni::logs", &text);
    }
    std::mem::take(&mut lines.out.0)
}

fn line(out: &mut Out, level: Level, target: &str, text: &str) {
    let level = match level {
        Level::ERROR => 0,
        Level::WARN => 1,
        Level::INFO => 2,
        Level::DEBUG => 3,
        Level::TRACE => 4,
    };
    // flymq_core::link::router → io.flymq.core.link.router
    let logger = target.replace("::", ".");
    let ours = logger.strip_prefix("flymq_").or_else(|| logger.strip_prefix("flymq."));
    let logger = match ours {
        Some(ours) => format!("io.flymq.{ours}"),
        None => format!("io.flymq.native.{logger}"),
    };
    out.u8(level).text(&logger).text(text);
}

struct Bridge;

impl<S: Subscriber> Layer<S> for Bridge {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let meta = event.metadata();
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.out.0.len() > MOST {
            lines.dropped += 1;
            return;
        }
        line(&mut lines.out, *meta.level(), meta.target(), &text.0);
        drop(lines);
        FILLED.notify_one();
    }
}

/// The message of an event, with its fields behind it.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => {
                let fields = std::mem::take(&mut self.0);
                write!(self.0, "{value:?}{fields}")
            }
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
