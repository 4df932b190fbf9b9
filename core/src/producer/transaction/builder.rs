//! Options of a transactional producer.

use std::sync::Arc;
use std::time::Duration;

use super::coordinator::Coordinator;
use super::{TransactionalProducer, Transactions};
use crate::client::Core;
use crate::error::{Error, Result};
use crate::options::{self, Opt, OptionInfo, option};
use crate::producer::{Compression, ProducerBuilder};

/// Options of a transactional producer. Made by
/// [`Client::transactional_producer`](crate::Client::transactional_producer).
#[derive(Clone, Debug)]
pub struct TransactionalProducerBuilder {
    producer: ProducerBuilder,
    transactional_id: String,
    timeout: Duration,
}

/// What a transactional producer has of its own; the rest is a producer's.
const OPTIONS: &[Opt<TransactionalProducerBuilder>] = &[option(
    "transaction_timeout_ms",
    "15000",
    "How long a transaction may be open before the broker aborts it, 1 ms to 15 minutes.",
    |builder, value| Ok(builder.transaction_timeout(value.millis()?)),
)];

/// The option of a producer that the time-out of transactions stands for.
const NOT_TAKEN: &str = "delivery_timeout_ms";

impl TransactionalProducerBuilder {
    /// All options that [`set`](Self::set) takes.
    pub fn options() -> impl Iterator<Item = &'static OptionInfo> {
        let shared = ProducerBuilder::options().filter(|option| option.name != NOT_TAKEN);
        options::infos(OPTIONS).chain(shared)
    }

    /// Sets an option by its name.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a name that there is not, or a value that the option does not take.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self> {
        if name != NOT_TAKEN && ProducerBuilder::options().any(|option| option.name == name) {
            self.producer = self.producer.set(name, value)?;
            return Ok(self);
        }
        options::set(OPTIONS, self, "transactional_producer", name, value)
    }

    pub(crate) fn new(core: Arc<Core>, transactional_id: String) -> Self {
        Self {
            producer: ProducerBuilder::new(core),
            transactional_id,
            timeout: Duration::from_secs(15),
        }
    }

    /// How long a transaction may be open before the broker aborts it, 1 ms to 15 minutes. Also how
    /// long its records may take to be stored. Default 15 s.
    ///
    /// Until an abandoned transaction is aborted, nobody reads beyond it.
    pub fn transaction_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// As [`ProducerBuilder::linger`]. Default 5 ms; a commit does not wait for it.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.producer = self.producer.linger(linger);
        self
    }

    /// As [`ProducerBuilder::batch_bytes`].
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.producer = self.producer.batch_bytes(bytes);
        self
    }

    /// As [`ProducerBuilder::buffer_bytes`].
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.producer = self.producer.buffer_bytes(bytes);
        self
    }

    /// As [`ProducerBuilder::max_in_flight`].
    pub fn max_in_flight(mut self, batches: usize) -> Self {
        self.producer = self.producer.max_in_flight(batches);
        self
    }

    /// As [`ProducerBuilder::compression`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.producer = self.producer.compression(compression);
        self
    }

    /// Starts the producer and fences older ones of its name: what they have open is aborted, and
    /// they can do nothing more. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for options out of bounds; UNSUPPORTED_OPERATION from a broker without
    /// transactions.
    pub async fn build(self) -> Result<TransactionalProducer> {
        let check = |good, message: &str| {
            if good { Ok(()) } else { Err(Error::invalid("transactional_producer", message)) }
        };
        let id_length = self.transactional_id.len();
        check((1..=255).contains(&id_length), "a transactional id has 1 to 255 bytes")?;
        let millis = self.timeout.as_millis();
        check((1..=900_000).contains(&millis), "transaction_timeout is 1 ms to 15 minutes")?;
        let coordinator = Arc::new(Coordinator::new(self.transactional_id, millis as u32));
        let handle =
            self.producer.delivery_timeout(self.timeout).start(Some(coordinator.clone()))?;
        let transactions = Transactions { inner: handle.inner.clone(), coordinator };
        transactions.init().await?;
        Ok(TransactionalProducer { _handle: handle, transactions })
    }
}
