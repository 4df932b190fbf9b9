//! The producer: records in, batches out, every record's fate told.

mod batch;
mod builder;
mod delivery;
mod driver;
mod inner;
mod queue;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod queue_txn_tests;
mod report;
mod sending;
mod topics;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::ErrorCode;

use batch::Open;
pub use builder::{Compression, ProducerBuilder};
pub use delivery::Delivery;
use inner::Inner;
pub use report::{DeliveryListener, DeliveryReport};
pub use transaction::{
    GroupOffsets, Transaction, TransactionalProducer, TransactionalProducerBuilder,
};

use crate::error::{Error, Result};
use crate::record::{Record, RecordMetadata};

/// Sends records in batches, in order within a partition, each stored exactly once.
///
/// Cheap to clone; clones share everything. When the last clone is dropped without
/// [`close`](Producer::close), records still under way are given up with an error.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let data = tempfile::tempdir().unwrap();
/// # let broker = flymq_broker::Broker::start(flymq_broker::Config {
/// #     data_dir: data.path().into(),
/// #     listen: "127.0.0.1:0".parse().unwrap(),
/// #     ..Default::default()
/// # }).await.unwrap();
/// # let address = broker.local_addr().to_string();
/// # let client = flymq_core::Client::connect(&address).await?;
/// # client.create_topic(flymq_core::NewTopic::new("clicks").partitions(3)).await?;
/// use std::time::Duration;
/// use flymq_core::{Compression, Record};
///
/// let producer = client.producer().compression(Compression::Lz4).build()?;
/// let mut deliveries = Vec::new();
/// for i in 0..1000 {
///     // Waits only while the buffer is full.
///     deliveries.push(producer.send("clicks", Record::new(format!("click {i}"))).await?);
/// }
/// producer.flush().await;
/// for delivery in deliveries {
///     let stored = delivery.await?;
///     assert!(stored.offset < 1000);
/// }
/// producer.close(Duration::from_secs(10)).await?;
/// # flymq_core::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

struct Handle {
    inner: Arc<Inner>,
}

impl Handle {
    fn start(inner: Inner) -> Arc<Self> {
        let inner = Arc::new(inner);
        tokio::spawn(driver::run(inner.clone()));
        Arc::new(Self { inner })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.abandon();
    }
}

impl Producer {
    /// The brokers that its client was told of, as `host:port`.
    pub fn addresses(&self) -> &[String] {
        &self.handle.inner.core.router.config().bootstrap
    }

    /// Takes a record in. Returns as soon as there is room for it; await the [`Delivery`] to learn
    /// where it was stored.
    ///
    /// The partition is the record's own if it names one, else Kafka's murmur2 of its key, else the
    /// next in turn. If the future is dropped before it is ready, the record is not sent.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION, RECORD_TOO_LARGE for a record that the topic does not take
    /// or the buffer could never hold, CLOSED.
    pub async fn send(&self, topic: &str, record: Record) -> Result<Delivery> {
        self.handle.inner.send(topic, record, 0).await
    }

    /// Takes a record in as [`send`](Producer::send) does, if nothing has to be waited for; otherwise
    /// gives it back, perhaps encrypted by now, to be sent with that. It may be called outside of a
    /// runtime.
    pub fn send_now(
        &self,
        topic: &str,
        record: Record,
    ) -> std::result::Result<Result<Delivery>, Record> {
        self.handle.inner.send_now(topic, record, 0, Open::delivery)
    }

    /// As [`send_now`](Producer::send_now), with a listener that is told what becomes of the record, as
    /// [`Delivery::report_to`] does, and without a delivery.
    pub fn post_now(
        &self,
        topic: &str,
        record: Record,
        listener: &Arc<dyn DeliveryListener>,
        tag: u64,
    ) -> std::result::Result<Result<()>, Record> {
        self.handle.inner.post_now(topic, record, 0, listener, tag)
    }

    /// Takes a record in if there is room for it now. Otherwise as [`send`](Producer::send).
    ///
    /// # Errors
    ///
    /// BUFFER_FULL if there is no room; INVALID_ARGUMENT if the topic's partitions are not known
    /// yet, which [`prepare`](Producer::prepare) sees to; and those of [`send`](Producer::send).
    pub fn try_send(&self, topic: &str, record: Record) -> Result<Delivery> {
        self.handle.inner.try_send(topic, record, 0)
    }

    /// Learns a topic's partitions beforehand, so that the first record need not wait for that.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC.
    pub async fn prepare(&self, topic: &str) -> Result<()> {
        self.handle.inner.learn(topic).await.map(|_| ())
    }

    /// Sends a record and waits until it is stored.
    pub async fn send_and_wait(&self, topic: &str, record: Record) -> Result<RecordMetadata> {
        self.send(topic, record).await?.await
    }

    /// Sends what has been taken in without further delay, and waits until each record is stored or
    /// given up. What became of them, their deliveries tell.
    pub async fn flush(&self) {
        self.handle.inner.flush().await;
    }

    /// Takes no more records in, flushes for at most `timeout`, and gives up what is left then.
    ///
    /// # Errors
    ///
    /// TIMEOUT if something was left.
    pub async fn close(&self, timeout: Duration) -> Result<()> {
        let inner = &self.handle.inner;
        inner.shut();
        let flushed = tokio::time::timeout(timeout, inner.flush()).await;
        inner.abandon();
        flushed.map_err(|_| {
            Error::new(
                ErrorCode::Timeout,
                "close",
                format!("some records were not stored within {} ms", timeout.as_millis()),
            )
        })
    }
}
