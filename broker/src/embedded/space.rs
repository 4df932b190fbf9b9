//! A watch on the disk's free space, so that writes are refused while there is still room to close
//! properly and to drop what retention lets go. Once the disk is truly full the store cannot even
//! tidy up.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use flymq_protocol::{ErrorCode, ProtocolError};

use crate::Result;

const CHECK_EVERY: Duration = Duration::from_millis(100);
const CHECK_EVERY_BYTES: u64 = 8 << 20;

pub struct DiskSpace {
    path: PathBuf,
    min_free: u64,
    born: Instant,
    /// Milliseconds since `born` of the last look at the disk.
    looked: AtomicU64,
    written: AtomicU64,
    short: AtomicBool,
}

impl DiskSpace {
    pub fn new(path: PathBuf, min_free: u64) -> Self {
        let space = Self {
            path,
            min_free,
            born: Instant::now(),
            looked: 0.into(),
            written: 0.into(),
            short: false.into(),
        };
        space.look();
        space
    }

    /// Admits a write of `bytes`, or refuses it for lack of space.
    pub fn admit(&self, bytes: usize) -> Result<()> {
        let now = self.born.elapsed().as_millis() as u64;
        let written = self.written.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        let due = now.saturating_sub(self.looked.load(Relaxed)) >= CHECK_EVERY.as_millis() as u64;
        if due || written >= CHECK_EVERY_BYTES {
            self.looked.store(now, Relaxed);
            self.written.store(0, Relaxed);
            self.look();
        }
        if self.short.load(Relaxed) {
            return Err(ProtocolError::new(
                ErrorCode::StorageFull,
                format!("{}; reading goes on", self.shortage()),
            ));
        }
        Ok(())
    }

    /// What is said while writes are refused.
    pub fn shortage(&self) -> String {
        format!(
            "the disk of {} has less than {} MiB left",
            self.path.display(),
            self.min_free >> 20
        )
    }

    /// Whether writes are refused for lack of space. Looks at the disk.
    pub fn is_short(&self) -> bool {
        self.look();
        self.short.load(Relaxed)
    }

    /// Bytes that are free, and the disk's size; nothing if the file system cannot be asked.
    pub fn free_of(&self) -> Option<(u64, u64)> {
        let stat = rustix::fs::statvfs(&self.path).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Some((bytes(stat.f_bavail), bytes(stat.f_blocks)))
    }

    fn look(&self) {
        // If the file system cannot be asked, the writes themselves will tell.
        let Some((free, _)) = self.free_of() else { return };
        let short = free < self.min_free;
        if short != self.short.swap(short, Relaxed) {
            if short {
                tracing::warn!(path = %self.path.display(), "the disk is full: refusing writes");
            } else {
                tracing::info!(path = %self.path.display(), "the disk has room again");
            }
        }
    }
}
