//! What stands behind a pointer: something that can be closed, and that only the process which made
//! it may touch.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Once};

use arc_swap::{ArcSwapOption, Guard};
use flymq_core::{Error, ErrorCode, Result};

/// How many forks lie between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

fn forks() -> u32 {
    static COUNTING: Once = Once::new();
    extern "C" fn count() {
        FORKS.fetch_add(1, Relaxed);
    }
    // SAFETY: the handler does nothing but count, which a child of a process with threads may.
    COUNTING.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(count));
    });
    FORKS.load(Relaxed)
}

/// A resource until it is closed. Each call takes a reference for as long as it lasts, so that
/// closing frees nothing under it. In a forked child its threads are gone and its locks may be held
/// for ever, so there it is neither used nor dropped.
pub struct Handle<T> {
    name: &'static str,
    born: u32,
    open: ManuallyDrop<ArcSwapOption<T>>,
}

impl<T> Handle<T> {
    /// An open resource, by what a user calls it.
    pub fn new(name: &'static str, resource: T) -> Self {
        let open = ManuallyDrop::new(ArcSwapOption::from_pointee(resource));
        Self { name, born: forks(), open }
    }

    /// The resource, for one call.
    pub fn get(&self) -> Result<Arc<T>> {
        self.here()?.load_full().ok_or_else(|| self.closed())
    }

    /// As [`get`](Handle::get), without counting the reference: for calls that are made a million times
    /// a second and do not keep it.
    pub fn peek(&self) -> Result<Peek<T>> {
        let resource = self.here()?.load();
        if resource.is_some() { Ok(Peek(resource)) } else { Err(self.closed()) }
    }

    /// The resource, if it is open, from now on closed for everyone else.
    pub fn take(&self) -> Result<Option<Arc<T>>> {
        Ok(self.here()?.swap(None))
    }

    fn here(&self) -> Result<&ArcSwapOption<T>> {
        if self.born != FORKS.load(Relaxed) {
            let message =
                format!("the {} was made before a fork and is of no use in the child", self.name);
            return Err(Error::new(ErrorCode::Closed, "call", message));
        }
        Ok(&self.open)
    }

    fn closed(&self) -> Error {
        Error::new(ErrorCode::Closed, "call", format!("the {} is closed", self.name))
    }
}

/// A resource that [`Handle::peek`] has found open.
pub struct Peek<T>(Guard<Option<Arc<T>>>);

impl<T> Deref for Peek<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it was found open")
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        if self.born == FORKS.load(Relaxed) {
            // SAFETY: this is the drop, so it is neither used nor dropped again.
            unsafe { ManuallyDrop::drop(&mut self.open) }
        }
    }
}

/// The resource behind a pointer, which must not be NULL.
pub fn open<T>(handle: Option<&Handle<T>>, name: &str) -> Result<Arc<T>> {
    crate::boundary::given(handle, name)?.get()
}
