//! Serializers and deserializers of Python, applied.

use bytes::Bytes;
use flymq_core::{Message as CoreMessage, Record};
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping};
use pyo3::{PyTraverseError, PyVisit};

use crate::convert::{Data, Headers, bytes, record};
use crate::errors;
use crate::messages::{Message, Messages};

/// An object with a method `serialize`, or a mapping of topics to such.
pub struct Serializer(Py<PyAny>);

/// An object with a method `deserialize`, or a mapping of topics to such.
pub struct Deserializer(Py<PyAny>);

impl<'py> FromPyObject<'_, 'py> for Serializer {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        with_method(&value, "serialize").map(Self)
    }
}

impl<'py> FromPyObject<'_, 'py> for Deserializer {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        with_method(&value, "deserialize").map(Self)
    }
}

fn with_method(value: &Bound<'_, PyAny>, method: &str) -> PyResult<Py<PyAny>> {
    if value.hasattr(method)? {
        return Ok(value.clone().unbind());
    }
    if let Ok(topics) = value.cast::<PyMapping>() {
        for serde in topics.values()?.iter() {
            if !serde.hasattr(method)? {
                return Err(lacks(&serde, method));
            }
        }
        let by_topic = value.py().import("flymq.serializers")?.getattr("TopicSerde")?;
        return Ok(by_topic.call1((topics,))?.unbind());
    }
    Err(lacks(value, method))
}

fn lacks(value: &Bound<'_, PyAny>, method: &str) -> PyErr {
    let kind = value.get_type();
    PyTypeError::new_err(format!("expected an object with a method {method:?}, not {kind}"))
}

/// What a producer serializes with; where nothing is given, bytes and text are taken as they are.
#[derive(Default)]
pub struct Serializers {
    pub key: Option<Serializer>,
    pub value: Option<Serializer>,
}

impl Serializers {
    /// That of a single call.
    pub fn of_value(value: Option<Serializer>) -> Self {
        Self { key: None, value }
    }

    /// The same for another object of Python, which the garbage collector has to count by itself.
    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        let clone = |serializer: &Option<Serializer>| {
            serializer.as_ref().map(|serializer| Serializer(serializer.0.clone_ref(py)))
        };
        Self { key: clone(&self.key), value: clone(&self.value) }
    }

    /// A record of the core from what `send` and its like are given. `serializer` goes before the
    /// producer's for the value.
    pub fn record(
        &self,
        topic: &str,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<&Serializer>,
    ) -> PyResult<Record> {
        let value = serialized("data", topic, data, serializer.or(self.value.as_ref()))?;
        let key = match key {
            Some(key) => serialized("key", topic, key, self.key.as_ref())?,
            None => None,
        };
        Ok(record(value, key, headers, partition, timestamp))
    }

    /// Records of the core from an iterable of (key, data) pairs.
    pub fn records(
        &self,
        topic: &str,
        pairs: &Bound<'_, PyAny>,
        partition: Option<u32>,
    ) -> PyResult<Vec<Record>> {
        let py = pairs.py();
        let mut records = Vec::with_capacity(pairs.len().unwrap_or_default());
        for (index, pair) in pairs.try_iter().map_err(|e| naming(py, "records", e))?.enumerate() {
            let record =
                pair?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>().and_then(|(key, data)| {
                    self.record(topic, &data, Some(&key), None, partition, None, None)
                });
            records.push(record.map_err(|error| {
                if !error.is_instance_of::<PyTypeError>(py) {
                    return error;
                }
                let why = error.value(py);
                let text = format!("record {index} is not a (key, data) pair: {why}");
                naming(py, "records", PyTypeError::new_err(text))
            })?);
        }
        Ok(records)
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let all = [&self.key, &self.value];
        all.into_iter().flatten().try_for_each(|serializer| visit.call(&serializer.0))
    }
}

