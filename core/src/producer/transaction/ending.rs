//! How a transaction ends: COMMIT or ABORT, sent until it is answered.
//!
//! The broker carries the end of a transaction out once, however often it is asked to under the
//! same identity; so asking again is how its fate is learnt after a lost connection.

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{AbortTxnRequest, CommitTxnRequest, EndTxnResponse};
use tokio::time::Instant;

use super::Transactions;
use super::coordinator::{Fate, Phase};
use crate::clock::after;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry, refused_unseen};
use crate::producer::batch::Identity;

impl Transactions {
    pub async fn commit(&self, number: u64) -> Result<()> {
        let Self { inner, coordinator } = self;
        let _turn = coordinator.turn.lock().await;
        if !coordinator.close(number)? {
            drop(coordinator.offsets.write().await);
            inner.flush().await;
            let patience = inner.core.router.config().request_timeout;
            let begun = tokio::time::timeout(patience, inner.ensure_begun(coordinator)).await;
            let failure = match begun {
                Ok(begun) => begun.err(),
                Err(_) => Some(Error::new(ErrorCode::Timeout, "begin", "no answer came in time")),
            };
            if let Some(error) = failure {
                inner.doom(coordinator, number, &error);
            }
            if let Err(error) = coordinator.seal() {
                // That it is to be aborted is certain, even if the broker cannot be told now.
                if let Err(error) = self.settle().await {
                    tracing::debug!(id = coordinator.id, %error, "cannot abort yet");
                }
                return Err(error);
            }
        }
        self.settle().await
    }

    /// Stops a transaction for good. What is left is to tell the broker, see
    /// [`settle`](Self::settle). Returns whether there is anything to tell.
    pub fn give_up(&self, number: u64) -> Result<bool> {
        let aborting = self.coordinator.give_up(number)?;
        if aborting {
            let message = "the transaction was aborted before the record was acknowledged";
            self.inner.sweep(&Error::new(ErrorCode::TxnAborted, "send", message));
        }
        Ok(aborting)
    }

    /// Ends what is to be ended. To be called by whoever has the turn.
    pub async fn settle(&self) -> Result<()> {
        match self.coordinator.phase() {
            Phase::Idle | Phase::Open | Phase::Closing => Ok(()),
            Phase::Committing { lost } => self.finish_commit(lost).await,
            Phase::Aborting => self.finish_abort().await,
            Phase::Fenced(error) => Err(error),
        }
    }

    async fn finish_commit(&self, mut lost: bool) -> Result<()> {
        let router = &self.inner.core.router;
        let deadline = after(router.config().request_timeout);
        let Some(identity) = self.identity() else { return Ok(()) };
        let mut failures = 0;
        loop {
            let mut sent = false;
            let once = self.send_commit(identity, &mut sent);
            let answer = tokio::time::timeout_at(deadline, once).await.unwrap_or_else(|_| {
                Err(Error::new(ErrorCode::Timeout, "commit", "no answer came in time"))
            });
            let error = match answer {
                Ok(given) => {
                    self.end(Fate::Committed, identity, Some(given));
                    return Ok(());
                }
                Err(error) => error,
            };
            if error.is(ErrorCode::TxnAborted) {
                self.coordinator.set_phase(Phase::Aborting);
                if let Err(error) = self.finish_abort().await {
                    tracing::debug!(id = self.coordinator.id, %error, "cannot abort yet");
                }
                return Err(error);
            }
            if is_refusal(&error) {
                return Err(self.refused(error, lost));
            }
            // Only an answer that the broker did not begin with it leaves everything as it was.
            lost |= sent && !refused_unseen(&error);
            self.coordinator.set_phase(Phase::Committing { lost });
            let pause = if sent { router.backoff(failures) } else { Default::default() };
            if !error.is_retriable() || after(pause) >= deadline || Instant::now() >= deadline {
                return Err(unknown(error));
            }
            self.inner.core.metrics.retried();
            failures += u32::from(sent);
            tokio::time::sleep(pause).await;
        }
    }

    async fn send_commit(&self, identity: Identity, sent: &mut bool) -> Result<EndTxnResponse> {
        let connection = self.inner.core.router.connection(Lane::Main).await?;
        *sent = true;
        // Whoever waits may be gone before the answer comes.
        self.coordinator.set_phase(Phase::Committing { lost: true });
        let request = CommitTxnRequest {
            transactional_id: self.coordinator.id.clone(),
            producer_id: identity.id,
            producer_epoch: identity.epoch,
        };
        connection.call("commit", &request).await
    }

    /// The broker does not commit. After a COMMIT whose answer was lost that does not tell whether
    /// it has done so before.
    fn refused(&self, error: Error, lost: bool) -> Error {
        self.adopt(None);
        let fate = if lost { Fate::Unknown } else { Fate::Aborted };
        let fenced = error.is(ErrorCode::ProducerFenced);
        let phase = if fenced { Phase::Fenced(error.clone()) } else { Phase::Idle };
        self.coordinator.end(phase, fate);
        if lost {
            let message = format!(
                "the connection was lost while committing, and now it cannot be learnt whether the \
                 transaction was committed: {error}"
            );
            return match error.code() {
                Some(code) => Error::with_source(code, "commit", message, error),
                None => error,
            };
        }
        Error::aborted("commit", &error)
    }

    async fn finish_abort(&self) -> Result<()> {
        let Some(identity) = self.identity() else { return Ok(()) };
        let request = AbortTxnRequest {
            transactional_id: self.coordinator.id.clone(),
            producer_id: identity.id,
            producer_epoch: identity.epoch,
        };
        let router = &self.inner.core.router;
        match router.call(Lane::Main, "abort", &request, Retry::Always).await {
            Ok(given) => self.end(Fate::Aborted, identity, Some(given)),
            Err(error) if error.is(ErrorCode::ProducerFenced) => {
                self.adopt(None);
                self.coordinator.end(Phase::Fenced(error.clone()), Fate::Aborted);
                return Err(error);
            }
            Err(error) if error.is_retriable() || error.is(ErrorCode::Closed) => return Err(error),
            // BEGIN may never have arrived, or may still. A new identity is proof against both.
            Err(error) => {
                tracing::debug!(id = self.coordinator.id, %error, "will take a new identity");
                self.end(Fate::Aborted, identity, None);
            }
        }
        Ok(())
    }

    /// The transaction is over; the next one goes under the identity that the broker gave.
    fn end(&self, fate: Fate, old: Identity, given: Option<EndTxnResponse>) {
        let next = given.map(|g| Identity { id: g.producer_id, epoch: g.producer_epoch });
        match (fate, next) {
            // Every batch was acknowledged, so that the sequences can go on.
            (Fate::Committed, Some(next)) if next == old => {}
            // What was aborted may still arrive, and must not get into the next transaction.
            (Fate::Aborted, Some(next)) if next == old => self.adopt(None),
            (_, next) => self.adopt(next),
        }
        self.coordinator.end(Phase::Idle, fate);
    }
}

/// Answers of a broker that has not committed, and will not.
fn is_refusal(error: &Error) -> bool {
    use ErrorCode::*;
    matches!(
        error.code(),
        Some(
            ProducerFenced
                | UnknownProducer
                | InvalidTxnState
                | InvalidRequest
                | UnsupportedOperation
                | UnknownOpcode
                | NotAuthorized
                | AuthRequired
        )
    )
}

fn unknown(cause: Error) -> Error {
    let message = format!(
        "whether the transaction was committed is not known, call commit again to find out: {cause}"
    );
    Error::with_source(ErrorCode::Timeout, "commit", message, cause)
}
