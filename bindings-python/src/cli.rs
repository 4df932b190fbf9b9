//! The `flymq` command inside Python.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use pyo3::prelude::*;

use crate::wait::guarded;

/// Run the command line, the program's name first, and return its exit code.
///
/// The caller resets Python's SIGINT handler first, or Ctrl-C waits for the command's end.
#[pyfunction]
pub fn cli(py: Python<'_>, argv: Vec<OsString>) -> PyResult<u8> {
    let code = guarded(|| Ok(py.detach(|| flymq_cli::run(argv))))?;
    // Python's exit does not flush Rust's buffer.
    std::io::stdout().flush()?;
    // An exit code can be compared, but not read.
    Ok((0..=u8::MAX).find(|number| ExitCode::from(*number) == code).unwrap_or(1))
}
