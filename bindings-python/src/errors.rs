//! Errors → the exceptions of `flymq.errors`.

use flymq_broker::{ErrorCode, ProtocolError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyAnyMethods;

/// The exception for an error code.
fn raise(code: u16, name: &str, message: &str, retriable: bool, hint: &str) -> PyErr {
    static FROM_CODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Python::attach(|py| {
        let made = FROM_CODE
            .import(py, "flymq.errors", "from_code")
            .and_then(|from_code| from_code.call1((code, name, message, retriable, hint)));
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    })
}

/// The exception for an entry of the table.
pub fn from_entry(code: ErrorCode, message: &str) -> PyErr {
    raise(code as u16, code.name(), message, code.is_retriable(), code.hint())
}

/// The exception for an error of the embedded broker.
pub fn from_broker(error: ProtocolError) -> PyErr {
    from_entry(error.code, &error.message)
}

/// The exception for a panic.
pub fn panicked(message: &str) -> PyErr {
    from_entry(ErrorCode::Panic, message)
}

/// The exception for a task that did not end by itself.
pub fn from_join(error: tokio::task::JoinError) -> PyErr {
    panicked(&error.to_string())
}

/// The exception for a value from before a fork.
pub fn forked() -> PyErr {
    Python::attach(|py| {
        let made = py.import("flymq.errors").and_then(|errors| {
            errors.getattr("ForkError")?.call1((
                "this object was made before a fork and cannot be used in the child process",
            ))
        });
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    })
}

/// The table of error codes: ``(code, name, retriable, hint)`` of each, by number.
#[pyfunction]
pub fn error_table() -> Vec<(u16, &'static str, bool, &'static str)> {
    ErrorCode::ALL.iter().map(|c| (*c as u16, c.name(), c.is_retriable(), c.hint())).collect()
}
