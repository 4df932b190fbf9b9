//! A broker in memory that knows topics, produce, fetch and transactions, as the protocol has them,
//! and can be told to do what a real one does when its time is up or it is restarted.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use flymq_protocol::frame::Frame;
use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, OpCode, RecordBatch};

use super::fake::{FakeBroker, Reply, answer, politely, refuse};

type Partition = (String, u32);

pub struct ModelBroker {
    pub address: String,
    state: Arc<Mutex<State>>,
    _fake: FakeBroker,
}

#[derive(Default)]
pub struct State {
    partitions: HashMap<String, u32>,
    logs: BTreeMap<Partition, Vec<Stored>>,
    producers: HashMap<String, Named>,
    ids: i64,
    /// Group, topic and partition, with the offset stored.
    pub offsets: BTreeMap<(String, String, u32), i64>,
    /// Whether the end of a transaction leaves the epoch as it is.
    pub keep_epoch: bool,
    /// How many transactions were committed.
    pub commits: u32,
}

struct Stored {
    batch: RecordBatch,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

/// A transactional id.
#[derive(Default)]
struct Named {
    id: i64,
    epoch: i16,
    open: bool,
    /// The open transaction was aborted, which its producer has still to learn.
    aborted: bool,
    /// Batches or offsets have come.
    used: bool,
    offsets: Vec<(String, CommittedOffset)>,
    /// The epoch whose transaction ended last, and whether it was committed.
    ended: Option<(i16, bool)>,
}

impl State {
    /// As when every open transaction's time is up, or the broker restarts.
    pub fn abort_open(&mut self) {
        let open: Vec<_> = self.producers.iter().filter(|(_, p)| p.open).collect();
        let names: Vec<_> = open.into_iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            self.finish(&name, false);
            self.producers.get_mut(&name).unwrap().aborted = true;
        }
    }

    /// As when the broker has not heard of a producer for very long.
    pub fn forget(&mut self, name: &str) {
        self.producers.remove(name);
    }

    /// How many producers have ended their last transaction.
    pub fn ends(&self) -> usize {
        self.producers.values().filter(|p| p.ended.is_some()).count()
    }

    fn finish(&mut self, name: &str, commit: bool) {
        let producer = self.producers.get_mut(name).unwrap();
        producer.open = false;
        let offsets = std::mem::take(&mut producer.offsets);
        let fate = if commit { Fate::Committed } else { Fate::Aborted };
        let stored = self.logs.values_mut().flatten();
        for stored in stored.filter(|s| s.fate == Fate::Open && s.batch.producer_id == producer.id)
        {
            stored.fate = fate;
        }
        self.commits += u32::from(commit);
        if commit {
            for (group, offset) in offsets {
                let key = (group, offset.topic, offset.partition);
                self.offsets.insert(key, offset.offset.unwrap());
            }
        }
    }

    fn init(&mut self, name: &str) -> InitProducerResponse {
        if self.producers.get(name).is_some_and(|p| p.open) {
            self.finish(name, false);
        }
        self.ids += 1;
        let fresh = Named { id: self.ids, epoch: -1, ..Named::default() };
        let producer = self.producers.entry(name.to_owned()).or_insert(fresh);
        producer.epoch += 1;
        (producer.aborted, producer.ended) = (false, None);
        InitProducerResponse { producer_id: producer.id, producer_epoch: producer.epoch }
    }

    fn check(&mut self, name: &str, id: i64, epoch: i16) -> Result<&mut Named, ErrorCode> {
        let producer = self.producers.get_mut(name).ok_or(ErrorCode::UnknownProducer)?;
        match () {
            () if producer.id != id => Err(ErrorCode::UnknownProducer),
            () if producer.epoch != epoch => Err(ErrorCode::ProducerFenced),
            () => Ok(producer),
        }
    }

    fn begin(&mut self, request: BeginTxnRequest) -> Result<BeginTxnResponse, ErrorCode> {
        let BeginTxnRequest { transactional_id, producer_id, producer_epoch } = request;
        let producer = self.check(&transactional_id, producer_id, producer_epoch)?;
        if producer.aborted || (producer.open && producer.used) {
            return Err(ErrorCode::InvalidTxnState);
        }
        (producer.open, producer.used) = (true, false);
        Ok(BeginTxnResponse {})
    }

