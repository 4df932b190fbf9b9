//! What stands behind Java objects, by number. Numbers are never used again, so that a stale one is
//! told that its object is closed; and each call holds what it is about for as long as it lasts.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use flymq_core::{Error, ErrorCode, Result};

/// Something that a Java object stands for.
pub trait Resource: Send + Sync + 'static {
    /// What a user calls it.
    const NAME: &'static str;
}

type Open = RwLock<HashMap<u64, Arc<dyn Any + Send + Sync>>>;

static OPEN: LazyLock<Open> = LazyLock::new(RwLock::default);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Gives a resource a number.
pub fn add<T: Resource>(resource: T) -> u64 {
    let number = NEXT.fetch_add(1, Relaxed);
    let mut open = OPEN.write().unwrap_or_else(PoisonError::into_inner);
    open.insert(number, Arc::new(resource));
    number
}

/// The resource of a number.
///
/// # Errors
///
/// CLOSED if there is none any more.
pub fn get<T: Resource>(number: u64) -> Result<Arc<T>> {
    let open = OPEN.read().unwrap_or_else(PoisonError::into_inner);
    let found = open.get(&number).and_then(|resource| resource.clone().downcast().ok());
    found.ok_or_else(|| Error::new(ErrorCode::Closed, "use", format!("the {} is closed", T::NAME)))
}

/// Lets go of a number. What it stood for ends with the last call that is under way.
pub fn remove(number: u64) {
    let removed = OPEN.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
    // Not with the lock held: a client's end takes a moment.
    drop(removed);
}

/// How many there are.
pub fn count() -> usize {
    OPEN.read().unwrap_or_else(PoisonError::into_inner).len()
}
