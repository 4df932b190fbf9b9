//! Appending: a checked batch finds its place in the log and is stored there.

use std::sync::Arc;

use bytes::Bytes;
use fjall::Keyspace;
use flymq_protocol::messages::ProduceResponse;
use flymq_protocol::{ErrorCode, ProtocolError, RecordBatch};
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::commit::{Change, Commit, Committer, shutting_down};
use super::keys::BatchHead;
use super::log_file::LARGE;
use super::partition::Partition;
use super::producers::{self, Verdict};
use super::segment::Segment;
use super::store::failed;
use super::topics::Topic;
use super::transactions::{Enlistment, Identity, Transactions};
use super::upkeep::Nudge;
use crate::Result;
use crate::engine::Reply;

/// A batch on its way into the log. It has been checked.
pub struct Append {
    pub topic: Arc<Topic>,
    pub partition: Arc<Partition>,
    pub batch: RecordBatch,
    pub max_timestamp: i64,
    /// The transactional id of a batch that belongs to a transaction.
    pub transaction: Option<(Arc<Transactions>, String)>,
    /// Called when a segment is full.
    pub nudge: Arc<Nudge>,
}

/// Appends a batch. Its place in the log is decided before this returns or in the order of the
/// calls.
pub fn append(committer: &Committer, append: Append) -> Reply<ProduceResponse> {
    let mut appending = Appending { append, outcome: None, result: None, done: None };
    if committer.commit_here(&mut appending) {
        return Reply::Ready(appending.result.unwrap_or_else(|| Err(shutting_down())));
    }
    let (done, result) = oneshot::channel();
    appending.done = Some(done);
    if !committer.enqueue(Box::new(appending)) {
        return Reply::Ready(Err(shutting_down()));
    }
    Reply::Later(async move { result.await.unwrap_or_else(|_| Err(shutting_down())) }.boxed())
}

/// Where and how an append will be stored, once the group is committed.
struct Staged {
    segment: Arc<Segment>,
    head: BatchHead,
    /// Whether it is the first of its transaction in the partition.
    opens: bool,
}

enum Outcome {
    Stored(Staged),
    Duplicate(u64),
}

/// An append on its way through a commit.
struct Appending {
    append: Append,
    outcome: Option<Result<Outcome>>,
    /// The answer, where nobody waits on `done`.
    result: Option<Result<ProduceResponse>>,
    done: Option<oneshot::Sender<Result<ProduceResponse>>>,
}

impl Change for Appending {
    fn stage(&mut self, commit: &mut Commit) {
        self.outcome = Some(self.append.stage(commit));
    }

    fn finish(&mut self, now: i64, committed: Result<()>) {
        let outcome = committed.and(self.outcome.take().unwrap_or_else(|| Err(shutting_down())));
        let result = outcome.map(|outcome| self.append.publish(outcome, now));
        match self.done.take() {
            // The session may be gone; the batch is stored all the same.
            Some(done) => drop(done.send(result)),
            None => self.result = Some(result),
        }
    }

    fn bytes(&self) -> usize {
        self.append.batch.records.len()
    }

    fn keyspace(&self) -> Option<Keyspace> {
        Some(self.append.topic.active().keyspace.clone())
    }
}

impl Append {
    fn stage(&self, commit: &mut Commit) -> Result<Outcome> {
        let Append { topic, partition, batch, max_timestamp, .. } = self;
        if topic.is_deleted() {
            return Err(ProtocolError::new(
                ErrorCode::UnknownTopic,
                format!("topic {} was deleted", topic.name),
            ));
        }
        let segment = topic.active();
        let file = (batch.records.len() > LARGE).then(|| segment.file.open()).transpose();
        let file = file.map_err(|e| failed("cannot open the log", e))?;
        let enlistment = self.enlist()?;
        let mut writer = partition.writer();
        let base_offset = writer.next;
        if batch.producer_id >= 0 {
            let known = writer.producers.get(&batch.producer_id);
            if let Verdict::Duplicate(offset) = producers::judge(known, batch)? {
                return Ok(Outcome::Duplicate(offset));
            }
            let state = writer.producers.entry(batch.producer_id).or_default();
            state.record(batch, base_offset, commit.now);
            let key = producers::key(topic.id, partition.index, batch.producer_id);
            commit.batch.insert(&commit.store.producers, key, state.encode()?);
        }
        writer.next += u64::from(batch.count);

        let head = BatchHead::new(partition.index, base_offset, batch, *max_timestamp);
        let opens = match enlistment {
            Some(enlistment) => enlistment.add(commit, topic, partition, &head)?,
            None => false,
        };
        let value = match file {
            // A copy, or the store's memory would keep a whole network buffer alive.
            None => Bytes::copy_from_slice(&batch.records),
            Some(file) => commit.write(&segment, file, batch.records.0.clone()),
        };
        commit.batch.insert(&segment.keyspace, head.encode(), value);
        Ok(Outcome::Stored(Staged { segment, head, opens }))
    }

    /// Asks the batch's transaction, if it has one.
    fn enlist(&self) -> Result<Option<Enlistment<'_>>> {
        let Some((transactions, id)) = &self.transaction else { return Ok(None) };
        let Append { topic, partition, batch, .. } = self;
        let identity = Identity { producer_id: batch.producer_id, epoch: batch.producer_epoch };
        transactions.enlist(id, identity, (topic.id, partition.index)).map(Some)
    }

    /// Lets readers see what has been committed.
    fn publish(&self, outcome: Outcome, now: i64) -> ProduceResponse {
        match outcome {
            Outcome::Stored(Staged { segment, head, opens }) => {
                let base_offset = head.base_offset();
                if opens {
                    self.partition.visibility.open(base_offset);
                }
                segment.note(&head, now);
                if segment.bytes() as i64 >= self.topic.config().segment_bytes {
                    self.nudge.call();
                }
                let (end, bytes) = (head.last_offset + 1, head.size.into());
                self.partition.publish(segment.number, base_offset, end, bytes);
                ProduceResponse { base_offset, duplicate: false }
            }
            Outcome::Duplicate(base_offset) => ProduceResponse { base_offset, duplicate: true },
        }
    }
}
