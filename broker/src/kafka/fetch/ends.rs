//! Partitions that were read to their end.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

use super::ask::Place;

/// Of how many partitions it is remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// Where partitions ended when they were last read.
pub struct Ends(Mutex<LruCache<Place, u64>>);

impl Default for Ends {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Ends {
    /// The offset behind the last record that there was.
    pub fn get(&self, place: Place) -> Option<u64> {
        self.lock().get(&place).copied()
    }

    pub fn put(&self, place: Place, end: u64) {
        self.lock().put(place, end);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<Place, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
