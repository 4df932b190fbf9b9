//! The batches of one partition: those that wait, and those under way.
//!
//! Several of a producer's batches are under way at a time. That keeps their order, since Kafka takes
//! them by their sequence numbers: if one is not stored, those behind it are refused, come back here,
//! and are sent again behind it. Kafka only does so for a producer of which it has a batch in the
//! partition already. So one that is not known to be there, or has no sequence numbers, goes alone.

use std::collections::VecDeque;

use flymq_protocol::ErrorCode;

use super::Append;
use super::deliver::Outcome;

/// How many batches are under way at a time: as many as Kafka remembers of a producer, all of which
/// may come to be sent again.
pub const IN_FLIGHT: usize = 5;

/// What there is to append to a partition.
#[derive(Default)]
pub struct Partition {
    /// In the order in which they came.
    waiting: VecDeque<Append>,
    /// In the order in which they were sent.
    sent: VecDeque<Sent>,
    /// To be sent again in this order, once nothing is under way any more.
    returned: VecDeque<Append>,
    /// Whether the partition is in a list of those that are to go on.
    pub is_listed: bool,
    /// Whether it pauses before it sends again.
    pub is_resting: bool,
}

/// A batch under way.
struct Sent {
    number: u64,
    /// Whether nothing else was under way when it was sent.
    went_alone: bool,
    /// Whether others may be sent behind it.
    leads: bool,
    answer: Option<(Append, Outcome)>,
}

impl Partition {
    /// Takes a batch in.
    pub fn push(&mut self, append: Append) {
        self.waiting.push_back(append);
    }

    /// The batch that comes next.
    pub fn head(&self) -> Option<&Append> {
        self.waiting.front()
    }

    /// Whether the next batch may be sent now. `is_known` tells whether Kafka is known to have a batch
    /// of the next one's producer in the partition.
    pub fn may_send(&self, is_known: bool) -> bool {
        let behind_others =
            || is_known && self.sent.len() < IN_FLIGHT && self.sent.iter().all(|sent| sent.leads);
        !self.waiting.is_empty()
            && !self.is_resting
            && self.returned.is_empty()
            && (self.sent.is_empty() || behind_others())
    }

    /// Takes the next batch out to be sent.
    pub fn send(&mut self, is_known: bool) -> Option<Append> {
        let append = self.waiting.pop_front()?;
        let went_alone = self.sent.is_empty();
        let sent = Sent { number: append.number, went_alone, leads: is_known, answer: None };
        self.sent.push_back(sent);
        Some(append)
    }

