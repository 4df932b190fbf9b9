//! Sending: straight from the caller where nothing is in the way, and a task for everything that
//! takes time: lingering, identities, connections, failures.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::InitProducerRequest;
use tokio::time::Instant;

use super::batch::{GivenUp, Identity};
use super::inner::Inner;
use super::queue::PartitionQueue;
use super::topics::TOPIC_TTL;
use crate::clock::after;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};

/// How often time-outs are looked after.
const TICK: Duration = Duration::from_millis(200);

/// What the producer's task has before it.
#[derive(Default)]
pub(super) struct Agenda {
    /// Partitions whose open batch, by its number, is due at some time; in the order of that time.
    lingering: VecDeque<(Instant, Arc<PartitionQueue>, u64)>,
    /// Partitions that cannot send by themselves, and from when on to try.
    troubled: Vec<(Instant, Arc<PartitionQueue>)>,
}

impl Inner {
    /// Has a partition's open batch sent once it has lingered.
    pub(super) fn remind(&self, partition: &Arc<PartitionQueue>, number: u64) {
        let at = after(self.linger);
        let mut agenda = self.agenda.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = agenda.lingering.is_empty();
        agenda.lingering.push_back((at, partition.clone(), number));
        drop(agenda);
        if idle {
            self.attention.notify_one();
        }
    }

    /// Has the producer's task look after a partition, after a pause that grows with its failures.
    pub(super) fn attend(&self, partition: &Arc<PartitionQueue>) {
        let failures = {
            let mut queue = partition.lock();
            if std::mem::replace(&mut queue.attended, true) {
                return;
            }
            queue.failures
        };
        let pause = match failures {
            0 => Duration::ZERO,
            n => self.core.router.backoff(n - 1),
        };
        let mut agenda = self.agenda.lock().unwrap_or_else(PoisonError::into_inner);
        agenda.troubled.push((after(pause), partition.clone()));
        drop(agenda);
        self.attention.notify_one();
    }

    /// Why records are given up.
    fn late(&self) -> Error {
        let noted = || self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let cause = self.core.router.trouble().or_else(noted);
        let within = self.delivery_timeout.as_millis();
        match cause {
            Some(cause) => Error::with_source(
                ErrorCode::Timeout,
                "send",
                format!("no broker stored it within {within} ms; the last failure: {cause}"),
                cause,
            ),
            None => Error::new(
                ErrorCode::Timeout,
                "send",
                format!("no broker stored it within {within} ms"),
            ),
        }
    }

    fn give_up(&self, expired: Vec<GivenUp>) {
        if expired.is_empty() {
            return;
        }
        let error = self.late();
        for GivenUp { fate, held, count } in expired {
            self.release(held, count);
            fate.decide(Err(error.clone()));
        }
    }

    /// Notes why sending does not get on, for the errors of records that are given up.
    pub(super) fn note_trouble(&self, error: Option<&Error>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = error.cloned();
    }

    /// Brings a troubled partition back into a state in which it can send.
    async fn mend(self: Arc<Self>, partition: Arc<PartitionQueue>) {
        let outcome = self.prepare(&partition).await;
        let stopped_again = {
            let mut queue = partition.lock();
            queue.attended = false;
            queue.is_settled()
        };
        match outcome {
            Ok(()) if stopped_again => self.attend(&partition),
            Ok(()) => self.dispatch(&partition),
            Err(error) if error.is(ErrorCode::Closed) => self.abandon(),
            Err(error) => {
                tracing::debug!(%error, "cannot send yet");
                // Connecting has pauses of its own.
                if !error.is(ErrorCode::ConnectFailed) {
                    partition.lock().failures += 1;
                }
                self.note_trouble(Some(&error));
                self.attend(&partition);
            }
        }
    }

    /// Gets a partition going again: a connection, its failed batches, an identity. Each step looks
    /// anew, since time-outs may have stopped it again meanwhile.
    async fn prepare(&self, partition: &PartitionQueue) -> Result<()> {
        loop {
            self.core.router.connection(Lane::Main).await?;
            if let Some(coordinator) = &self.transaction {
                self.ensure_begun(coordinator).await?;
            }
            let fresh = {
                let mut queue = partition.lock();
                if queue.is_settled() {
                    queue.resume();
                }
                // That of a transaction is there before its first record.
                if queue.is_stopped() || queue.has_identity() || self.transaction.is_some() {
                    return Ok(());
                }
                !queue.may_share_identity()
            };
            let identity = self.identify(fresh).await?;
            let mut queue = partition.lock();
            if !queue.is_stopped() {
                queue.set_identity(identity);
                return Ok(());
            }
        }
    }

