//! The queue against a model of a broker: random losses, reordered answers, refusals, failures that
//! leave a batch's fate open, time-outs. Nothing is stored twice or out of order, everything else is
//! stored, and every batch is decided.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::{Codec, RecordBatch};
use proptest::prelude::*;
use tokio::time::Instant;

use super::batch::{Identity, Limits, Open};
use super::delivery::Delivery;
use super::queue::{Entry, Next, PartitionQueue};
use crate::error::Error;
use crate::record::Record;

pub(super) const LIMITS: Limits =
    Limits { batch_bytes: 1, crowded_bytes: 1, max_in_flight: 5, codec: Codec::None };

/// What a broker remembers of one producer, and what it stored of all.
#[derive(Default)]
struct Broker {
    /// By producer id: the epoch, and base sequence and offset of the last batches.
    remembered: BTreeMap<i64, (i16, VecDeque<(i32, u64)>)>,
    log: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Stored(u64),
    OutOfOrder,
    Refused,
    /// The epoch is over.
    Fenced,
    /// An error after which nobody knows.
    Broken,
}

impl Broker {
    fn produce(&mut self, batch: &RecordBatch) -> Answer {
        let number = number(batch);
        if is_bad(number) {
            return Answer::Refused;
        }
        let (epoch, known) = self.remembered.entry(batch.producer_id).or_default();
        if batch.producer_epoch < *epoch {
            return Answer::Fenced;
        }
        if batch.producer_epoch > *epoch {
            if batch.base_sequence != 0 {
                return Answer::OutOfOrder;
            }
            *epoch = batch.producer_epoch;
            known.clear();
        }
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

pub(super) fn number(batch: &RecordBatch) -> u32 {
    let record = batch.records(1 << 20).unwrap().next().unwrap().unwrap();
    std::str::from_utf8(&record.value.unwrap()).unwrap().parse().unwrap()
}

/// Batches that the broker never takes.
pub(super) fn is_bad(number: u32) -> bool {
    number % 13 == 5
}

struct World {
    partition: Arc<PartitionQueue>,
    broker: Broker,
    /// Frames on their way to the broker.
    going: VecDeque<RecordBatch>,
    /// Answers on their way back, which may overtake each other.
    coming: Vec<(i32, Answer)>,
    /// Frames of connections that were lost, which may still reach the broker.
    late: Vec<VecDeque<RecordBatch>>,
    deliveries: Vec<Delivery>,
    /// Batches that the application was told of that they may or may not be stored.
    open_fate: BTreeSet<u32>,
    identities: i64,
    began: Instant,
    /// Batches up to this number are past their deadlines.
    expired: u64,
    pressed: bool,
}

impl World {
    fn new() -> Self {
        Self {
            open_fate: BTreeSet::new(),
            began: Instant::now(),
            expired: 0,
            pressed: false,
            partition: Arc::new(PartitionQueue::new("t".into(), 0)),
            broker: Broker::default(),
            going: VecDeque::new(),
            coming: Vec::new(),
            late: Vec::new(),
            deliveries: Vec::new(),
            identities: 0,
        }
    }

    fn append(&mut self) {
        let record = Record::new(self.deliveries.len().to_string());
        let number = self.deliveries.len() as u64;
        let deadline = || self.began + Duration::from_secs(number);
        let mut queue = self.partition.lock();
        let entry = Entry { record: &record, size: record.size(), timestamp: 0 };
        let appended = queue.append(&self.partition, &entry, deadline, &LIMITS, Open::delivery);
        self.deliveries.push(appended.answer);
    }

    fn send(&mut self) {
        let mut queue = self.partition.lock();
        loop {
            match queue.take(&LIMITS, self.pressed) {
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

    /// As `arrive`, but the broker fails, having stored the batch or not.
    fn break_down(&mut self, stores: bool) {
        // With that, and the same frame still to come from a lost connection, nothing is certain.
        if !self.late.is_empty() {
            return;
        }
        if let Some(batch) = self.going.pop_front() {
            if stores {
                self.broker.produce(&batch);
            }
            self.coming.push((batch.base_sequence, Answer::Broken));
        }
    }

    /// Gives up what is past its deadline: all but the newest `but`.
    fn expire(&mut self, but: u64) {
        self.expired = self.expired.max((self.deliveries.len() as u64).saturating_sub(but));
        let Some(last) = self.expired.checked_sub(1) else { return };
        let expired = self.partition.lock().expire(self.began + Duration::from_secs(last));
        expired.iter().for_each(|e| e.fate.decide(Err(Error::closed("test", "deadline"))));
        let is_given_up = |d: &Delivery| matches!(d.try_result(), Some(Err(_)));
        let numbers = (0..self.deliveries.len() as u32).zip(&self.deliveries);
        self.open_fate.extend(numbers.filter(|(_, d)| is_given_up(d)).map(|(n, _)| n));
    }

    fn answer(&mut self, at: usize) {
        if self.coming.is_empty() {
            return;
        }
        let (sequence, answer) = self.coming.remove(at % self.coming.len());
        let mut queue = self.partition.lock();
        let (decided, outcome) = match answer {
            Answer::Stored(offset) => (queue.stored(sequence), Ok(offset)),
            Answer::Refused => (queue.without(sequence), Err(Error::closed("test", "batch"))),
            Answer::Fenced => panic!("a live batch has an epoch that is over"),
            Answer::Broken => {
                let decided = queue.without(sequence);
                self.open_fate.extend(decided.iter().map(|sealed| number(&sealed.batch)));
                (decided, Err(Error::closed("test", "broker")))
            }
            Answer::OutOfOrder => {
                if queue.is_first(sequence) {
                    assert!(queue.has_hole(), "the broker misses what comes before {sequence}");
                    queue.forget_sequences();
                }
                queue.failed(sequence);
                return;
            }
        };
        if let Some(sealed) = decided {
            sealed.fate.decide(outcome);
        }
    }

    /// The connection is lost. What is under way on it may reach the broker later, or never.
    fn cut(&mut self, may_arrive: usize) {
        let mut queue = self.partition.lock();
        for (sequence, _) in self.coming.drain(..) {
            queue.failed(sequence);
        }
        self.going.iter().for_each(|batch| queue.failed(batch.base_sequence));
        self.late.push(self.going.drain(..).take(may_arrive).collect());
    }

    fn arrive_late(&mut self, connection: usize) {
        if self.late.is_empty() {
            return;
        }
        let at = connection % self.late.len();
        match self.late[at].pop_front() {
            Some(batch) => drop(self.broker.produce(&batch)),
            None => drop(self.late.remove(at)),
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
    ArriveLate(usize),
    Break(bool),
    Expire(u64),
    Press(bool),
    Mend,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Append),
        4 => Just(Step::Send),
        6 => Just(Step::Arrive),
        6 => (0..8usize).prop_map(Step::Answer),
        1 => (0..8usize).prop_map(Step::Cut),
        2 => (0..4usize).prop_map(Step::ArriveLate),
        1 => any::<bool>().prop_map(Step::Break),
        1 => (0..12u64).prop_map(Step::Expire),
        1 => any::<bool>().prop_map(Step::Press),
        3 => Just(Step::Mend),
    ];
    proptest::collection::vec(step, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn stores_all_once_and_in_order(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Append => world.append(),
                Step::Send => world.send(),
                Step::Arrive => world.arrive(),
                Step::Answer(at) => world.answer(at),
                Step::Cut(may_arrive) => world.cut(may_arrive),
                Step::ArriveLate(connection) => world.arrive_late(connection),
                Step::Break(stores) => world.break_down(stores),
                Step::Expire(but) => world.expire(but),
                Step::Press(pressed) => world.pressed = pressed,
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
        prop_assert!(world.partition.lock().is_idle());
        while !world.late.is_empty() {
            world.arrive_late(0);
        }
        let log = &world.broker.log;
        prop_assert!(log.is_sorted_by(|a, b| a < b), "once and in order: {:?}", log);
        for (n, delivery) in (0..).zip(&world.deliveries) {
            match delivery.try_result() {
                Some(Ok(stored)) => prop_assert_eq!(log[stored.offset as usize], n),
                Some(Err(_)) => prop_assert!(is_bad(n) || world.open_fate.contains(&n)),
                None => prop_assert!(false, "batch {} is undecided", n),
            }
        }
    }
}

#[test]
fn what_has_to_wait_for_a_place_in_flight_shares_a_batch() {
    let limits = Limits { batch_bytes: 100, crowded_bytes: 400, max_in_flight: 1, ..LIMITS };
    let partition = PartitionQueue::new("t".into(), 0);
    let append = || {
        let record = Record::new(vec![b'x'; 100]);
        let entry = Entry { record: &record, size: record.size(), timestamp: 0 };
        let mut queue = partition.lock();
        queue.append(&partition, &entry, Instant::now, &limits, Open::delivery).full
    };
    let take = || match partition.lock().take(&limits, false) {
        Next::Send(batch) => Some((batch.base_sequence, batch.count)),
        _ => None,
    };
    partition.lock().set_identity(Identity { id: 1, epoch: 0 });
    assert!(append());
    assert_eq!(take(), Some((0, 1)));
    assert_eq!([append(), append(), append()], [false; 3]);
    assert_eq!(take(), None);
    partition.lock().stored(0);
    assert_eq!(take(), Some((1, 3)), "at once, without lingering");
    // No batch gets larger than that.
    assert_eq!((0..4).filter(|_| append()).count(), 1);
    partition.lock().stored(1);
    assert_eq!(take(), Some((4, 3)));
}
