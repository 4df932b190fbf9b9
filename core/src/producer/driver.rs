//! Sending: straight from the caller where nothing is in the way, and a task for everything that
//! takes time: lingering, identities, connections, failures.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{InitProducerRequest, ProduceRequest, ProduceResponse};
use tokio::time::Instant;

use super::queue::{GivenUp, Identity, Next, PartitionQueue};
use super::{Inner, TOPIC_TTL};
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

fn judge(error: &Error, first: bool, hole: bool) -> Failure {
    use ErrorCode::*;
    match error.code() {
        Some(OutOfOrderSequence | UnknownProducer) if !first => Failure::Passing,
        Some(UnknownProducer) => Failure::Forgotten,
        // Without a hole, the broker has lost what it acknowledged, and the application shall know.
        Some(OutOfOrderSequence) if hole => Failure::Missing,
        _ if error.is_retriable() => Failure::Passing,
        _ => Failure::Final,
    }
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
    fn attend(&self, partition: &Arc<PartitionQueue>) {
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

    /// Sends what a partition has ready, as far as it can without waiting.
    pub(super) fn dispatch(self: &Arc<Self>, partition: &Arc<PartitionQueue>) {
        let Some(connection) = self.core.router.ready(Lane::Main) else {
            self.attend(partition);
            return;
        };
        loop {
            let pressed = self.space.available_permits() < self.buffer_bytes / 2;
            let batch = {
                let mut queue = partition.lock();
                if queue.dispatching {
                    // That thread looks again before it ends.
                    return;
                }
                match queue.take(&self.limits, pressed) {
                    Next::Send(batch) => {
                        queue.dispatching = true;
                        batch
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
            let sequence = batch.base_sequence;
            let request = ProduceRequest {
                topic: partition.topic.to_string(),
                partition: partition.partition,
                transactional_id: None,
                batch,
            };
            let inner = self.clone();
            let queue = partition.clone();
            connection.submit("produce", &request, move |answer| {
                inner.answered(&queue, sequence, answer);
            });
            partition.lock().dispatching = false;
        }
    }

    /// Takes in the answer to a batch. Runs on the connection's task, or wherever the connection
    /// ended.
    fn answered(
        self: &Arc<Self>,
        partition: &Arc<PartitionQueue>,
        sequence: i32,
        answer: Result<ProduceResponse>,
    ) {
        let mut queue = partition.lock();
        let decided = match &answer {
            Ok(_) => queue.stored(sequence),
            Err(error) => match judge(error, queue.is_first(sequence), queue.has_hole()) {
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
                Failure::Final => queue.without(sequence),
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
            self.decide(sealed, answer.map(|response| response.base_offset));
        }
        if settled { self.attend(partition) } else { self.dispatch(partition) }
    }

    /// Has a topic looked up again at the next record.
    fn forget_topic(&self, topic: &str) {
        self.core.forget_topic(topic);
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = topics.get(topic) else { return };
        if state.partitions.iter().all(|p| p.lock().is_idle()) {
            topics.remove(topic);
        } else {
            // With records under way its queues stay; they will meet the same answer.
            state.outdated.store(true, Ordering::Relaxed);
        }
    }

    fn give_up(&self, expired: Vec<GivenUp>) {
        if expired.is_empty() {
            return;
        }
        let cause = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let within = self.delivery_timeout.as_millis();
        let error = match cause {
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
        };
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
            let fresh = {
                let mut queue = partition.lock();
                if queue.is_settled() {
                    queue.resume();
                }
                if queue.is_stopped() || queue.has_identity() {
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
        for partition in self.queues() {
            let (expired, oldest) = {
                let mut queue = partition.lock();
                (queue.expire(now), queue.oldest_unanswered())
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
    }

    /// Asks again for partition counts that were learnt long ago.
    async fn refresh_topics(self: Arc<Self>) {
        let old: Vec<String> = {
            let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
            let is_old = |t: &super::TopicState| t.known_since.elapsed() > TOPIC_TTL;
            topics.iter().filter(|(_, t)| is_old(t)).map(|(name, _)| name.clone()).collect()
        };
        for topic in old {
            self.core.forget_topic(&topic);
            if let Err(error) = self.learn(&topic).await {
                tracing::debug!(topic, %error, "cannot refresh a topic");
            }
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
