//! What went wrong, and what came of it.

use std::fmt;
use std::time::Duration;

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Processes killed and started again.
    pub kills: u64,
    /// Brokers ended in good order and started again.
    pub restarts: u64,
    /// Errors that reached an application though nothing had failed.
    pub errors: u64,
    /// Processes that did nothing for a while.
    pub pauses: u64,
    /// Connections that were cut.
    pub cuts: u64,
    /// Times in which connections were slow.
    pub slow_spells: u64,
    /// Records accounted for.
    pub records: u64,
    /// Records that were acknowledged and are not there.
    pub lost: u64,
    /// Records that are there more than once.
    pub doubled: u64,
    /// Records out of order.
    pub reordered: u64,
    /// Transactions that are seen in part, or though they were aborted.
    pub torn: u64,
    /// The longest time that work took to go on once everything was healed.
    pub longest_pause: Duration,
}

impl Tally {
    /// Takes in the counts of another run.
    pub fn add(&mut self, other: Tally) {
        self.kills += other.kills;
        self.restarts += other.restarts;
        self.errors += other.errors;
        self.pauses += other.pauses;
        self.cuts += other.cuts;
        self.slow_spells += other.slow_spells;
        self.records += other.records;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.torn += other.torn;
        self.longest_pause = self.longest_pause.max(other.longest_pause);
    }

    /// Whether every record was accounted for, and no error reached an application that should not.
    pub fn is_clean(&self) -> bool {
        self.errors + self.lost + self.doubled + self.reordered + self.torn == 0
    }

    /// Notes how long work took to go on.
    pub fn went_on_after(&mut self, pause: Duration) {
        self.longest_pause = self.longest_pause.max(pause);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, restarts, errors, pauses, cuts, slow_spells, records, .. } = self;
        let Self { lost, doubled, reordered, torn, longest_pause, .. } = self;
        write!(
            f,
            "{kills} kills, {restarts} restarts with {errors} errors, {pauses} pauses, \
             {cuts} connections cut, {slow_spells} slow spells, work went on within {:.1} s, \
             {records} records: {lost} lost, {doubled} doubled, {reordered} reordered, {torn} torn",
            longest_pause.as_secs_f64(),
        )
    }
}
