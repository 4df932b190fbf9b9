//! Errors as people read them: what happened, then what to do next.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::output::ReaderGone;

/// Something was said already; only the exit code is left to give.
#[derive(Debug)]
pub struct Reported;

impl std::fmt::Display for Reported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Reported {}

/// Prints an error to standard error and returns the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<ReaderGone>() {
        return ExitCode::SUCCESS;
    }
    if !error.is::<Reported>() {
        let mut message = String::new();
        let mut hint = None;
        for cause in error.chain() {
            if !message.is_empty() {
                message.push_str(": ");
            }
            match cause.downcast_ref::<flymq_core::Error>() {
                Some(known) => {
                    message.push_str(&text(known));
                    hint = Some(known.hint());
                    break;
                }
                None => message.push_str(&cause.to_string()),
            }
        }
        say(format_args!("flymq: {message}"));
        if let Some(hint) = hint {
            say(format_args!("hint: {hint}"));
        }
    }
    ExitCode::FAILURE
}

/// A client's error without its hint, which goes on a line of its own.
pub fn text(error: &flymq_core::Error) -> String {
    format!("{} ({} {})", error.message(), error.name(), error.code_number())
}

/// A client's error for programs.
pub fn json(error: &flymq_core::Error) -> serde_json::Value {
    json!({
        "code": error.code_number(),
        "name": error.name(),
        "message": error.message(),
        "retriable": error.is_retriable(),
        "hint": error.hint(),
    })
}

/// A line on standard error, which may be closed.
pub fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
