//! The queue of a transactional producer against a model of a broker: transactions that commit,
//! abort, or are doomed by a refusal, over lost connections whose frames may arrive in the midst of
//! a later transaction. What is committed is stored once and in order; nothing else is in between.

use std::collections::VecDeque;
use std::sync::Arc;

use flymq_protocol::RecordBatch;
use proptest::prelude::*;
use tokio::time::Instant;

use super::batch::{Identity, Open};
use super::delivery::Delivery;
use super::queue::{Entry, Next, PartitionQueue};
use super::queue_tests::{LIMITS, is_bad, number};
use crate::error::Error;
use crate::record::Record;

#[derive(Clone, Copy, Debug)]
enum Answer {
    Stored,
    OutOfOrder,
    Refused,
    /// Of a transaction that is over.
    Fenced,
}

/// A transaction, as the application knows it.
#[derive(Default)]
struct Current {
    sent: Vec<(u32, Delivery)>,
    doomed: bool,
}

struct World {
    partition: Arc<PartitionQueue>,
    current: Current,
    numbers: u32,
    /// The epoch of the open transaction, to client and broker alike.
    epoch: i16,
    /// What the broker stored, by epoch, and the next sequence of the open transaction.
    log: Vec<(i16, u32)>,
    next: i32,
    going: VecDeque<(u64, RecordBatch)>,
    coming: Vec<(u64, i32, Answer)>,
    late: Vec<VecDeque<RecordBatch>>,
    committed: Vec<(i16, u32)>,
}

impl World {
    fn new() -> Self {
        Self {
            partition: Arc::new(PartitionQueue::new("t".into(), 0)),
            current: Current::default(),
            numbers: 0,
            epoch: 0,
            log: Vec::new(),
            next: 0,
            going: VecDeque::new(),
            coming: Vec::new(),
            late: Vec::new(),
            committed: Vec::new(),
        }
    }

    fn produce(&mut self, batch: &RecordBatch) -> Answer {
        if batch.producer_epoch < self.epoch {
            return Answer::Fenced;
        }
        match batch.base_sequence {
            _ if is_bad(number(batch)) => Answer::Refused,
            sequence if sequence < self.next => Answer::Stored,
            sequence if sequence > self.next => Answer::OutOfOrder,
            _ => {
                self.next += 1;
                self.log.push((self.epoch, number(batch)));
                Answer::Stored
            }
        }
    }

    fn append(&mut self) {
        if self.current.doomed {
            return;
        }
        let record = Record::new(self.numbers.to_string());
        let mut queue = self.partition.lock();
        let size = record.size();
        let entry = Entry { record: &record, size, timestamp: 0 };
        let appended = queue.append(&self.partition, &entry, Instant::now, &LIMITS, Open::delivery);
        self.current.sent.push((self.numbers, appended.answer));
        self.numbers += 1;
    }

    fn send(&mut self) {
        let mut queue = self.partition.lock();
        loop {
            match queue.take(&LIMITS, false) {
                Next::Send(batch) => self.going.push_back((queue.round, batch)),
                Next::NeedsIdentity => queue.set_identity(Identity { id: 1, epoch: self.epoch }),
                Next::Nothing => return,
            }
        }
    }

    fn arrive(&mut self) {
        if let Some((round, batch)) = self.going.pop_front() {
            let answer = self.produce(&batch);
            self.coming.push((round, batch.base_sequence, answer));
        }
    }

    fn answer(&mut self, at: usize) {
        if self.coming.is_empty() {
            return;
        }
        let (round, sequence, answer) = self.coming.remove(at % self.coming.len());
        let mut queue = self.partition.lock();
        if queue.round != round {
            return;
        }
        let decided = match answer {
            Answer::Stored => queue.stored(sequence).map(|sealed| (sealed, Ok(0))),
            Answer::Refused => {
                self.current.doomed = true;
                queue.without(sequence).map(|s| (s, Err(Error::closed("test", "batch"))))
            }
            Answer::OutOfOrder => {
                assert!(!queue.is_first(sequence), "the broker misses what comes before");
                queue.failed(sequence);
                None
            }
            Answer::Fenced => panic!("a live batch has an epoch that is over"),
        };
        drop(queue);
        if let Some((sealed, outcome)) = decided {
            sealed.fate.decide(outcome);
        }
        if self.current.doomed {
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        for sealed in self.partition.lock().reset() {
            sealed.fate.decide(Err(Error::closed("test", "transaction")));
        }
    }

    fn cut(&mut self, may_arrive: usize) {
        let mut queue = self.partition.lock();
        let lost = self.coming.drain(..).map(|(round, sequence, _)| (round, sequence));
        let unsent = self.going.iter().map(|(round, batch)| (*round, batch.base_sequence));
        for (round, sequence) in lost.chain(unsent) {
            if round == queue.round {
                queue.failed(sequence);
            }
        }
        let late = self.going.drain(..).take(may_arrive).map(|(_, batch)| batch);
        self.late.push(late.collect());
    }

    fn arrive_late(&mut self, connection: usize) {
        if self.late.is_empty() {
            return;
        }
        let at = connection % self.late.len();
        match self.late[at].pop_front() {
            Some(batch) => drop(self.produce(&batch)),
            None => drop(self.late.remove(at)),
        }
    }

    fn mend(&mut self) {
        let mut queue = self.partition.lock();
        if queue.is_settled() {
            queue.resume();
        }
    }

    /// Commits if all is stored and the application wants to, else aborts.
    fn end(&mut self, commit: bool) {
        let commit = commit && !self.current.doomed && self.partition.lock().is_idle();
        self.sweep();
        let Current { sent, .. } = std::mem::take(&mut self.current);
        for (number, delivery) in sent {
            let outcome = delivery.try_result().expect("a delivery is left waiting");
            if commit {
                outcome.unwrap();
                self.committed.push((self.epoch, number));
            }
        }
        self.epoch += 1;
        self.next = 0;
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
    Mend,
    End(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Append),
        4 => Just(Step::Send),
        6 => Just(Step::Arrive),
        6 => (0..8usize).prop_map(Step::Answer),
        1 => (0..8usize).prop_map(Step::Cut),
        2 => (0..4usize).prop_map(Step::ArriveLate),
        3 => Just(Step::Mend),
        1 => prop::bool::weighted(0.8).prop_map(Step::End),
    ];
    proptest::collection::vec(step, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn commits_all_or_nothing(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Append => world.append(),
                Step::Send => world.send(),
                Step::Arrive => world.arrive(),
                Step::Answer(at) => world.answer(at),
                Step::Cut(may_arrive) => world.cut(may_arrive),
                Step::ArriveLate(connection) => world.arrive_late(connection),
                Step::Mend => world.mend(),
                Step::End(commit) => world.end(commit),
            }
        }
        // Left alone, the last transaction comes to its end: it commits unless it is doomed.
        for _ in 0..10 * world.current.sent.len() + 10 {
            world.mend();
            world.send();
            world.arrive();
            world.answer(0);
        }
        prop_assert!(world.partition.lock().is_idle());
        world.end(true);
        while !world.late.is_empty() {
            world.arrive_late(0);
        }
        let epochs: Vec<i16> = world.committed.iter().map(|(epoch, _)| *epoch).collect();
        let mut seen = world.log;
        seen.retain(|(epoch, _)| epochs.contains(epoch));
        prop_assert_eq!(seen, world.committed);
    }
}
