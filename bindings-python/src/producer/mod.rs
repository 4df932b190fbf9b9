//! Producers, blocking and for asyncio.

mod callbacks;
mod delivery;

use std::sync::Arc;
use std::time::{Duration, Instant};

use flymq_core::{ErrorCode, ProducerBuilder, Record};
use flymq_python_macros::mirrored;
use futures_util::FutureExt;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::asyncio::{AsyncHandle, Call};
use crate::client::{Base, Through};
use crate::context::{asyncio_context, blocking_context};
use crate::convert::{self, Headers, Seconds};
use crate::handle::{Blueprint, Handle, Making, Resource};
use crate::serdes::{Serializer, Serializers};
use crate::wait::{Failure, in_time};
pub use callbacks::Callbacks;
pub use delivery::{AsyncDelivery, Delivery};

/// How long `close()` waits for what was sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A producer of the core.
#[derive(Clone)]
struct Sending(Arc<Unclosed>);

struct Unclosed {
    producer: flymq_core::Producer,
    callbacks: Arc<Callbacks>,
    runtime: tokio::runtime::Handle,
}

impl Sending {
    /// Takes a record in, if need be once there is room for it.
    async fn send(
        self,
        topic: impl AsRef<str>,
        record: Record,
        block: bool,
    ) -> flymq_core::Result<(flymq_core::Delivery, Arc<Callbacks>)> {
        let (producer, topic) = (&self.0.producer, topic.as_ref());
        let delivery = match block {
            true => producer.send(topic, record).await?,
            false => match producer.try_send(topic, record.clone()) {
                // The topic's partitions may be unknown yet.
                Err(error) if error.code() == Some(ErrorCode::InvalidArgument) => {
                    producer.prepare(topic).await?;
                    producer.try_send(topic, record)?
                }
                taken => taken?,
            },
        };
        Ok((delivery, self.0.callbacks.clone()))
    }
}

impl Resource for Sending {
    const NAME: &'static str = "producer";

    async fn close(self, timeout: Option<Duration>) -> Result<(), Failure> {
        let timeout = timeout.unwrap_or(CLOSE_TIMEOUT);
        let began = Instant::now();
        let closed = self.0.producer.close(timeout).await;
        let called = self.0.callbacks.finish(timeout.saturating_sub(began.elapsed())).await;
        closed.map_err(Failure::from).and(called)
    }
}

impl Drop for Unclosed {
    /// Whoever forgets to close still has his records sent, while the client lives.
    fn drop(&mut self) {
        let producer = self.producer.clone();
        self.runtime.spawn(async move { producer.close(CLOSE_TIMEOUT).await });
    }
}

/// A producer that is yet to be made.
struct Plan {
    base: Base,
    configure: Arc<dyn Fn(ProducerBuilder) -> ProducerBuilder + Send + Sync>,
}

impl Blueprint for Plan {
    type Resource = Sending;

    fn make(&self, py: Python<'_>) -> PyResult<Making<Sending>> {
        let (host, connecting) = self.base.make(py)?;
        let configure = self.configure.clone();
        let making = async move {
            let producer = configure(connecting.await?.client.producer()).build()?;
            let runtime = tokio::runtime::Handle::current();
            let callbacks = Arc::default();
            Ok(Sending(Arc::new(Unclosed { producer, callbacks, runtime })))
        };
        Ok((host, making.boxed()))
    }
}

/// What a producer does with the objects of Python that it is given.
struct Settings {
    serializers: Serializers,
    on_delivery: Option<Py<PyAny>>,
}

impl Settings {
    /// Whom to tell of a delivery, if anybody; `given` goes before.
    fn told(&self, py: Python<'_>, given: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        given.or_else(|| self.on_delivery.as_ref().map(|function| function.clone_ref(py)))
    }

    fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_delivery)?;
        self.serializers.traverse(visit)
    }
}

/// Sends records in batches, in order within a partition, each stored exactly once.
///
/// `client` is a FlyMQClient, or addresses as it takes them. `linger` is how many seconds a record
/// may wait for company (0.005), `batch_bytes` at what size a batch is sent at once (128 KiB;
/// one that has to wait for others takes more),
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
    settings: Settings,
}

impl Producer {
    fn open(py: Python<'_>, (plan, settings): (Plan, Settings)) -> PyResult<Self> {
        Ok(Self { handle: Handle::make(py, &plan)?, settings })
    }
}

/// `Producer` for asyncio: its methods, awaited.
///
///     async with AsyncProducer(client) as producer:
///         delivery = await producer.send("orders", data)
///         metadata = await delivery
///
/// `client` is an AsyncFlyMQClient, or addresses as it takes them; the other options are those of
/// Producer. Constructing connects nothing: `async with` or `await producer.connect()` does. `send` waits
/// only while the buffer is full; if it is cancelled then, the record is not sent. `on_delivery` is called
/// by the event loop.
///
/// `close()`, which leaving the block calls, sends what is left and waits for the callbacks.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct AsyncProducer {
    handle: Arc<AsyncHandle<Sending>>,
    settings: Settings,
}

