//! Transactional producers and transactions, blocking and for asyncio.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use flymq_core::{GroupOffsets, Record, TransactionalProducerBuilder};
use flymq_python_macros::mirrored;
use futures_util::FutureExt;
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use crate::asyncio::{self, AsyncHandle, Call};
use crate::at_exit::patience_after;
use crate::client::{Base, Through};
use crate::consumer::Member;
use crate::context::{asyncio_context, blocking_context};
use crate::convert::{self, Headers, Seconds};
use crate::groups::{self, ByPartition};
use crate::handle::{Blueprint, Handle, Making, Resource, Served};
use crate::producer::{AsyncDelivery, Callbacks, Delivery};
use crate::serdes::{Serializer, Serializers};
use crate::step::{self, Step};
use crate::wait::{Failure, in_time};

/// How long `close()` waits for the last transaction's end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A transactional producer of the core.
#[derive(Clone)]
struct Sending(flymq_core::TransactionalProducer, Arc<Callbacks>);

impl Sending {
    async fn begin(self) -> flymq_core::Result<Transacting> {
        let transaction = self.0.begin().await?;
        Ok(Transacting::new(transaction, self.1))
    }
}

impl Resource for Sending {
    const NAME: &'static str = "transactional producer";

    async fn close(self, timeout: Option<Duration>) -> Result<(), Failure> {
        let timeout = timeout.unwrap_or(CLOSE_TIMEOUT);
        let began = Instant::now();
        let closed = self.0.close(timeout).await;
        let called = self.1.finish(timeout.saturating_sub(began.elapsed())).await;
        closed.map_err(Failure::from).and(called)
    }
}

/// A transactional producer that is yet to be made.
struct Plan {
    base: Base,
    transactional_id: String,
    configure:
        Arc<dyn Fn(TransactionalProducerBuilder) -> TransactionalProducerBuilder + Send + Sync>,
}

impl Blueprint for Plan {
    type Resource = Sending;

    fn make(&self, py: Python<'_>) -> PyResult<Making<Sending>> {
        let (host, connecting) = self.base.make(py)?;
        let (id, configure) = (self.transactional_id.clone(), self.configure.clone());
        let making = async move {
            let builder = connecting.await?.client.transactional_producer(id);
            Ok(Sending(configure(builder).build().await?, Arc::default()))
        };
        Ok((host, making.boxed()))
    }
}

/// Sends records in transactions, one transaction at a time.
///
/// `client` is a FlyMQClient, or an address as FlyMQClient takes it. `transactional_id` is the
/// producer's name, the same after each restart of the program: a new producer of a name puts the
/// older one out of action (ProducerFencedError), so that what a crashed or hanging process has left
/// open does no harm. `transaction_timeout` is after how many seconds the broker aborts a
/// transaction that was left open (15). The other options, serializers too, are as for `Producer`.
///
/// `close()`, which leaving a `with` block calls, aborts what is open.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct TransactionalProducer {
    handle: Arc<Handle<Sending>>,
    serializers: Serializers,
}

impl TransactionalProducer {
    fn open(py: Python<'_>, (plan, serializers): (Plan, Serializers)) -> PyResult<Self> {
        Ok(Self { handle: Handle::make(py, &plan)?, serializers })
    }
}

/// `TransactionalProducer` for asyncio: its methods, awaited.
///
///     async with AsyncTransactionalProducer(client, transactional_id="transfers") as producer:
///         async with producer.transaction() as txn:
///             await txn.produce("debits", "-10", key="alice")
///
/// `client` is an AsyncFlyMQClient, or an address as it takes it; the other options are those of
/// TransactionalProducer. Constructing connects nothing: `async with` or `await producer.connect()` does.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct AsyncTransactionalProducer {
    handle: Arc<AsyncHandle<Sending>>,
    serializers: Serializers,
}

impl AsyncTransactionalProducer {
    fn unconnected((plan, serializers): (Plan, Serializers)) -> Self {
        Self { handle: AsyncHandle::unconnected(plan), serializers }
    }
}

#[mirrored(TransactionalProducer, AsyncTransactionalProducer)]
impl Plan {
    #[new]
    #[pyo3(signature = (client=None, *, transactional_id, transaction_timeout=None, linger=None, batch_bytes=None, buffer_bytes=None, compression=None, max_in_flight=None, key_serializer=None, value_serializer=None))]
    fn new(
        client: Option<Through>,
        transactional_id: String,
        transaction_timeout: Option<Seconds>,
        linger: Option<Seconds>,
        batch_bytes: Option<usize>,
        buffer_bytes: Option<usize>,
        compression: Option<String>,
        max_in_flight: Option<usize>,
        key_serializer: Option<Serializer>,
        value_serializer: Option<Serializer>,
    ) -> PyResult<(Self, Serializers)> {
        let compression = compression.as_deref().map(convert::compression).transpose()?;
        let configure = move |mut builder: TransactionalProducerBuilder| {
            if let Some(Seconds(timeout)) = transaction_timeout {
                builder = builder.transaction_timeout(timeout);
            }
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
            if let Some(batches) = max_in_flight {
                builder = builder.max_in_flight(batches);
            }
            builder
        };
        let plan =
            Self { base: Base::new(client)?, transactional_id, configure: Arc::new(configure) };
        Ok((plan, Serializers { key: key_serializer, value: value_serializer }))
    }
}

