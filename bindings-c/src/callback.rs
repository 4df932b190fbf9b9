//! Functions of the application.

use std::ffi::c_void;

use crate::event::flymq_event;

/// What is called for an event, with the `context` that was given along. The event is borrowed: it
/// lives until the function returns. It must return, and neither throw nor jump out.
pub type flymq_event_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, event: *const flymq_event)>;

/// What is called once a `context` is not needed any more. May be NULL.
pub type flymq_drop_fn = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// A function of the application, with what it wants to be given.
pub struct Callback {
    function: unsafe extern "C" fn(*mut c_void, *const flymq_event),
    context: usize,
    drop: flymq_drop_fn,
}

impl Callback {
    /// None without a function.
    pub fn new(
        function: flymq_event_fn,
        context: *mut c_void,
        drop: flymq_drop_fn,
    ) -> Option<Self> {
        Some(Self { function: function?, context: context as usize, drop })
    }

    pub fn tell(&self, event: &flymq_event) {
        // SAFETY: who registered the function said that it may be called with this context.
        unsafe { (self.function)(self.context as *mut c_void, event) }
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: as above, and this is the last use of the context.
            unsafe { drop(self.context as *mut c_void) }
        }
    }
}
