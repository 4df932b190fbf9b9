//! Batches to the broker, and its answers.

use std::sync::{Arc, PoisonError};

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{ProduceRequest, ProduceResponse};

use super::inner::Inner;
use super::queue::{Next, PartitionQueue};
use crate::error::{Error, Result};
use crate::link::Lane;

/// What a failed produce means for its batch.
enum Failure {
    /// Send it again, under the same sequence.
    Passing,
    /// It will not be stored: it was refused, or nobody can tell what became of it.
    Final,
    /// Neither it nor anything behind it was stored, because the broker misses what came before.
    Missing,
    /// Neither it nor anything behind it was stored, because the broker does not know the producer.
    Forgotten,
}

impl Inner {
    fn judge(&self, error: &Error, first: bool, hole: bool) -> Failure {
        use ErrorCode::*;
        match (error.code(), &self.transaction) {
            (Some(OutOfOrderSequence | UnknownProducer), _) if !first => Failure::Passing,
            // It came in front of its transaction's beginning, which was not taken.
            (Some(InvalidTxnState), Some(transaction)) if !transaction.is_begun() => {
                Failure::Passing
            }
            _ if error.is_retriable() => Failure::Passing,
            // A transaction is whole, or aborted.
            (_, Some(_)) => Failure::Final,
            (Some(UnknownProducer), None) => Failure::Forgotten,
            // Without a hole, the broker has lost what it acknowledged, and the application shall
            // know.
            (Some(OutOfOrderSequence), None) if hole => Failure::Missing,
            _ => Failure::Final,
        }
    }

    /// Sends what a partition has ready, as far as it can without waiting.
    pub(super) fn dispatch(self: &Arc<Self>, partition: &Arc<PartitionQueue>) {
        let Some(connection) = self.core.router.ready(Lane::Main) else {
            self.attend(partition);
            return;
        };
        loop {
            if let Some(coordinator) = &self.transaction
                && !coordinator.may_send_on(&connection)
            {
                return self.attend(partition);
            }
            let pressed = self.space.available_permits() < self.buffer_bytes / 2;
            let (mut batch, round) = {
                let mut queue = partition.lock();
                if queue.dispatching {
                    // That thread looks again before it ends.
                    return;
                }
                match queue.take(&self.limits, pressed) {
                    Next::Send(batch) => {
                        queue.dispatching = true;
                        (batch, queue.round)
                    }
                    Next::NeedsIdentity => {
                        let shared = *self.identity.lock().unwrap_or_else(PoisonError::into_inner);
                        match shared.filter(|_| queue.may_share_identity()) {
                            Some(identity) => {
                                queue.set_identity(identity);
                                continue;
                            }
                            None => {
                                drop(queue);
                                return self.attend(partition);
                            }
                        }
                    }
                    Next::Nothing => return,
                }
            };
            batch.transactional = self.transaction.is_some();
            let sequence = batch.base_sequence;
            let request = ProduceRequest {
                topic: partition.topic.to_string(),
                partition: partition.partition,
                transactional_id: self.transaction.as_ref().map(|t| t.id.clone()),
                batch,
            };
            let inner = self.clone();
            let queue = partition.clone();
            connection.submit("produce", &request, move |answer| {
                inner.answered(&queue, round, sequence, answer);
            });
            partition.lock().dispatching = false;
        }
    }

    /// Takes in the answer to a batch. Runs on the connection's task, or wherever the connection
    /// ended.
    fn answered(
        self: &Arc<Self>,
        partition: &Arc<PartitionQueue>,
        round: u64,
        sequence: i32,
        answer: Result<ProduceResponse>,
    ) {
        let mut queue = partition.lock();
        if queue.round != round {
            // Of a transaction that is over.
            return;
        }
        let mut doomed = false;
        let decided = match &answer {
            Ok(_) => queue.stored(sequence),
            Err(error) => match self.judge(error, queue.is_first(sequence), queue.has_hole()) {
                Failure::Passing => {
                    // A batch out of order is only behind the one that has the trouble.
                    if !error.is(ErrorCode::OutOfOrderSequence) {
                        self.note_trouble(Some(error));
                        queue.troubled = true;
                    }
                    tracing::debug!(
                        topic = &*partition.topic,
                        partition = partition.partition,
                        %error,
                        "will send a batch again"
                    );
                    self.core.metrics.retried();
                    queue.failed(sequence);
                    None
                }
                Failure::Final => {
                    // Before a commit can see that nothing is under way any more.
                    doomed = self.transaction.as_ref().is_some_and(|t| t.doom(t.number(), error));
                    queue.without(sequence)
                }
                Failure::Missing => {
                    queue.failed(sequence);
                    queue.forget_sequences();
                    None
                }
                Failure::Forgotten => {
                    queue.failed(sequence);
                    queue.forget_identity();
                    None
                }
            },
        };
        let settled = queue.is_settled();
        if settled {
            queue.failures += u32::from(std::mem::take(&mut queue.troubled));
        }
        drop(queue);
        if let Some(sealed) = decided {
            if let Err(error) = &answer
                && (error.is(ErrorCode::UnknownTopic) || error.is(ErrorCode::UnknownPartition))
            {
                self.forget_topic(&partition.topic);
            }
            let failure = answer.as_ref().err().filter(|_| doomed).cloned();
            self.decide(sealed, answer.map(|response| response.base_offset));
            if let Some(error) = failure {
                return self.sweep(&Error::aborted("send", &error));
            }
        }
        if settled { self.attend(partition) } else { self.dispatch(partition) }
    }
}