    /// The identity that all partitions share, or one of its own for a partition that lost it.
    async fn identify(&self, fresh: bool) -> Result<Identity> {
        // One at a time, so that partitions that ask together share the answer.
        let _asking = self.asking.lock().await;
        let shared = *self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = shared.filter(|_| !fresh) {
            return Ok(identity);
        }
        let request = InitProducerRequest::default();
        let deadline = Instant::now() + Duration::from_secs(5);
        let given = self
            .core
            .router
            .call_until(Lane::Main, "produce", &request, Retry::Always, deadline)
            .await?;
        let identity = Identity { id: given.producer_id, epoch: given.producer_epoch };
        if !fresh {
            *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity);
        }
        Ok(identity)
    }

    /// Looks after everything whose time is up.
    fn tick(self: &Arc<Self>) {
        let now = Instant::now();
        let patience = self.core.router.config().request_timeout;
        let transaction = self.transaction.as_ref().map(|t| (t, t.number()));
        let mut doomed = false;
        for partition in self.queues() {
            let (expired, oldest) = {
                let mut queue = partition.lock();
                // A transaction gives nothing up but the whole.
                let overdue = transaction.is_some() && queue.is_overdue(now);
                doomed |= overdue;
                let expired = if overdue { Vec::new() } else { queue.expire(now) };
                (expired, queue.oldest_unanswered())
            };
            self.give_up(expired);
            if oldest.is_some_and(|sent| now.duration_since(sent) > patience) {
                // Ending the connection resolves everything that is under way on it.
                if let Some(connection) = self.core.router.ready(Lane::Main) {
                    tracing::debug!(address = connection.address(), "no answer in time");
                    connection.time_out();
                }
            }
        }
        if let Some((coordinator, number)) = transaction.filter(|_| doomed) {
            self.doom(coordinator, number, &self.late());
        }
    }
}

/// Gives up what is left when the producer's task ends, also where the runtime drops it.
struct Ending(Arc<Inner>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The producer's task.
pub(super) async fn run(inner: Arc<Inner>) {
    let ending = Ending(inner);
    let inner = &ending.0;
    let mut next_tick = Instant::now() + TICK;
    let mut next_refresh = Instant::now() + TOPIC_TTL / 2;
    while !inner.closed.load(Ordering::Acquire) || inner.has_work() {
        let now = Instant::now();
        if now >= next_tick {
            inner.tick();
            next_tick = Instant::now() + TICK;
        }
        if now >= next_refresh {
            tokio::spawn(inner.clone().refresh_topics());
            next_refresh = now + TOPIC_TTL / 2;
        }
        let (due, troubled, wake) = {
            let mut agenda = inner.agenda.lock().unwrap_or_else(PoisonError::into_inner);
            let ripe = agenda.lingering.partition_point(|(at, ..)| *at <= now);
            let due: Vec<_> = agenda.lingering.drain(..ripe).collect();
            let (troubled, later): (Vec<_>, Vec<_>) =
                std::mem::take(&mut agenda.troubled).into_iter().partition(|(at, _)| *at <= now);
            agenda.troubled = later;
            let lingering = agenda.lingering.front().map(|(at, ..)| *at);
            let wake = agenda.troubled.iter().map(|(at, _)| *at).chain(lingering).min();
            (due, troubled, wake)
        };
        let idle = due.is_empty() && troubled.is_empty();
        for (_, partition, number) in due {
            partition.lock().make_due_if(number);
            inner.dispatch(&partition);
        }
        for (_, partition) in troubled {
            // Of its own, because it may wait long for a connection, and time-outs go on meanwhile.
            tokio::spawn(inner.clone().mend(partition));
        }
        if idle {
            let wake = wake.unwrap_or(next_tick).min(next_tick);
            let _ = tokio::time::timeout_at(wake, inner.attention.notified()).await;
        }
    }
}