impl AsyncProducer {
    fn unconnected((plan, settings): (Plan, Settings)) -> Self {
        Self { handle: AsyncHandle::unconnected(plan), settings }
    }
}

#[mirrored(Producer, AsyncProducer)]
impl Plan {
    #[new]
    #[pyo3(signature = (client=None, *, linger=None, batch_bytes=None, buffer_bytes=None, compression=None, delivery_timeout=None, max_in_flight=None, key_serializer=None, value_serializer=None, on_delivery=None))]
    fn new(
        client: Option<Through>,
        linger: Option<Seconds>,
        batch_bytes: Option<usize>,
        buffer_bytes: Option<usize>,
        compression: Option<String>,
        delivery_timeout: Option<Seconds>,
        max_in_flight: Option<usize>,
        key_serializer: Option<Serializer>,
        value_serializer: Option<Serializer>,
        on_delivery: Option<Py<PyAny>>,
    ) -> PyResult<(Self, Settings)> {
        let compression = compression.as_deref().map(convert::compression).transpose()?;
        let configure = move |mut builder: ProducerBuilder| {
            if let Some(Seconds(linger)) = linger {
                builder = builder.linger(linger);
            }
            if let Some(bytes) = batch_bytes {
                builder = builder.batch_bytes(bytes);
            }
            if let Some(bytes) = buffer_bytes {
                builder = builder.buffer_bytes(bytes);
            }
            if let Some(kind) = compression {
                builder = builder.compression(kind);
            }
            if let Some(Seconds(timeout)) = delivery_timeout {
                builder = builder.delivery_timeout(timeout);
            }
            if let Some(batches) = max_in_flight {
                builder = builder.max_in_flight(batches);
            }
            builder
        };
        let plan = Self { base: Base::new(client)?, configure: Arc::new(configure) };
        let serializers = Serializers { key: key_serializer, value: value_serializer };
        Ok((plan, Settings { serializers, on_delivery }))
    }
}

#[mirrored(Producer, AsyncProducer)]
impl Sending {
    /// The brokers that its client was told of, each as "host:port".
    #[getter]
    fn addresses(self) -> flymq_core::Result<Vec<String>> {
        Ok(self.0.producer.addresses().to_vec())
    }

    /// Send what has been taken in without further delay, and wait until each record is stored or
    /// given up, which of the two the deliveries tell, and its callbacks were called. Raises
    /// RequestTimeoutError after `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    async fn flush(self, timeout: Option<Seconds>) -> Result<(), Failure> {
        let flush = async {
            self.0.producer.flush().await;
            self.0.callbacks.called().await;
            Ok::<_, Failure>(())
        };
        in_time(timeout.map(|s| s.0), "flush", flush).await
    }
}

#[pymethods]
impl Producer {
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
        let (serializers, given) = (&self.settings.serializers, serializer.as_ref());
        let record = serializers.record(topic, data, key, headers, partition, timestamp, given)?;
        let sent = self.handle.wait_open(py, |this| this.send(topic, record, block))?;
        let delivery = Bound::new(py, Delivery::opened(sent))?;
        if let Some(function) = self.settings.told(py, on_delivery) {
            Delivery::add_done_callback(&delivery, function)?;
        }
        Ok(delivery)
    }

    /// Take no more records in and send what is left. Raises RequestTimeoutError if that takes
    /// longer than `timeout` seconds (30), and gives up the rest. Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        self.handle.close(py, timeout.map(|s| s.0))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.settings.traverse(visit)
    }
}

#[pymethods]
impl AsyncProducer {
    /// Take a record in and return its Delivery at once, or as soon as there is room for it.
    ///
    /// The arguments are those of `FlyMQClient.produce`; key and data are what the serializers take.
    /// `on_delivery` goes before the producer's. With `block=False` BufferFullError is raised where
    /// there is no room. Raises what is known at once, such as UnknownTopicError; whatever happens
    /// later, the Delivery tells.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None, on_delivery=None, block=true))]
    fn send(
        &self,
        py: Python<'_>,
        topic: String,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<Serializer>,
        on_delivery: Option<Py<PyAny>>,
        block: bool,
    ) -> PyResult<Call> {
        let (serializers, given) = (&self.settings.serializers, serializer.as_ref());
        let record = serializers.record(&topic, data, key, headers, partition, timestamp, given)?;
        let told = self.settings.told(py, on_delivery);
        let send = move |this: Sending| this.send(topic, record, block);
        Ok(self.handle.call_open("AsyncProducer.send", send, move |py, sent| {
            let delivery = Bound::new(py, AsyncDelivery::opened(sent))?;
            if let Some(function) = told {
                AsyncDelivery::add_done_callback(&delivery, function)?;
            }
            Ok(delivery.into_any().unbind())
        }))
    }

    /// Take no more records in and send what is left. Raises RequestTimeoutError if that takes
    /// longer than `timeout` seconds (30), and gives up the rest. Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, timeout: Option<Seconds>) -> Call {
        self.handle.close("AsyncProducer.close", timeout.map(|s| s.0))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.settings.traverse(visit)
    }
}

blocking_context!(Producer);
asyncio_context!(AsyncProducer);
