//! The storage engine for one machine, on the key-value store fjall.
//!
//! | module | holds |
//! | --- | --- |
//! | `store` | the folder, its version, metadata |
//! | `keys`, `log_file` | how a batch is keyed; where the records of large ones are |
//! | `segment`, `partition`, `topics` | the log in memory, and how it comes back at start |
//! | `recovery` | what a power cut took |
//! | `commit` | the group commit: one sync for all changes that wait |
//! | `append` | batches into the log |
//! | `producers` | sequences, so that a retry is stored once |
//! | `producer_ids` | who gets which id |
//! | `transactions` | what becomes visible together, or not at all |
//! | `visibility` | which of a partition's records are those of open or aborted transactions |
//! | `read`, `fetch`, `tally` | records and offsets; many partitions at once, with waiting |
//! | `groups`, `membership` | consumer groups: locks and storage; the operations |
//! | `offsets` | groups' stored offsets |
//! | `admin` | topics |
//! | `upkeep`, `space` | retention, memory, free disk |
//! | `stats` | health, and figures for metrics |

mod admin;
mod append;
mod commit;
mod fetch;
mod groups;
mod keys;
mod log_file;
mod membership;
mod offsets;
mod partition;
mod producer_ids;
mod producers;
mod read;
mod recovery;
mod segment;
mod space;
mod stats;
mod store;
mod tally;
mod topics;
mod transactions;
mod upkeep;
mod visibility;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use fjall::PersistMode;
use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError, RecordBatch, batch};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::budget::Budget;
use crate::engine::stats::{EngineStats, Health};
use crate::engine::{Client, Engine, Fetched, Reply};
use crate::metrics::EngineMetrics;
use crate::{Config, Durability, Result};
use append::Append;
use commit::Committer;
use groups::Groups;
use offsets::Offsets;
use producer_ids::ProducerIds;
use space::DiskSpace;
pub(crate) use store::prepare_folder;
use store::{MetaKey, Store, failed};
use topics::Topics;
use transactions::Transactions;
use upkeep::Nudge;

/// The engine. Several handles may share it; it is closed once.
pub struct EmbeddedEngine {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Inner {
    store: Arc<Store>,
    topics: Topics,
    offsets: Arc<Offsets>,
    groups: Groups,
    committer: Committer,
    budget: Budget,
    space: DiskSpace,
    nudge: Arc<Nudge>,
    /// Held while topics or segments change.
    admin: Mutex<()>,
    producer_ids: Arc<ProducerIds>,
    transactions: Arc<Transactions>,
    cluster_id: String,
    max_partitions: u32,
    metrics: EngineMetrics,
    write_buffer_bytes: u64,
    closing: AtomicBool,
}

impl EmbeddedEngine {
    /// Opens or creates the data folder and starts the engine's threads.
    pub(crate) fn open(config: &Config, budget: Budget, metrics: EngineMetrics) -> Result<Self> {
        let store = Arc::new(Store::open(&config.data_dir)?);
        let topics = Topics::load(&store)?;
        let offsets = Arc::new(Offsets::load(&store, &topics)?);
        let groups = Groups::load(&store, &topics, &offsets, config)?;
        let cluster_id = match store.get(MetaKey::ClusterId)? {
            Some(id) => id,
            None => {
                let id = format!("{:016x}", rand::random::<u64>());
                let mut changes = store.changes();
                changes.put(MetaKey::ClusterId, &id)?;
                changes.commit()?;
                id
            }
        };
        let producer_ids = Arc::new(ProducerIds::load(&store)?);
        let transactions = Transactions::load(&store, &topics, &producer_ids, offsets.clone())?;
        store.set_unsynced(config.durability == Durability::Os)?;
        let nudge = Arc::new(Nudge::default());
        let inner = Arc::new(Inner {
            committer: Committer::new(store.clone(), config.durability, metrics.clone()),
            store,
            topics,
            offsets,
            groups,
            budget,
            space: DiskSpace::new(config.data_dir.clone(), config.min_free_bytes),
            nudge,
            admin: Mutex::new(()),
            producer_ids,
            transactions: Arc::new(transactions),
            cluster_id,
            max_partitions: config.max_partitions,
            metrics,
            write_buffer_bytes: config.write_buffer_bytes,
            closing: AtomicBool::new(false),
        });
        groups::topics_changed(&inner);
        let committing = inner.clone();
        let tending = inner.clone();
        let expiring = inner.clone();
        let ending = inner.clone();
        let id_expiry = config.transactional_id_expiry;
        let (every, expiry) = (config.upkeep_interval, config.producer_expiry);
        let threads = vec![
            spawn("flymq-commit", move || committing.committer.run())?,
            spawn("flymq-upkeep", move || upkeep::run(&tending, every, expiry))?,
            spawn("flymq-groups", move || groups::run(&expiring))?,
            spawn("flymq-txns", move || transactions::run(&ending, id_expiry))?,
        ];
        Ok(Self { inner, threads: Mutex::new(threads) })
    }

