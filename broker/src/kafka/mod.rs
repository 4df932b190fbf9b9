//! The storage engine beyond one machine: an Apache Kafka cluster, 4.1 or later.
//!
//! A broker with this engine is a gateway. It keeps nothing, so there may be any number of them over
//! one cluster, and any of them serves any client. Replication, transactions, sequences of producers
//! and groups are Kafka's.
//!
//! | module | holds |
//! | --- | --- |
//! | [`config`] | options, by the names that Kafka's clients give them |
//! | `link` | one connection: frames, TLS, SASL |
//! | `node` | the connections to one node, by what they are for |
//! | `cluster` | metadata, and requests that find their way |
//! | `coordinators` | who coordinates a group or a transactional id |
//! | `records` | FlyMQ's record batches and Kafka's |
//! | `produce` | appends, in the order of the calls |
//! | `fetch`, `offsets` | reads, and waiting for records; offsets by time |
//! | `producer` | identities of producers |
//! | `topics`, `topic_config` | topics; their configuration in Kafka's terms |
//! | `retry` | attempts of one operation |
//! | `groups` | consumer groups |
//! | `commits` | groups' offsets, also within transactions |
//! | `transactions` | transactions |
//! | `journal` | topics that gateways keep for themselves |
//! | `access` | users and rules, in such a topic |
//! | `gateways` | which gateways are alive, in another |
//! | `topic_ids` | the names behind Kafka's topic ids |
//! | `errors` | Kafka's error codes in FlyMQ's terms |
//! | `stats` | what is counted |
//! | `status` | how the cluster is |
//! | `figures` | topics, groups and their lag, for metrics |

mod access;
mod cluster;
mod commits;
pub mod config;
mod coordinators;
mod errors;
mod fetch;
mod figures;
mod gateways;
mod groups;
mod journal;
mod link;
mod node;
mod offsets;
mod produce;
mod producer;
mod records;
mod retry;
mod stats;
mod status;
mod topic_config;
mod topic_ids;
mod topics;
mod transactions;

use std::sync::{Arc, Mutex, PoisonError};

use flymq_protocol::messages::*;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::access::{Access, AuthConfig};
use crate::budget::Budget;
use crate::engine::stats::{EngineStats, Health};
use crate::engine::{Client, Engine, Fetched, Reply};
use crate::{Config, Result};
use cluster::Cluster;
pub use config::{KafkaConfig, SaslMechanism, SecurityProtocol};
use fetch::Pollers;
use produce::Pumps;
pub use stats::{KafkaStats, LATENCY_BUCKETS_US, RequestStats};

/// The engine.
pub struct KafkaEngine {
    inner: Arc<Inner>,
    /// Tells the other gateways of this one.
    announcing: Mutex<Option<JoinHandle<()>>>,
}

/// What operations share.
struct Inner {
    cluster: Cluster,
    pumps: Pumps,
    pollers: Pollers,
    ends: fetch::Ends,
    stopping: watch::Sender<bool>,
    budget: Budget,
    max_partitions: u32,
    heartbeat_interval: std::time::Duration,
    topic_ids: topic_ids::TopicIds,
    sessions: groups::Sessions,
    gateways: gateways::Gateways,
    figures: figures::Figures,
}

impl Inner {
    /// Whether fetches are to be answered at once.
    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

impl KafkaEngine {
    /// Connects to the cluster.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for options that cannot be used, and for a cluster that is too old;
    /// UNAVAILABLE if no node can be reached in time.
    pub(crate) async fn open(config: &Config, kafka: KafkaConfig, budget: Budget) -> Result<Self> {
        let cluster = Cluster::connect(kafka).await?;
        let inner = Arc::new_cyclic(|inner| Inner {
            cluster,
            pumps: Pumps::start(inner),
            pollers: Pollers::default(),
            ends: Default::default(),
            stopping: watch::Sender::new(false),
            budget,
            max_partitions: config.max_partitions,
            heartbeat_interval: config.heartbeat_interval,
            topic_ids: Default::default(),
            sessions: Default::default(),
            gateways: Default::default(),
            figures: Default::default(),
        });
        Ok(Self { inner, announcing: Mutex::default() })
    }

    /// The users and rules that all gateways share.
    pub(crate) async fn access(&self, config: AuthConfig) -> Result<Access> {
        let (topic, current) = access::AccessTopic::open(self.inner.clone()).await?;
        crate::server::blocking(move || Access::with_store(Box::new(topic), current, config)).await
    }

    /// What the engine has done with the cluster, and how many nodes it can reach.
    pub fn stats(&self) -> KafkaStats {
        self.inner.cluster.stats()
    }

