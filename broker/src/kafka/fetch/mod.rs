//! Reads: many partitions at once, waiting for records if asked to, within the budget; and single
//! records.
//!
//! A fetch first asks each leader for what is there. Only if that is nothing, or the reader has just
//! read everything, does it wait, by way of the pollers.
//!
//! | module | holds |
//! | --- | --- |
//! | `target` | one partition of a fetch |
//! | `ask` | what a leader is asked, and what its answer holds |
//! | `poll` | waiting for records, on behalf of many readers |
//! | `ends` | partitions that were read to their end |
//! | `record` | reads of single records |

mod ask;
mod ends;
mod poll;
mod record;
mod target;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages::fetch_response::PartitionData;
use tokio::time::Instant;

use super::cluster::{Leader, Topic};
use super::errors::{self, Remedy, unavailable};
use super::link::LinkError;
use super::{Inner, offsets};
use crate::Result;
use crate::budget::Room;
use crate::engine::Fetched;
pub use ask::decode;
use ask::{Asked, ask};
pub use ends::Ends;
pub use poll::Pollers;
use poll::{Found, Watch};
pub use record::consume;
use target::Target;

/// The longest that a fetch may wait.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The least room a fetch takes from the budget.
const LEAST_ROOM: usize = 64 << 10;
/// A fetch in work.
struct Fetch {
    inner: Arc<Inner>,
    isolation: Isolation,
    topics: Vec<String>,
    targets: Vec<Target>,
    begun: Instant,
}

/// Answers a fetch.
pub async fn fetch(inner: Arc<Inner>, request: FetchRequest) -> Result<Fetched> {
    let count: usize = request.topics.iter().map(|t| t.partitions.len()).sum();
    if count > MAX_NAMED {
        return Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("a fetch of {count} partitions exceeds the limit of {MAX_NAMED}"),
        ));
    }
    let wait = Duration::from_millis(request.max_wait_ms.into()).min(MAX_WAIT);
    let deadline = Instant::now() + wait;
    let min_bytes = request.min_bytes.min(request.max_bytes).max(1) as usize;
    let mut fetch = Fetch {
        isolation: request.isolation,
        topics: request.topics.iter().map(|t| t.topic.clone()).collect(),
        targets: Vec::with_capacity(count),
        inner: inner.clone(),
        begun: Instant::now(),
    };
    for (topic, wanted) in request.topics.into_iter().enumerate() {
        let target =
            |p: FetchPartition| Target::new(topic, p.partition, p.offset, p.max_bytes as usize);
        fetch.targets.extend(wanted.partitions.into_iter().map(target));
    }
    let most = request.max_bytes as usize;
    let mut room = None;
    let waits_first = !wait.is_zero() && fetch.is_at_ends();
    if !waits_first {
        room = Some(fetch.look(most).await?);
    }
    while !fetch.is_due(min_bytes) && Instant::now() < deadline && !inner.is_stopping() {
        // Those who wait hold nothing that others need.
        drop(room.take());
        fetch.wait(deadline).await;
        let size = fetch.bytes().max(LEAST_ROOM);
        room = Some(inner.budget.take(size).await);
    }
    if waits_first && !fetch.is_due(1) && !inner.is_stopping() {
        // The lanes may have been late, and to answer with nothing says that there is nothing.
        drop(room.take());
        room = Some(fetch.look(most).await?);
    }
    Ok(fetch.finish(most, room))
}

impl Fetch {
    fn bytes(&self) -> usize {
        self.targets.iter().map(Target::bytes).sum()
    }

    /// Whether there is enough to answer.
    fn is_due(&self, min_bytes: usize) -> bool {
        match min_bytes {
            1 => self.targets.iter().any(Target::has_news),
            _ => {
                self.targets.iter().any(|target| target.answer.error != 0)
                    || self.bytes() >= min_bytes
            }
        }
    }

    /// Whether there was nothing more for the reader when it last was here, so that it is likely to
    /// wait. Should there be something by now, waiting for it is over at once.
    fn is_at_ends(&self) -> bool {
        let topics: Vec<_> =
            self.topics.iter().map(|name| self.inner.cluster.cached(name)).collect();
        !self.targets.is_empty()
            && self.targets.iter().all(|target| {
                topics[target.topic].as_ref().is_some_and(|topic| {
                    let place = (topic.id, target.partition as i32);
                    self.inner.ends.get(place) == Some(target.offset)
                })
            })
    }

