//! What readers of committed records may see of a partition.
//!
//! Readers take no lock for records outside of transactions. What they rely on is the order in which
//! things are published: a transaction's mark is set before its first record can be seen, and what was
//! aborted is listed before the mark goes.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::transactions::Identity;

/// The first and last offset of a transaction in a partition.
pub type Span = (u64, u64);

/// The open and the aborted transactions of a partition.
pub struct Visibility {
    /// First offset of the oldest open transaction; `u64::MAX` without one.
    first_open: AtomicU64,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// The first offset of each open transaction.
    open: BTreeSet<u64>,
    aborted: HashMap<Identity, Span>,
}

impl Default for Visibility {
    fn default() -> Self {
        Self { first_open: u64::MAX.into(), state: RwLock::default() }
    }
}

impl Visibility {
    /// First offset of the oldest open transaction; `u64::MAX` without one.
    pub fn first_open(&self) -> u64 {
        self.first_open.load(Ordering::Acquire)
    }

    /// Marks a transaction as open. To be called before its first record can be seen.
    pub fn open(&self, first: u64) {
        let mut state = self.write();
        state.open.insert(first);
        self.update(&state);
    }

    /// Takes the mark of a transaction away, which has been committed.
    pub fn commit(&self, first: u64) {
        let mut state = self.write();
        state.open.remove(&first);
        self.update(&state);
    }

    /// Hides the records of a transaction for good.
    pub fn abort(&self, transaction: Identity, span: Span) {
        let mut state = self.write();
        state.aborted.insert(transaction, span);
        state.open.remove(&span.0);
        self.update(&state);
    }

    pub fn is_aborted(&self, transaction: Identity) -> bool {
        self.read().aborted.contains_key(&transaction)
    }

    /// The aborted transactions that have no records at or after `start`.
    pub fn aborted_before(&self, start: u64) -> Vec<Identity> {
        let state = self.read();
        let before = state.aborted.iter().filter(|(_, (_, last))| *last < start);
        before.map(|(&transaction, _)| transaction).collect()
    }

    /// Forgets aborted transactions whose records are gone.
    pub fn forget(&self, transactions: &[Identity]) {
        let mut state = self.write();
        for transaction in transactions {
            state.aborted.remove(transaction);
        }
    }

    fn update(&self, state: &State) {
        self.first_open.store(state.open.first().copied().unwrap_or(u64::MAX), Ordering::Release);
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_open_transaction_counts() {
        let transaction = |epoch| Identity { producer_id: 1, epoch };
        let visibility = Visibility::default();
        assert_eq!(visibility.first_open(), u64::MAX);
        for first in [5, 9, 20] {
            visibility.open(first);
            assert_eq!(visibility.first_open(), 5);
        }
        visibility.commit(9);
        assert_eq!(visibility.first_open(), 5);
        visibility.abort(transaction(0), (5, 12));
        assert_eq!(visibility.first_open(), 20);
        assert!(visibility.is_aborted(transaction(0)));
        assert!(!visibility.is_aborted(transaction(1)));
        assert_eq!(visibility.aborted_before(12), []);
        assert_eq!(visibility.aborted_before(13), [transaction(0)]);
        visibility.forget(&[transaction(0)]);
        assert!(!visibility.is_aborted(transaction(0)));
        visibility.commit(20);
        assert_eq!(visibility.first_open(), u64::MAX);
    }
}