    /// Leaves `count` offsets of a partition unused, as an engine's own markers would. For tests of
    /// readers, who must not take offsets for dense.
    pub fn skip_offsets(&self, topic: &str, partition: u32, count: u64) -> Result<()> {
        let partition = self.inner.topics.find(topic)?.partition(partition)?;
        self.inner.committer.between_commits(|| {
            let mut writer = partition.writer();
            writer.next += count;
            partition.skip_to(writer.next);
        });
        Ok(())
    }

    fn admin<Q, A>(&self, request: Q, operate: fn(&Inner, Q) -> Result<A>) -> Reply<A>
    where
        Q: Send + 'static,
        A: Send + 'static,
    {
        let inner = self.inner.clone();
        Reply::blocking(move || operate(&inner, request))
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|e| failed("cannot start a thread", e))
}

impl Inner {
    /// Brings everything to the disk.
    fn sync(&self) -> Result<()> {
        self.committer.between_commits(|| {
            self.topics.sync_files()?;
            let journal = self.store.db.persist(PersistMode::SyncAll);
            journal.map_err(|e| failed("cannot sync the journal", e))?;
            self.store.set_unsynced(false)
        })
    }

    /// Checks a batch and finds its place.
    fn admit(&self, request: ProduceRequest) -> Result<Append> {
        let topic = self.topics.find(&request.topic)?;
        let partition = topic.partition(request.partition)?;
        let batch = request.batch;
        let max_record = topic.config().max_record_bytes as usize;
        let max_timestamp = batch.validate(batch::DEFAULT_MAX_RAW, max_record)?;
        if !self.producer_ids.is_known(batch.producer_id) {
            return Err(ProtocolError::new(
                ErrorCode::UnknownProducer,
                format!("producer id {} was never handed out here", batch.producer_id),
            ));
        }
        let transaction = self.transaction_of(request.transactional_id, &batch)?;
        self.space.admit(batch.records.len())?;
        let nudge = self.nudge.clone();
        Ok(Append { topic, partition, batch, max_timestamp, transaction, nudge })
    }

    /// The transactional id of a batch, if it is to be part of a transaction.
    fn transaction_of(
        &self,
        id: Option<String>,
        batch: &RecordBatch,
    ) -> Result<Option<(Arc<Transactions>, String)>> {
        // A batch outside of transactions would get around the fencing of its producer.
        let is_transactional = producer_ids::is_transactional(batch.producer_id);
        match id {
            None if !batch.transactional && !is_transactional => Ok(None),
            Some(id) if batch.transactional && is_transactional => {
                Ok(Some((self.transactions.clone(), id)))
            }
            id => Err(ProtocolError::new(
                ErrorCode::InvalidTxnState,
                format!(
                    "a batch of a transaction has a transactional id, `transactional`, and the id's producer; this one has {}, {} and {}",
                    if id.is_some() { "an id" } else { "none" },
                    batch.transactional,
                    if is_transactional { "such a producer" } else { "another producer or none" },
                ),
            )),
        }
    }
}

impl Engine for EmbeddedEngine {
    fn cluster_id(&self) -> String {
        self.inner.cluster_id.clone()
    }

    fn features(&self) -> Vec<String> {
        ["groups", "idempotence", "transactions"].map(str::to_owned).to_vec()
    }

    fn produce(&self, request: ProduceRequest) -> Reply<ProduceResponse> {
        match self.inner.admit(request) {
            Ok(append) => append::append(&self.inner.committer, append),
            Err(error) => Reply::Ready(Err(error)),
        }
    }

    fn consume(&self, request: ConsumeRequest) -> Reply<ConsumeResponse> {
        read::consume(&self.inner, request)
    }

    fn fetch(&self, request: FetchRequest) -> Reply<Fetched> {
        fetch::fetch(&self.inner, request)
    }

    fn list_offsets(&self, request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
        read::list_offsets(&self.inner, request)
    }