    /// Notes what became of a batch.
    pub fn answer(&mut self, append: Append, outcome: Outcome) {
        let number = append.number;
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.number == number) {
            sent.answer = Some((append, outcome));
        }
    }

    /// The next batch whose fate is known, in the order in which they were sent.
    pub fn next_answered(&mut self) -> Option<(Append, Outcome)> {
        let sent = self.sent.pop_front_if(|sent| sent.answer.is_some())?;
        let (append, outcome) = sent.answer?;
        match outcome {
            // What went before it was not stored, or came later.
            Outcome::Done(Err(error))
                if !sent.went_alone && error.code == ErrorCode::OutOfOrderSequence =>
            {
                Some((append, Outcome::Again { error, elsewhere: false }))
            }
            outcome => Some((append, outcome)),
        }
    }

    /// Keeps a batch that is to be sent again.
    pub fn put_back(&mut self, append: Append) {
        self.returned.push_back(append);
    }

    /// Puts what is to be sent again in front, if nothing is under way any more, for after a rest.
    /// Returns how often the first was tried; `None` if there is nothing, or not yet.
    pub fn turn_back(&mut self) -> Option<u32> {
        if !self.sent.is_empty() {
            return None;
        }
        let attempts = self.returned.front()?.attempts;
        while let Some(append) = self.returned.pop_back() {
            self.waiting.push_front(append);
        }
        self.is_resting = true;
        Some(attempts)
    }

    /// Takes out everything that waits.
    pub fn drain(&mut self) -> impl Iterator<Item = Append> {
        self.waiting.drain(..)
    }

    /// Whether there is nothing left.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty() && self.returned.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::append;
    use super::*;
    use crate::kafka::errors::unavailable;
    use flymq_protocol::ProtocolError;
    use flymq_protocol::messages::ProduceResponse;

    fn partition(batches: u64) -> Partition {
        let mut partition = Partition::default();
        (0..batches).for_each(|number| partition.push(append(number)));
        partition
    }

    fn send_all(partition: &mut Partition, is_known: bool) -> Vec<Append> {
        let mut sent = Vec::new();
        while partition.may_send(is_known) {
            sent.extend(partition.send(is_known));
        }
        sent
    }

    fn stored(base_offset: u64) -> Outcome {
        Outcome::Done(Ok(ProduceResponse { base_offset, duplicate: false }))
    }

    fn out_of_order() -> Outcome {
        Outcome::Done(Err(ProtocolError::new(ErrorCode::OutOfOrderSequence, "")))
    }

    fn again() -> Outcome {
        Outcome::Again { error: unavailable("gone"), elsewhere: true }
    }

    fn numbers(batches: &[Append]) -> Vec<u64> {
        batches.iter().map(|append| append.number).collect()
    }

    #[test]
    fn a_producer_that_is_not_known_goes_alone() {
        let mut partition = partition(3);
        let first = send_all(&mut partition, false).remove(0);
        assert!(!partition.may_send(true), "the first one is not known to be stored");
        partition.answer(first, stored(0));
        assert!(partition.next_answered().is_some());
        assert_eq!(numbers(&send_all(&mut partition, true)), [1, 2]);
    }

    #[test]
    fn no_more_are_under_way_than_kafka_remembers() {
        let mut partition = partition(9);
        assert_eq!(send_all(&mut partition, true).len(), IN_FLIGHT);
    }

    #[test]
    fn answers_are_taken_in_the_order_of_sending() {
        let mut partition = partition(2);
        let mut sent = send_all(&mut partition, true);
        partition.answer(sent.remove(1), stored(7));
        assert!(partition.next_answered().is_none());
        partition.answer(sent.remove(0), stored(0));
        let order: Vec<_> = std::iter::from_fn(|| partition.next_answered()).collect();
        assert_eq!(order.iter().map(|(append, _)| append.number).collect::<Vec<_>>(), [0, 1]);
        assert!(partition.is_empty());
    }

    #[test]
    fn those_behind_one_that_failed_are_sent_again_behind_it() {
        let mut partition = partition(5);
        let mut outcomes = [again(), out_of_order(), out_of_order()].into_iter();
        let sent = send_all(&mut partition, true);
        let late = sent.into_iter().filter_map(|append| match outcomes.next() {
            Some(outcome) => {
                partition.answer(append, outcome);
                None
            }
            None => Some(append),
        });
        let late: Vec<_> = late.collect();
        while let Some((append, outcome)) = partition.next_answered() {
            assert!(matches!(outcome, Outcome::Again { .. }));
            partition.put_back(append);
        }
        partition.push(append(5));
        assert!(!partition.may_send(true), "nothing overtakes what failed");
        assert!(partition.turn_back().is_none(), "two are under way still");
        for append in late {
            partition.answer(append, out_of_order());
            let (append, _) = partition.next_answered().unwrap();
            partition.put_back(append);
        }
        assert_eq!(partition.turn_back(), Some(0));
        assert!(!partition.may_send(true), "a pause comes first");
        partition.is_resting = false;
        assert_eq!(numbers(&send_all(&mut partition, true)), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_gap_is_the_senders_if_nothing_else_was_under_way() {
        let mut partition = partition(1);
        let alone = send_all(&mut partition, true).remove(0);
        partition.answer(alone, out_of_order());
        let (_, outcome) = partition.next_answered().unwrap();
        assert!(matches!(outcome, Outcome::Done(Err(_))));
    }
}
