//! Waking Ruby, which waits for the byte that it finds in a pipe.

use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};

/// Writes the code of a future's poll to a pipe: what uniffi calls once for each poll.
///
/// # Safety
///
/// `pipe` is a pipe's writing end, which stays open until this has been called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_uniffi_wake(pipe: u64, code: i8) {
    // SAFETY: it is open, says the caller; it is not closed here.
    let pipe = ManuallyDrop::new(unsafe { File::from_raw_fd(pipe as RawFd) });
    // It has room, and somebody who reads it.
    let _ = (&*pipe).write_all(&[code as u8]);
}