    fn init_producer(&self, request: InitProducerRequest) -> Reply<InitProducerResponse> {
        transactions::init(&self.inner, request)
    }

    fn create_topic(&self, request: CreateTopicRequest) -> Reply<CreateTopicResponse> {
        self.admin(request, admin::create_topic)
    }

    fn delete_topic(&self, request: DeleteTopicRequest) -> Reply<DeleteTopicResponse> {
        self.admin(request, admin::delete_topic)
    }

    fn list_topics(&self) -> Reply<ListTopicsResponse> {
        Reply::Ready(Ok(admin::list_topics(&self.inner)))
    }

    fn metadata(&self, request: MetadataRequest) -> Reply<Vec<TopicSummary>> {
        Reply::Ready(Ok(admin::metadata(&self.inner, request.topics)))
    }

    fn add_partitions(&self, request: AddPartitionsRequest) -> Reply<AddPartitionsResponse> {
        self.admin(request, admin::add_partitions)
    }

    fn describe_topic(&self, request: DescribeTopicRequest) -> Reply<DescribeTopicResponse> {
        Reply::Ready(admin::describe_topic(&self.inner, request))
    }

    fn alter_topic(&self, request: AlterTopicRequest) -> Reply<AlterTopicResponse> {
        self.admin(request, admin::alter_topic)
    }

    fn cluster_status(&self) -> Reply<ClusterStatusResponse> {
        Reply::Ready(Ok(admin::cluster_status(&self.inner)))
    }

    fn subscribe(&self, request: SubscribeRequest, client: Client) -> Reply<SubscribeResponse> {
        membership::subscribe(&self.inner, request, client)
    }

    fn heartbeat(&self, request: HeartbeatRequest, _client: Client) -> Reply<HeartbeatResponse> {
        membership::heartbeat(&self.inner, request)
    }

    fn leave(&self, request: LeaveRequest) -> Reply<LeaveResponse> {
        membership::leave(&self.inner, request)
    }

    fn commit(&self, request: CommitRequest) -> Reply<CommitResponse> {
        membership::commit(&self.inner, request)
    }

    fn committed(&self, request: CommittedRequest) -> Reply<CommittedResponse> {
        Reply::Ready(membership::committed(&self.inner, request))
    }

    fn list_groups(&self) -> Reply<ListGroupsResponse> {
        Reply::Ready(Ok(membership::list(&self.inner)))
    }

    fn describe_group(&self, request: DescribeGroupRequest) -> Reply<DescribeGroupResponse> {
        Reply::Ready(membership::describe(&self.inner, request))
    }

    fn delete_group(&self, request: DeleteGroupRequest) -> Reply<DeleteGroupResponse> {
        membership::delete(&self.inner, request)
    }

    fn begin_txn(&self, request: BeginTxnRequest) -> Reply<BeginTxnResponse> {
        Reply::Ready(transactions::begin(&self.inner, request))
    }

    fn commit_txn(&self, request: CommitTxnRequest) -> Reply<EndTxnResponse> {
        transactions::commit(&self.inner, request)
    }

    fn abort_txn(&self, request: AbortTxnRequest) -> Reply<EndTxnResponse> {
        transactions::abort(&self.inner, request)
    }

    fn txn_offsets(&self, request: TxnOffsetsRequest) -> Reply<TxnOffsetsResponse> {
        Reply::Ready(transactions::offsets(&self.inner, request))
    }

    fn health(&self) -> Reply<Health> {
        Reply::Ready(Ok(stats::health(&self.inner)))
    }

    fn stats(&self) -> Reply<EngineStats> {
        let inner = self.inner.clone();
        Reply::blocking(move || Ok(stats::stats(&inner)))
    }

    fn stop_waiting(&self) {
        self.inner.closing.store(true, Ordering::Release);
        self.inner.nudge.call();
        self.inner.groups.stop();
        self.inner.transactions.stop();
        for topic in self.inner.topics.all() {
            topic.partitions().iter().for_each(|p| p.wake());
        }
    }

    fn stop(&self) {
        self.stop_waiting();
        self.inner.committer.close();
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.stop();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let inner = self.inner.clone();
        let finish = move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the storage engine had panicked");
                }
            }
            if let Err(error) = inner.sync() {
                tracing::error!(%error, "cannot bring everything to the disk");
            }
        };
        async move {
            // Without an answer the runtime is going down, and the journal is as durable as it was
            // promised to be.
            let _ = tokio::task::spawn_blocking(finish).await;
        }
        .boxed()
    }
}
