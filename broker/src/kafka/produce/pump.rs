//! What waits to be appended, and what may be sent when.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};

use flymq_protocol::ProtocolError;
use flymq_protocol::messages::ProduceResponse;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lru::LruCache;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::deliver::{Outcome, deliver};
use super::partition::{IN_FLIGHT, Partition};
use super::{Append, Place, Writer};
use crate::Result;
use crate::kafka::Inner;
use crate::kafka::cluster::Topic;
use crate::kafka::node::Lane;

/// Bytes of batches that one request takes together; a single batch may be larger.
const TOGETHER: usize = 4 << 20;
/// Of how many partitions a pump remembers where their last batch is, and how many producers.
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
    partitions: HashMap<Place, Partition>,
    /// Partitions that have something to be sent.
    ready: VecDeque<Place>,
    /// How many requests a node has under way.
    busy: HashMap<i32, usize>,
    /// Where the last batch of a partition was stored that went this way.
    last: LruCache<(Uuid, u32), u64>,
    /// Producers of whom Kafka has a batch.
    known: LruCache<Writer, ()>,
    /// Topics that are being looked up, and the partitions that wait for that.
    learning: HashMap<Arc<str>, Vec<Place>>,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
}

impl Pump {
    pub fn new(number: usize, inner: Weak<Inner>) -> Self {
        Self {
            number,
            inner,
            partitions: HashMap::new(),
            ready: VecDeque::new(),
            busy: HashMap::new(),
            last: LruCache::new(REMEMBERED),
            known: LruCache::new(REMEMBERED),
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
            while self.send(&inner) {}
        }
    }

    fn arrive(&mut self, append: Append) {
        let place = append.place.clone();
        self.partitions.entry(place.clone()).or_default().push(append);
        self.list(place);
    }

