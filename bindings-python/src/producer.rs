//! `Producer` and `Delivery`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use crate::at_exit::patience_after;
use crate::client::{Connected, Through};
use crate::convert::{self, Headers, Seconds};
use crate::errors;
use crate::handle::{Handle, ProcessBound, Resource};
use crate::messages::RecordMetadata;
use crate::serdes::{Serializer, Serializers};
use crate::wait::{Failure, in_time};

/// How long `close()` waits for what was sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A producer of the core. It is dropped before its client.
struct Sending {
    producer: flymq_core::Producer,
    client: Arc<Connected>,
}

impl Resource for Sending {
    const NAME: &'static str = "producer";

    fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        self.client.host.wait(py, self.producer.close(timeout.unwrap_or(CLOSE_TIMEOUT)))
    }
}

impl Drop for Sending {
    /// Whoever forgets to close still has his records sent, while the client lives.
    fn drop(&mut self) {
        let producer = self.producer.clone();
        self.client.host.spawn(async move { producer.close(CLOSE_TIMEOUT).await });
    }
}

/// Sends records in batches, in order within a partition, each stored exactly once.
///
/// `client` is a FlyMQClient, or addresses as it takes them. `linger` is how many seconds a record
/// may wait for company (0.005), `batch_bytes` at what size a batch is sent at once (128 KiB),
/// `buffer_bytes` how much may be unacknowledged before `send` waits (32 MiB), `compression` "none"
/// (the default), "lz4" or "zstd", `delivery_timeout` after how many seconds a record is given up
/// (120), `max_in_flight` how many batches of a partition are under way at a time (5).
/// `key_serializer` and `value_serializer` make bytes of what `send` is given, see `flymq.serializers`;
/// without them it takes bytes and text.
///
/// `close()`, which leaving a `with` block calls, sends what is left.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct Producer {
    handle: Arc<Handle<Sending>>,
    serializers: Serializers,
}

#[pymethods]
impl Producer {
    #[new]
    #[pyo3(signature = (client=None, *, linger=None, batch_bytes=None, buffer_bytes=None, compression=None, delivery_timeout=None, max_in_flight=None, key_serializer=None, value_serializer=None))]
    fn new(
        py: Python<'_>,
        client: Option<Through<'_>>,
        linger: Option<Seconds>,
        batch_bytes: Option<usize>,
        buffer_bytes: Option<usize>,
        compression: Option<&str>,
        delivery_timeout: Option<Seconds>,
        max_in_flight: Option<usize>,
        key_serializer: Option<Serializer>,
        value_serializer: Option<Serializer>,
    ) -> PyResult<Self> {
        let client = Through::connected(client, py)?;
        let mut builder = client.client.producer();
        if let Some(Seconds(linger)) = linger {
            builder = builder.linger(linger);
        }
        if let Some(bytes) = batch_bytes {
            builder = builder.batch_bytes(bytes);
        }
        if let Some(bytes) = buffer_bytes {
            builder = builder.buffer_bytes(bytes);
        }
        if let Some(name) = compression {
            builder = builder.compression(convert::compression(name)?);
        }
        if let Some(Seconds(timeout)) = delivery_timeout {
            builder = builder.delivery_timeout(timeout);
        }
        if let Some(batches) = max_in_flight {
            builder = builder.max_in_flight(batches);
        }
        let producer = client.host.wait(py, async { builder.build() })?;
        let serializers = Serializers { key: key_serializer, value: value_serializer };
        Ok(Self { handle: Handle::new(Sending { producer, client }), serializers })
    }

    /// Take a record in and return its Delivery at once, or as soon as there is room for it.
    ///
    /// The arguments are those of `FlyMQClient.produce`; key and data are what the serializers take.
    /// Raises what is known at once, such as UnknownTopicError; whatever happens later, the Delivery
    /// tells.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
    fn send(
        &self,
        py: Python<'_>,
        topic: &str,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<Serializer>,
    ) -> PyResult<Delivery> {
        let given = serializer.as_ref();
        let record =
            self.serializers.record(topic, data, key, headers, partition, timestamp, given)?;
        let this = self.handle.get()?;
        let delivery = this.client.host.wait_unless_ready(py, this.producer.send(topic, record))?;
        Ok(Delivery::new(delivery, this.client.clone()))
    }

    /// Send what has been taken in without further delay, and wait until each record is stored or
    /// given up; which of the two, the deliveries tell. Raises RequestTimeoutError after `timeout`
    /// seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    fn flush(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        let this = self.handle.get()?;
        let flush = async {
            this.producer.flush().await;
            Ok::<_, Failure>(())
        };
        this.client.host.wait(py, in_time(timeout.map(|s| s.0), "flush", flush))
    }

    /// Take no more records in and send what is left. Raises RequestTimeoutError if that takes
    /// longer than `timeout` seconds (30), and gives up the rest. Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        self.handle.close(py, timeout.map(|s| s.0))
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: Option<&Bound<'_, PyType>>,
        exc_value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (exc_value, traceback);
        self.handle.close(py, patience_after(exc_type)?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.serializers.traverse(visit)
    }
}

/// A record on its way, returned by `Producer.send` and `Transaction.produce`. It is sent whether or
/// not this is kept.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct Delivery(ProcessBound<(Mutex<flymq_core::Delivery>, Arc<Connected>)>);

impl Delivery {
    pub fn new(delivery: flymq_core::Delivery, client: Arc<Connected>) -> Self {
        Self(ProcessBound::new("delivery", (Mutex::new(delivery), client)))
    }
}

#[pymethods]
impl Delivery {
    /// Wait until the record is stored and return where, as RecordMetadata. Raises why it could not
    /// be stored, or RequestTimeoutError after `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    fn result(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<RecordMetadata> {
        let (delivery, client) = self.0.get()?;
        if let Some(result) = lock(delivery).try_result() {
            return result.map(RecordMetadata).map_err(errors::from_core);
        }
        // Of several threads that wait, only the last is woken at once; the others look again soon.
        let stored = poll_fn(|context| Pin::new(&mut *lock(delivery)).poll(context));
        let wait = in_time(timeout.map(|s| s.0), "result", stored);
        client.host.wait(py, wait).map(RecordMetadata)
    }

    /// Whether the record is stored or given up.
    fn done(&self) -> PyResult<bool> {
        Ok(lock(&self.0.get()?.0).is_done())
    }
}

fn lock(delivery: &Mutex<flymq_core::Delivery>) -> MutexGuard<'_, flymq_core::Delivery> {
    delivery.lock().unwrap_or_else(PoisonError::into_inner)
}
