//! Producers and deliveries, blocking and for asyncio.

use std::sync::Arc;
use std::time::Duration;

use flymq_core::{ProducerBuilder, Record};
use flymq_python_macros::mirrored;
use futures_util::FutureExt;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::asyncio::{AsyncHandle, Call};
use crate::client::{Base, Through};
use crate::context::{asyncio_context, blocking_context};
use crate::convert::{self, Headers, Seconds};
use crate::handle::{Blueprint, Handle, Making, Resource, Served, Waiter};
use crate::messages::RecordMetadata;
use crate::serdes::{Serializer, Serializers};
use crate::step;
use crate::wait::{Failure, in_time};

/// How long `close()` waits for what was sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A producer of the core.
#[derive(Clone)]
struct Sending(Arc<Unclosed>);

struct Unclosed {
    producer: flymq_core::Producer,
    runtime: tokio::runtime::Handle,
}

impl Sending {
    async fn send(self, topic: String, record: Record) -> flymq_core::Result<flymq_core::Delivery> {
        self.0.producer.send(&topic, record).await
    }
}

impl Resource for Sending {
    const NAME: &'static str = "producer";

    async fn close(self, timeout: Option<Duration>) -> Result<(), Failure> {
        Ok(self.0.producer.close(timeout.unwrap_or(CLOSE_TIMEOUT)).await?)
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
            Ok(Sending(Arc::new(Unclosed { producer, runtime })))
        };
        Ok((host, making.boxed()))
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

impl Producer {
    fn open(py: Python<'_>, (plan, serializers): (Plan, Serializers)) -> PyResult<Self> {
        Ok(Self { handle: Handle::make(py, &plan)?, serializers })
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
/// only while the buffer is full; if it is cancelled then, the record is not sent.
///
/// `close()`, which leaving the block calls, sends what is left.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct AsyncProducer {
    handle: Arc<AsyncHandle<Sending>>,
    serializers: Serializers,
}

impl AsyncProducer {
    fn unconnected((plan, serializers): (Plan, Serializers)) -> Self {
        Self { handle: AsyncHandle::unconnected(plan), serializers }
    }
}

#[mirrored(Producer, AsyncProducer)]
impl Plan {
    #[new]
    #[pyo3(signature = (client=None, *, linger=None, batch_bytes=None, buffer_bytes=None, compression=None, delivery_timeout=None, max_in_flight=None, key_serializer=None, value_serializer=None))]
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
    ) -> PyResult<(Self, Serializers)> {
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
        Ok((plan, Serializers { key: key_serializer, value: value_serializer }))
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
    /// given up; which of the two, the deliveries tell. Raises RequestTimeoutError after `timeout`
    /// seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    async fn flush(self, timeout: Option<Seconds>) -> Result<(), Failure> {
        let flush = async {
            self.0.producer.flush().await;
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
    /// Raises what is known at once, such as UnknownTopicError; whatever happens later, the Delivery
    /// tells.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
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
    ) -> PyResult<Delivery> {
        let given = serializer.as_ref();
        let record =
            self.serializers.record(&topic, data, key, headers, partition, timestamp, given)?;
        let delivery = self.handle.wait_open(py, |this| this.send(topic, record))?;
        Ok(Delivery::opened(delivery))
    }

    /// Take no more records in and send what is left. Raises RequestTimeoutError if that takes
    /// longer than `timeout` seconds (30), and gives up the rest. Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        self.handle.close(py, timeout.map(|s| s.0))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.serializers.traverse(visit)
    }
}

#[pymethods]
impl AsyncProducer {
    /// Take a record in and return its Delivery at once, or as soon as there is room for it.
    ///
    /// The arguments are those of `FlyMQClient.produce`; key and data are what the serializers take.
    /// Raises what is known at once, such as UnknownTopicError; whatever happens later, the Delivery
    /// tells.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
    fn send(
        &self,
        topic: String,
        data: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<Headers>,
        partition: Option<u32>,
        timestamp: Option<i64>,
        serializer: Option<Serializer>,
    ) -> PyResult<Call> {
        let given = serializer.as_ref();
        let record =
            self.serializers.record(&topic, data, key, headers, partition, timestamp, given)?;
        let send = |this: Sending| this.send(topic, record);
        Ok(self.handle.call_open("AsyncProducer.send", send, AsyncDelivery::value))
    }

    /// Take no more records in and send what is left. Raises RequestTimeoutError if that takes
    /// longer than `timeout` seconds (30), and gives up the rest. Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, timeout: Option<Seconds>) -> Call {
        self.handle.close("AsyncProducer.close", timeout.map(|s| s.0))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.serializers.traverse(visit)
    }
}

blocking_context!(Producer);
asyncio_context!(AsyncProducer);

/// A record on its way, returned by `Producer.send` and `Transaction.produce`. It is sent whether or
/// not this is kept.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct Delivery {
    handle: Waiter<Fate>,
}

impl Delivery {
    pub fn opened(Served { core, host }: Served<flymq_core::Delivery>) -> Self {
        Self { handle: Waiter::new("delivery", Served { core: Fate(core), host }) }
    }
}

/// `Delivery` for asyncio, returned by `AsyncProducer.send` and `AsyncTransaction.produce`: awaiting it
/// is awaiting its `result()`. The record is sent whether or not this is kept or awaited.
#[pyclass(module = "flymq", frozen, weakref)]
pub struct AsyncDelivery {
    handle: Waiter<Fate>,
}

impl AsyncDelivery {
    /// What `send` returns.
    pub fn value(py: Python<'_>, delivery: Served<flymq_core::Delivery>) -> PyResult<Py<PyAny>> {
        let Served { core, host } = delivery;
        step::value(py, Self { handle: Waiter::new("delivery", Served { core: Fate(core), host }) })
    }
}

/// What becomes of a record.
#[derive(Clone)]
struct Fate(flymq_core::Delivery);

#[mirrored(Delivery, AsyncDelivery)]
impl Fate {
    /// Wait until the record is stored and return where, as RecordMetadata. Raises why it could not
    /// be stored, or RequestTimeoutError after `timeout` seconds, if one is given.
    #[pyo3(signature = (timeout=None))]
    #[quick]
    async fn result(self, timeout: Option<Seconds>) -> Result<RecordMetadata, Failure> {
        in_time(timeout.map(|s| s.0), "result", self.0).await.map(RecordMetadata)
    }

    /// Whether the record is stored or given up.
    fn done(self) -> flymq_core::Result<bool> {
        Ok(self.0.is_done())
    }
}

#[pymethods]
impl AsyncDelivery {
    fn __await__(&self) -> Call {
        self.result(None)
    }
}
