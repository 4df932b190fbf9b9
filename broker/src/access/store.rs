//! Where users and rules are kept, and what of them is in force.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::Snapshot;
use super::users::Stored;
use crate::Result;

/// A change to users and rules. It may be made more than once, to what others have left.
pub type Change<'a> = dyn FnMut(&mut Stored) -> Result<()> + Send + 'a;

/// What keeps users and rules.
pub trait Store: Send + Sync {
    /// Makes a change, stores it, and has it in force when this returns. An error of `change` changes
    /// nothing. May block.
    fn change(&self, current: &Current, change: &mut Change<'_>) -> Result<()>;

    /// Why changes that others have made may not be known here; `None` if they are.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// The users and rules that are in force.
pub struct Current {
    snapshot: RwLock<Arc<Snapshot>>,
    /// Counts changes, for sessions to see that there was one.
    version: AtomicU64,
}

impl Current {
    pub fn new(stored: Stored) -> Self {
        let snapshot = Arc::new(Snapshot { version: 0, stored });
        Self { snapshot: RwLock::new(snapshot), version: AtomicU64::new(0) }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Puts users and rules in force, for every session.
    pub fn publish(&self, stored: Stored) {
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let version = snapshot.version + 1;
        *snapshot = Arc::new(Snapshot { version, stored });
        self.version.store(version, Ordering::Release);
    }
}
