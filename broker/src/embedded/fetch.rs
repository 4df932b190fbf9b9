//! Fetches: many partitions at once, waiting for records if asked to, within the budget.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Inner;
use super::partition::Partition;
use super::read::{Limits, NEAR_END, read};
use super::tally::Tally;
use super::topics::Topic;
use crate::Result;
use crate::engine::{Fetched, Reply};

/// The longest that a fetch may wait.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The least room a fetch takes from the budget.
const LEAST_ROOM: usize = 64 << 10;

/// A partition of a fetch, found or not.
pub(super) struct Target {
    pub found: Result<(Arc<Topic>, Arc<Partition>)>,
    partition: u32,
    pub offset: u64,
    max_bytes: usize,
    pub isolation: Isolation,
    /// The partition's count of appended bytes when the fetch came.
    appended: u64,
}

impl Target {
    /// Whether reading it would say anything: records, a gap to pass over, or an error.
    fn has_news(&self) -> bool {
        match &self.found {
            Ok((topic, partition)) => {
                self.offset < partition.visible_end(self.isolation)
                    || self.offset > partition.end()
                    || topic.is_deleted()
            }
            Err(_) => true,
        }
    }

    /// Bytes appended to the partition since the fetch came.
    pub fn appended_since(&self) -> u64 {
        self.found.as_ref().map_or(0, |(_, partition)| partition.appended() - self.appended)
    }

    fn is_near_end(&self) -> bool {
        match &self.found {
            Ok((_, partition)) => partition.end().saturating_sub(self.offset) <= NEAR_END,
            Err(_) => true,
        }
    }

    fn read(&self, limits: &mut Limits, oversize: &mut Option<usize>) -> FetchedPartition {
        let mut answer = FetchedPartition { partition: self.partition, ..Default::default() };
        let result = self.found.as_ref().map_err(Clone::clone).and_then(|(topic, partition)| {
            if topic.is_deleted() {
                return Err(ProtocolError::new(
                    ErrorCode::UnknownTopic,
                    format!("topic {} was deleted", topic.name),
                ));
            }
            (answer.earliest, answer.latest) = (partition.start(), partition.end());
            let bytes = limits.bytes.min(self.max_bytes);
            let mut own = Limits { bytes, ..*limits };
            let span = read(topic, partition, self.offset, self.isolation, &mut own)?;
            *limits = Limits { bytes: limits.bytes - (bytes - own.bytes), ..own };
            Ok(span)
        });
        match result {
            Ok(span) => {
                answer.batches = span.batches;
                answer.next_offset = span.next_offset;
                if answer.batches.is_empty() {
                    *oversize = oversize.or(span.oversize);
                }
            }
            Err(error) => {
                answer.error = error.code as u16;
                answer.message = error.message;
                answer.next_offset = self.offset;
            }
        }
        answer
    }
}

/// A fetch in work.
struct Fetch {
    inner: Arc<Inner>,
    topics: Vec<(String, Vec<Target>)>,
    deadline: Instant,
    min_bytes: u64,
    max_bytes: usize,
}

/// Answers a fetch, at once where it can.
pub fn fetch(inner: &Arc<Inner>, request: FetchRequest) -> Reply<Fetched> {
    let partitions: usize = request.topics.iter().map(|t| t.partitions.len()).sum();
    if partitions > MAX_NAMED {
        return Reply::Ready(Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("a fetch of {partitions} partitions exceeds the limit of {MAX_NAMED}"),
        )));
    }
    let wait = Duration::from_millis(request.max_wait_ms.into()).min(MAX_WAIT);
    let fetch = Fetch {
        topics: request.topics.into_iter().map(|t| resolve(inner, t, request.isolation)).collect(),
        deadline: Instant::now() + wait,
        min_bytes: request.min_bytes.min(request.max_bytes).into(),
        max_bytes: request.max_bytes as usize,
        inner: inner.clone(),
    };
    let news = fetch.targets().any(Target::has_news);
    let wants_more = fetch.min_bytes > 1 && !wait.is_zero();
    if (news || wait.is_zero())
        && !wants_more
        && fetch.targets().all(Target::is_near_end)
        && let Some(fetched) = fetch.try_read()
    {
        return Reply::Ready(Ok(fetched));
    }
    Reply::Later(async move { Ok(fetch.run().await) }.boxed())
}

fn resolve(inner: &Inner, wanted: FetchTopic, isolation: Isolation) -> (String, Vec<Target>) {
    let topic = inner.topics.find(&wanted.topic);
    let targets = wanted
        .partitions
        .into_iter()
        .map(|p| {
            let found = topic.clone().and_then(|t| t.partition(p.partition).map(|p| (t, p)));
            Target {
                appended: found.as_ref().map_or(0, |(_, partition)| partition.appended()),
                found,
                partition: p.partition,
                offset: p.offset,
                max_bytes: p.max_bytes as usize,
                isolation,
            }
        })
        .collect();
    (wanted.topic, targets)
}

