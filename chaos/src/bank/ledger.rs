//! What a reader of committed records saw of the transactions, against what was promised.

use std::collections::{HashMap, HashSet};

use super::Entry;
use crate::Tally;

/// One reader's view.
#[derive(Default)]
pub struct Ledger {
    seen: HashMap<String, Parts>,
    /// Acknowledged to be committed or aborted, all of them.
    committed: Vec<String>,
    aborted: Vec<String>,
    /// How many of `committed` have been verified.
    verified: usize,
    lost: HashSet<String>,
    torn: HashSet<String>,
    doubled: u64,
}

#[derive(Default)]
struct Parts {
    of: u32,
    seen: HashSet<u32>,
    sum: i64,
}

impl Parts {
    fn are_whole(&self) -> bool {
        self.seen.len() as u32 == self.of && self.sum == 0
    }
}

impl Ledger {
    /// Takes an entry in that the reader has seen.
    pub fn enter(&mut self, entry: Entry) {
        let parts = self.seen.entry(entry.transaction).or_default();
        parts.of = entry.parts;
        if parts.seen.insert(entry.part) {
            parts.sum += entry.amount;
        } else {
            self.doubled += 1;
        }
    }

    /// Notes what clients were told of their transactions. A reader that now learns where the log
    /// ends and reads up to there sees the committed ones whole.
    pub fn expect(&mut self, committed: Vec<String>, aborted: Vec<String>) {
        self.committed.extend(committed);
        self.aborted.extend(aborted);
    }

    /// Looks for the transactions that were expected since the last time.
    pub fn verify(&mut self) {
        for id in &self.committed[self.verified..] {
            match self.seen.get(id) {
                None => drop(self.lost.insert(id.clone())),
                Some(parts) if !parts.are_whole() => drop(self.torn.insert(id.clone())),
                Some(_) => {}
            }
        }
        self.verified = self.committed.len();
    }

    /// Looks at everything once more when nothing is coming in any longer: then also a transaction
    /// whose fate nobody was told is there whole or not at all.
    pub fn settle(&mut self) {
        self.verified = 0;
        self.verify();
        let torn = self.seen.iter().filter(|(_, parts)| !parts.are_whole());
        self.torn.extend(torn.map(|(id, _)| id.clone()));
    }

    /// What was promised, for another reader to look for.
    pub fn promises(&self) -> (Vec<String>, Vec<String>) {
        (self.committed.clone(), self.aborted.clone())
    }

    /// How many entries were seen.
    pub fn entries(&self) -> u64 {
        self.seen.values().map(|parts| parts.seen.len() as u64).sum()
    }

    /// Adds what is wrong to a tally, and names it, with when it was read.
    pub fn report(&self, when: &str, tally: &mut Tally) {
        let resurrected: Vec<_> =
            self.aborted.iter().filter(|id| self.seen.contains_key(*id)).collect();
        let say = |id: &str, what: &str| eprintln!("{when}: transaction {id} {what}");
        self.lost.iter().for_each(|id| say(id, "was committed and is lost"));
        self.torn.iter().for_each(|id| say(id, "is seen in part"));
        resurrected.iter().for_each(|id| say(id, "was aborted and is seen"));
        tally.lost += self.lost.len() as u64;
        tally.torn += (self.torn.len() + resurrected.len()) as u64;
        tally.doubled += self.doubled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, part: u32, amount: i64) -> Entry {
        Entry { transaction: id.to_owned(), part, parts: 2, amount }
    }

    fn tally(ledger: &Ledger) -> (u64, u64, u64) {
        let mut tally = Tally::default();
        ledger.report("test", &mut tally);
        (tally.lost, tally.doubled, tally.torn)
    }

    #[test]
    fn a_ledger_tells_whole_transactions_from_others() {
        let mut ledger = Ledger::default();
        ledger.enter(entry("whole", 0, 5));
        ledger.enter(entry("whole", 1, -5));
        ledger.expect(vec!["whole".to_owned()], vec!["aborted".to_owned()]);
        ledger.verify();
        ledger.settle();
        assert_eq!(tally(&ledger), (0, 0, 0));

        ledger.enter(entry("whole", 1, -5));
        assert_eq!(tally(&ledger), (0, 1, 0), "an entry came twice");
        ledger.enter(entry("aborted", 0, 1));
        assert_eq!(tally(&ledger), (0, 1, 1), "an aborted transaction was seen");
        ledger.expect(vec!["nowhere".to_owned()], vec![]);
        ledger.verify();
        assert_eq!(tally(&ledger), (1, 1, 1), "a committed one was not");
    }

    #[test]
    fn a_committed_transaction_is_whole_at_once_and_any_other_in_the_end() {
        let mut ledger = Ledger::default();
        ledger.enter(entry("half", 0, 5));
        ledger.verify();
        assert_eq!(tally(&ledger), (0, 0, 0), "the rest may still come");
        ledger.settle();
        assert_eq!(tally(&ledger), (0, 0, 1));

        let mut ledger = Ledger::default();
        ledger.enter(entry("committed", 0, 5));
        ledger.expect(vec!["committed".to_owned()], vec![]);
        ledger.verify();
        assert_eq!(tally(&ledger), (0, 0, 1));
        ledger.enter(entry("committed", 1, -5));
        assert_eq!(tally(&ledger), (0, 0, 1), "what was torn once is not mended");

        let mut ledger = Ledger::default();
        ledger.enter(entry("unequal", 0, 5));
        ledger.enter(entry("unequal", 1, -4));
        ledger.settle();
        assert_eq!(tally(&ledger), (0, 0, 1), "money out of nothing");
    }
}
