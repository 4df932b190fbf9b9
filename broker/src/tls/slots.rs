//! How many handshakes are under way.
//!
//! A client that means well is done in milliseconds, one that does not may take until the time-out.
//! So where there are too many, the one that began first gives way, and neither a flood of half
//! handshakes nor slow ones keep others out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The handshakes under way, oldest first.
pub struct Slots {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// What is dropped to end a handshake.
    by_arrival: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A handshake's place, given back when dropped.
pub struct Slot {
    slots: Arc<Slots>,
    number: u64,
    lost: oneshot::Receiver<()>,
}

impl Slots {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// Takes a place, from the handshake that began first if there is no other.
    pub fn take(self: &Arc<Self>) -> Slot {
        let (sender, lost) = oneshot::channel();
        let mut taken = self.lock();
        let number = taken.next;
        taken.next += 1;
        taken.by_arrival.insert(number, sender);
        if taken.by_arrival.len() > self.most {
            taken.by_arrival.pop_first();
        }
        Slot { slots: self.clone(), number, lost }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Waits until another handshake has taken the place.
    pub async fn lost(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.lost).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().by_arrival.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_oldest_gives_way() {
        let slots = Slots::new(2);
        let (mut first, mut second) = (slots.take(), slots.take());
        assert!(first.lost().now_or_never().is_none());
        let third = slots.take();
        assert!(first.lost().now_or_never().is_some());
        assert!(second.lost().now_or_never().is_none());
        drop(third);
        let _third = slots.take();
        assert!(second.lost().now_or_never().is_none());
    }
}
