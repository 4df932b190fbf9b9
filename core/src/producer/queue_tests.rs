//! The queue against a model of a broker: random losses, reordered answers, refusals. Every batch
//! that can be stored is stored once, in order, and every batch is decided.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::{Codec, RecordBatch};
use proptest::prelude::*;
use tokio::time::Instant;

use super::delivery::Delivery;
use super::queue::{Identity, Limits, Next, PartitionQueue};
use crate::error::Error;
use crate::record::Record;

const LIMITS: Limits = Limits { batch_bytes: 1, max_in_flight: 5, codec: Codec::None };

/// What a broker remembers of one producer, and what it stored of all.
#[derive(Default)]
struct Broker {
    remembered: BTreeMap<i64, VecDeque<(i32, u64)>>,
    log: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Stored(u64),
    OutOfOrder,
    Refused,
}

impl Broker {
    fn produce(&mut self, batch: &RecordBatch) -> Answer {
        let number = number(batch);
        if is_bad(number) {
            return Answer::Refused;
        }
        let known = self.remembered.entry(batch.producer_id).or_default();
        if let Some((_, offset)) = known.iter().find(|(s, _)| *s == batch.base_sequence) {
            return Answer::Stored(*offset);
        }
        if batch.base_sequence != known.back().map_or(0, |(last, _)| last + 1) {
            return Answer::OutOfOrder;
        }
        let offset = self.log.len() as u64;
        known.push_back((batch.base_sequence, offset));
        if known.len() > 5 {
            known.pop_front();
        }
        self.log.push(number);
        Answer::Stored(offset)
    }
}

fn number(batch: &RecordBatch) -> u32 {
    let record = batch.records(1 << 20).unwrap().next().unwrap().unwrap();
    std::str::from_utf8(&record.value.unwrap()).unwrap().parse().unwrap()
}

/// Batches that the broker never takes.
fn is_bad(number: u32) -> bool {
    number % 13 == 5
}

struct World {
    partition: Arc<PartitionQueue>,
    broker: Broker,
    /// Frames on their way to the broker.
    going: VecDeque<RecordBatch>,
    /// Answers on their way back, which may overtake each other.
    coming: Vec<(i32, Answer)>,
    deliveries: Vec<Delivery>,
    identities: i64,
}

impl World {
    fn new() -> Self {
        Self {
            partition: Arc::new(PartitionQueue::new("t".into(), 0)),
            broker: Broker::default(),
            going: VecDeque::new(),
            coming: Vec::new(),
            deliveries: Vec::new(),
            identities: 0,
        }
    }

    fn append(&mut self) {
        let record = Record::new(self.deliveries.len().to_string());
        let deadline = || Instant::now() + Duration::from_secs(3600);
        let mut queue = self.partition.lock();
        let appended = queue.append(&self.partition, &record, record.size(), 0, deadline, &LIMITS);
        self.deliveries.push(appended.delivery);
    }

    fn send(&mut self) {
        let mut queue = self.partition.lock();
        loop {
            match queue.take(&LIMITS) {
                Next::Send(batch) => self.going.push_back(batch),
                Next::NeedsIdentity => {
                    queue.set_identity(Identity { id: self.identities, epoch: 0 });
                    self.identities += 1;
                }
                Next::Nothing => return,
            }
        }
    }

    fn arrive(&mut self) {
        if let Some(batch) = self.going.pop_front() {
            self.coming.push((batch.base_sequence, self.broker.produce(&batch)));
        }
    }

    fn answer(&mut self, at: usize) {
        if self.coming.is_empty() {
            return;
        }
        let (sequence, answer) = self.coming.remove(at % self.coming.len());
        let mut queue = self.partition.lock();
        let (decided, outcome) = match answer {
            Answer::Stored(offset) => (queue.stored(sequence), Ok(offset)),
            Answer::Refused => (queue.refused(sequence), Err(Error::closed("test", "batch"))),
            Answer::OutOfOrder => {
                assert!(
                    !queue.is_first(sequence),
                    "the broker misses what comes before {sequence}"
                );
                queue.failed(sequence);
                return;
            }
        };
        if let Some(sealed) = decided {
            sealed.fate.decide(outcome);
        }
    }

    /// The connection is lost: of what is under way, `arrived` frames reach the broker all the same.
    fn cut(&mut self, arrived: usize) {
        let lost: Vec<i32> = self.coming.drain(..).map(|(sequence, _)| sequence).collect();
        let going: Vec<_> = self.going.drain(..).collect();
        let mut queue = self.partition.lock();
        lost.into_iter().for_each(|sequence| queue.failed(sequence));
        for (i, batch) in going.iter().enumerate() {
            if i < arrived {
                self.broker.produce(batch);
            }
            queue.failed(batch.base_sequence);
        }
    }

    fn mend(&mut self) {
        let mut queue = self.partition.lock();
        if queue.is_settled() {
            queue.resume();
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append,
    Send,
    Arrive,
    Answer(usize),
    Cut(usize),
    Mend,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Append),
        4 => Just(Step::Send),
        6 => Just(Step::Arrive),
        6 => (0..8usize).prop_map(Step::Answer),
        1 => (0..8usize).prop_map(Step::Cut),
        3 => Just(Step::Mend),
    ];
    proptest::collection::vec(step, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn stores_all_once_and_in_order(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Append => world.append(),
                Step::Send => world.send(),
                Step::Arrive => world.arrive(),
                Step::Answer(at) => world.answer(at),
                Step::Cut(arrived) => world.cut(arrived),
                Step::Mend => world.mend(),
            }
        }
        // Left alone, everything comes to its end.
        for _ in 0..10 * world.deliveries.len() + 10 {
            world.mend();
            world.send();
            world.arrive();
            world.answer(0);
        }
        let good: Vec<u32> = (0..world.deliveries.len() as u32).filter(|n| !is_bad(*n)).collect();
        prop_assert_eq!(&world.broker.log, &good);
        for (n, delivery) in world.deliveries.iter().enumerate() {
            match delivery.try_result() {
                Some(Ok(stored)) => prop_assert_eq!(world.broker.log[stored.offset as usize], n as u32),
                Some(Err(_)) => prop_assert!(is_bad(n as u32)),
                None => prop_assert!(false, "batch {} is undecided", n),
            }
        }
        prop_assert!(world.partition.lock().is_idle());
    }
}
