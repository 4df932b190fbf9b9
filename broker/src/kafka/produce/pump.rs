//! What waits to be appended, and what may be sent when.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
use std::time::Duration;

use flymq_protocol::ProtocolError;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lru::LruCache;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::deliver::{Outcome, deliver};
use super::{Append, Place};
use crate::Result;
use crate::kafka::Inner;
use crate::kafka::cluster::Topic;
use crate::kafka::node::Lane;

/// Bytes of batches that one request takes together; a single batch may be larger.
const TOGETHER: usize = 4 << 20;
/// Of how many partitions a pump remembers where their last batch is.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// What a pump waits for.
enum Event {
    /// What became of a request's batches.
    Answered(i32, Vec<(Append, Outcome)>),
    /// A topic has been looked up.
    Learnt(Arc<str>, Result<Arc<Topic>>),
    /// A partition's pause is over.
    Rested(Place),
}

/// Appends to the partitions of one share.
pub struct Pump {
    number: usize,
    inner: Weak<Inner>,
    queues: HashMap<Place, VecDeque<Append>>,
    /// Partitions whose head may be sent.
    ready: VecDeque<Place>,
    /// Partitions that are in `ready`, under way, or resting.
    taken: HashSet<Place>,
    /// Nodes that have a request under way.
    busy: HashSet<i32>,
    /// Where the last batch of a partition was stored that went this way.
    last: LruCache<(Uuid, u32), u64>,
    /// Topics that are being looked up, and the partitions that wait for that.
    learning: HashMap<Arc<str>, Vec<Place>>,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
}

impl Pump {
    pub fn new(number: usize, inner: Weak<Inner>) -> Self {
        Self {
            number,
            inner,
            queues: HashMap::new(),
            ready: VecDeque::new(),
            taken: HashSet::new(),
            busy: HashSet::new(),
            last: LruCache::new(REMEMBERED),
            learning: HashMap::new(),
            events: FuturesUnordered::new(),
        }
    }

    pub async fn run(mut self, mut arriving: mpsc::UnboundedReceiver<Append>) {
        loop {
            tokio::select! {
                append = arriving.recv() => match append {
                    Some(append) => self.arrive(append),
                    None => return,
                },
                Some(event) = self.events.next() => self.happened(event),
            }
            while let Ok(append) = arriving.try_recv() {
                self.arrive(append);
            }
            let Some(inner) = self.inner.upgrade() else { return };
            self.send(&inner);
        }
    }

    fn arrive(&mut self, append: Append) {
        let place = append.place.clone();
        self.queues.entry(place.clone()).or_default().push_back(append);
        if self.taken.insert(place.clone()) {
            self.ready.push_back(place);
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Learnt(name, found) => {
                let waiting = self.learning.remove(&name).unwrap_or_default();
                match found {
                    Ok(_) => self.ready.extend(waiting),
                    Err(error) => {
                        waiting.into_iter().for_each(|place| self.refuse_all(place, &error));
                    }
                }
            }
            Event::Rested(place) => self.ready.push_back(place),
            Event::Answered(node, outcomes) => {
                self.busy.remove(&node);
                for (append, outcome) in outcomes {
                    self.settle(append, outcome);
                }
            }
        }
    }

    fn settle(&mut self, mut append: Append, outcome: Outcome) {
        let place = append.place.clone();
        match outcome {
            Outcome::Done(mut result) => {
                if let Ok(stored) = &mut result {
                    // Kafka answers a batch that it has already as if it had just come. Only one at
                    // a time is under way, so what is new lies behind what was stored before.
                    let place = (append.topic_id, append.place.1);
                    let last = self.last.put(place, stored.base_offset);
                    stored.duplicate =
                        append.is_idempotent && last.is_some_and(|last| stored.base_offset <= last);
                    if let Some(last) = last.filter(|last| *last > stored.base_offset) {
                        self.last.put(place, last);
                    }
                }
                append.finish(result);
                match self.queues.get(&place).is_some_and(|queue| !queue.is_empty()) {
                    true => self.ready.push_back(place),
                    false => self.rest(place),
                }
            }
            Outcome::Again { error, elsewhere } => {
                let Some(inner) = self.inner.upgrade() else { return };
                let config = inner.cluster.config();
                let doubled = config.retry_backoff * 2_u32.saturating_pow(append.attempts.min(10));
                let pause = doubled.min(config.retry_backoff_max);
                append.attempts += 1;
                if Instant::now() + pause >= append.deadline {
                    append.finish(Err(error));
                    return match self.queues.get(&place).is_some_and(|queue| !queue.is_empty()) {
                        true => self.ready.push_back(place),
                        false => self.rest(place),
                    };
                }
                inner.cluster.stats.retried();
                let (topic, partition) = &place;
                tracing::debug!(%topic, partition, %error, "a batch is sent again");
                if elsewhere && let Some(stale) = inner.cluster.cached(&place.0) {
                    inner.cluster.mark_stale(&stale);
                }
                self.queues.entry(place.clone()).or_default().push_front(append);
                self.pause(place, pause);
            }
        }
    }

