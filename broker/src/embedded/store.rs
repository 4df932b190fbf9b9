//! The database folder: opening, its version, and what is kept beside the records.
//!
//! | keyspace | key → value |
//! | --- | --- |
//! | `meta` | see [`MetaKey`] |
//! | `producers` | topic id, partition, producer id → the producer's last batches |
//! | `offsets` | group, topic id, partition → the group's offset (see [`super::offsets`]) |
//! | `transactions` | transactional ids, open and aborted transactions (see [`super::transactions`]) |
//! | `groups` | group, member id → consumer groups and their members (see [`super::groups`]) |
//! | `log-<topic id>-<segment>` | batches (see [`super::keys`]), and where the large ones are in the file of that name (see [`super::log_file`]) |

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch, PersistMode,
};
use flymq_protocol::{ErrorCode, ProtocolError};
use serde::{Serialize, de::DeserializeOwned};

use super::log_file::LogFile;
use super::producers::ProducerState;
use super::segment::Storage;
use super::transactions::Identity;
use super::transactions::records::{self, Place};
use crate::Result;

/// The version of everything in this folder.
const FORMAT: &str = "flymq data format 2\n";
/// A version that has nothing which this one reads otherwise: there were no files of segments.
const EARLIER_FORMAT: &str = "flymq data format 1\n";
const FORMAT_FILE: &str = "FORMAT";
const FORMAT_ASIDE: &str = "FORMAT.new";

/// Keys of the `meta` keyspace.
#[derive(Clone, Copy)]
pub enum MetaKey<'a> {
    /// Identity of the data: a string.
    ClusterId,
    /// The next topic id: `u32`.
    NextTopicId,
    /// The next producer id that was never handed out: `i64`.
    NextProducerId,
    /// The same for producers with a transactional id.
    NextTxnProducerId,
    /// A topic by name: [`super::topics::TopicRecord`].
    Topic(&'a str),
    /// What is left of a topic's partition when segments were dropped: `(start, end)` offsets.
    Bounds(u32, u32),
    /// A closed segment's totals: [`super::segment::SegmentRecord`].
    Segment(u32, u64),
    /// Whether records may have been acknowledged that are not on the disk: `bool`.
    Unsynced,
}

/// Prefix of all [`MetaKey::Topic`] keys.
pub const TOPIC_PREFIX: &str = "topic/";

impl MetaKey<'_> {
    fn encode(&self) -> String {
        match self {
            Self::ClusterId => "cluster_id".to_owned(),
            Self::NextTopicId => "next_topic_id".to_owned(),
            Self::NextProducerId => "next_producer_id".to_owned(),
            Self::NextTxnProducerId => "next_txn_producer_id".to_owned(),
            Self::Topic(name) => format!("{TOPIC_PREFIX}{name}"),
            Self::Bounds(topic, partition) => format!("bounds/{topic}/{partition}"),
            Self::Segment(topic, number) => format!("segment/{topic}/{number}"),
            Self::Unsynced => "unsynced".to_owned(),
        }
    }
}

/// A failure of the storage as the protocol reports it.
pub fn failed(what: &str, error: impl std::fmt::Display) -> ProtocolError {
    ProtocolError::new(ErrorCode::StorageFailed, format!("{what}: {error}"))
}

/// How large the memtable of a segment gets, in bytes.
const MEMTABLE: u64 = 16 << 20;
/// The same for each of the other keyspaces.
const SMALL_MEMTABLE: u64 = 4 << 20;
/// When fjall is to write a memtable out by itself. It asks its workers for that with every write until
/// it is done, and once such questions fill their queue, workers that have something to add to it wait
/// for each other, and writers for them, for ever.
const NEVER: u64 = u64::MAX;

/// Bytes of a keyspace that are in memory and not being written out yet.
pub fn memtable_bytes(keyspace: &Keyspace) -> u64 {
    fjall::AbstractTree::active_memtable(&keyspace.tree).size()
}

/// Has the store write out what it holds of a keyspace in memory. It does so in the background.
pub fn write_out(keyspace: &Keyspace) {
    if let Err(error) = keyspace.rotate_memtable() {
        tracing::warn!(%error, "cannot write a memtable out");
    }
}

/// The open database.
pub struct Store {
    pub db: Database,
    /// The folder of the segments' files.
    files: PathBuf,
    pub meta: Keyspace,
    pub producers: Keyspace,
    pub offsets: Keyspace,
    pub groups: Keyspace,
    pub transactions: Keyspace,
}

