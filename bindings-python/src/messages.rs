//! What comes back: messages, and where a record was stored.

use std::ffi::c_int;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use bytes::Bytes;
use flymq_core::{GroupOffset, Message as CoreMessage};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit, ffi};

use crate::convert::Headers;

/// How many bytes of a key or value `repr` shows.
const SHOWN: usize = 64;

/// A record with its place in the log.
///
/// `key` and `value` are bytes or None, or what a deserializer has made of the bytes; `headers` is a
/// tuple of (name, value) pairs, `timestamp` milliseconds since 1970. Immutable, comparable, hashable
/// and picklable, if key and value are; made by hand it holds the key and the value that it is given.
///
/// A message is a buffer of its value's bytes: `memoryview(message)` sees them without a copy, whereas
/// `value` is made when it is first read. Messages of one fetch share the memory that they arrived in:
/// it is freed with the last of them.
#[pyclass(module = "flymq", frozen, generic)]
pub struct Message {
    /// Without key and value where the message was made by hand.
    record: CoreMessage,
    key: OnceLock<Py<PyAny>>,
    value: OnceLock<Py<PyAny>>,
}

impl From<CoreMessage> for Message {
    fn from(record: CoreMessage) -> Self {
        Self::deserialized(record, None, None)
    }
}

impl Message {
    /// A message with what deserializers have made of its key and value.
    pub fn deserialized(
        record: CoreMessage,
        key: Option<Py<PyAny>>,
        value: Option<Py<PyAny>>,
    ) -> Self {
        let known = |object: Option<_>| object.map_or_else(OnceLock::new, OnceLock::from);
        Self { record, key: known(key), value: known(value) }
    }

    /// What a group has processed once it is done with this message.
    pub fn processed(&self) -> GroupOffset {
        let CoreMessage { topic, partition, offset, .. } = &self.record;
        GroupOffset::new(topic.clone(), *partition, *offset as i64)
    }
}

/// Many messages, for Python a list of them.
pub struct Messages(pub Vec<Message>);

impl<'py> IntoPyObject<'py> for Messages {
    type Target = PyList;
    type Output = Bound<'py, PyList>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        PyList::new(py, self.0.into_iter().map(Element))
    }
}

struct Element(Message);

impl<'py> IntoPyObject<'py> for Element {
    type Target = Message;
    type Output = Bound<'py, Message>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let is_plain = self.0.key.get().is_none() && self.0.value.get().is_none();
        let message = Bound::new(py, self.0)?;
        if is_plain {
            // The garbage collector would look at thousands of messages again and again, which takes a
            // third of reading them, though none is in a cycle: all they will ever refer to is bytes.
            // SAFETY: the object was just made, with the collector's header as all of its class.
            unsafe { ffi::PyObject_GC_UnTrack(message.as_ptr().cast()) };
        }
        Ok(message)
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
        key: Option<Py<PyAny>>,
        value: Option<Py<PyAny>>,
        headers: Option<Headers>,
        timestamp: i64,
    ) -> Self {
        let record = CoreMessage {
            topic: topic.into(),
            partition,
            offset,
            timestamp,
            key: None,
            value: None,
            headers: headers.unwrap_or_default().0,
        };
        Self::deserialized(record, key, value)
    }

    /// The topic.
    #[getter]
    fn topic(&self) -> &str {
        &self.record.topic
    }

    /// The partition, from 0.
    #[getter]
    fn partition(&self) -> u32 {
        self.record.partition
    }

    /// The position in the partition, from 0.
    #[getter]
    fn offset(&self) -> u64 {
        self.record.offset
    }

    /// The key, or None.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        made_once(py, &self.key, &self.record.key)
    }

    /// The value, or None.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        made_once(py, &self.value, &self.record.value)
    }

    /// Pairs of name and value, in the order in which they were sent.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let pair = |(name, value): &(String, Option<Bytes>)| {
            (name, value.as_ref().map(|value| PyBytes::new(py, value))).into_pyobject(py)
        };
        PyTuple::new(py, self.record.headers.iter().map(pair).collect::<PyResult<Vec<_>>>()?)
    }

    /// Milliseconds since 1970.
    #[getter]
    fn timestamp(&self) -> i64 {
        self.record.timestamp
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> PyResult<bool> {
        let (mine, theirs) = (&self.record, &other.record);
        Ok((mine.offset, mine.partition, mine.timestamp)
            == (theirs.offset, theirs.partition, theirs.timestamp)
            && mine.topic == theirs.topic
            && mine.headers == theirs.headers
            && self.key(py).eq(other.key(py))?
            && self.value(py).eq(other.value(py))?)
    }

    /// Equal messages have one place; that different ones share it is rare.
    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.record.topic, self.record.partition, self.record.offset).hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let headers = match self.record.headers.is_empty() {
            true => String::new(),
            false => format!(", headers={}", self.headers(py)?.repr()?),
        };
        Ok(format!(
            "Message(topic={}, partition={}, offset={}, key={}, value={}{headers}, timestamp={})",
            PyString::new(py, self.topic()).repr()?,
            self.record.partition,
            self.record.offset,
            shown(&self.key(py))?,
            shown(&self.value(py))?,
            self.record.timestamp
        ))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let fields = (
            self.topic(),
            self.record.partition,
            self.record.offset,
            self.key(py),
            self.value(py),
            self.headers(py)?,
            self.record.timestamp,
        );
        Ok((py.get_type::<Self>().into_any(), fields.into_pyobject(py)?))
    }

    /// The value's bytes, not copied.
    ///
    /// # Safety
    ///
    /// `view` is valid for writes, as Python sees to.
    unsafe fn __getbuffer__(
        slf: &Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let this = slf.get();
        let filled = match &this.record.value {
            // SAFETY: the bytes do not change and live as long as the message, which the view holds.
            Some(data) => unsafe {
                let start = data.as_ptr().cast_mut().cast();
                ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, data.len() as isize, 1, flags)
            },
            // SAFETY: the object is a valid one, and the view will hold it.
            None => unsafe { ffi::PyObject_GetBuffer(this.value(slf.py()).as_ptr(), view, flags) },
        };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        [&self.key, &self.value]
            .into_iter()
            .filter_map(OnceLock::get)
            .try_for_each(|o| visit.call(o))
    }
}

/// The object, which is made of the bytes when it is first asked for.
fn made_once<'py>(
    py: Python<'py>,
    object: &OnceLock<Py<PyAny>>,
    data: &Option<Bytes>,
) -> Bound<'py, PyAny> {
    let object = object.get_or_init(|| match data {
        Some(data) => PyBytes::new(py, data).into_any().unbind(),
        None => py.None(),
    });
    object.bind(py).clone()
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

/// What Python shows of a key or value, cut where it is long.
fn shown(object: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(bytes) = object.cast::<PyBytes>()
        && bytes.as_bytes().len() > SHOWN
    {
        let start = PyBytes::new(object.py(), &bytes.as_bytes()[..SHOWN]).repr()?;
        return Ok(format!("{start}... ({} bytes)", bytes.as_bytes().len()));
    }
    let text = object.repr()?.to_string();
    match text.char_indices().nth(4 * SHOWN) {
        Some((end, _)) => Ok(format!("{}...", &text[..end])),
        None => Ok(text),
    }
}
