//! `Producer`.

mod callbacks;
mod delivery;

use std::sync::Arc;
use std::time::{Duration, Instant};

use flymq_core::{ErrorCode, Record};

use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use crate::at_exit::patience_after;
use crate::client::Through;
use crate::convert::{self, Headers, Seconds};
use crate::handle::{Handle, Resource};
use crate::serdes::{Serializer, Serializers};
use crate::wait::{Failure, in_time};
use callbacks::Callbacks;
pub use delivery::{Delivery, Origin};

/// How long `close()` waits for what was sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A producer of the core. It is dropped before its client.
struct Sending {
    producer: flymq_core::Producer,
    origin: Arc<Origin>,
}

impl Sending {
    /// Takes a record in if there is room for it now.
    async fn send_now(
        &self,
        topic: &str,
        record: Record,
    ) -> flymq_core::Result<flymq_core::Delivery> {
        match self.producer.try_send(topic, record.clone()) {
            // The topic's partitions may be unknown yet.
            Err(error) if error.code() == Some(ErrorCode::InvalidArgument) => {
                self.producer.prepare(topic).await?;
                self.producer.try_send(topic, record)
            }
            taken => taken,
        }
    }
}

impl Resource for Sending {
    const NAME: &'static str = "producer";

    fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        let timeout = timeout.unwrap_or(CLOSE_TIMEOUT);
        let began = Instant::now();
        let host = &self.origin.client.host;
        let closed = host.wait(py, self.producer.close(timeout));
        let left = timeout.saturating_sub(began.elapsed());
        closed.and(self.origin.callbacks.finish(py, host, left))
    }
}

impl Drop for Sending {
    /// Whoever forgets to close still has his records sent, while the client lives.
    fn drop(&mut self) {
        let producer = self.producer.clone();
        self.origin.client.host.spawn(async move { producer.close(CLOSE_TIMEOUT).await });
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
/// `on_delivery` is called with the Delivery of each record that is stored or given up: on a thread of
/// its own, one call after the other, those of a partition in order. It should be quick. What it raises
/// is logged.
///
/// `close()`, which leaving a `with` block calls, sends what is left and waits for the callbacks.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct Producer {
    handle: Arc<Handle<Sending>>,
    serializers: Serializers,
    on_delivery: Option<Py<PyAny>>,
}

#[pymethods]
impl Producer {
    #[new]
    #[pyo3(signature = (client=None, *, linger=None, batch_bytes=None, buffer_bytes=None, compression=None, delivery_timeout=None, max_in_flight=None, key_serializer=None, value_serializer=None, on_delivery=None))]
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
        on_delivery: Option<Py<PyAny>>,
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
        let sending = Sending { producer, origin: Origin::new(client) };
        Ok(Self { handle: Handle::new(sending), serializers, on_delivery })
    }

    /// Take a record in and return its Delivery at once, or as soon as there is room for it.
    ///
    /// The arguments are those of `FlyMQClient.produce`; key and data are what the serializers take.
    /// `on_delivery` goes before the producer's. With `block=False` BufferFullError is raised where
    /// there is no room. Raises what is known at once, such as UnknownTopicError; whatever happens
    /// later, the Delivery tells.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None, on_delivery=None, block=true))]
    fn send<'py>(
        &self,
        py: Python<'py>,
        topic: &str,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<Serializer>,
        on_delivery: Option<Py<PyAny>>,
        block: bool,
    ) -> PyResult<Bound<'py, Delivery>> {
        let given = serializer.as_ref();
        let record =
            self.serializers.record(topic, data, key, headers, partition, timestamp, given)?;
        let this = self.handle.get()?;
        let host = &this.origin.client.host;
        let delivery = match block {
            true => host.wait_unless_ready(py, this.producer.send(topic, record))?,
            false => host.wait_unless_ready(py, this.send_now(topic, record))?,
        };
        let delivery = Bound::new(py, Delivery::new(delivery, this.origin.clone()))?;
        if let Some(function) =
            on_delivery.or_else(|| self.on_delivery.as_ref().map(|f| f.clone_ref(py)))
        {
            Delivery::add_done_callback(&delivery, function)?;
        }
        Ok(delivery)
    }

    /// Send what has been taken in without further delay, and wait until each record is stored or
    /// given up, which of the two the deliveries tell, and its callbacks were called. Raises
    /// RequestTimeoutError after `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    fn flush(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        let this = self.handle.get()?;
        let flush = async {
            this.producer.flush().await;
            this.origin.callbacks.called().await;
            Ok::<_, Failure>(())
        };
        this.origin.client.host.wait(py, in_time(timeout.map(|s| s.0), "flush", flush))
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
        visit.call(&self.on_delivery)?;
        self.serializers.traverse(visit)
    }
}