impl Store {
    /// Opens or creates the folder.
    pub fn open(path: &Path) -> Result<Self> {
        prepare_folder(path)?;
        let files = path.join("segments");
        std::fs::create_dir_all(&files).map_err(|e| failed("cannot open the data folder", e))?;
        let db = Database::builder(path.join("db"))
            // Records are compressed by their producers, if at all.
            .journal_compression(fjall::CompressionType::None)
            .cache_size(16 << 20)
            .max_journaling_size(256 << 20)
            .open()
            .map_err(|e| match e {
                fjall::Error::Locked => failed(
                    "cannot open the data folder",
                    format!("{} is in use by another broker", path.display()),
                ),
                e => failed("cannot open the data folder", e),
            })?;
        let small = || KeyspaceCreateOptions::default().max_memtable_size(NEVER);
        let open =
            |name| db.keyspace(name, small).map_err(|e| failed("cannot open the data folder", e));
        Ok(Self {
            meta: open("meta")?,
            producers: open("producers")?,
            offsets: open("offsets")?,
            groups: open("groups")?,
            transactions: open("transactions")?,
            db,
            files,
        })
    }

    /// Has memtables that have become large written out: those of everything but records, and of
    /// `segments`, to which something has just been added.
    pub fn write_large_out(&self, segments: impl Iterator<Item = Keyspace>) {
        let small = self.small().into_iter().map(|keyspace| (keyspace.clone(), SMALL_MEMTABLE));
        for (keyspace, limit) in segments.map(|keyspace| (keyspace, MEMTABLE)).chain(small) {
            if memtable_bytes(&keyspace) >= limit {
                write_out(&keyspace);
            }
        }
    }

    /// The keyspaces of everything but records.
    pub fn small(&self) -> [&Keyspace; 5] {
        [&self.meta, &self.producers, &self.offsets, &self.groups, &self.transactions]
    }

    /// Creates or opens a segment.
    pub fn segment(&self, topic: u32, number: u64) -> Result<Storage> {
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(NEVER)
                .with_kv_separation(Some(
                    KvSeparationOptions::default().compression(fjall::CompressionType::None),
                ))
                // Segments are scanned, never probed for single keys.
                .filter_policy(fjall::config::FilterPolicy::disabled())
        };
        let name = segment_name(topic, number);
        let keyspace = self.db.keyspace(&name, options);
        let file = LogFile::new(self.files.join(&name));
        Ok(Storage {
            keyspace: keyspace.map_err(|e| failed("cannot create a segment", e))?,
            file: file.map_err(|e| failed("cannot create a segment", e))?,
        })
    }

    pub fn get<T: DeserializeOwned>(&self, key: MetaKey) -> Result<Option<T>> {
        let bytes = self.meta.get(key.encode()).map_err(|e| failed("cannot read metadata", e))?;
        bytes.map(|bytes| decode(&bytes)).transpose()
    }

    /// Says whether records are acknowledged from here on that are not on the disk.
    pub fn set_unsynced(&self, unsynced: bool) -> Result<()> {
        let mut changes = self.changes();
        changes.put(MetaKey::Unsynced, &unsynced)?;
        changes.commit()
    }

    pub fn is_unsynced(&self) -> Result<bool> {
        Ok(self.get(MetaKey::Unsynced)?.unwrap_or(false))
    }

    /// Every topic there is, by name.
    pub fn topics<T: DeserializeOwned>(&self) -> Result<Vec<(String, T)>> {
        let mut topics = Vec::new();
        for guard in self.meta.prefix(TOPIC_PREFIX) {
            let (key, value) = guard.into_inner().map_err(|e| failed("cannot read metadata", e))?;
            let name = String::from_utf8_lossy(&key[TOPIC_PREFIX.len()..]).into_owned();
            topics.push((name, decode(&value)?));
        }
        Ok(topics)
    }

    /// Segments by their keyspaces' names: topic id and number, ascending.
    pub fn segments(&self) -> Vec<(u32, u64)> {
        let mut segments: Vec<_> = self
            .db
            .list_keyspace_names()
            .iter()
            .filter_map(|name| parse_segment_name(name))
            .collect();
        segments.sort_unstable();
        segments
    }

    /// Adds metadata to a write.
    pub fn stage<T: Serialize>(
        &self,
        batch: &mut OwnedWriteBatch,
        key: MetaKey,
        value: &T,
    ) -> Result<()> {
        let bytes = rmp_serde::to_vec(value).map_err(|e| failed("cannot encode metadata", e))?;
        batch.insert(&self.meta, key.encode(), bytes);
        Ok(())
    }

    /// A set of changes that will be made together, on the disk when [`Changes::commit`] returns.
    pub fn changes(&self) -> Changes<'_> {
        Changes { store: self, batch: self.db.batch().durability(Some(PersistMode::SyncData)) }
    }

    /// Drops a segment with all that it holds. A file that a crash leaves without a keyspace is
    /// removed at the next start.
    pub fn drop_segment(&self, keyspace: Keyspace, file: &LogFile) -> Result<()> {
        // Deleting the keyspace alone leaves its files open in the store's cache of file handles, and
        // their space in use. Files that are dropped one by one are closed too.
        if let Err(error) = fjall::AbstractTree::drop_range::<&[u8], _>(&keyspace.tree, ..) {
            tracing::warn!(%error, "cannot drop a segment's files one by one");
        }
        self.db.delete_keyspace(keyspace).map_err(|e| failed("cannot drop a segment", e))?;
        file.remove().map_err(|e| failed("cannot drop a segment", e))
    }

    /// Drops a segment by its name, if it is there.
    pub fn drop_stray(&self, topic: u32, number: u64) -> Result<()> {
        let Storage { keyspace, file } = self.segment(topic, number)?;
        self.drop_segment(keyspace, &file)
    }

    /// Removes the files of segments that are no more.
    pub fn remove_stray_files(&self) -> Result<()> {
        let failed = |e: std::io::Error| failed("cannot tidy the data folder up", e);
        for entry in std::fs::read_dir(&self.files).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !entry.file_name().to_str().is_some_and(|name| self.db.keyspace_exists(name)) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Changes to metadata that are made all or none.
pub struct Changes<'a> {
    store: &'a Store,
    batch: OwnedWriteBatch,
}

