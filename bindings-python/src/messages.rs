//! What comes back: messages, and where a record was stored.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::convert::{Data, Headers, bytes};

/// How many bytes of a key or value `repr` shows.
const SHOWN: usize = 64;

/// A record with its place in the log.
///
/// `key` and `value` are bytes or None, `headers` a tuple of (name, value) pairs, `timestamp`
/// milliseconds since 1970. Immutable, comparable, hashable and picklable. `key`, `value` and
/// `headers` are made anew each time they are read. Messages of one fetch share the memory that
/// they arrived in: it is freed with the last of them.
#[pyclass(module = "flymq", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct Message {
    pub topic: Arc<str>,
    pub partition: u32,
    pub offset: u64,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub headers: Vec<(String, Option<Bytes>)>,
    pub timestamp: i64,
}

#[pymethods]
impl Message {
    #[new]
    #[pyo3(signature = (topic, partition, offset, key=None, value=None, headers=None, timestamp=0))]
    fn new(
        topic: &str,
        partition: u32,
        offset: u64,
        key: Option<Data>,
        value: Option<Data>,
        headers: Option<Headers>,
        timestamp: i64,
    ) -> Self {
        Self {
            topic: topic.into(),
            partition,
            offset,
            key: bytes(key),
            value: bytes(value),
            headers: headers.unwrap_or_default().0,
            timestamp,
        }
    }

    /// The topic.
    #[getter]
    fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition, from 0.
    #[getter]
    fn partition(&self) -> u32 {
        self.partition
    }

    /// The position in the partition, from 0.
    #[getter]
    fn offset(&self) -> u64 {
        self.offset
    }

    /// The key, or None.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        to_python(py, &self.key)
    }

    /// The value, or None.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        to_python(py, &self.value)
    }

    /// Pairs of name and value, in the order in which they were sent.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.headers.iter().map(|(name, value)| (name, to_python(py, value))))
    }

    /// Milliseconds since 1970.
    #[getter]
    fn timestamp(&self) -> i64 {
        self.timestamp
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let headers = match self.headers.is_empty() {
            true => String::new(),
            false => format!(", headers={}", self.headers(py)?.repr()?),
        };
        Ok(format!(
            "Message(topic='{}', partition={}, offset={}, key={}, value={}{headers}, timestamp={})",
            self.topic,
            self.partition,
            self.offset,
            shown(py, &self.key)?,
            shown(py, &self.value)?,
            self.timestamp
        ))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let fields = (
            self.topic(),
            self.partition,
            self.offset,
            self.key(py),
            self.value(py),
            self.headers(py)?,
            self.timestamp,
        );
        Ok((py.get_type::<Self>().into_any(), fields.into_pyobject(py)?))
    }
}

/// Where a record was stored.
#[pyclass(module = "flymq", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct RecordMetadata {
    pub topic: Arc<str>,
    pub partition: u32,
    pub offset: u64,
    pub timestamp: i64,
}

#[pymethods]
impl RecordMetadata {
    #[new]
    fn new(topic: &str, partition: u32, offset: u64, timestamp: i64) -> Self {
        Self { topic: topic.into(), partition, offset, timestamp }
    }

    /// The topic.
    #[getter]
    fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition, from 0.
    #[getter]
    fn partition(&self) -> u32 {
        self.partition
    }

    /// The position in the partition, from 0.
    #[getter]
    fn offset(&self) -> u64 {
        self.offset
    }

    /// Milliseconds since 1970.
    #[getter]
    fn timestamp(&self) -> i64 {
        self.timestamp
    }

    fn __repr__(&self) -> String {
        format!(
            "RecordMetadata(topic='{}', partition={}, offset={}, timestamp={})",
            self.topic, self.partition, self.offset, self.timestamp
        )
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let fields = (&*self.topic, self.partition, self.offset, self.timestamp);
        Ok((py.get_type::<Self>().into_any(), fields.into_pyobject(py)?))
    }
}

fn to_python<'py>(py: Python<'py>, data: &Option<Bytes>) -> Option<Bound<'py, PyBytes>> {
    data.as_ref().map(|data| PyBytes::new(py, data))
}

/// The data as Python writes it, cut where it is long.
fn shown(py: Python<'_>, data: &Option<Bytes>) -> PyResult<String> {
    match data {
        None => Ok("None".to_owned()),
        Some(data) if data.len() <= SHOWN => Ok(PyBytes::new(py, data).repr()?.to_string()),
        Some(data) => {
            let start = PyBytes::new(py, &data[..SHOWN]).repr()?;
            Ok(format!("{start}... ({} bytes)", data.len()))
        }
    }
}
