//! `TransactionalProducer` and `Transaction`.

use std::sync::Arc;
use std::time::Duration;

use flymq_core as core;
use flymq_core::{Error, ErrorCode, GroupOffsets};
use tokio::sync::OnceCell;

use crate::client::Link;
use crate::consumer::Consumer;
use crate::error::Result;
use crate::host::Served;
use crate::options::Options;
use crate::records::{GroupOffset, Record, RecordMetadata, all};

/// Sends records in transactions, one transaction at a time.
#[derive(uniffi::Object)]
pub struct TransactionalProducer(Arc<Inner>);

struct Inner {
    builder: core::TransactionalProducerBuilder,
    /// Made when the first transaction begins, and then in force.
    producer: Served<OnceCell<core::TransactionalProducer>>,
    /// Kept for as long as the producer is.
    _link: Arc<Link>,
}

impl Inner {
    async fn producer(&self) -> core::Result<&core::TransactionalProducer> {
        self.producer.get()?.get_or_try_init(|| self.builder.clone().build()).await
    }
}

impl TransactionalProducer {
    /// A producer of this name with these options.
    pub fn new(link: Arc<Link>, transactional_id: String, options: Options) -> Result<Arc<Self>> {
        let mut builder = link.client()?.transactional_producer(transactional_id);
        for (name, value) in options {
            builder = builder.set(&name, &value)?;
        }
        let producer = Served::new(link.host().clone(), OnceCell::new());
        Ok(Arc::new(Self(Arc::new(Inner { builder, producer, _link: link }))))
    }
}

#[uniffi::export]
impl TransactionalProducer {
    /// Takes the place of older producers of its name, if that is not done: what they have open is
    /// aborted, and they can do nothing more. Beginning a transaction sees to it too.
    ///
    /// INVALID_ARGUMENT for options out of bounds; UNSUPPORTED_OPERATION.
    pub async fn open(&self) -> Result<()> {
        let inner = self.0.clone();
        let opening = async move { inner.producer().await.map(|_| ()) };
        Ok(self.0.producer.host().run(opening).await?)
    }

    /// A transaction, which is yet to begin.
    pub fn transaction(&self) -> Arc<Transaction> {
        let transaction = Served::new(self.0.producer.host().clone(), Arc::default());
        Arc::new(Transaction { transaction, inner: self.0.clone() })
    }

    /// Takes no more records in and aborts the transaction that is open, for at most `timeout_ms`.
    ///
    /// TIMEOUT if no broker could be told; it will abort by itself when the transaction's time is up.
    #[uniffi::method(default(timeout_ms = 30000))]
    pub async fn close(&self, timeout_ms: u64) -> Result<()> {
        let Some(producer) = self.0.producer.get()?.get().cloned() else { return Ok(()) };
        let closing = async move { producer.close(Duration::from_millis(timeout_ms)).await };
        Ok(self.0.producer.host().run(closing).await?)
    }
}

/// A transaction. Dropped without being committed it is aborted, in the background.
///
/// After a failure that dooms it every call raises TXN_ABORTED, whose `cause` is the failure, and
/// nothing is left but to drop it. If the error is `abortable`, run it again from its beginning.
#[derive(uniffi::Object)]
pub struct Transaction {
    transaction: Served<Arc<OnceCell<core::Transaction>>>,
    inner: Arc<Inner>,
}

impl Transaction {
    /// Does something with the transaction on the threads of its client.
    async fn run<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<OnceCell<core::Transaction>>) -> F + Send + 'static,
    ) -> Result<T>
    where
        F: Future<Output = core::Result<T>> + Send + 'static,
    {
        let transaction = self.transaction.get()?.clone();
        Ok(self.transaction.host().run(async move { work(transaction).await }).await?)
    }
}

fn open(transaction: &OnceCell<core::Transaction>) -> core::Result<&core::Transaction> {
    transaction.get().ok_or_else(|| {
        let message = "the transaction has not begun";
        Error::new(ErrorCode::InvalidTxnState, "use", message)
    })
}

#[uniffi::export]
impl Transaction {
    /// Begins the transaction. Waits for the end of the producer's one before.
    ///
    /// INVALID_TXN_STATE while another one is open; PRODUCER_FENCED, for good, once a newer producer
    /// of this name was opened; CLOSED; TIMEOUT, CONNECT_FAILED.
    pub async fn begin(&self) -> Result<()> {
        let inner = self.inner.clone();
        self.run(|transaction| async move {
            let begin = || async { inner.producer().await?.begin().await };
            transaction.get_or_try_init(begin).await.map(|_| ())
        })
        .await
    }

    /// Sends a record and waits until it is stored, unseen until the commit.
    ///
    /// As a producer's `send`; TXN_ABORTED if the transaction is doomed; INVALID_TXN_STATE if it is
    /// over.
    pub async fn send(&self, topic: String, record: Record) -> Result<RecordMetadata> {
        self.run(|transaction| async move {
            let delivery = open(&transaction)?.send(&topic, record.into()).await?;
            delivery.await.map(RecordMetadata::from)
        })
        .await
    }

    /// Sends records and waits until they are taken in. One that fails later dooms the transaction.
    pub async fn send_all(&self, topic: String, records: Vec<Record>) -> Result<()> {
        self.run(|transaction| async move {
            for record in records {
                open(&transaction)?.send(&topic, record.into()).await?;
            }
            Ok(())
        })
        .await
    }

    /// Makes it part of the transaction that what the consumer has returned is processed.
    ///
    /// TXN_ABORTED if the broker refused the offsets, PRODUCER_FENCED, INVALID_TXN_STATE;
    /// STALE_GENERATION if partitions were taken from the consumer.
    pub async fn send_processed(&self, consumer: Arc<Consumer>) -> Result<()> {
        let consumer = consumer.shared()?;
        self.run(|transaction| async move {
            let processed = consumer.borrow().await?.processed()?;
            open(&transaction)?.send_offsets(processed).await
        })
        .await
    }

    /// As `send_processed`, with offsets of the caller's own, each the last one processed of its
    /// partition.
    pub async fn send_offsets(
        &self,
        consumer: Arc<Consumer>,
        offsets: Vec<GroupOffset>,
    ) -> Result<()> {
        let consumer = consumer.shared()?;
        self.run(|transaction| async move {
            let member = consumer.borrow().await?.group_metadata().ok_or_else(|| {
                let message = "the consumer is not a member of a group yet";
                Error::new(ErrorCode::InvalidArgument, "send_offsets", message)
            })?;
            let none = GroupOffsets::new(member);
            let offsets: Vec<core::GroupOffset> = all(offsets);
            let processed = offsets.into_iter().fold(none, GroupOffsets::processed);
            open(&transaction)?.send_offsets(processed).await
        })
        .await
    }

    /// Waits until every record is stored, and makes all of them visible together with the offsets.
    ///
    /// TXN_ABORTED: nothing of the transaction will be seen. TIMEOUT: whether it was committed is not
    /// known; call again to find out. PRODUCER_FENCED; INVALID_TXN_STATE if it is over.
    pub async fn commit(&self) -> Result<()> {
        self.run(|transaction| async move { open(&transaction)?.commit().await }).await
    }

    /// Discards the transaction.
    ///
    /// INVALID_TXN_STATE if it is over, or may be committed. TIMEOUT if no broker could be told.
    pub async fn abort(&self) -> Result<()> {
        self.run(|transaction| async move { open(&transaction)?.abort().await }).await
    }
}
