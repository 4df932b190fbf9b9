//! Python values → what the core takes.

use std::time::Duration;

use bytes::Bytes;
use flymq_core::{Compression, Isolation, Record, StartOffset};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping, PyMemoryView, PyString};

/// Bytes-like, or a string taken as UTF-8. Copied: Python may change or free its own.
pub struct Data(pub Bytes);

impl<'py> FromPyObject<'_, 'py> for Data {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(Self(Bytes::copy_from_slice(bytes.as_bytes())));
        }
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Self(Bytes::copy_from_slice(text.to_str()?.as_bytes())));
        }
        let Ok(buffer) = PyUntypedBuffer::get(&value) else {
            return Err(PyTypeError::new_err(format!(
                "expected bytes, a bytes-like object or str, not {}",
                value.get_type().name()?
            )));
        };
        if !buffer.is_c_contiguous() {
            // A view of a part, such as every second byte.
            let bytes = PyMemoryView::from(&value)?.call_method0("tobytes")?;
            return Ok(Self(Bytes::copy_from_slice(bytes.cast::<PyBytes>()?.as_bytes())));
        }
        let mut copy = Vec::with_capacity(buffer.len_bytes());
        // SAFETY: a contiguous buffer has that many bytes from there on as long as it is held, the
        // copy has room for them, and nothing runs meanwhile that could change them.
        unsafe {
            std::ptr::copy_nonoverlapping(
                buffer.buf_ptr().cast::<u8>(),
                copy.as_mut_ptr(),
                buffer.len_bytes(),
            );
            copy.set_len(buffer.len_bytes());
        }
        Ok(Self(copy.into()))
    }
}

/// The bytes of an optional argument.
pub fn bytes(data: Option<Data>) -> Option<Bytes> {
    data.map(|data| data.0)
}

/// A mapping of names to values, or an iterable of (name, value) pairs.
#[derive(Default)]
pub struct Headers(pub Vec<(String, Option<Bytes>)>);

impl<'py> FromPyObject<'_, 'py> for Headers {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let pairs = match value.cast::<PyMapping>() {
            Ok(mapping) => mapping.items()?.into_any(),
            Err(_) => value.to_owned(),
        };
        let wrong = |error: PyErr| {
            PyTypeError::new_err(format!(
                "expected a mapping of str to bytes, or (str, bytes) pairs: {}",
                error.value(value.py())
            ))
        };
        let mut headers = Vec::new();
        for pair in pairs.try_iter().map_err(wrong)? {
            let (name, value) = pair?.extract::<(String, Option<Data>)>().map_err(wrong)?;
            headers.push((name, bytes(value)));
        }
        Ok(Self(headers))
    }
}

/// A duration in seconds, zero or more, whole or not.
#[derive(Clone, Copy)]
pub struct Seconds(pub Duration);

impl<'py> FromPyObject<'_, 'py> for Seconds {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let seconds: f64 = value.extract()?;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| {
            PyValueError::new_err(format!("expected seconds, zero or more, not {seconds}"))
        })
    }
}

/// A record of the core.
pub fn record(
    value: Option<Bytes>,
    key: Option<Bytes>,
    headers: Option<Headers>,
    partition: Option<u32>,
    timestamp: Option<i64>,
) -> Record {
    let mut record = value.map_or_else(Record::default, Record::new);
    if let Some(key) = key {
        record = record.key(key);
    }
    if let Some(headers) = headers {
        record = record.headers(headers.0);
    }
    if let Some(partition) = partition {
        record = record.partition(partition);
    }
    match timestamp {
        Some(timestamp) => record.timestamp(timestamp),
        None => record,
    }
}

/// The choice that an argument names.
pub fn choice<T: Clone>(argument: &str, name: &str, choices: &[(&str, T)]) -> PyResult<T> {
    if let Some((_, chosen)) = choices.iter().find(|(known, _)| *known == name) {
        return Ok(chosen.clone());
    }
    let known: Vec<_> = choices.iter().map(|(known, _)| format!("{known:?}")).collect();
    let known = match known.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => known.concat(),
    };
    Err(PyValueError::new_err(format!("{argument} must be {known}, not {name:?}")))
}

/// An `isolation`.
pub fn isolation(name: &str) -> PyResult<Isolation> {
    let choices = [
        ("read_committed", Isolation::ReadCommitted),
        ("read_uncommitted", Isolation::ReadUncommitted),
    ];
    choice("isolation", name, &choices)
}

/// A `compression`.
pub fn compression(name: &str) -> PyResult<Compression> {
    let choices =
        [("none", Compression::None), ("lz4", Compression::Lz4), ("zstd", Compression::Zstd)];
    choice("compression", name, &choices)
}

/// Where to begin: an offset, "earliest", "latest", or a datetime.
#[derive(Clone, Copy)]
pub struct Start(pub StartOffset);

impl<'py> FromPyObject<'_, 'py> for Start {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(name) = value.cast::<PyString>() {
            let choices = [("earliest", StartOffset::Earliest), ("latest", StartOffset::Latest)];
            return choice("an offset that is no number", name.to_str()?, &choices).map(Self);
        }
        if value.hasattr("timestamp")? {
            let seconds: f64 = value.call_method0("timestamp")?.extract()?;
            return Ok(Self(StartOffset::Timestamp((seconds * 1000.0).ceil() as i64)));
        }
        value.extract().map(|offset| Self(StartOffset::Offset(offset))).map_err(|error| {
            PyTypeError::new_err(format!(
                "expected an offset, \"earliest\", \"latest\" or a datetime: {}",
                error.value(value.py())
            ))
        })
    }
}

/// "host:port,…", or a sequence of "host:port".
pub struct Addresses(pub String);

impl<'py> FromPyObject<'_, 'py> for Addresses {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Self(text.to_str()?.to_owned()));
        }
        let list: Vec<String> = value.extract().map_err(|_| {
            PyTypeError::new_err("expected \"host:port,…\" or a sequence of \"host:port\"")
        })?;
        Ok(Self(list.join(",")))
    }
}
