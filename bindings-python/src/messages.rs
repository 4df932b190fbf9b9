//! What comes back: messages, and where a record was stored.

use std::hash::{Hash, Hasher};

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
#[derive(PartialEq, Eq)]
pub struct Message(pub flymq_core::Message);

/// Equal messages have one place; that different ones share it is rare.
impl Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.0.topic, self.0.partition, self.0.offset).hash(state);
    }
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
        Self(flymq_core::Message {
            topic: topic.into(),
            partition,
            offset,
            timestamp,
            key: bytes(key),
            value: bytes(value),
            headers: headers.unwrap_or_default().0,
        })
    }

    /// The topic.
    #[getter]
    fn topic(&self) -> &str {
        &self.0.topic
    }

    /// The partition, from 0.
    #[getter]
    fn partition(&self) -> u32 {
        self.0.partition
    }

    /// The position in the partition, from 0.
    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset
    }

    /// The key, or None.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        to_python(py, &self.0.key)
    }

    /// The value, or None.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        to_python(py, &self.0.value)
    }

    /// Pairs of name and value, in the order in which they were sent.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.headers.iter().map(|(name, value)| (name, to_python(py, value))))
    }

    /// Milliseconds since 1970.
    #[getter]
    fn timestamp(&self) -> i64 {
        self.0.timestamp
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let headers = match self.0.headers.is_empty() {
            true => String::new(),
            false => format!(", headers={}", self.headers(py)?.repr()?),
        };
        Ok(format!(
            "Message(topic='{}', partition={}, offset={}, key={}, value={}{headers}, timestamp={})",
            self.0.topic,
            self.0.partition,
            self.0.offset,
            shown(py, &self.0.key)?,
            shown(py, &self.0.value)?,
            self.0.timestamp
        ))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let fields = (
            self.topic(),
            self.0.partition,
            self.0.offset,
            self.key(py),
            self.value(py),
            self.headers(py)?,
            self.0.timestamp,
        );
        Ok((py.get_type::<Self>().into_any(), fields.into_pyobject(py)?))
    }
}

/// Where a record was stored.
#[pyclass(module = "flymq", frozen, eq, hash)]
#[derive(PartialEq, Eq)]
pub struct RecordMetadata(pub flymq_core::RecordMetadata);

impl Hash for RecordMetadata {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.0.topic, self.0.partition, self.0.offset).hash(state);
    }
}

#[pymethods]
impl RecordMetadata {
    #[new]
    fn new(topic: &str, partition: u32, offset: u64, timestamp: i64) -> Self {
        Self(flymq_core::RecordMetadata { topic: topic.into(), partition, offset, timestamp })
    }

    /// The topic.
    #[getter]
    fn topic(&self) -> &str {
        &self.0.topic
    }

    /// The partition, from 0.
    #[getter]
    fn partition(&self) -> u32 {
        self.0.partition
    }

    /// The position in the partition, from 0.
    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset
    }

    /// Milliseconds since 1970.
    #[getter]
    fn timestamp(&self) -> i64 {
        self.0.timestamp
    }

    fn __repr__(&self) -> String {
        format!(
            "RecordMetadata(topic='{}', partition={}, offset={}, timestamp={})",
            self.0.topic, self.0.partition, self.0.offset, self.0.timestamp
        )
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let fields = (&*self.0.topic, self.0.partition, self.0.offset, self.0.timestamp);
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