#[mirrored(TransactionalProducer, AsyncTransactionalProducer)]
impl Sending {
    /// The producer's name.
    #[getter]
    fn transactional_id(self) -> flymq_core::Result<String> {
        Ok(self.0.transactional_id().to_owned())
    }
}

#[pymethods]
impl TransactionalProducer {
    /// Begin a transaction. Leaving its block commits it; leaving it by an exception aborts it.
    ///
    /// Raises InvalidTxnStateError while another transaction of this producer is open, and
    /// ProducerFencedError, for good, once a newer producer of this name was started.
    fn transaction(&self, py: Python<'_>) -> PyResult<Transaction> {
        let begun = self.handle.wait_open(py, Sending::begin)?;
        Ok(Transaction {
            serializers: self.serializers.clone_ref(py),
            ..Transaction::opened(begun)
        })
    }

    /// Take no more records in and abort the transaction that is open. Raises RequestTimeoutError if
    /// that takes longer than `timeout` seconds (30). Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        self.handle.close(py, timeout.map(|s| s.0))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.serializers.traverse(visit)
    }
}

#[pymethods]
impl AsyncTransactionalProducer {
    /// Begin a transaction. Leaving its block commits it; leaving it by an exception aborts it.
    ///
    /// Raises InvalidTxnStateError while another transaction of this producer is open, and
    /// ProducerFencedError, for good, once a newer producer of this name was started.
    fn transaction(&self, py: Python<'_>) -> Call {
        let serializers = self.serializers.clone_ref(py);
        let opened = |py: Python<'_>, begun| {
            let transaction = AsyncTransaction::opened(py, begun)?;
            step::value(py, AsyncTransaction { serializers, ..transaction })
        };
        self.handle.call_open("AsyncTransactionalProducer.transaction", Sending::begin, opened)
    }

    /// Take no more records in and abort the transaction that is open. Raises RequestTimeoutError if
    /// that takes longer than `timeout` seconds (30). Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, timeout: Option<Seconds>) -> Call {
        self.handle.close("AsyncTransactionalProducer.close", timeout.map(|s| s.0))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.serializers.traverse(visit)
    }
}

blocking_context!(TransactionalProducer);
asyncio_context!(AsyncTransactionalProducer);

/// A transaction of the core.
#[derive(Clone)]
pub struct Transacting(Arc<Open>);

struct Open {
    transaction: flymq_core::Transaction,
    callbacks: Arc<Callbacks>,
    /// Whether the program has ended it by itself.
    ended: AtomicBool,
}

impl Transacting {
    /// With the callbacks of the producer that the transaction belongs to.
    pub fn new(transaction: flymq_core::Transaction, callbacks: Arc<Callbacks>) -> Self {
        Self(Arc::new(Open { transaction, callbacks, ended: AtomicBool::new(false) }))
    }

    async fn send(
        self,
        topic: String,
        record: Record,
    ) -> flymq_core::Result<(flymq_core::Delivery, Arc<Callbacks>)> {
        Ok((self.0.transaction.send(&topic, record).await?, self.0.callbacks.clone()))
    }

    /// Aborts what the program has left by an exception. What that was matters more than that the
    /// broker could not be told yet: the next transaction sees to that.
    async fn give_up(self, patience: Option<Duration>) -> Result<(), Failure> {
        if !self.0.ended.load(Relaxed) {
            let _ = in_time(patience, "abort", self.0.transaction.abort()).await;
        }
        Ok(())
    }

    /// Commits what the program has not ended by itself.
    async fn finish(self) -> flymq_core::Result<()> {
        if self.0.ended.load(Relaxed) { Ok(()) } else { self.commit().await }
    }
}

impl Resource for Transacting {
    const NAME: &'static str = "transaction";

    /// One that is forgotten is aborted.
    async fn close(self, _timeout: Option<Duration>) -> Result<(), Failure> {
        drop(self);
        Ok(())
    }
}

