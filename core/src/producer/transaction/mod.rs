//! Transactions: records in any number of partitions, and the offsets they were made from, all
//! together or not at all.
//!
//! | module | holds |
//! | --- | --- |
//! | `builder` | options |
//! | `coordinator` | where the producer stands |
//! | `beginning`, `ending` | BEGIN, COMMIT and ABORT under failure |
//! | `offsets` | what a group has processed |
//!
//! Records take the way of every producer, but under an identity that the broker gives for the
//! transaction. There is no going on without a batch: what is refused, or given up, dooms the
//! transaction, which then can only be aborted.

mod beginning;
mod builder;
mod coordinator;
mod ending;
mod offsets;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::TxnOffsetsRequest;

pub use builder::TransactionalProducerBuilder;
pub(super) use coordinator::Coordinator;
use coordinator::{Fate, invalid};
pub use offsets::GroupOffsets;

use super::inner::Inner;
use super::{Delivery, DeliveryListener, Handle};
use crate::clock::after;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};
use crate::record::Record;

/// The most offsets that a broker takes at a time.
const MAX_OFFSETS: usize = 10_000;

/// Sends records in transactions, one transaction at a time.
///
/// Its name, the transactional id, stays the same when the application restarts: a new producer of
/// a name puts the older one out of action, so that what a crashed or hanging process has left open
/// does no harm. Cheap to clone; clones share everything.
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
/// # for topic in ["debits", "credits"] {
/// #     client.create_topic(flymq_core::NewTopic::new(topic)).await?;
/// # }
/// use flymq_core::Record;
///
/// let producer = client.transactional_producer("transfers-1").build().await?;
/// let transaction = producer.begin().await?;
/// transaction.send("debits", Record::new("10").key("alice")).await?;
/// transaction.send("credits", Record::new("10").key("bob")).await?;
/// transaction.commit().await?; // dropped without it, the transaction is aborted
/// # assert!(client.consume("credits", 0, 0).await?.is_some());
/// # flymq_core::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct TransactionalProducer {
    /// Ends the producer's task with the last clone.
    _handle: Arc<Handle>,
    transactions: Transactions,
}

impl fmt::Debug for TransactionalProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransactionalProducer").field(&self.transactional_id()).finish()
    }
}

/// A producer's inner life together with that of its transactions.
#[derive(Clone)]
struct Transactions {
    inner: Arc<Inner>,
    coordinator: Arc<Coordinator>,
}

impl TransactionalProducer {
    /// Begins a transaction. Waits for the end of the one before, if that is still under way.
    ///
    /// The broker is not waited for: if it does not take the transaction, its records fail.
    ///
    /// # Errors
    ///
    /// INVALID_TXN_STATE while another transaction of this producer is open; PRODUCER_FENCED, for
    /// good, once a newer producer of this name was started; CLOSED; TIMEOUT or CONNECT_FAILED if no
    /// broker is there, or could say yet how the transaction before has ended.
    pub async fn begin(&self) -> Result<Transaction> {
        self.transactions.begin(self).await
    }

