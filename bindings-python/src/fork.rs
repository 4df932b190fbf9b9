//! Which process this is, known without asking the system: a system call for every record would cost
//! as much as all else that sending one does.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// How many forks lie between this process and the one that loaded the module.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// A number that a forked child does not share with its parent.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Has the system tell of forks, whoever makes them, from now on.
pub fn watch() -> PyResult<()> {
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: `in_child` may run in a child of a program with threads: it touches one atomic. It lives
    // as long as it may be called, since Python never unloads an extension module.
    match unsafe { libc::pthread_atfork(None, None, Some(in_child)) } {
        0 => Ok(()),
        code => Err(PyImportError::new_err(format!("cannot watch for forks: error {code}"))),
    }
}
