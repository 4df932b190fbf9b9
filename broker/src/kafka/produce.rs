//! Appends.
//!
//! A partition's batches wait in a queue, of which only the head is under way, so that their order
//! is that of the calls, whatever has to be sent again. A few tasks, the pumps, have every partition
//! between them. A node serves one request of a connection at a time and answers it once all copies
//! have it; whatever has come meanwhile for other partitions of that node makes up the next request.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use flymq_protocol::messages::{ProduceRequest, ProduceResponse};
use flymq_protocol::{ErrorCode, ProtocolError};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{self as kafka, TransactionalId};
use lru::LruCache;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::Inner;
use super::cluster::Topic;
use super::errors::{self, Remedy, unavailable};
use super::link::LinkError;
use super::node::{Lane, Node, PRODUCE_LANES};
use super::records;
use super::topics::{self, text};
use super::transactions::{self, Identity};
use crate::Result;
use crate::engine::Reply;

/// Bytes of batches that one request takes together; a single batch may be larger.
const TOGETHER: usize = 4 << 20;
/// Of how many partitions a pump remembers where their last batch is.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// The pumps' inboxes.
pub struct Pumps([mpsc::UnboundedSender<Append>; PRODUCE_LANES]);

/// A partition by its topic's name.
type Place = (Arc<str>, u32);

/// A batch on its way.
struct Append {
    place: Place,
    /// The topic as it was when the batch was sent.
    topic_id: Uuid,
    bytes: Bytes,
    largest: usize,
    transactional_id: Option<String>,
    /// Whether Kafka notices that it has the batch already.
    is_idempotent: bool,
    arrived: Instant,
    /// Until when it is tried.
    deadline: Instant,
    attempts: u32,
    done: oneshot::Sender<Result<ProduceResponse>>,
}

impl Append {
    fn finish(self, result: Result<ProduceResponse>) {
        let _ = self.done.send(result);
    }
}

impl Pumps {
    /// Starts the pumps, which end with the engine.
    pub fn start(inner: &Weak<Inner>) -> Self {
        Self(std::array::from_fn(|number| {
            let (inbox, arriving) = mpsc::unbounded_channel();
            tokio::spawn(Pump::new(number, inner.clone()).run(arriving));
            inbox
        }))
    }
}

/// Appends a batch behind those of earlier calls.
pub fn produce(inner: &Arc<Inner>, request: ProduceRequest) -> Reply<ProduceResponse> {
    let encoded = match admit(&request) {
        Ok(encoded) => encoded,
        Err(error) => return Reply::Ready(Err(error)),
    };
    let transaction = request.transactional_id.clone().map(|id| {
        let (producer_id, epoch) = (request.batch.producer_id, request.batch.producer_epoch);
        (inner.clone(), id, Identity { producer_id, epoch })
    });
    let (done, result) = oneshot::channel();
    let place: Place = (request.topic.into(), request.partition);
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    let arrived = Instant::now();
    let append = Append {
        place,
        topic_id: Uuid::nil(),
        bytes: encoded.bytes,
        largest: encoded.largest,
        transactional_id: request.transactional_id,
        is_idempotent: request.batch.producer_id >= 0,
        arrived,
        deadline: arrived + inner.cluster.config().api_timeout,
        attempts: 0,
        done,
    };
    let pump = hasher.finish() as usize % PRODUCE_LANES;
    if inner.pumps.0[pump].send(append).is_err() {
        return Reply::Ready(Err(stopping()));
    }
    Reply::Later(
        async move {
            let result = result.await.unwrap_or_else(|_| Err(stopping()));
            match (result, transaction) {
                (Err(error), Some((inner, id, given))) if transactions::may_be_over(&error) => {
                    Err(transactions::why_fenced(&inner, &id, given).await)
                }
                (result, _) => result,
            }
        }
        .boxed(),
    )
}

fn admit(request: &ProduceRequest) -> Result<records::Encoded> {
    topics::check_ours(&request.topic)?;
    let batch = &request.batch;
    let encoded = records::encode(batch)?;
    if request.transactional_id.is_some() != batch.transactional {
        return Err(ProtocolError::new(
            ErrorCode::InvalidTxnState,
            "a batch of a transaction has both a transactional id and `transactional`; others have neither",
        ));
    }
    Ok(encoded)
}

fn stopping() -> ProtocolError {
    ProtocolError::new(ErrorCode::ShuttingDown, "the broker is stopping")
}

/// What a pump waits for.
enum Event {
    /// What became of a request's batches.
    Answered(i32, Vec<(Append, Outcome)>),
    /// A topic has been looked up.
    Learnt(Arc<str>, Result<Arc<Topic>>),
    /// A partition's pause is over.
    Rested(Place),
}

/// What became of a batch.
enum Outcome {
    Done(Result<ProduceResponse>),
    /// Not stored: it goes back to the head of its queue.
    Again {
        error: ProtocolError,
        elsewhere: bool,
    },
}

