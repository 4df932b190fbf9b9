//! Standard output, whose reader may go away at any time.

use std::io::{BufWriter, ErrorKind, Stdout, Write, stdout};

use serde::Serialize;
use serde_json::Value;

use crate::args::Format;

/// Whoever read standard output has read enough. No failure: the command ends quietly.
#[derive(Debug)]
pub struct ReaderGone;

impl std::fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard output is closed")
    }
}

impl std::error::Error for ReaderGone {}

/// Standard output in large pieces; [`Output::flush`] before waiting for anything.
pub struct Output(BufWriter<Stdout>);

impl Output {
    pub fn new() -> Self {
        Self(BufWriter::with_capacity(64 << 10, stdout()))
    }

    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.0.write_all(bytes).map_err(explain)
    }

    pub fn line(&mut self, line: impl std::fmt::Display) -> anyhow::Result<()> {
        writeln!(self.0, "{line}").map_err(explain)
    }

    /// A value as one line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.0, value)
            .map_err(|e| if e.is_io() { explain(e.into()) } else { e.into() })?;
        self.write(b"\n")
    }

    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.0.flush().map_err(explain)
    }
}

fn explain(error: std::io::Error) -> anyhow::Error {
    if error.kind() == ErrorKind::BrokenPipe {
        return ReaderGone.into();
    }
    anyhow::Error::new(error).context("cannot write to standard output")
}

/// A sentence for people, or an object for programs.
pub fn tell(out: &mut Output, format: Format, text: String, object: Value) -> anyhow::Result<()> {
    match format {
        Format::Text => out.line(text),
        Format::Json => out.json(&object),
    }
}

/// Columns as wide as they need to be.
pub fn table(out: &mut Output, head: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].len()).chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(head).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        out.line(line.trim_end())?;
    }
    Ok(())
}
