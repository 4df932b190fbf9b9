//! Storing offsets: one request at a time and in order, so that no commit overtakes a later one.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{CommitRequest, CommittedOffset};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};

use super::view::View;
use super::{Group, Shared};
use crate::clock::after;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};
use crate::record::TopicPartition;

/// How many partitions go into one request.
const MOST: usize = 10_000;
/// From how many on those are looked for who do not wait any more.
const MANY_WAITERS: usize = 1_000;
/// How long a heartbeat has to find out why a commit was refused, before it is tried again.
const CROSSING: Duration = Duration::from_millis(500);

/// A commit that is under way. It goes on if this is dropped.
#[derive(Debug)]
pub struct Commit(oneshot::Receiver<Result<()>>);

impl Commit {
    /// One that has failed already.
    pub(in crate::consumer) fn failed(error: Error) -> Self {
        let (answer, commit) = oneshot::channel();
        let _ = answer.send(Err(error));
        Self(commit)
    }
}

impl Future for Commit {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let answer = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(answer.unwrap_or_else(|_| Err(Error::closed("commit", "consumer"))))
    }
}

/// What is to be stored for a partition.
#[derive(Clone, Debug)]
pub(in crate::consumer) struct Wanted {
    /// The last offset processed.
    pub offset: i64,
    pub metadata: String,
    /// The membership it was processed in; 0 for partitions that are assigned by hand.
    pub joins: u64,
}

pub(in crate::consumer) type Offsets = BTreeMap<TopicPartition, Wanted>;

/// What is to be committed next. Later offsets of a partition take the place of earlier ones.
#[derive(Default)]
pub(in crate::consumer) struct Commits(Mutex<Batch>);

#[derive(Default)]
struct Batch {
    offsets: Offsets,
    waiters: Vec<Waiter>,
}

struct Waiter {
    partitions: Vec<TopicPartition>,
    answer: oneshot::Sender<Result<()>>,
}

impl Commits {
    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what is committed next. Without offsets, what comes back says when all that was added
    /// before is done with.
    pub fn add(&self, offsets: Offsets) -> Commit {
        let (answer, commit) = oneshot::channel();
        let mut batch = self.batch();
        if batch.waiters.len() >= MANY_WAITERS {
            batch.waiters.retain(|waiter| !waiter.answer.is_closed());
        }
        let partitions = offsets.keys().cloned().collect();
        batch.waiters.push(Waiter { partitions, answer });
        batch.offsets.extend(offsets);
        Commit(commit)
    }

    fn take(&self) -> Option<Batch> {
        let mut batch = self.batch();
        (!batch.waiters.is_empty()).then(|| std::mem::take(&mut *batch))
    }
}

