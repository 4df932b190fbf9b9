//! The bytes that all connections together may have in flight, so that many slow clients cannot
//! exhaust the broker's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Accounting is in units of this many bytes.
const UNIT: usize = 1024;

/// Room taken from the budget; given back when dropped.
#[derive(Debug)]
pub struct Room {
    permit: OwnedSemaphorePermit,
}

impl Room {
    /// How many bytes this room is for.
    pub fn bytes(&self) -> usize {
        self.permit.num_permits() * UNIT
    }
}

/// The shared budget.
#[derive(Clone, Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    total: usize,
    /// How many tasks wait for room.
    waiting: Arc<AtomicUsize>,
}

impl Budget {
    pub fn new(bytes: usize) -> Self {
        let total = bytes.div_ceil(UNIT);
        Self { units: Arc::new(Semaphore::new(total)), total, waiting: Arc::default() }
    }

    fn units(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT).clamp(1, self.total)).unwrap_or(u32::MAX)
    }

    /// Waits for room for `bytes`; more than the whole budget counts as the whole.
    pub async fn take(&self, bytes: usize) -> Room {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Relaxed);
            }
        }
        self.waiting.fetch_add(1, Relaxed);
        let _waiting = Waiting(&self.waiting);
        let permit = self.units.clone().acquire_many_owned(self.units(bytes)).await;
        Room { permit: permit.expect("the budget's semaphore is never closed") }
    }

    /// Takes room for `bytes` if there is, without waiting.
    pub fn try_take(&self, bytes: usize) -> Option<Room> {
        let permit = self.units.clone().try_acquire_many_owned(self.units(bytes)).ok()?;
        Some(Room { permit })
    }

    /// Takes room for at most `most` bytes, less where the budget is short, but not below `least`.
    /// A quarter of what is left is the most that one taker gets, so that a few slow ones cannot
    /// hold it all.
    pub fn try_take_up_to(&self, most: usize, least: usize) -> Option<Room> {
        let share = self.units.available_permits() * UNIT / 4;
        self.try_take(most.min(share).max(least))
    }

    /// How many bytes there are in all.
    pub fn total(&self) -> usize {
        self.total * UNIT
    }

    /// How many bytes are taken.
    pub fn in_use(&self) -> usize {
        (self.total - self.units.available_permits().min(self.total)) * UNIT
    }

    /// How many tasks wait for room.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Whether someone waits for room that others hold.
    pub fn is_short(&self) -> bool {
        self.waiting() > 0
    }
}