    /// The producer, if it has a transaction open.
    fn in_transaction(&mut self, name: &str, id: i64, epoch: i16) -> Result<&mut Named, ErrorCode> {
        let producer = self.check(name, id, epoch)?;
        match () {
            () if producer.aborted => Err(ErrorCode::TxnAborted),
            () if !producer.open => Err(ErrorCode::InvalidTxnState),
            () => Ok(producer),
        }
    }

    fn produce(&mut self, mut request: ProduceRequest) -> Result<ProduceResponse, ErrorCode> {
        let batch = &mut request.batch;
        if let Some(name) = &request.transactional_id {
            assert!(batch.transactional);
            let producer = self.in_transaction(name, batch.producer_id, batch.producer_epoch)?;
            producer.used = true;
        }
        let count = *self.partitions.get(&request.topic).ok_or(ErrorCode::UnknownTopic)?;
        assert!(request.partition < count);
        if batch.records(1 << 20).unwrap().any(|r| r.unwrap().value.is_some_and(|v| v == "bad")) {
            return Err(ErrorCode::RecordTooLarge);
        }
        let log = self.logs.entry((request.topic, request.partition)).or_default();
        let own = || log.iter().map(|s| &s.batch).filter(|b| b.producer_id == batch.producer_id);
        let same = own().filter(|b| b.producer_epoch == batch.producer_epoch);
        if let Some(known) = same.clone().find(|b| b.base_sequence == batch.base_sequence) {
            return Ok(ProduceResponse { base_offset: known.base_offset, duplicate: true });
        }
        if batch.producer_id >= 0 {
            let next = same.last().map_or(0, |b| b.base_sequence + b.count as i32);
            if batch.base_sequence != next {
                return Err(ErrorCode::OutOfOrderSequence);
            }
        }
        // A gap before every batch, as other engines leave them.
        let end = log.last().map_or(0, |s| s.batch.base_offset + u64::from(s.batch.count));
        batch.base_offset = end + 1;
        let fate = if batch.transactional { Fate::Open } else { Fate::Committed };
        log.push(Stored { batch: batch.clone(), fate });
        Ok(ProduceResponse { base_offset: end + 1, duplicate: false })
    }

    fn offsets(&mut self, request: TxnOffsetsRequest) -> Result<TxnOffsetsResponse, ErrorCode> {
        let TxnOffsetsRequest { transactional_id, producer_id, producer_epoch, .. } = &request;
        let producer = self.in_transaction(transactional_id, *producer_id, *producer_epoch)?;
        producer.used = true;
        if request.generation == 13 {
            return Err(ErrorCode::StaleGeneration);
        }
        let offsets = request.offsets.into_iter().map(|o| (request.group.clone(), o));
        producer.offsets.extend(offsets);
        Ok(TxnOffsetsResponse {})
    }

    fn end(
        &mut self,
        name: &str,
        id: i64,
        epoch: i16,
        commit: bool,
    ) -> Result<EndTxnResponse, ErrorCode> {
        let keep = self.keep_epoch;
        let producer = self.producers.get_mut(name).ok_or(ErrorCode::UnknownProducer)?;
        let identity = |p: &Named| EndTxnResponse { producer_id: p.id, producer_epoch: p.epoch };
        let again = producer.ended == Some((epoch, commit));
        if producer.id == id && again && !producer.open && !producer.aborted {
            return Ok(identity(producer));
        }
        if commit || !producer.aborted {
            self.in_transaction(name, id, epoch)?;
            self.finish(name, commit);
        } else {
            self.check(name, id, epoch)?.aborted = false;
        }
        let producer = self.producers.get_mut(name).unwrap();
        producer.ended = Some((epoch, commit));
        producer.epoch += i16::from(!keep);
        Ok(identity(producer))
    }