/// Appends to the partitions of one share.
struct Pump {
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
    fn new(number: usize, inner: Weak<Inner>) -> Self {
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

    async fn run(mut self, mut arriving: mpsc::UnboundedReceiver<Append>) {
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

/// Sends batches of distinct partitions to their leader in one request.
async fn deliver(
    inner: &Inner,
    leader: i32,
    lane: Lane,
    batches: Vec<Append>,
) -> Vec<(Append, Outcome)> {
    let (mut admitted, mut outcomes) = (Vec::new(), Vec::new());
    for append in batches {
        match check_size(inner, &append).await {
            Ok(()) => admitted.push(append),
            Err(error) if error.code.is_retriable() => {
                outcomes.push((append, Outcome::Again { error, elsewhere: false }));
            }
            Err(error) => outcomes.push((append, Outcome::Done(Err(error)))),
        }
    }
    if admitted.is_empty() {
        return outcomes;
    }
    let answer = match inner.cluster.node(leader) {
        Ok(node) => ask(inner, &node, lane, &admitted).await,
        Err(error) => Err(LinkError::Unreachable(error.message)),
    };
    match answer {
        Ok(response) => {
            let mut parts: HashMap<(Uuid, i32), PartitionProduceResponse> = HashMap::new();
            for topic in response.responses {
                for part in topic.partition_responses {
                    parts.insert((topic.topic_id, part.index), part);
                }
            }
            for append in admitted {
                let outcome = match parts.remove(&(append.topic_id, append.place.1 as i32)) {
                    Some(part) => outcome(&append, &part),
                    None => Outcome::Done(Err(errors::malformed("Kafka left a batch unanswered"))),
                };
                outcomes.push((append, outcome));
            }
        }
        Err(error) => {
            for append in admitted {
                // Where it is not known whether a batch was stored, only one that Kafka would
                // recognise may be sent again.
                let again = match &error {
                    LinkError::Unreachable(_) => true,
                    LinkError::Lost(_) => append.is_idempotent,
                    LinkError::Refused(_) => false,
                };
                let error = ProtocolError::from(error.clone());
                let outcome = match again {
                    true => Outcome::Again { error, elsewhere: true },
                    false => Outcome::Done(Err(error)),
                };
                outcomes.push((append, outcome));
            }
        }
    }
    outcomes
}

async fn check_size(inner: &Inner, append: &Append) -> Result<()> {
    let most = topics::max_record_bytes(inner, &append.place.0).await?;
    if append.largest > most {
        return Err(ProtocolError::new(
            ErrorCode::RecordTooLarge,
            format!("a record of the batch has {} bytes, the topic takes {most}", append.largest),
        ));
    }
    Ok(())
}

async fn ask(
    inner: &Inner,
    node: &Node,
    lane: Lane,
    batches: &[Append],
) -> std::result::Result<kafka::ProduceResponse, LinkError> {
    let mut topics: HashMap<Uuid, Vec<PartitionProduceData>> = HashMap::new();
    for append in batches {
        let data = PartitionProduceData::default()
            .with_index(append.place.1 as i32)
            .with_records(Some(append.bytes.clone()));
        topics.entry(append.topic_id).or_default().push(data);
    }
    let topic =
        |(id, data)| TopicProduceData::default().with_topic_id(id).with_partition_data(data);
    let transactional_id = batches.first().and_then(|append| append.transactional_id.as_ref());
    let patience = inner.cluster.config().request_timeout;
    let request = kafka::ProduceRequest::default()
        .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id.as_str()))))
        .with_acks(-1)
        .with_timeout_ms((patience.as_millis() as i32 / 2).max(1))
        .with_topic_data(topics.into_iter().map(topic).collect());
    node.call(lane, &request).await
}

fn outcome(append: &Append, part: &PartitionProduceResponse) -> Outcome {
    const UNKNOWN_TOPIC_ID: i16 = 100;
    let (topic, partition) = &append.place;
    let code = part.error_code;
    let error = || {
        let what = format!("append to partition {partition} of {topic}");
        let first = part.record_errors.first().and_then(|e| e.batch_index_error_message.as_deref());
        errors::error_with(code, &what, first.or(part.error_message.as_deref()))
    };
    match errors::remedy(code) {
        Remedy::None => Outcome::Done(match u64::try_from(part.base_offset) {
            Ok(base_offset) => Ok(ProduceResponse { base_offset, duplicate: false }),
            Err(_) => Err(unavailable("Kafka has stored the batch, but does not say where")),
        }),
        Remedy::Elsewhere => Outcome::Again { error: error(), elsewhere: true },
        // It may be stored by now, and only Kafka can tell.
        Remedy::Later if !append.is_idempotent && is_ambiguous(code) => Outcome::Done(Err(error())),
        Remedy::Later => Outcome::Again { error: error(), elsewhere: false },
        // Deleted, perhaps made anew: looking it up tells.
        Remedy::Final if code == UNKNOWN_TOPIC_ID => {
            Outcome::Again { error: error(), elsewhere: true }
        }
        Remedy::Final => Outcome::Done(Err(error())),
    }
}

/// Whether a batch may have been stored in spite of an error.
fn is_ambiguous(code: i16) -> bool {
    // REQUEST_TIMED_OUT, NETWORK_EXCEPTION, NOT_ENOUGH_REPLICAS_AFTER_APPEND
    matches!(code, 7 | 13 | 20)
}