    fn pause(&mut self, place: Place, pause: Duration) {
        let resting = async move {
            tokio::time::sleep(pause).await;
            Event::Rested(place)
        };
        self.events.push(resting.boxed());
    }

    /// Nothing is left to do for a partition.
    fn rest(&mut self, place: Place) {
        self.queues.remove(&place);
        self.taken.remove(&place);
    }

    fn refuse_all(&mut self, place: Place, error: &ProtocolError) {
        for append in self.queues.remove(&place).unwrap_or_default() {
            append.finish(Err(error.clone()));
        }
        self.taken.remove(&place);
    }

    /// Sends as many requests as there are nodes that are free and have something to get.
    fn send(&mut self, inner: &Arc<Inner>) {
        let mut requests: HashMap<i32, Vec<Append>> = HashMap::new();
        let mut sizes: HashMap<i32, usize> = HashMap::new();
        let mut postponed = VecDeque::new();
        while let Some(place) = self.ready.pop_front() {
            let Some(topic) = self.topic(inner, &place) else { continue };
            let leader = match topic.leader(place.1) {
                Ok(leader) => leader.node,
                Err(error) => {
                    self.refuse_all(place, &error);
                    continue;
                }
            };
            let Some(queue) = self.queues.get_mut(&place) else { continue };
            let Some(head) = queue.front() else { continue };
            let size = sizes.entry(leader).or_default();
            if self.busy.contains(&leader) || (*size > 0 && *size + head.bytes.len() > TOGETHER) {
                postponed.push_back(place);
                continue;
            }
            // A request has one transactional id.
            let request = requests.entry(leader).or_default();
            let alike = |other: &Append| other.transactional_id == head.transactional_id;
            if !request.first().is_none_or(alike) {
                postponed.push_back(place);
                continue;
            }
            *size += head.bytes.len();
            if let Some(mut head) = queue.pop_front() {
                head.topic_id = topic.id;
                request.push(head);
            }
        }
        self.ready = postponed;
        for (leader, batches) in requests.into_iter().filter(|(_, batches)| !batches.is_empty()) {
            self.busy.insert(leader);
            let (inner, lane) = (inner.clone(), Lane::Produce(self.number));
            self.events.push(
                async move { Event::Answered(leader, deliver(&inner, leader, lane, batches).await) }
                    .boxed(),
            );
        }
    }

    /// What is known of a partition's topic; has it looked up, and the partition wait, if that is
    /// nothing.
    fn topic(&mut self, inner: &Arc<Inner>, place: &Place) -> Option<Arc<Topic>> {
        let name = &place.0;
        if let Some(waiting) = self.learning.get_mut(name) {
            waiting.push(place.clone());
            return None;
        }
        if let Some(topic) = inner.cluster.cached(name) {
            let arrived =
                self.queues.get(place).and_then(|queue| queue.front()).map(|head| head.arrived);
            // It may have become more partitions.
            let knows = topic.leader(place.1).is_ok() || arrived.is_none_or(|at| topic.learnt > at);
            if knows {
                return Some(topic);
            }
            inner.cluster.mark_stale(&topic);
        }
        self.learning.insert(name.clone(), vec![place.clone()]);
        let (inner, name) = (inner.clone(), name.clone());
        self.events.push(
            async move {
                let found = inner.cluster.topic(&name).await;
                Event::Learnt(name, found)
            }
            .boxed(),
        );
        None
    }
}