impl Fetch {
    fn targets(&self) -> impl Iterator<Item = &Target> + Clone {
        self.topics.iter().flat_map(|(_, targets)| targets)
    }

    /// Reads what there is, if the budget has room for it now.
    fn try_read(&self) -> Option<Fetched> {
        let room = self.inner.budget.try_take_up_to(self.max_bytes, LEAST_ROOM)?;
        let (response, oversize) = self.read(room.bytes());
        oversize.is_none().then_some(Fetched { response, room: Some(room) })
    }

    /// Reads up to `limit` bytes. If that is too little for even one batch, its size comes back.
    fn read(&self, limit: usize) -> (FetchResponse, Option<usize>) {
        let batches = max_fetched_batches(self.targets().count());
        self.read_within(&mut Limits::new(limit.min(self.max_bytes), batches))
    }

    fn read_within(&self, limits: &mut Limits) -> (FetchResponse, Option<usize>) {
        let before = limits.batches;
        let mut oversize = None;
        let mut response = FetchResponse::default();
        for (topic, targets) in &self.topics {
            let partitions: Vec<_> = targets
                .iter()
                .filter(|target| target.has_news())
                .map(|target| (target, target.read(limits, &mut oversize)))
                .filter(|(target, answer)| {
                    answer.error != 0
                        || !answer.batches.is_empty()
                        || answer.next_offset != target.offset
                })
                .map(|(_, answer)| answer)
                .collect();
            if !partitions.is_empty() {
                response.topics.push(FetchedTopic { topic: topic.clone(), partitions });
            }
        }
        // A batch that had to wait for its turn behind others is no obstacle.
        let oversize = oversize.filter(|_| limits.batches == before && response.topics.is_empty());
        (response, oversize)
    }

    /// Reads one batch of `size` bytes, whatever the request's own limits say.
    fn read_oversize(mut self, size: usize) -> FetchResponse {
        self.topics
            .iter_mut()
            .flat_map(|(_, t)| t)
            .for_each(|t| t.max_bytes = t.max_bytes.max(size));
        self.read_within(&mut Limits::new(size, 1)).0
    }

    async fn run(self) -> Fetched {
        let inner = self.inner.clone();
        self.wait().await;
        let room = match inner.budget.try_take_up_to(self.max_bytes, LEAST_ROOM) {
            Some(room) => room,
            None => inner.budget.take(LEAST_ROOM).await,
        };
        let limit = room.bytes();
        let reading = tokio::task::spawn_blocking(move || {
            let (response, oversize) = self.read(limit);
            (response, oversize.map(|size| (self, size)))
        });
        match reading.await {
            Ok((response, None)) => Fetched { response, room: Some(room) },
            Ok((_, Some((fetch, size)))) => {
                drop(room);
                let room = inner.budget.take(size).await;
                let reading = tokio::task::spawn_blocking(move || fetch.read_oversize(size));
                Fetched { response: reading.await.unwrap_or_default(), room: Some(room) }
            }
            // The runtime is going down; an empty answer ends the wait.
            Err(_) => Fetched { response: FetchResponse::default(), room: None },
        }
    }

    /// Whether there is enough to answer.
    fn is_due(&self, tally: &mut Tally) -> bool {
        if self.inner.closing.load(Ordering::Acquire) {
            return true;
        }
        if self.min_bytes <= 1 {
            return self.targets().any(Target::has_news);
        }
        for target in self.targets() {
            let Ok((topic, partition)) = &target.found else { return true };
            let (start, end) = (partition.start(), partition.end());
            if topic.is_deleted() || target.offset < start || target.offset > end {
                return true;
            }
        }
        tally.reaches(self.min_bytes, self.targets())
    }

    async fn wait(&self) {
        let waiter = Waiter { fetch: self, notify: Arc::new(Notify::new()) };
        let mut tally = Tally::default();
        loop {
            // Registered before the look, so that no append falls between the two.
            waiter.register();
            if self.is_due(&mut tally) {
                return;
            }
            if tokio::time::timeout_at(self.deadline, waiter.notify.notified()).await.is_err() {
                return;
            }
            waiter.withdraw();
        }
    }
}

/// A fetch's place in the lists of those who wait, given up when dropped.
struct Waiter<'a> {
    fetch: &'a Fetch,
    notify: Arc<Notify>,
}

impl Waiter<'_> {
    fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.fetch.targets().filter_map(|t| t.found.as_ref().ok()).map(|(_, partition)| partition)
    }

    fn register(&self) {
        self.partitions().for_each(|p| p.wait(&self.notify));
    }

    fn withdraw(&self) {
        self.partitions().for_each(|p| p.forget(&self.notify));
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.withdraw();
    }
}