    fn fetch(&self, request: FetchRequest) -> FetchResponse {
        let committed = request.isolation == Isolation::ReadCommitted;
        let read = |topic: &str, asked: &FetchPartition| {
            let log = self.logs.get(&(topic.to_owned(), asked.partition));
            let log = log.map_or(&[][..], Vec::as_slice);
            let visible = log.iter().take_while(|s| !(committed && s.fate == Fate::Open));
            let mut fetched = FetchedPartition {
                partition: asked.partition,
                next_offset: asked.offset,
                ..Default::default()
            };
            for stored in visible {
                let end = stored.batch.base_offset + u64::from(stored.batch.count);
                if end > asked.offset {
                    fetched.next_offset = end;
                    if !(committed && stored.fate == Fate::Aborted) {
                        fetched.batches.push(stored.batch.clone());
                    }
                }
            }
            fetched
        };
        let topics = request.topics.iter().map(|t| FetchedTopic {
            topic: t.topic.clone(),
            partitions: t.partitions.iter().map(|p| read(&t.topic, p)).collect(),
        });
        FetchResponse { topics: topics.collect() }
    }

    fn reply(&mut self, frame: &Frame) -> Option<Reply> {
        fn tell<R: Request>(frame: &Frame, outcome: Result<R::Response, ErrorCode>) -> Reply {
            match outcome {
                Ok(response) => answer::<R>(frame, &response),
                Err(code) => refuse(frame, code),
            }
        }
        Some(match OpCode::from_u8(frame.opcode)? {
            OpCode::CreateTopic => {
                let request: CreateTopicRequest = frame.decode().unwrap();
                self.partitions.insert(request.name, request.partitions.max(1));
                answer::<CreateTopicRequest>(frame, &CreateTopicResponse::default())
            }
            OpCode::Metadata => {
                let request: MetadataRequest = frame.decode().unwrap();
                let summary = |name: String| match self.partitions.get(&name) {
                    Some(&partitions) => TopicSummary { name, partitions, error: 0 },
                    None => TopicSummary { name, partitions: 0, error: 300 },
                };
                let topics = request.topics.into_iter().map(summary).collect();
                answer::<MetadataRequest>(frame, &MetadataResponse { brokers: Vec::new(), topics })
            }
            OpCode::InitProducer => {
                let request: InitProducerRequest = frame.decode().unwrap();
                let given = match request.transactional_id {
                    Some(name) => self.init(&name),
                    None => {
                        self.ids += 1;
                        InitProducerResponse { producer_id: self.ids, producer_epoch: 0 }
                    }
                };
                answer::<InitProducerRequest>(frame, &given)
            }
            OpCode::BeginTxn => tell::<BeginTxnRequest>(frame, self.begin(frame.decode().unwrap())),
            OpCode::Produce => tell::<ProduceRequest>(frame, self.produce(frame.decode().unwrap())),
            OpCode::TxnOffsets => {
                tell::<TxnOffsetsRequest>(frame, self.offsets(frame.decode().unwrap()))
            }
            OpCode::CommitTxn => {
                let r: CommitTxnRequest = frame.decode().unwrap();
                let ended = self.end(&r.transactional_id, r.producer_id, r.producer_epoch, true);
                tell::<CommitTxnRequest>(frame, ended)
            }
            OpCode::AbortTxn => {
                let r: AbortTxnRequest = frame.decode().unwrap();
                let ended = self.end(&r.transactional_id, r.producer_id, r.producer_epoch, false);
                tell::<AbortTxnRequest>(frame, ended)
            }
            OpCode::Fetch => answer::<FetchRequest>(frame, &self.fetch(frame.decode().unwrap())),
            _ => return None,
        })
    }
}

impl ModelBroker {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let serving = state.clone();
        let fake = FakeBroker::start(move |frame| {
            let reply = serving.lock().unwrap().reply(frame);
            reply.or_else(|| politely(frame, 1)).unwrap_or(Reply::Hangup)
        })
        .await;
        Self { address: fake.address.clone(), state, _fake: fake }
    }

    /// To keep beside it.
    pub fn handle(&self) -> Arc<Mutex<State>> {
        self.state.clone()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}
