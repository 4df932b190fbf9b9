//! Random lives of transactions against a naive model: every record with the transaction that it
//! belongs to, and how that ended.

use std::collections::HashMap;

use flymq_protocol::messages::*;
use flymq_protocol::{BatchBuilder, Codec, ErrorCode, RecordBatch};
use proptest::prelude::*;

use super::*;
use crate::budget::Budget;
use crate::embedded::{EmbeddedEngine, upkeep};
use crate::engine::Engine;
use crate::{Config, Durability, Result};

const TOPICS: [&str; 2] = ["a", "b"];
const PARTITIONS: u32 = 2;
const PRODUCERS: usize = 3;
/// Large enough for a few batches to fill a segment.
const VALUE_BYTES: usize = 30_000;

#[derive(Clone, Debug)]
enum Step {
    Plain { place: usize },
    Begin { producer: usize },
    Produce { producer: usize, place: usize },
    End { producer: usize, commits: bool },
    Init { producer: usize },
    Restart,
    Retain,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let places = 0..TOPICS.len() * PARTITIONS as usize;
    let step = prop_oneof![
        3 => places.clone().prop_map(|place| Step::Plain { place }),
        4 => (0..PRODUCERS).prop_map(|producer| Step::Begin { producer }),
        12 => (0..PRODUCERS, places)
            .prop_map(|(producer, place)| Step::Produce { producer, place }),
        4 => (0..PRODUCERS, any::<bool>())
            .prop_map(|(producer, commits)| Step::End { producer, commits }),
        1 => (0..PRODUCERS).prop_map(|producer| Step::Init { producer }),
        1 => Just(Step::Restart),
        4 => Just(Step::Retain),
    ];
    prop::collection::vec(step, 1..80)
}

/// Names a transaction in the model.
type TxnNumber = usize;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Open,
    Ended(Outcome),
}

#[derive(Default)]
struct Log {
    start: u64,
    /// Each record's value and transaction, by its offset.
    records: Vec<(u32, Option<TxnNumber>)>,
}

/// A producer as its application sees it.
struct Producer {
    identity: Identity,
    open: Option<TxnNumber>,
    sequences: HashMap<usize, i32>,
    /// Whether the broker has restarted since the transaction began.
    interrupted: bool,
}

struct World {
    config: Config,
    _dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    engine: Option<EmbeddedEngine>,
    logs: Vec<Log>,
    fates: Vec<Fate>,
    producers: Vec<Producer>,
    values: u32,
}

fn place(place: usize) -> (String, u32) {
    let count = PARTITIONS as usize;
    (TOPICS[place / count].to_owned(), (place % count) as u32)
}

fn name(producer: usize) -> String {
    format!("producer {producer}")
}

/// A batch of one record that begins with `value`.
fn batch(value: u32) -> RecordBatch {
    let mut bytes = vec![0; VALUE_BYTES];
    bytes[..4].copy_from_slice(&value.to_be_bytes());
    let mut builder = BatchBuilder::new();
    builder.push(None, Some(&bytes), &[], 0);
    builder.build(Codec::None)
}

