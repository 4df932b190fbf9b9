//! A segment's file: the records of its large batches, one behind the other.
//!
//! The key-value store writes what it is given twice, to its journal and out of its memory, and syncs
//! both. That is well spent on small batches, which come to the disk with one write for all that
//! waits. The records of a large batch fill a write of their own: they go to this file, once, and the
//! store holds at which position.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Records longer than this many bytes go to the file.
pub const LARGE: usize = 16 << 10;

/// The file of one segment. There is none until the first large batch.
pub struct LogFile {
    path: PathBuf,
    /// Open while it is written to: there may be more segments than a process may have files.
    file: Mutex<Option<Arc<File>>>,
    /// Whether it was opened for writing since upkeep last looked.
    used: AtomicBool,
    /// Where the next batch goes.
    end: AtomicU64,
    /// Whether something was written since the last sync.
    dirty: AtomicBool,
    /// Whether the file's name is known to be on the disk.
    named: AtomicBool,
    /// Whether a sync has failed.
    unknown: AtomicBool,
}

impl LogFile {
    /// The file at `path`, be it there or not. What a crash has left behind its last batch stays.
    pub fn new(path: PathBuf) -> io::Result<Self> {
        let end = match path.metadata() {
            Ok(found) => found.len(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(e) => return Err(e),
        };
        let [used, dirty, named, unknown] = [(); 4].map(|()| AtomicBool::new(false));
        Ok(Self { path, file: Mutex::default(), used, end: end.into(), dirty, named, unknown })
    }

    /// Sets room aside at the end, and says where.
    pub fn reserve(&self, bytes: usize) -> u64 {
        self.end.fetch_add(bytes as u64, Ordering::Relaxed)
    }

    /// Writes records to the [opened](Self::open) file, where room was [reserved](Self::reserve).
    pub fn write(&self, file: &File, position: u64, records: &[u8]) -> io::Result<()> {
        let written = file.write_all_at(records, position);
        self.dirty.store(true, Ordering::Release);
        written
    }

    /// Opens it for writing, if it is not open.
    pub fn open(&self) -> io::Result<Arc<File>> {
        self.used.store(true, Ordering::Relaxed);
        let mut open = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*open {
            return Ok(file.clone());
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Ok(open.insert(Arc::new(options.open(&self.path)?)).clone())
    }

    /// Brings to the disk what was written. After an error nobody knows what is there, and every later
    /// sync fails too: the operating system would tell of the error only once.
    pub fn sync(&self) -> io::Result<()> {
        if self.unknown.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync has failed"));
        }
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.bring_to_disk().inspect_err(|_| self.unknown.store(true, Ordering::Release))
    }

    fn bring_to_disk(&self) -> io::Result<()> {
        self.open()?.sync_data()?;
        if !self.named.swap(true, Ordering::AcqRel) {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Has the next [`sync`](Self::sync) bring to the disk whatever is in the file.
    pub fn doubt(&self) {
        let is_there = self.end.load(Ordering::Relaxed) > 0;
        self.dirty.store(is_there, Ordering::Release);
    }

    /// Closes it, until it is written to again.
    pub fn close(&self) {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Closes it if it was not written to since this was called before.
    pub fn close_if_idle(&self) {
        if !self.used.swap(false, Ordering::Relaxed) {
            self.close();
        }
    }

    /// The file to [`read`] from.
    pub fn reader(&self) -> io::Result<Arc<File>> {
        match &*self.file.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(file) => Ok(file.clone()),
            None => File::open(&self.path).map(Arc::new),
        }
    }

    /// Removes the file. Who reads it goes on.
    pub fn remove(&self) -> io::Result<()> {
        self.dirty.store(false, Ordering::Release);
        self.close();
        match std::fs::remove_file(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

/// Reads so many bytes of a segment's file.
pub fn read(file: &File, position: u64, bytes: usize) -> io::Result<Bytes> {
    let mut records = Vec::with_capacity(bytes);
    while records.len() < bytes {
        let at = position + records.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut records), at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    records.truncate(bytes);
    Ok(records.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failed_sync_none_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("segments");
        std::fs::create_dir(&folder).unwrap();
        let log = LogFile::new(folder.join("log-1-0")).unwrap();
        let write = || {
            let position = log.reserve(3);
            log.write(&log.open().unwrap(), position, b"abc").unwrap();
            log.close();
        };
        write();
        log.sync().unwrap();
        write();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(log.sync().unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::create_dir(&folder).unwrap();
        write();
        assert!(log.sync().is_err(), "what was lost is not there again");
    }
}