    /// Remembers which partitions were read to their ends.
    fn note_ends(&self) {
        for target in self.targets.iter().filter(|target| target.was_read_to_end()) {
            if let Some(topic) = self.inner.cluster.cached(&self.topics[target.topic]) {
                let place = (topic.id, target.partition as i32);
                self.inner.ends.put(place, target.answer.next_offset);
            }
        }
    }

    /// Reads what there is, as far as there is room for it, which is returned.
    async fn look(&mut self, most: usize) -> Result<Room> {
        let room = match self.inner.budget.try_take_up_to(most, LEAST_ROOM) {
            Some(room) => room,
            None => self.inner.budget.take(LEAST_ROOM).await,
        };
        self.targets.iter_mut().for_each(|target| target.is_settled = false);
        self.read(most.min(room.bytes())).await?;
        Ok(room)
    }

    /// Reads what there is, asking again where leaders have moved.
    async fn read(&mut self, most: usize) -> Result<()> {
        let mut retry = self.inner.cluster.retry();
        loop {
            match self.read_round(most).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    if let Err(error) = retry.pause_or(error).await {
                        let missing = self.targets.iter_mut().filter(|t| !t.is_settled);
                        missing.for_each(|target| target.fail(error.clone()));
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Asks the leader of every partition that has no answer yet. An error is the last reason why
    /// one of them still has none.
    async fn read_round(&mut self, most: usize) -> Result<()> {
        let leaders = self.resolve().await?;
        let share = (most / leaders.len().max(1)).max(LEAST_ROOM);
        let asking = leaders.into_iter().map(|(node, places)| {
            let inner = self.inner.clone();
            let isolation = self.isolation;
            async move {
                let answer = match inner.cluster.node(node) {
                    Ok(node) => {
                        let places = places.iter().map(|(_, place)| *place);
                        ask(&node, node.fetch_lane(), places, isolation, share, Duration::ZERO)
                            .await
                    }
                    Err(error) => Err(LinkError::Unreachable(error.message)),
                };
                (places, answer)
            }
        });
        let mut last = None;
        for (places, answer) in futures_util::future::join_all(asking).await {
            match answer {
                Ok(mut parts) => {
                    for (target, place) in places {
                        let part = parts.remove(&place.place);
                        let Some(part) = part else { continue };
                        if let Err(error) = self.take(target, &part).await {
                            last = Some(error);
                        }
                    }
                }
                Err(error @ LinkError::Refused(_)) => return Err(error.into()),
                Err(error) => {
                    for (target, _) in places {
                        self.forget_leader(target);
                    }
                    last = Some(error.into());
                }
            }
        }
        match last {
            Some(error) => Err(error),
            // What a leader left out has no news.
            None => Ok(()),
        }
    }

    fn forget_leader(&self, target: usize) {
        if let Some(topic) = self.inner.cluster.cached(&self.topics[self.targets[target].topic]) {
            self.inner.cluster.mark_stale(&topic);
        }
    }

    /// Takes a partition's answer over; an error means that asking again may bring another one.
    async fn take(&mut self, index: usize, data: &PartitionData) -> Result<()> {
        const OUT_OF_RANGE: i16 = 1;
        const UNKNOWN_TOPIC: [i16; 2] = [3, 100];
        let target = &mut self.targets[index];
        let topic = &self.topics[target.topic];
        let code = data.error_code;
        if code == 0 {
            match decode(data, target.answer.next_offset) {
                Ok(found) => target.take(found, data),
                Err(error) => target.fail(error),
            }
            return Ok(());
        }
        let error = errors::error(code, &format!("read partition {} of {topic}", target.partition));
        if code == OUT_OF_RANGE {
            let (partition, offset) = (target.partition, target.offset);
            match offsets::bounds(&self.inner, topic, &[partition]).await {
                Ok(bounds) => {
                    (target.answer.earliest, target.answer.latest) = bounds[0];
                    target.fail(offsets::out_of_range(partition, offset, bounds[0]));
                }
                Err(error) => target.fail(error),
            }
            return Ok(());
        }
        let elsewhere = UNKNOWN_TOPIC.contains(&code) || errors::remedy(code) == Remedy::Elsewhere;
        if elsewhere {
            self.forget_leader(index);
            return Err(error);
        }
        if errors::remedy(code) == Remedy::Later {
            return Err(error);
        }
        target.fail(error);
        Ok(())
    }

    /// The leaders of partitions without an answer, and what each is to be asked. Partitions that
    /// do not exist get their error.
    async fn resolve(&mut self) -> Result<HashMap<i32, Vec<(usize, Asked)>>> {
        let mut topics: HashMap<usize, Result<Arc<Topic>>> = HashMap::new();
        let mut leaders: HashMap<i32, Vec<(usize, Asked)>> = HashMap::new();
        for (index, target) in self.targets.iter_mut().enumerate() {
            if target.is_settled {
                continue;
            }
            let topic = match topics.get(&target.topic) {
                Some(topic) => topic.clone(),
                None => {
                    let topic = self.inner.cluster.topic(&self.topics[target.topic]).await;
                    topics.insert(target.topic, topic.clone());
                    topic
                }
            };
            if let Ok(topic) = &topic
                && let Err(error) = topic.leader(target.partition)
                && topic.learnt < self.begun
            {
                // It may have become more partitions.
                self.inner.cluster.mark_stale(topic);
                return Err(unavailable(error.message));
            }
            match topic.and_then(|topic| Ok((topic.leader(target.partition)?, topic.id))) {
                Ok((Leader { node, .. }, _)) if node < 0 => {
                    return Err(unavailable(format!(
                        "partition {} of {} has no leader at the moment",
                        target.partition, self.topics[target.topic]
                    )));
                }
                Ok((leader, id)) => {
                    let asked = Asked {
                        place: (id, target.partition as i32),
                        offset: target.answer.next_offset,
                        max_bytes: target.max_bytes,
                    };
                    leaders.entry(leader.node).or_default().push((index, asked));
                }
                Err(error) if error.code.is_retriable() => return Err(error),
                Err(error) => target.fail(error),
            }
        }
        Ok(leaders)
    }

    /// Waits until a partition has news, and takes it over.
    async fn wait(&mut self, deadline: Instant) {
        self.targets.iter_mut().for_each(|target| target.is_settled = false);
        let Ok(leaders) = self.resolve().await else {
            return self.hold(deadline).await;
        };
        if leaders.is_empty() {
            return self.hold(deadline).await;
        }
        let mut watch = Watch::new(self.isolation);
        for (node, places) in leaders {
            for (target, asked) in places {
                watch.add(&self.inner, node, target, asked.place, asked.offset);
            }
        }
        let mut found = match watch.next(&self.inner, deadline).await {
            Some(found) => vec![found],
            None => return,
        };
        found.extend(std::iter::from_fn(|| watch.try_next()));
        let mut moved = false;
        for Found { target, outcome } in found {
            match outcome {
                Ok(found) => {
                    let offset = self.targets[target].answer.next_offset;
                    match found.decoded(offset) {
                        Ok(decoded) => self.targets[target].take(decoded, &found.data),
                        Err(_) => moved |= self.take(target, &found.data).await.is_err(),
                    }
                }
                Err(_) => {
                    self.forget_leader(target);
                    moved = true;
                }
            }
        }
        if moved {
            self.targets.iter_mut().for_each(|target| target.is_settled = false);
            if self.read(LEAST_ROOM).await.is_err() {
                self.hold(deadline).await;
            }
        }
    }

    /// Waits a moment before things are tried again.
    async fn hold(&self, deadline: Instant) {
        let pause = self.inner.cluster.config().retry_backoff_max;
        tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
    }

    /// The answer, with what has news.
    fn finish(self, most: usize, room: Option<Room>) -> Fetched {
        self.note_ends();
        let mut batches = max_fetched_batches(self.targets.len());
        let mut bytes = most;
        let mut response = FetchResponse::default();
        let mut last = usize::MAX;
        for mut target in self.targets {
            let news = target.has_news();
            target.trim(&mut batches, &mut bytes, response.topics.is_empty());
            if !news || !target.has_news() {
                continue;
            }
            if target.topic != last {
                last = target.topic;
                let topic = self.topics[target.topic].clone();
                response.topics.push(FetchedTopic { topic, partitions: Vec::new() });
            }
            if let Some(topic) = response.topics.last_mut() {
                topic.partitions.push(target.answer);
            }
        }
        Fetched { response, room }
    }
}
