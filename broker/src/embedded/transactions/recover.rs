//! Transactions when the broker starts: whatever was open is aborted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fjall::PersistMode;

use super::records::{self, Entry};
use super::registry::{Transactions, following_in};
use super::state::Outcome;
use crate::Result;
use crate::embedded::offsets::Offsets;
use crate::embedded::producer_ids::ProducerIds;
use crate::embedded::store::{Store, failed};
use crate::embedded::topics::{Topic, Topics};

impl Transactions {
    /// Brings transactional ids and aborted transactions back, and aborts what was open, in one
    /// write.
    pub fn load(
        store: &Store,
        topics: &Topics,
        ids: &ProducerIds,
        offsets: Arc<Offsets>,
    ) -> Result<Self> {
        let by_id: HashMap<u32, Arc<Topic>> =
            topics.all().into_iter().map(|topic| (topic.id, topic)).collect();
        let find = |(topic, partition)| by_id.get(&topic)?.partition(partition).ok();
        let mut batch = store.db.batch().durability(Some(PersistMode::SyncData));
        let mut open = HashSet::new();
        let mut producers = Vec::new();
        for entry in records::entries(store) {
            match entry? {
                Entry::Producer(id, record) => producers.push((id, record)),
                Entry::Open(place, transaction, first) => {
                    records::remove_open(store, &mut batch, place, transaction);
                    open.insert(transaction);
                    if let Some(partition) = find(place) {
                        // Its own records end somewhere before.
                        let span = (first, partition.end().saturating_sub(1).max(first));
                        records::put_aborted(store, &mut batch, place, transaction, span);
                        partition.visibility.abort(transaction, span);
                    }
                }
                Entry::Aborted(place, transaction, span) => match find(place) {
                    Some(partition) if span.1 >= partition.start() => {
                        partition.visibility.abort(transaction, span);
                    }
                    // A crash left it when its records were dropped.
                    _ => records::remove_aborted(store, &mut batch, place, transaction),
                },
            }
        }
        for (id, record) in &mut producers {
            if open.contains(&record.current) {
                tracing::info!(
                    transactional_id = %crate::topic::shorten(id),
                    "aborted a transaction that was open when the broker stopped"
                );
                record.last = Some((record.current, Outcome::Aborted));
                record.current = following_in(record.current, ids, store, &mut batch)?;
                records::put_producer(store, &mut batch, id, record)?;
            }
        }
        batch.commit().map_err(|e| failed("cannot abort open transactions", e))?;
        Ok(Self::new(producers, offsets))
    }
}
