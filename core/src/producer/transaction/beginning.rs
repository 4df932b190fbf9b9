//! How a transaction begins: with a BEGIN whose answer nobody waits for.
//!
//! Batches follow it on the same connection, which the broker takes up in order. When that fails,
//! BEGIN is sent again, and the batches wait until it is answered.

use std::sync::PoisonError;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{BeginTxnRequest, InitProducerRequest};

use super::coordinator::{Begun, Coordinator, Phase};
use super::{Transaction, TransactionalProducer, Transactions};
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};
use crate::producer::batch::Identity;
use crate::producer::inner::Inner;

impl Transactions {
    pub async fn begin(&self, producer: &TransactionalProducer) -> Result<Transaction> {
        let Self { inner, coordinator } = self;
        coordinator.check_free()?;
        let _turn = coordinator.turn.lock().await;
        let settled = self.settle().await;
        // Another task may have been quicker.
        coordinator.check_free()?;
        match settled {
            // How the last one ended was not known when its handle was dropped.
            Err(error) if matches!(coordinator.phase(), Phase::Idle) => {
                tracing::warn!(id = coordinator.id, %error, "the transaction before was aborted");
            }
            settled => settled?,
        }
        inner.check_open("begin")?;
        let identity = match self.identity() {
            Some(identity) => identity,
            None => self.init().await?,
        };
        let connection = inner.core.router.reach(Lane::Main, "begin").await?;
        let (number, fate) = coordinator.open(&connection);
        let request = begin_request(coordinator, identity);
        let (inner, beginning) = (inner.clone(), coordinator.clone());
        connection.submit("begin", &request, move |answer| match answer {
            Ok(_) => beginning.began(number, true),
            Err(error) if error.is_retriable() => beginning.began(number, false),
            Err(error) => inner.doom(&beginning, number, &error),
        });
        Ok(Transaction { producer: producer.clone(), number, fate })
    }

    /// Takes the producer's place among those of its name: older ones are fenced, and what they have
    /// left open is aborted.
    pub async fn init(&self) -> Result<Identity> {
        let request = InitProducerRequest {
            transactional_id: Some(self.coordinator.id.clone()),
            transaction_timeout_ms: self.coordinator.timeout_ms,
        };
        let router = &self.inner.core.router;
        let given = router.call(Lane::Main, "begin", &request, Retry::Always).await?;
        let identity = Identity { id: given.producer_id, epoch: given.producer_epoch };
        self.adopt(Some(identity));
        Ok(identity)
    }

    /// The identity of the open transaction, or of the next one.
    pub fn identity(&self) -> Option<Identity> {
        *self.inner.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes another identity on, under which the sequences of all partitions begin anew. Without
    /// one, the next transaction asks for it.
    pub fn adopt(&self, identity: Option<Identity>) {
        let over = Error::new(ErrorCode::TxnAborted, "send", "the transaction is over");
        self.inner.sweep(&over);
        *self.inner.identity.lock().unwrap_or_else(PoisonError::into_inner) = identity;
    }
}

impl Inner {
    /// Has the open transaction begin, where the first BEGIN was not answered.
    pub(in crate::producer) async fn ensure_begun(&self, coordinator: &Coordinator) -> Result<()> {
        let _asking = self.asking.lock().await;
        let number = loop {
            let mut answered = std::pin::pin!(coordinator.answered.notified());
            answered.as_mut().enable();
            {
                let state = coordinator.lock();
                match state.begun {
                    Begun::Yes => return Ok(()),
                    Begun::No => break state.number,
                    Begun::Sent(_) => {}
                }
            }
            answered.await;
        };
        let identity = *self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(identity) = identity else { return Ok(()) };
        let request = begin_request(coordinator, identity);
        let answer = self.core.router.call(Lane::Main, "begin", &request, Retry::Always).await;
        match answer {
            Err(error) if error.is_retriable() || error.is(ErrorCode::Closed) => return Err(error),
            // The first one arrived after all, and batches behind it.
            Err(error) if !error.is(ErrorCode::InvalidTxnState) => {
                self.doom(coordinator, number, &error);
            }
            _ => coordinator.began(number, true),
        }
        Ok(())
    }
}

fn begin_request(coordinator: &Coordinator, identity: Identity) -> BeginTxnRequest {
    BeginTxnRequest {
        transactional_id: coordinator.id.clone(),
        producer_id: identity.id,
        producer_epoch: identity.epoch,
    }
}