/// Commits what it is told to, and from time to time what was processed, until the consumer has ended.
pub(super) async fn run(shared: &Shared, group: &Group) {
    let mut changes = group.changes.subscribe();
    let mut timer = group.options.auto_commit.map(|every| {
        let every = every.max(Duration::from_millis(1));
        let mut timer = tokio::time::interval_at(after(every), every);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer
    });
    loop {
        changes.borrow_and_update();
        // Looked at first: what is added before the end is committed.
        let ended = group.view().ended;
        if let Some(batch) = group.commits.take() {
            deliver(shared, group, batch).await;
            continue;
        }
        if ended {
            return;
        }
        let tick = async {
            match &mut timer {
                Some(timer) => timer.tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = changes.changed() => {}
            _ = tick => drop(shared.auto_commit(group)),
        }
    }
}

async fn deliver(shared: &Shared, group: &Group, batch: Batch) {
    let mut failures = BTreeMap::new();
    let patience = after(shared.core.router.config().request_timeout);
    let outcome = store(shared, group, batch.offsets, &mut failures, patience).await;
    if !failures.is_empty() {
        let mut state = shared.state();
        failures.keys().for_each(|slot| state.commit_failed(slot));
    }
    for Waiter { partitions, answer } in batch.waiters {
        let failed = partitions.iter().find_map(|slot| failures.get(slot));
        let result = failed.map_or(Ok(()), |error| Err(error.clone()));
        if let Err(Err(error)) = answer.send(result) {
            tracing::warn!(group = group.options.group, %error, "a commit failed");
        }
    }
    if let Err(error) = outcome {
        tracing::debug!(group = group.options.group, %error, "could not commit");
    }
}

/// Stores offsets, again where a commit crosses a change of generation. What cannot be stored ends up
/// in `failures`.
async fn store(
    shared: &Shared,
    group: &Group,
    mut offsets: Offsets,
    failures: &mut BTreeMap<TopicPartition, Error>,
    patience: Instant,
) -> Result<()> {
    let router = &shared.core.router;
    let mut changes = group.changes.subscribe();
    loop {
        let (member_id, generation) = {
            let view = group.view();
            offsets.retain(|slot, wanted| {
                let allowed = may_commit(&view, slot, wanted.joins);
                if !allowed {
                    failures.insert(slot.clone(), taken(slot));
                }
                allowed
            });
            let by_hand = || (String::new(), -1);
            view.identity().filter(|_| !view.by_hand).unwrap_or_else(by_hand)
        };
        if offsets.is_empty() {
            return Ok(());
        }
        let part: Vec<_> = offsets.iter().take(MOST).map(to_wire).collect();
        let request = CommitRequest {
            group: group.options.group.clone(),
            member_id,
            generation,
            offsets: part,
        };
        match router.call_until(Lane::Main, "commit", &request, Retry::Always, patience).await {
            Ok(answer) => {
                shared.core.metrics.committed();
                for failed in answer.failed {
                    let slot =
                        TopicPartition { topic: failed.topic.into(), partition: failed.partition };
                    let message = format!("the offset of {slot} was not stored");
                    failures.insert(slot, Error::from_code("commit", failed.error, message));
                }
                for _ in 0..request.offsets.len() {
                    offsets.pop_first();
                }
            }
            Err(error)
                if generation >= 0
                    && (error.is(ErrorCode::StaleGeneration)
                        || error.is(ErrorCode::UnknownMember))
                    && Instant::now() < patience =>
            {
                // It may have crossed a heartbeat. The next one will tell what has become of us.
                shared.update(group, View::say);
                changes.borrow_and_update();
                let _ = tokio::time::timeout(CROSSING, changes.changed()).await;
            }
            Err(error) => {
                let error = error.during("commit");
                failures.extend(offsets.into_keys().map(|slot| (slot, error.clone())));
                return Err(error);
            }
        }
    }
}

fn may_commit(view: &View, slot: &TopicPartition, joins: u64) -> bool {
    if joins == 0 { view.by_hand } else { view.holding(slot) == Some(joins) }
}

fn to_wire((slot, wanted): (&TopicPartition, &Wanted)) -> CommittedOffset {
    CommittedOffset {
        topic: slot.topic.to_string(),
        partition: slot.partition,
        offset: Some(wanted.offset),
        metadata: wanted.metadata.clone(),
        error: 0,
    }
}

/// The partition is not this consumer's any more.
pub(in crate::consumer) fn taken(slot: &TopicPartition) -> Error {
    Error::new(
        ErrorCode::StaleGeneration,
        "commit",
        format!(
            "{slot} is not assigned to this consumer any more, so that its records since the last \
             commit will be processed again by whoever has it"
        ),
    )
}

impl Shared {
    /// Has all committed that the application has come back for.
    pub(in crate::consumer) fn auto_commit(&self, group: &Group) -> Commit {
        let view = group.view();
        let offsets = {
            let mut state = self.state();
            let joins = |slot: &TopicPartition| match view.by_hand {
                true => Some(0),
                false => view.holding(slot),
            };
            state.take_processed(|slot, position| {
                joins(slot).map(|joins| Wanted::processed(position, joins))
            })
        };
        let commit = group.commits.add(offsets);
        drop(view);
        group.wake();
        commit
    }
}

impl Wanted {
    /// All before `position`.
    pub fn processed(position: u64, joins: u64) -> Self {
        Self { offset: position as i64 - 1, metadata: String::new(), joins }
    }
}
