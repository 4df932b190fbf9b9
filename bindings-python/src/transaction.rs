//! `TransactionalProducer` and `Transaction`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use flymq_core::GroupOffsets;
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use crate::at_exit::patience_after;
use crate::client::Through;
use crate::consumer::Consumer;
use crate::convert::{self, Headers, Seconds};
use crate::groups::{self, ByPartition};
use crate::handle::{Handle, ProcessBound, Resource};
use crate::producer::{Delivery, Origin};
use crate::serdes::{Serializer, Serializers};
use crate::wait::in_time;

/// How long `close()` waits for the last transaction's end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A transactional producer of the core. It is dropped before its client.
struct Transacting {
    producer: flymq_core::TransactionalProducer,
    origin: Arc<Origin>,
}

impl Resource for Transacting {
    const NAME: &'static str = "transactional producer";

    fn close(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        let timeout = timeout.unwrap_or(CLOSE_TIMEOUT);
        let began = Instant::now();
        let host = &self.origin.client.host;
        let closed = host.wait(py, self.producer.close(timeout));
        let left = timeout.saturating_sub(began.elapsed());
        closed.and(self.origin.callbacks.finish(py, host, left))
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
    handle: Arc<Handle<Transacting>>,
    serializers: Serializers,
}

#[pymethods]
impl TransactionalProducer {
    #[new]
    #[pyo3(signature = (client=None, *, transactional_id, transaction_timeout=None, linger=None, batch_bytes=None, buffer_bytes=None, compression=None, max_in_flight=None, key_serializer=None, value_serializer=None))]
    fn new(
        py: Python<'_>,
        client: Option<Through<'_>>,
        transactional_id: String,
        transaction_timeout: Option<Seconds>,
        linger: Option<Seconds>,
        batch_bytes: Option<usize>,
        buffer_bytes: Option<usize>,
        compression: Option<&str>,
        max_in_flight: Option<usize>,
        key_serializer: Option<Serializer>,
        value_serializer: Option<Serializer>,
    ) -> PyResult<Self> {
        let client = Through::connected(client, py)?;
        let mut builder = client.client.transactional_producer(transactional_id);
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
        if let Some(name) = compression {
            builder = builder.compression(convert::compression(name)?);
        }
        if let Some(batches) = max_in_flight {
            builder = builder.max_in_flight(batches);
        }
        let producer = client.host.wait(py, builder.build())?;
        let serializers = Serializers { key: key_serializer, value: value_serializer };
        Ok(Self {
            handle: Handle::new(Transacting { producer, origin: Origin::new(client) }),
            serializers,
        })
    }

    /// Begin a transaction. Leaving its `with` block commits it; leaving it by an exception aborts it.
    ///
    /// Raises InvalidTxnStateError while another transaction of this producer is open, and
    /// ProducerFencedError, for good, once a newer producer of this name was started.
    fn transaction(&self, py: Python<'_>) -> PyResult<Transaction> {
        let this = self.handle.get()?;
        let transaction = this.origin.client.host.wait(py, this.producer.begin())?;
        Ok(Transaction::new(transaction, this.origin.clone(), self.serializers.clone_ref(py)))
    }

    /// The producer's name.
    #[getter]
    fn transactional_id(&self) -> PyResult<String> {
        Ok(self.handle.get()?.producer.transactional_id().to_owned())
    }

    /// Take no more records in and abort the transaction that is open. Raises RequestTimeoutError if
    /// that takes longer than `timeout` seconds (30). Harmless when closed.
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
    open: ProcessBound<Open>,
    serializers: Serializers,
}

/// A transaction of the core. It is dropped before its client.
struct Open {
    transaction: flymq_core::Transaction,
    origin: Arc<Origin>,
    /// Whether the program has ended it by itself.
    ended: AtomicBool,
}

impl Transaction {
    pub fn new(
        transaction: flymq_core::Transaction,
        origin: Arc<Origin>,
        serializers: Serializers,
    ) -> Self {
        let open = Open { transaction, origin, ended: AtomicBool::new(false) };
        Self { open: ProcessBound::new("transaction", open), serializers }
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
        let open = self.open.get()?;
        let delivery =
            open.origin.client.host.wait_unless_ready(py, open.transaction.send(topic, record))?;
        Ok(Delivery::new(delivery, open.origin.clone()))
    }

    /// Make what a consumer has processed part of the transaction: the offsets become its group's
    /// when, and only if, this commits.
    ///
    /// All messages that the consumer has returned count as processed, or, with `offsets`, these:
    /// TopicPartition → the last offset processed. Give the consumer `auto_commit=False`.
    #[pyo3(signature = (consumer, offsets=None))]
    fn send_offsets(
        &self,
        py: Python<'_>,
        consumer: &Bound<'_, Consumer>,
        offsets: Option<ByPartition>,
    ) -> PyResult<()> {
        let open = self.open.get()?;
        let mut processed = consumer.get().processed(py)?;
        if let Some(offsets) = offsets {
            processed = groups::processed(offsets)
                .fold(GroupOffsets::new(processed.member().clone()), GroupOffsets::processed);
        }
        open.origin.client.host.wait(py, open.transaction.send_offsets(processed))
    }

    /// Wait until every record is stored, and make all of them visible together with the offsets.
    ///
    /// Raises TxnAbortedError if nothing will be seen of it. After RequestTimeoutError it may be
    /// committed: call again to find out.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        let open = self.open.get()?;
        open.origin.client.host.wait(py, open.transaction.commit())?;
        open.ended.store(true, Relaxed);
        Ok(())
    }

    /// Discard the transaction.
    fn abort(&self, py: Python<'_>) -> PyResult<()> {
        let open = self.open.get()?;
        open.origin.client.host.wait(py, open.transaction.abort())?;
        open.ended.store(true, Relaxed);
        Ok(())
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
        let open = self.open.get()?;
        if open.ended.load(Relaxed) {
            return Ok(());
        }
        if exc_type.is_none() {
            return self.commit(py);
        }
        // What the block raised matters more than that the broker could not be told yet: the next
        // transaction sees to that.
        let abort = in_time(patience_after(exc_type)?, "abort", open.transaction.abort());
        let _ = open.origin.client.host.wait(py, abort);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.serializers.traverse(visit)
    }
}