    /// Has a partition go on, unless that is so already.
    fn list(&mut self, place: Place) {
        if let Some(partition) = self.partitions.get_mut(&place)
            && !std::mem::replace(&mut partition.is_listed, true)
        {
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
                        waiting.iter().for_each(|place| self.refuse_all(place, &error));
                    }
                }
            }
            Event::Rested(place) => {
                if let Some(partition) = self.partitions.get_mut(&place) {
                    partition.is_resting = false;
                    self.list(place);
                }
            }
            Event::Answered(node, outcomes) => {
                if let Some(under_way) = self.busy.get_mut(&node) {
                    *under_way = under_way.saturating_sub(1);
                }
                for (append, outcome) in outcomes {
                    let place = append.place.clone();
                    if let Some(partition) = self.partitions.get_mut(&place) {
                        partition.answer(append, outcome);
                        self.settle(place);
                    }
                }
            }
        }
    }

    /// Deals with those of a partition's batches whose fate is known.
    fn settle(&mut self, place: Place) {
        let next = |partitions: &mut HashMap<Place, Partition>| {
            partitions.get_mut(&place).and_then(Partition::next_answered)
        };
        while let Some((append, outcome)) = next(&mut self.partitions) {
            match outcome {
                Outcome::Done(result) => self.finish(append, result),
                Outcome::Again { error, elsewhere } => self.put_back(append, error, elsewhere),
            }
        }
        let Some(partition) = self.partitions.get_mut(&place) else { return };
        match partition.turn_back() {
            Some(attempts) => self.rest(place, attempts),
            None if partition.is_empty() && !partition.is_listed => {
                self.partitions.remove(&place);
            }
            None => self.list(place),
        }
    }

    fn finish(&mut self, append: Append, mut result: Result<ProduceResponse>) {
        if let Ok(stored) = &mut result {
            let place = (append.topic_id, append.place.1);
            // Kafka answers a batch that it has already as if it had just come. But what is new lies
            // behind what was stored before.
            let last = self.last.put(place, stored.base_offset);
            stored.duplicate =
                append.producer.is_some() && last.is_some_and(|last| stored.base_offset <= last);
            if let Some(last) = last.filter(|last| *last > stored.base_offset) {
                self.last.put(place, last);
            }
        }
        if let Some(writer) = append.writer() {
            match &result {
                Ok(_) => self.known.put(writer, ()),
                Err(_) => self.known.pop(&writer),
            };
        }
        append.finish(result);
    }

    fn put_back(&mut self, append: Append, error: ProtocolError, elsewhere: bool) {
        let Some(inner) = self.inner.upgrade() else { return };
        let place = append.place.clone();
        if elsewhere && let Some(stale) = inner.cluster.cached(&place.0) {
            inner.cluster.mark_stale(&stale);
        }
        if Instant::now() + inner.cluster.config().backoff(append.attempts) >= append.deadline {
            return append.finish(Err(error));
        }
        inner.cluster.stats.retried();
        let (topic, partition) = &place;
        tracing::debug!(%topic, partition, %error, "a batch is sent again");
        if let Some(partition) = self.partitions.get_mut(&place) {
            partition.put_back(Append { attempts: append.attempts + 1, ..append });
        }
    }

    /// Has a partition go on after a pause, which grows with the attempts that were made.
    fn rest(&mut self, place: Place, attempts: u32) {
        let Some(inner) = self.inner.upgrade() else { return };
        let pause = inner.cluster.config().backoff(attempts.saturating_sub(1));
        let resting = async move {
            tokio::time::sleep(pause).await;
            Event::Rested(place)
        };
        self.events.push(resting.boxed());
    }

    fn refuse_all(&mut self, place: &Place, error: &ProtocolError) {
        let Some(partition) = self.partitions.get_mut(place) else { return };
        partition.is_listed = false;
        partition.drain().for_each(|append| append.finish(Err(error.clone())));
        if partition.is_empty() {
            self.partitions.remove(place);
        }
    }

    /// Sends a request to each node that may get one more and has something to get. Returns whether
    /// there was any.
    fn send(&mut self, inner: &Arc<Inner>) -> bool {
        let mut requests: HashMap<i32, Vec<Append>> = HashMap::new();
        let mut sizes: HashMap<i32, usize> = HashMap::new();
        let mut postponed = VecDeque::new();
        while let Some(place) = self.ready.pop_front() {
            let Some(topic) = self.topic(inner, &place) else { continue };
            let leader = match topic.leader(place.1) {
                Ok(leader) => leader.node,
                Err(error) => {
                    self.refuse_all(&place, &error);
                    continue;
                }
            };
            let Some(partition) = self.partitions.get_mut(&place) else { continue };
            let writer = partition.head().and_then(|head| head.writer_in(topic.id));
            let is_known = writer.is_some_and(|writer| self.known.get(&writer).is_some());
            let Some(head) = partition.head().filter(|_| partition.may_send(is_known)) else {
                // What it waits for has it go on.
                partition.is_listed = false;
                if partition.is_empty() {
                    self.partitions.remove(&place);
                }
                continue;
            };
            let size = sizes.entry(leader).or_default();
            let is_busy = self.busy.get(&leader).is_some_and(|count| *count >= IN_FLIGHT);
            if is_busy || (*size > 0 && *size + head.bytes.len() > TOGETHER) {
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
            if let Some(head) = partition.send(is_known) {
                request.push(Append { topic_id: topic.id, ..head });
            }
            // There may be more of it, for another request.
            postponed.push_back(place);
        }
        self.ready = postponed;
        requests.retain(|_, batches| !batches.is_empty());
        let has_sent = !requests.is_empty();
        for (leader, batches) in requests {
            *self.busy.entry(leader).or_default() += 1;
            let (inner, lane) = (inner.clone(), Lane::Produce(self.number));
            self.events.push(
                async move { Event::Answered(leader, deliver(&inner, leader, lane, batches).await) }
                    .boxed(),
            );
        }
        has_sent
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
            let arrived = self.partitions.get(place).and_then(Partition::head).map(|h| h.arrived);
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