    /// Runs `work` in a transaction and commits it. Where it was aborted for what may pass, `work` is
    /// run again in another one, for as long as the client's request time-out.
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
    /// # for topic in ["debits", "credits"] {
    /// #     client.create_topic(flymq_core::NewTopic::new(topic)).await?;
    /// # }
    /// # let producer = client.transactional_producer("transfers-1").build().await?;
    /// use flymq_core::Record;
    ///
    /// producer
    ///     .run(|transaction| async move {
    ///         transaction.send("debits", Record::new("10").key("alice")).await?;
    ///         transaction.send("credits", Record::new("10").key("bob")).await?;
    ///         Ok(())
    ///     })
    ///     .await?;
    /// # assert!(client.consume("credits", 0, 0).await?.is_some());
    /// # flymq_core::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`begin`](Self::begin) and [`Transaction::commit`], and of `work`, whose transaction
    /// is aborted. After a TIMEOUT it may be committed.
    pub async fn run<T, F>(&self, mut work: impl FnMut(Arc<Transaction>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let Transactions { inner, coordinator } = &self.transactions;
        let router = &inner.core.router;
        let deadline = after(router.config().request_timeout);
        let mut failures = 0;
        loop {
            let transaction = Arc::new(self.begin().await?);
            let error = match work(transaction.clone()).await {
                Ok(value) => match transaction.commit().await {
                    Ok(()) => return Ok(value),
                    Err(error) => error,
                },
                // It may have failed by what dooms the transaction.
                Err(error) => match coordinator.check_live(transaction.number, "run") {
                    Err(doom) if doom.is_abortable() => doom,
                    _ => error,
                },
            };
            if let Err(error) = transaction.abort().await {
                tracing::debug!(%error, "aborted before, or cannot be aborted yet");
            }
            let pause = router.backoff(failures);
            if !error.is_abortable() || after(pause) >= deadline {
                return Err(error);
            }
            failures += 1;
            tokio::time::sleep(pause).await;
        }
    }

    /// The producer's name.
    pub fn transactional_id(&self) -> &str {
        &self.transactions.coordinator.id
    }

    /// Takes no more records in and aborts the transaction that is open, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// TIMEOUT if no broker could be told; it will abort by itself when the transaction's time is up.
    pub async fn close(&self, timeout: Duration) -> Result<()> {
        let Transactions { inner, coordinator } = &self.transactions;
        inner.shut();
        // A transaction that may be committed is not aborted, but settled.
        let _ = self.transactions.give_up(coordinator.number());
        let settled = tokio::time::timeout(timeout, async {
            let _turn = coordinator.turn.lock().await;
            self.transactions.settle().await
        });
        let settled = settled.await;
        inner.abandon();
        match settled {
            Ok(Err(error)) if error.is(ErrorCode::ProducerFenced) => Ok(()),
            Ok(settled) => settled,
            Err(_) => Err(Error::new(
                ErrorCode::Timeout,
                "close",
                format!("the last transaction was not ended within {} ms", timeout.as_millis()),
            )),
        }
    }
}

/// An open transaction. Dropped without [`commit`](Transaction::commit) it is aborted, in the
/// background; the next one waits for that.
///
/// Any number of tasks may send, but once one has committed or aborted all are told
/// INVALID_TXN_STATE.
///
/// After a failure that dooms the transaction every call answers TXN_ABORTED, with the failure as its
/// source, and nothing is left but to drop it. If [`Error::is_abortable`] says so, run it again from
/// its beginning.
pub struct Transaction {
    producer: TransactionalProducer,
    number: u64,
    fate: Arc<OnceLock<Fate>>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("transactional_id", &self.producer.transactional_id())
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Transaction {
    /// Takes a record in, as [`Producer::send`](super::Producer::send). The delivery need not be
    /// awaited: a transaction of which a record failed does not commit.
    ///
    /// A record that is refused here, with an error, is not part of the transaction, and does it no
    /// harm.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`](super::Producer::send); TXN_ABORTED if the transaction is doomed;
    /// INVALID_TXN_STATE if it is over.
    pub async fn send(&self, topic: &str, record: Record) -> Result<Delivery> {
        self.check("send")?;
        self.transactions().inner.send(topic, record, self.number).await
    }

    /// Takes a record in if nothing has to be waited for, as
    /// [`Producer::post_now`](super::Producer::post_now).
    pub fn post_now(
        &self,
        topic: &str,
        record: Record,
        listener: &Arc<dyn DeliveryListener>,
        tag: u64,
    ) -> std::result::Result<Result<()>, Record> {
        match self.check("send") {
            Ok(()) => self.transactions().inner.post_now(topic, record, self.number, listener, tag),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Takes a record in if there is room for it now, as
    /// [`Producer::try_send`](super::Producer::try_send).
    ///
    /// # Errors
    ///
    /// BUFFER_FULL, and those of [`send`](Transaction::send).
    pub fn try_send(&self, topic: &str, record: Record) -> Result<Delivery> {
        self.check("send")?;
        self.transactions().inner.try_send(topic, record, self.number)
    }

    /// Learns a topic's partitions beforehand, as [`Producer::prepare`](super::Producer::prepare).
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC.
    pub async fn prepare(&self, topic: &str) -> Result<()> {
        self.transactions().inner.learn(topic).await.map(|_| ())
    }

    /// Makes the offsets of records that were processed part of the transaction: they become the
    /// group's when, and only if, it commits.
    ///
    /// If the future is dropped before it is ready, the transaction can only be aborted.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for more than 10,000 partitions; TXN_ABORTED if the broker refused them, with
    /// the refusal as its source: STALE_GENERATION for instance, when the partitions may be another
    /// member's by now; PRODUCER_FENCED; INVALID_TXN_STATE if the transaction is over.
    pub async fn send_offsets(&self, offsets: impl Into<GroupOffsets>) -> Result<()> {
        const OPERATION: &str = "send_offsets";
        let Transactions { inner, coordinator } = self.transactions();
        let GroupOffsets { member, offsets } = offsets.into();
        if offsets.len() > MAX_OFFSETS {
            let message = format!("at most {MAX_OFFSETS} partitions at a time");
            return Err(Error::invalid(OPERATION, message));
        }
        // A commit waits until it is answered.
        let _sending = coordinator.offsets.read().await;
        self.check(OPERATION)?;
        coordinator.admit(self.number, OPERATION)?;
        if offsets.is_empty() {
            return Ok(());
        }
        let mut unanswered = Unanswered { transaction: self, armed: true };
        let sending = async {
            inner.ensure_begun(coordinator).await?;
            coordinator.check_live(self.number, OPERATION)?;
            let identity = self
                .transactions()
                .identity()
                .ok_or_else(|| self.over(OPERATION, Fate::Aborted))?;
            let request = TxnOffsetsRequest {
                transactional_id: coordinator.id.clone(),
                producer_id: identity.id,
                producer_epoch: identity.epoch,
                group: member.group,
                member_id: member.member_id,
                generation: member.generation,
                offsets,
            };
            // The same offsets twice are as good as once.
            inner.core.router.call(Lane::Main, OPERATION, &request, Retry::Always).await
        };
        let answer = sending.await;
        unanswered.armed = false;
        answer.map(|_| ()).map_err(|error| {
            inner.doom(coordinator, self.number, &error);
            Error::aborted(OPERATION, &error)
        })
    }

    /// Waits until every record is stored, and makes all of them visible together with the offsets.
    ///
    /// Goes on over lost connections and restarts of the broker until the transaction's fate is
    /// known, for as long as the client's request time-out. If the future is dropped before it is
    /// ready, call it again, or [`abort`](Transaction::abort).
    ///
    /// # Errors
    ///
    /// TXN_ABORTED, with the cause as its source: nothing of the transaction will be seen. See
    /// [`Error::is_abortable`] for whether to run it again. TIMEOUT: whether it was committed is not
    /// known; call `commit` again to find out. PRODUCER_FENCED. INVALID_TXN_STATE if it is over.
    pub async fn commit(&self) -> Result<()> {
        self.check("commit")?;
        self.transactions().commit(self.number).await
    }

    /// Discards the transaction. Its records will not be seen by readers of committed records.
    ///
    /// # Errors
    ///
    /// INVALID_TXN_STATE if it is over, or may be committed. TIMEOUT if no broker could be told: the
    /// next transaction sees to it, or the transaction's time-out.
    pub async fn abort(&self) -> Result<()> {
        self.check("abort")?;
        let transactions = self.transactions();
        if !transactions.give_up(self.number)? {
            return Err(self.over("abort", Fate::Aborted));
        }
        let _turn = transactions.coordinator.turn.lock().await;
        transactions.settle().await.map_err(|error| error.during("abort"))
    }

    fn transactions(&self) -> &Transactions {
        &self.producer.transactions
    }

    fn check(&self, operation: &'static str) -> Result<()> {
        match self.fate.get() {
            Some(fate) => Err(self.over(operation, *fate)),
            None => Ok(()),
        }
    }

    fn over(&self, operation: &'static str, fate: Fate) -> Error {
        invalid(
            operation,
            match fate {
                Fate::Committed => "the transaction was committed; begin another one",
                Fate::Aborted => "the transaction was aborted; begin another one",
                Fate::Unknown => "how the transaction ended cannot be learnt; begin another one",
            },
        )
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let transactions = self.transactions().clone();
        // What may be committed is settled when the next one begins.
        if let Ok(true) = transactions.give_up(self.number) {
            let runtime = transactions.coordinator.runtime.clone();
            runtime.spawn(async move {
                let _turn = transactions.coordinator.turn.lock().await;
                if let Err(error) = transactions.settle().await {
                    tracing::debug!(id = transactions.coordinator.id, %error, "cannot abort yet");
                }
            });
        }
    }
}

/// Dooms a transaction if offsets were sent and nobody waits any more whether they were taken.
struct Unanswered<'a> {
    transaction: &'a Transaction,
    armed: bool,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.armed {
            let Transactions { inner, coordinator } = self.transaction.transactions();
            let message = "the wait for the answer was given up";
            let error = Error::new(ErrorCode::Interrupted, "send_offsets", message);
            inner.doom(coordinator, self.transaction.number, &error);
        }
    }
}