    /// Runs an operation that asks the cluster.
    fn run<Q, A, F>(&self, request: Q, operate: fn(Arc<Inner>, Q) -> F) -> Reply<A>
    where
        F: Future<Output = Result<A>> + Send + 'static,
    {
        Reply::Later(operate(self.inner.clone(), request).boxed())
    }
}

impl Engine for KafkaEngine {
    fn cluster_id(&self) -> String {
        self.inner.cluster.id()
    }

    fn features(&self) -> Vec<String> {
        ["groups", "idempotence", "transactions"].map(str::to_owned).to_vec()
    }

    fn produce(&self, request: ProduceRequest) -> Reply<ProduceResponse> {
        produce::produce(&self.inner, request)
    }

    fn consume(&self, request: ConsumeRequest) -> Reply<ConsumeResponse> {
        self.run(request, fetch::consume)
    }

    fn fetch(&self, request: FetchRequest) -> Reply<Fetched> {
        self.run(request, fetch::fetch)
    }

    fn list_offsets(&self, request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
        self.run(request, offsets::list)
    }

    fn init_producer(&self, request: InitProducerRequest) -> Reply<InitProducerResponse> {
        match request.transactional_id {
            Some(id) => self.run((id, request.transaction_timeout_ms), transactions::init),
            None => self.run((), producer::init),
        }
    }

    fn create_topic(&self, request: CreateTopicRequest) -> Reply<CreateTopicResponse> {
        self.run(request, topics::create)
    }

    fn delete_topic(&self, request: DeleteTopicRequest) -> Reply<DeleteTopicResponse> {
        self.run(request, topics::delete)
    }

    fn list_topics(&self) -> Reply<ListTopicsResponse> {
        self.run((), topics::list)
    }

    fn metadata(&self, request: MetadataRequest) -> Reply<Vec<TopicSummary>> {
        self.run(request, topics::metadata)
    }

    fn add_partitions(&self, request: AddPartitionsRequest) -> Reply<AddPartitionsResponse> {
        self.run(request, topics::add_partitions)
    }

    fn describe_topic(&self, request: DescribeTopicRequest) -> Reply<DescribeTopicResponse> {
        self.run(request, topics::describe)
    }

    fn alter_topic(&self, request: AlterTopicRequest) -> Reply<AlterTopicResponse> {
        self.run(request, topics::alter)
    }

    fn cluster_status(&self) -> Reply<ClusterStatusResponse> {
        self.run((), status::status)
    }

    fn health(&self) -> Reply<Health> {
        self.run((), status::health)
    }

    fn stats(&self) -> Reply<EngineStats> {
        self.run((), figures::figures)
    }

    fn announce(&self, broker: BrokerInfo) {
        let announcing = gateways::run(self.inner.clone(), broker, self.inner.stopping.subscribe());
        let task = tokio::spawn(announcing);
        *self.announcing.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    fn brokers(&self) -> Vec<BrokerInfo> {
        self.inner.gateways.alive()
    }

    fn subscribe(&self, request: SubscribeRequest, client: Client) -> Reply<SubscribeResponse> {
        self.run((request, client), groups::subscribe)
    }

    fn heartbeat(&self, request: HeartbeatRequest, client: Client) -> Reply<HeartbeatResponse> {
        self.run((request, client), groups::heartbeat)
    }

    fn leave(&self, request: LeaveRequest) -> Reply<LeaveResponse> {
        self.run(request, groups::leave)
    }

    fn commit(&self, request: CommitRequest) -> Reply<CommitResponse> {
        self.run(request, commits::commit)
    }

    fn committed(&self, request: CommittedRequest) -> Reply<CommittedResponse> {
        self.run(request, commits::committed)
    }

    fn list_groups(&self) -> Reply<ListGroupsResponse> {
        self.run((), groups::describe::list)
    }

    fn describe_group(&self, request: DescribeGroupRequest) -> Reply<DescribeGroupResponse> {
        self.run(request, groups::describe::describe)
    }

    fn delete_group(&self, request: DeleteGroupRequest) -> Reply<DeleteGroupResponse> {
        self.run(request, groups::describe::delete)
    }

    fn begin_txn(&self, request: BeginTxnRequest) -> Reply<BeginTxnResponse> {
        self.run(request, transactions::begin)
    }

    fn commit_txn(&self, request: CommitTxnRequest) -> Reply<EndTxnResponse> {
        self.run(request, transactions::commit)
    }

    fn abort_txn(&self, request: AbortTxnRequest) -> Reply<EndTxnResponse> {
        self.run(request, transactions::abort)
    }

    fn txn_offsets(&self, request: TxnOffsetsRequest) -> Reply<TxnOffsetsResponse> {
        self.run(request, commits::in_transaction)
    }

    fn stop_waiting(&self) {
        self.inner.stopping.send_replace(true);
    }

    fn stop(&self) {
        self.stop_waiting();
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.stop();
        // What was acknowledged is in Kafka.
        let announcing = self.announcing.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            if let Some(task) = announcing {
                let _ = task.await;
            }
        }
        .boxed()
    }
}