/// An open transaction, made by `FlyMQClient.transaction` or `TransactionalProducer.transaction`.
///
/// Records, and offsets of a group, that are stored together or not at all. Readers see them once the
/// transaction is committed; those that read uncommitted records see them before. A transaction that
/// is forgotten is aborted.
///
/// TxnAbortedError from any call means that nothing will come of the transaction: run it again from
/// its beginning, which for a consumer is `Consumer.rewind()`. After ProducerFencedError another
/// producer has taken over: stop. Calls after the end raise InvalidTxnStateError.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct Transaction {
    handle: Arc<Handle<Transacting>>,
    serializers: Serializers,
}

impl Transaction {
    pub fn opened(transaction: Served<Transacting>) -> Self {
        Self { handle: Handle::new(transaction), serializers: Serializers::default() }
    }
}

/// `Transaction` for asyncio, made by `AsyncFlyMQClient.transaction` or
/// `AsyncTransactionalProducer.transaction`: its methods, awaited.
///
/// Leaving its `async with` block commits it; leaving it by an exception, or because its task was
/// cancelled, aborts it.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct AsyncTransaction {
    handle: Arc<AsyncHandle<Transacting>>,
    serializers: Serializers,
}

impl AsyncTransaction {
    pub fn opened(py: Python<'_>, transaction: Served<Transacting>) -> PyResult<Self> {
        let handle = AsyncHandle::open(py, transaction)?;
        Ok(Self { handle, serializers: Serializers::default() })
    }
}

#[mirrored(Transaction, AsyncTransaction)]
impl Transacting {
    /// Make what a consumer has processed part of the transaction: the offsets become its group's
    /// when, and only if, this commits.
    ///
    /// All messages that the consumer has returned count as processed, or, with `offsets`, these:
    /// TopicPartition → the last offset processed. Give the consumer `auto_commit=False`.
    #[pyo3(signature = (consumer, offsets=None))]
    async fn send_offsets(
        self,
        consumer: Member,
        offsets: Option<ByPartition>,
    ) -> Result<(), Failure> {
        let mut processed = consumer.processed().await?;
        if let Some(offsets) = offsets {
            processed = groups::processed(offsets)
                .fold(GroupOffsets::new(processed.member().clone()), GroupOffsets::processed);
        }
        Ok(self.0.transaction.send_offsets(processed).await?)
    }

    /// Wait until every record is stored, and make all of them visible together with the offsets.
    ///
    /// Raises TxnAbortedError if nothing will be seen of it. After RequestTimeoutError it may be
    /// committed: call again to find out.
    async fn commit(self) -> flymq_core::Result<()> {
        self.0.transaction.commit().await?;
        self.0.ended.store(true, Relaxed);
        Ok(())
    }

    /// Discard the transaction.
    async fn abort(self) -> flymq_core::Result<()> {
        self.0.transaction.abort().await?;
        self.0.ended.store(true, Relaxed);
        Ok(())
    }
}

#[pymethods]
impl Transaction {
    /// Take a record in and return its Delivery at once, or as soon as there is room for it.
    ///
    /// The arguments are those of `FlyMQClient.produce`. The delivery need not be looked at: a
    /// transaction of which a record failed does not commit.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
    fn produce(
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
        if exc_type.is_none() {
            return self.handle.wait(py, Transacting::finish);
        }
        let patience = patience_after(exc_type)?;
        self.handle.wait(py, |this| this.give_up(patience))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.serializers.traverse(visit)
    }
}

#[pymethods]
impl AsyncTransaction {
    /// Take a record in and return its Delivery at once, or as soon as there is room for it.
    ///
    /// The arguments are those of `FlyMQClient.produce`. The delivery need not be looked at: a
    /// transaction of which a record failed does not commit.
    #[pyo3(signature = (topic, data, key=None, headers=None, partition=None, timestamp=None, *, serializer=None))]
    fn produce(
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
        let send = |this: Transacting| this.send(topic, record);
        Ok(self.handle.call_open("AsyncTransaction.produce", send, |py, sent| {
            step::value(py, AsyncDelivery::opened(sent))
        }))
    }

    fn __aenter__(slf: Py<Self>) -> Call {
        Call::new("AsyncTransaction.__aenter__", |_| Ok(Step::Return(slf.into_any())))
    }

    #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None))]
    fn __aexit__(
        &self,
        exc_type: Option<&Bound<'_, PyType>>,
        exc_value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Call> {
        let _ = (exc_value, traceback);
        const NAME: &str = "AsyncTransaction.__aexit__";
        if exc_type.is_none() {
            return Ok(self.handle.call(NAME, Transacting::finish, step::none));
        }
        let patience = asyncio::patience_after(exc_type)?;
        Ok(self.handle.call(NAME, move |this| this.give_up(patience), step::none))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.serializers.traverse(visit)
    }
}
