//! The storage engine for one machine, on the key-value store fjall.
//!
//! | module | holds |
//! | --- | --- |
//! | `store` | the folder, its version, metadata |
//! | `keys` | how a batch is keyed |
//! | `segment`, `partition`, `topics` | the log in memory, and how it comes back at start |
//! | `commit` | the group commit: one sync for all changes that wait |
//! | `append` | batches into the log |
//! | `producers` | sequences, so that a retry is stored once |
//! | `read`, `fetch` | records and offsets; many partitions at once, with waiting |
//! | `admin` | topics |
//! | `upkeep`, `space` | retention, memory, free disk |

mod admin;
mod append;
mod commit;
mod fetch;
mod keys;
mod partition;
mod producers;
mod read;
mod segment;
mod space;
mod store;
mod topics;
mod upkeep;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use fjall::PersistMode;
use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError, batch};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::budget::Budget;
use crate::engine::{Engine, Fetched, Reply};
use crate::{Config, Result};
use append::Append;
use commit::Committer;
use space::DiskSpace;
pub(crate) use store::prepare_folder;
use store::{MetaKey, Store, failed};
use topics::Topics;
use upkeep::Nudge;

/// How many producer ids are set aside with one write.
const PRODUCER_IDS: i64 = 1000;

/// The engine. Several handles may share it; it is closed once.
pub struct EmbeddedEngine {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Inner {
    store: Arc<Store>,
    topics: Topics,
    committer: Committer,
    budget: Budget,
    space: DiskSpace,
    nudge: Arc<Nudge>,
    /// Held while topics or segments change.
    admin: Mutex<()>,
    producer_ids: Mutex<ProducerIds>,
    cluster_id: String,
    max_partitions: u32,
    write_buffer_bytes: u64,
    closing: AtomicBool,
}

/// Producer ids handed out and set aside.
struct ProducerIds {
    next: i64,
    reserved: i64,
}

impl EmbeddedEngine {
    /// Opens or creates the data folder and starts the engine's threads.
    pub(crate) fn open(config: &Config, budget: Budget) -> Result<Self> {
        let store = Arc::new(Store::open(&config.data_dir)?);
        let topics = Topics::load(&store)?;
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
        let reserved = store.get(MetaKey::NextProducerId)?.unwrap_or(0);
        let nudge = Arc::new(Nudge::default());
        let inner = Arc::new(Inner {
            committer: Committer::new(store.clone(), config.durability),
            store,
            topics,
            budget,
            space: DiskSpace::new(config.data_dir.clone(), config.min_free_bytes),
            nudge,
            admin: Mutex::new(()),
            producer_ids: Mutex::new(ProducerIds { next: reserved, reserved }),
            cluster_id,
            max_partitions: config.max_partitions,
            write_buffer_bytes: config.write_buffer_bytes,
            closing: AtomicBool::new(false),
        });
        let committing = inner.clone();
        let tending = inner.clone();
        let (every, expiry) = (config.upkeep_interval, config.producer_expiry);
        let threads = vec![
            spawn("flymq-commit", move || committing.committer.run())?,
            spawn("flymq-upkeep", move || upkeep::run(&tending, every, expiry))?,
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

    /// Stops the engine's threads without waiting for them. What was acknowledged is as durable as it
    /// was promised to be.
    pub(crate) fn stop(&self) {
        self.stop_waiting();
        self.inner.committer.close();
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
    fn init_producer(&self, request: InitProducerRequest) -> Result<InitProducerResponse> {
        if request.transactional_id.is_some() {
            return Err(ProtocolError::new(
                ErrorCode::UnsupportedOperation,
                "this broker does not offer transactions",
            ));
        }
        let mut ids = self.producer_ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.next == ids.reserved {
            let reserved = ids.reserved + PRODUCER_IDS;
            let mut changes = self.store.changes();
            changes.put(MetaKey::NextProducerId, &reserved)?;
            changes.commit()?;
            ids.reserved = reserved;
        }
        ids.next += 1;
        Ok(InitProducerResponse { producer_id: ids.next - 1, producer_epoch: 0 })
    }

    /// Checks a batch and finds its place.
    fn admit(&self, request: ProduceRequest) -> Result<Append> {
        let topic = self.topics.find(&request.topic)?;
        let partition = topic.partition(request.partition)?;
        let batch = request.batch;
        let max_record = topic.config().max_record_bytes as usize;
        let max_timestamp = batch.validate(batch::DEFAULT_MAX_RAW, max_record)?;
        if batch.transactional {
            return Err(ProtocolError::new(
                ErrorCode::UnsupportedOperation,
                "this broker does not offer transactions",
            ));
        }
        let issued = self.producer_ids.lock().unwrap_or_else(PoisonError::into_inner).reserved;
        if batch.producer_id >= issued {
            return Err(ProtocolError::new(
                ErrorCode::UnknownProducer,
                format!("producer id {} was never handed out here", batch.producer_id),
            ));
        }
        self.space.admit(batch.records.len())?;
        Ok(Append { topic, partition, batch, max_timestamp, nudge: self.nudge.clone() })
    }
}

impl Engine for EmbeddedEngine {
    fn cluster_id(&self) -> String {
        self.inner.cluster_id.clone()
    }

    fn features(&self) -> Vec<String> {
        vec!["idempotence".to_owned()]
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
        self.admin(request, Inner::init_producer)
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

    fn stop_waiting(&self) {
        self.inner.closing.store(true, Ordering::Release);
        self.inner.nudge.call();
        for topic in self.inner.topics.all() {
            topic.partitions().iter().for_each(|p| p.wake());
        }
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
            if let Err(error) = inner.store.db.persist(PersistMode::SyncAll) {
                tracing::error!(%error, "cannot bring the journal to the disk");
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