impl World {
    fn new(durability: Durability) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: dir.path().into(),
            durability,
            upkeep_interval: std::time::Duration::from_secs(3600),
            min_free_bytes: 0,
            ..Config::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut world = Self {
            config,
            _dir: dir,
            runtime,
            engine: None,
            logs: Vec::new(),
            fates: Vec::new(),
            producers: Vec::new(),
            values: 0,
        };
        world.open();
        let config = [("segment_bytes".to_owned(), "65536".to_owned())];
        for topic in TOPICS {
            let request = CreateTopicRequest {
                name: topic.into(),
                partitions: PARTITIONS,
                config: config.clone().into(),
                ..Default::default()
            };
            world.wait(world.engine().create_topic(request)).unwrap();
        }
        world.logs.resize_with(TOPICS.len() * PARTITIONS as usize, Log::default);
        for producer in 0..PRODUCERS {
            let identity = world.init(producer);
            world.producers.push(Producer {
                identity,
                open: None,
                sequences: HashMap::new(),
                interrupted: false,
            });
        }
        world
    }

    fn open(&mut self) {
        let budget = Budget::new(64 << 20);
        let metrics = crate::metrics::Metrics::new().engine.clone();
        self.engine = Some(EmbeddedEngine::open(&self.config, budget, metrics).unwrap());
    }

    fn engine(&self) -> &EmbeddedEngine {
        self.engine.as_ref().unwrap()
    }

    fn wait<T>(&self, reply: crate::engine::Reply<T>) -> Result<T>
    where
        T: Send + 'static,
    {
        self.runtime.block_on(reply.wait())
    }

    fn init(&self, producer: usize) -> Identity {
        let request = InitProducerRequest {
            transactional_id: Some(name(producer)),
            transaction_timeout_ms: 900_000,
        };
        let found = self.wait(self.engine().init_producer(request)).unwrap();
        Identity { producer_id: found.producer_id, epoch: found.producer_epoch }
    }

    fn produce(&mut self, at: usize, id: Option<String>, batch: RecordBatch) -> Result<u64> {
        let (topic, partition) = place(at);
        let request = ProduceRequest { topic, partition, transactional_id: id, batch };
        Ok(self.wait(self.engine().produce(request))?.base_offset)
    }

    fn store(&mut self, at: usize, value: u32, offset: u64, txn: Option<TxnNumber>) {
        assert_eq!(offset, self.logs[at].records.len() as u64);
        self.logs[at].records.push((value, txn));
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Plain { place } => {
                self.values += 1;
                let value = self.values;
                let offset = self.produce(place, None, batch(value)).unwrap();
                self.store(place, value, offset, None);
            }
            Step::Begin { producer } => self.begin(producer),
            Step::Produce { producer, place } => self.add(producer, place),
            Step::End { producer, commits } => self.end(producer, commits),
            Step::Init { producer } => {
                let identity = self.init(producer);
                let state = &mut self.producers[producer];
                assert_ne!(identity, state.identity);
                let open = state.open.take();
                *state = Producer {
                    identity,
                    open: None,
                    sequences: HashMap::new(),
                    interrupted: false,
                };
                if let Some(txn) = open {
                    self.fates[txn] = Fate::Ended(Outcome::Aborted);
                }
            }
            Step::Restart => self.restart(),
            Step::Retain => self.retain(),
        }
    }

    fn begin(&mut self, producer: usize) {
        let state = &self.producers[producer];
        if state.open.is_some() {
            return;
        }
        let request = BeginTxnRequest {
            transactional_id: name(producer),
            producer_id: state.identity.producer_id,
            producer_epoch: state.identity.epoch,
        };
        self.wait(self.engine().begin_txn(request)).unwrap();
        self.producers[producer].open = Some(self.fates.len());
        self.fates.push(Fate::Open);
    }

    fn add(&mut self, producer: usize, at: usize) {
        self.values += 1;
        let value = self.values;
        let state = &mut self.producers[producer];
        let (open, interrupted) = (state.open, state.interrupted);
        let sequence = state.sequences.entry(at).or_default();
        let batch = RecordBatch {
            producer_id: state.identity.producer_id,
            producer_epoch: state.identity.epoch,
            base_sequence: *sequence,
            transactional: true,
            ..batch(value)
        };
        *sequence += 1;
        let stored = self.produce(at, Some(name(producer)), batch);
        match (open, interrupted) {
            (Some(txn), false) => self.store(at, value, stored.unwrap(), Some(txn)),
            (Some(_), true) => assert_eq!(stored.unwrap_err().code, ErrorCode::TxnAborted),
            (None, _) => {
                let code = stored.unwrap_err().code;
                assert!(matches!(code, ErrorCode::InvalidTxnState | ErrorCode::TxnAborted));
                self.producers[producer].sequences.clear();
            }
        }
    }

    fn end(&mut self, producer: usize, commits: bool) {
        let state = &self.producers[producer];
        let Some(txn) = state.open else { return };
        let Identity { producer_id, epoch: producer_epoch } = state.identity;
        let transactional_id = name(producer);
        let ended = if commits {
            let request = CommitTxnRequest { transactional_id, producer_id, producer_epoch };
            self.wait(self.engine().commit_txn(request))
        } else {
            let request = AbortTxnRequest { transactional_id, producer_id, producer_epoch };
            self.wait(self.engine().abort_txn(request))
        };
        if commits && state.interrupted {
            assert_eq!(ended.unwrap_err().code, ErrorCode::TxnAborted);
            return;
        }
        let next = ended.unwrap();
        let state = &mut self.producers[producer];
        state.identity = Identity { producer_id: next.producer_id, epoch: next.producer_epoch };
        state.open = None;
        state.interrupted = false;
        state.sequences.clear();
        let outcome = if commits { Outcome::Committed } else { Outcome::Aborted };
        self.fates[txn] = Fate::Ended(outcome);
    }

    fn restart(&mut self) {
        let engine = self.engine.take().unwrap();
        self.runtime.block_on(engine.close());
        drop(engine);
        self.open();
        for producer in &mut self.producers {
            if let Some(txn) = producer.open {
                producer.interrupted = true;
                self.fates[txn] = Fate::Ended(Outcome::Aborted);
            }
        }
    }

    /// Has retention run, and takes over where the logs begin.
    fn retain(&mut self) {
        for topic in TOPICS {
            // Upkeep runs by itself as well, when a segment is full.
            self.limit(topic, Some("70000"));
            let inner = &self.engine().inner;
            let found = inner.topics.find(topic).unwrap();
            upkeep::roll(inner, &found).unwrap();
            upkeep::retain(inner, &found).unwrap();
            self.limit(topic, None);
        }
        for at in 0..self.logs.len() {
            let start = self.offset(at, EARLIEST, Isolation::ReadCommitted);
            assert!(start >= self.logs[at].start);
            assert!(start <= self.stable_end(at), "records of an open transaction are gone");
            self.logs[at].start = start;
        }
    }

    fn limit(&self, topic: &str, bytes: Option<&str>) {
        let config = [("retention_bytes".to_owned(), bytes.map(str::to_owned))].into();
        let request = AlterTopicRequest { name: topic.into(), config };
        self.wait(self.engine().alter_topic(request)).unwrap();
    }

    fn stable_end(&self, at: usize) -> u64 {
        let is_open =
            |(_, txn): &(u32, Option<TxnNumber>)| txn.is_some_and(|t| self.fates[t] == Fate::Open);
        let records = &self.logs[at].records;
        records.iter().position(is_open).unwrap_or(records.len()) as u64
    }

    fn offset(&self, at: usize, timestamp: i64, isolation: Isolation) -> u64 {
        let (topic, partition) = place(at);
        let partitions = vec![OffsetQuery { partition, timestamp }];
        let request = ListOffsetsRequest { topic, partitions, isolation };
        let found = self.wait(self.engine().list_offsets(request)).unwrap();
        assert_eq!(found.partitions[0].error, 0);
        found.partitions[0].offset
    }

    /// What readers of both isolations have to find, against what they find.
    fn check(&self) {
        for at in 0..self.logs.len() {
            let log = &self.logs[at];
            for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
                let end = match isolation {
                    Isolation::ReadCommitted => self.stable_end(at),
                    Isolation::ReadUncommitted => log.records.len() as u64,
                };
                let is_seen = |txn: Option<TxnNumber>| {
                    isolation == Isolation::ReadUncommitted
                        || txn.is_none_or(|t| self.fates[t] == Fate::Ended(Outcome::Committed))
                };
                let expected: Vec<(u64, u32)> = (log.start..end)
                    .map(|offset| (offset, log.records[offset as usize]))
                    .filter(|(_, (_, txn))| is_seen(*txn))
                    .map(|(offset, (value, _))| (offset, value))
                    .collect();
                assert_eq!(self.offset(at, LATEST, isolation), end);
                let (found, next) = self.read(at, log.start, isolation);
                assert_eq!(found, expected);
                assert_eq!(next, end);
                self.consume(at, isolation, end, &expected);
            }
        }
    }

    fn read(&self, at: usize, mut offset: u64, isolation: Isolation) -> (Vec<(u64, u32)>, u64) {
        let mut found = Vec::new();
        loop {
            let (topic, partition) = place(at);
            let wanted = FetchPartition { partition, offset, max_bytes: 100_000 };
            let request = FetchRequest {
                max_wait_ms: 0,
                min_bytes: 1,
                max_bytes: 1 << 20,
                isolation,
                topics: vec![FetchTopic { topic, partitions: vec![wanted] }],
            };
            let mut answer = self.wait(self.engine().fetch(request)).unwrap().response;
            let Some(topic) = answer.topics.pop() else { return (found, offset) };
            let part = &topic.partitions[0];
            assert_eq!(part.error, 0, "{}", part.message);
            assert!(part.next_offset > offset);
            for batch in &part.batches {
                let record = batch.records(1 << 20).unwrap().next().unwrap().unwrap();
                let value: [u8; 4] = record.value.unwrap()[..4].try_into().unwrap();
                found.push((record.offset, u32::from_be_bytes(value)));
            }
            offset = part.next_offset;
        }
    }

    /// Reads single records at every offset there is.
    fn consume(&self, at: usize, isolation: Isolation, end: u64, expected: &[(u64, u32)]) {
        let log = &self.logs[at];
        for offset in log.start..=log.records.len() as u64 {
            let (topic, partition) = place(at);
            let request = ConsumeRequest { topic, partition, offset, isolation };
            let found = self.wait(self.engine().consume(request)).unwrap();
            let first = expected.iter().find(|(at, _)| *at >= offset).map(|(at, _)| *at);
            assert_eq!(found.record.map(|r| r.offset), first);
            assert_eq!(found.next_offset, first.map_or(end.max(offset), |at| at + 1));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            self.runtime.block_on(engine.close());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn readers_see_what_the_model_says(steps in steps(), os in any::<bool>()) {
        let mut world = World::new(if os { Durability::Os } else { Durability::Fsync });
        for step in steps {
            let checks = !matches!(step, Step::Begin { .. } | Step::Plain { .. });
            world.take(step);
            if checks {
                world.check();
            }
        }
        world.restart();
        world.check();
    }
}
