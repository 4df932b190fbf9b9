//! A file descriptor to wait for.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// A descriptor that is readable while there is something to take.
pub struct Bell {
    inner: UnixStream,
    outer: UnixStream,
    rung: bool,
}

impl Bell {
    pub fn new() -> std::io::Result<Self> {
        let (inner, outer) = UnixStream::pair()?;
        inner.set_nonblocking(true)?;
        outer.set_nonblocking(true)?;
        Ok(Self { inner, outer, rung: false })
    }

    /// Makes it readable, or not.
    pub fn set(&mut self, ring: bool) {
        if ring && !self.rung {
            // One byte always fits into an empty pair.
            self.rung = matches!((&self.inner).write(&[1]), Ok(1));
        } else if !ring && self.rung {
            let mut byte = [0];
            while let Err(e) = (&self.outer).read(&mut byte)
                && e.kind() == ErrorKind::Interrupted
            {}
            self.rung = false;
        }
    }

    /// The descriptor, for as long as this lives.
    pub fn fd(&self) -> RawFd {
        self.outer.as_raw_fd()
    }
}