impl Changes<'_> {
    pub fn put<T: Serialize>(&mut self, key: MetaKey, value: &T) -> Result<()> {
        self.store.stage(&mut self.batch, key, value)
    }

    pub fn remove(&mut self, key: MetaKey) {
        self.batch.remove(&self.store.meta, key.encode());
    }

    pub fn remove_batch(&mut self, segment: &Keyspace, key: &[u8]) {
        self.batch.remove(segment, key);
    }

    pub fn put_producer(&mut self, key: &[u8], state: &ProducerState) -> Result<()> {
        self.batch.insert(&self.store.producers, key, state.encode()?);
        Ok(())
    }

    pub fn remove_producer(&mut self, key: &[u8]) {
        self.batch.remove(&self.store.producers, key);
    }

    pub fn put_offset(&mut self, key: &[u8], value: Vec<u8>) {
        self.batch.insert(&self.store.offsets, key, value);
    }

    pub fn remove_offset(&mut self, key: Vec<u8>) {
        self.batch.remove(&self.store.offsets, key);
    }

    /// Removes what transactions have in a topic.
    pub fn remove_transactions(&mut self, topic: u32) -> Result<()> {
        records::remove_topic(self.store, &mut self.batch, topic)
    }

    /// Forgets that a transaction was aborted, since its records in the partition are gone.
    pub fn remove_aborted(&mut self, place: Place, transaction: Identity) {
        records::remove_aborted(self.store, &mut self.batch, place, transaction);
    }

    pub fn commit(self) -> Result<()> {
        self.batch.commit().map_err(|e| failed("cannot write metadata", e))
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).map_err(|e| failed("metadata is damaged", e))
}

fn segment_name(topic: u32, number: u64) -> String {
    format!("log-{topic}-{number}")
}

fn parse_segment_name(name: &str) -> Option<(u32, u64)> {
    let (topic, number) = name.strip_prefix("log-")?.split_once('-')?;
    Some((topic.parse().ok()?, number.parse().ok()?))
}

/// Marks a new folder with the format's version and refuses folders of anything else. A new folder
/// is for its owner's eyes only.
pub fn prepare_folder(path: &Path) -> Result<()> {
    let io =
        |e: std::io::Error| failed(&format!("cannot use the data folder {}", path.display()), e);
    // Records are nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
    let file = path.join(FORMAT_FILE);
    match std::fs::read_to_string(&file) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) if found == EARLIER_FORMAT => mark(path).map_err(io),
        Ok(found) => Err(failed(
            &format!("cannot use the data folder {}", path.display()),
            format!(
                "it holds {:?}, this broker reads {:?}; use the broker version that wrote it, or another folder",
                found.trim(),
                FORMAT.trim()
            ),
        )),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let foreign = |entry: &std::io::Result<std::fs::DirEntry>| {
                entry.as_ref().map_or(true, |entry| entry.file_name() != FORMAT_ASIDE)
            };
            if std::fs::read_dir(path).map_err(io)?.any(|entry| foreign(&entry)) {
                return Err(failed(
                    &format!("cannot use the data folder {}", path.display()),
                    "it is neither empty nor a FlyMQ data folder",
                ));
            }
            mark(path).map_err(io)
        }
        Err(e) => Err(io(e)),
    }
}

/// Marks a folder with the format's version: aside and renamed, so that a crash leaves either the mark
/// before or the whole of this one.
fn mark(path: &Path) -> std::io::Result<()> {
    let aside = path.join(FORMAT_ASIDE);
    std::fs::write(&aside, FORMAT)?;
    std::fs::rename(&aside, path.join(FORMAT_FILE))
}