/// The error with a note that names the argument, as pyo3 adds it where it converts.
fn naming(py: Python<'_>, argument: &str, error: PyErr) -> PyErr {
    let _ = error.add_note(py, format!("while processing '{argument}'"));
    error
}

/// The bytes of a value, where it has any. What is wrong with a value names the argument.
fn serialized(
    argument: &str,
    topic: &str,
    value: &Bound<'_, PyAny>,
    serializer: Option<&Serializer>,
) -> PyResult<Option<Bytes>> {
    let py = value.py();
    if value.is_none() {
        return Ok(None);
    }
    let Some(Serializer(serializer)) = serializer else {
        let data = value.extract::<Data>().map_err(|error| naming(py, argument, error))?;
        return Ok(Some(data.0));
    };
    let made = serializer.bind(py).call_method1(intern!(py, "serialize"), (topic, value));
    made.and_then(|made| made.extract::<Option<Data>>()).map(bytes).map_err(|cause| {
        let what = if argument == "key" { "key" } else { "value" };
        let message = format!("the {what} for topic {topic:?} cannot be serialized");
        failure(py, &message, topic, None, cause)
    })
}

/// What a consumer deserializes with; where nothing is given, bytes stay bytes.
#[derive(Default)]
pub struct Deserializers {
    pub key: Option<Deserializer>,
    pub value: Option<Deserializer>,
}

impl Deserializers {
    /// That of a single call.
    pub fn of_value(value: Option<Deserializer>) -> Self {
        Self { key: None, value }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.key.is_none() && self.value.is_none()
    }

    /// A message of Python.
    pub fn message(&self, py: Python<'_>, message: &CoreMessage) -> PyResult<Message> {
        let key = deserialized(py, "key", message, message.key.as_deref(), &self.key)?;
        let value = deserialized(py, "value", message, message.value.as_deref(), &self.value)?;
        Ok(Message::deserialized(message.clone(), key, value))
    }

    /// Messages of Python, all or none.
    pub fn messages(&self, py: Python<'_>, messages: Vec<CoreMessage>) -> PyResult<Messages> {
        if self.is_empty() {
            return Ok(Messages(messages.into_iter().map(Message::from).collect()));
        }
        let read = messages.iter().map(|message| self.message(py, message));
        read.collect::<PyResult<_>>().map(Messages)
    }

    pub fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let all = [&self.key, &self.value];
        all.into_iter().flatten().try_for_each(|deserializer| visit.call(&deserializer.0))
    }
}

/// The value of bytes, if there are both.
fn deserialized(
    py: Python<'_>,
    what: &str,
    message: &CoreMessage,
    data: Option<&[u8]>,
    deserializer: &Option<Deserializer>,
) -> PyResult<Option<Py<PyAny>>> {
    let (Some(data), Some(Deserializer(deserializer))) = (data, deserializer) else {
        return Ok(None);
    };
    let CoreMessage { topic, partition, offset, .. } = message;
    let arguments = (&**topic, PyBytes::new(py, data));
    let made = deserializer.bind(py).call_method1(intern!(py, "deserialize"), arguments);
    made.map(|value| Some(value.unbind())).map_err(|cause| {
        let message = format!(
            "the {what} of partition {partition} of topic {topic:?} at offset {offset} cannot be \
             deserialized"
        );
        failure(py, &message, topic, Some((*partition, *offset)), cause)
    })
}

/// The error for what a serializer raised, which is left alone if it is no Exception: Ctrl-C, say.
///
/// Its text names no more than the kind of what was raised, which may quote the data.
fn failure(
    py: Python<'_>,
    message: &str,
    topic: &str,
    place: Option<(u32, u64)>,
    cause: PyErr,
) -> PyErr {
    if !cause.is_instance_of::<PyException>(py) {
        return cause;
    }
    let kind = cause.get_type(py).name().map_or_else(|_| String::new(), |name| name.to_string());
    errors::serialization(py, &format!("{message}: {kind}"), topic, place, cause)
}
