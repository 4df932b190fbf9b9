//! Errors → the exceptions of `flymq.errors`.

use flymq_core::{Error, ErrorCode};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The exception for an error of the core.
pub fn from_core(error: Error) -> PyErr {
    raise(error.code_number(), error.name(), error.message(), error.is_retriable(), error.hint())
}

/// The exception for an entry of the table.
pub fn from_entry(code: ErrorCode, message: &str) -> PyErr {
    raise(code as u16, code.name(), message, code.is_retriable(), code.hint())
}

/// The exception for something that is closed.
pub fn closed(name: &str) -> PyErr {
    from_entry(ErrorCode::Closed, &format!("the {name} is closed"))
}

/// The exception for something from before a fork.
pub fn forked(name: &str) -> PyErr {
    let message = format!("the {name} was made before a fork and cannot be used in the child");
    exception(|py| py.import("flymq.errors")?.getattr("ForkError")?.call1((message,)))
}

/// The exception for what a serializer or deserializer raised; with `place`, a record's partition and
/// offset.
pub fn serialization(
    py: Python<'_>,
    message: &str,
    topic: &str,
    place: Option<(u32, u64)>,
    cause: PyErr,
) -> PyErr {
    let error = from_entry(ErrorCode::Serialization, message);
    let value = error.value(py);
    let set = || {
        value.setattr("topic", topic)?;
        if let Some((partition, offset)) = place {
            value.setattr("partition", partition)?;
            value.setattr("offset", offset)?;
        }
        Ok(())
    };
    if let Err(unset) = set() {
        return unset;
    }
    error.set_cause(py, Some(cause));
    error
}

fn raise(code: u16, name: &str, message: &str, retriable: bool, hint: &str) -> PyErr {
    static FROM_CODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    exception(|py| {
        let from_code = FROM_CODE.import(py, "flymq.errors", "from_code")?;
        from_code.call1((code, name, message, retriable, hint))
    })
}

fn exception(make: impl FnOnce(Python<'_>) -> PyResult<Bound<'_, PyAny>>) -> PyErr {
    Python::attach(|py| make(py).map_or_else(|error| error, PyErr::from_value))
}

/// The table of error codes by number: (code, name, retriable, hint) of each.
#[pyfunction]
pub fn error_table() -> Vec<(u16, &'static str, bool, &'static str)> {
    ErrorCode::ALL.iter().map(|c| (*c as u16, c.name(), c.is_retriable(), c.hint())).collect()
}
