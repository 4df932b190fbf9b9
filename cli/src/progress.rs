//! A bar for work that takes long, on a terminal only.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long work takes before it is worth a bar.
const QUIET: Duration = Duration::from_secs(1);

pub struct Progress {
    bar: ProgressBar,
    began: Instant,
    shown: bool,
}

impl Progress {
    /// For `size` bytes of input, or for input whose end is not known.
    pub fn new(size: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::hidden());
        let template = match size {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {msg} {bytes_per_sec} {eta}",
            None => "{spinner} {bytes} {msg} {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, began: Instant::now(), shown: false }
    }

    pub fn advance(&mut self, bytes: u64, records: u64) {
        if !self.shown && self.began.elapsed() > QUIET {
            self.shown = true;
            // Nothing is drawn where standard error is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(bytes);
        if self.shown {
            self.bar.set_message(format!("{records} records"));
        }
    }

    /// Prints a line without disturbing the bar.
    pub fn say(&self, line: impl std::fmt::Display) {
        self.bar.suspend(|| crate::failure::say(line));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
