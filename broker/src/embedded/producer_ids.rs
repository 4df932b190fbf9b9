//! Producer ids: set aside by the thousand, never handed out twice.

use std::sync::atomic::{AtomicI64, Ordering};

use fjall::OwnedWriteBatch;

use super::store::{MetaKey, Store};
use crate::Result;

/// How many ids are set aside with one write.
const RESERVED: i64 = 1000;
/// The first id of producers with a transactional id. Those without never get that far, so the id
/// alone tells whether a batch has to belong to a transaction.
const TRANSACTIONAL: i64 = 1 << 48;

/// Whether a producer id belongs to a transactional id.
pub fn is_transactional(producer_id: i64) -> bool {
    producer_id >= TRANSACTIONAL
}

/// All producer ids. They are taken while a group is staged, so one at a time.
pub struct ProducerIds {
    plain: Range,
    transactional: Range,
}

/// Ids handed out and set aside.
struct Range {
    next: AtomicI64,
    reserved: AtomicI64,
    key: MetaKey<'static>,
}

impl ProducerIds {
    pub fn load(store: &Store) -> Result<Self> {
        Ok(Self {
            plain: Range::load(store, MetaKey::NextProducerId, 0)?,
            transactional: Range::load(store, MetaKey::NextTxnProducerId, TRANSACTIONAL)?,
        })
    }

    /// An id for a producer without a transactional id, valid once `batch` is committed.
    pub fn plain(&self, store: &Store, batch: &mut OwnedWriteBatch) -> Result<i64> {
        self.plain.take(store, batch)
    }

    /// An id for a transactional id, valid once `batch` is committed.
    pub fn transactional(&self, store: &Store, batch: &mut OwnedWriteBatch) -> Result<i64> {
        self.transactional.take(store, batch)
    }

    /// Whether an id may have been handed out.
    pub fn is_known(&self, producer_id: i64) -> bool {
        let range = if is_transactional(producer_id) { &self.transactional } else { &self.plain };
        producer_id < range.reserved.load(Ordering::Acquire)
    }
}

impl Range {
    fn load(store: &Store, key: MetaKey<'static>, first: i64) -> Result<Self> {
        let next = store.get(key)?.unwrap_or(first);
        Ok(Self { next: next.into(), reserved: next.into(), key })
    }

    fn take(&self, store: &Store, batch: &mut OwnedWriteBatch) -> Result<i64> {
        let next = self.next.load(Ordering::Acquire);
        if next == self.reserved.load(Ordering::Acquire) {
            store.stage(batch, self.key, &(next + RESERVED))?;
            self.reserved.store(next + RESERVED, Ordering::Release);
        }
        self.next.store(next + 1, Ordering::Release);
        Ok(next)
    }
}
