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
//! | `retry` | attempts of one operation |
//! | `errors` | Kafka's error codes in FlyMQ's terms |
//! | `stats` | what is counted |

mod cluster;
pub mod config;
mod coordinators;
mod errors;
mod link;
mod node;
mod retry;
mod stats;
mod topics;

use std::sync::Arc;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::budget::Budget;
use crate::engine::{Client, Engine, Fetched, Reply};
use crate::{Config, Result};
use cluster::Cluster;
pub use config::{KafkaConfig, SaslMechanism, SecurityProtocol};
pub use stats::{KafkaStats, LATENCY_BUCKETS_US, RequestStats};

/// The engine.
pub struct KafkaEngine {
    inner: Arc<Inner>,
}

/// What operations share.
struct Inner {
    cluster: Cluster,
    budget: Budget,
    max_partitions: u32,
    heartbeat_interval: std::time::Duration,
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
        let inner = Arc::new(Inner {
            cluster,
            budget,
            max_partitions: config.max_partitions,
            heartbeat_interval: config.heartbeat_interval,
        });
        Ok(Self { inner })
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

fn not_offered<T>(operation: &str) -> Reply<T> {
    Reply::Ready(Err(ProtocolError::new(
        ErrorCode::UnsupportedOperation,
        format!("this broker does not offer {operation}"),
    )))
}

impl Engine for KafkaEngine {
    fn cluster_id(&self) -> String {
        self.inner.cluster.id()
    }

    fn features(&self) -> Vec<String> {
        ["idempotence"].map(str::to_owned).to_vec()
    }

    fn produce(&self, _request: ProduceRequest) -> Reply<ProduceResponse> {
        not_offered("PRODUCE")
    }

    fn consume(&self, _request: ConsumeRequest) -> Reply<ConsumeResponse> {
        not_offered("CONSUME")
    }

    fn fetch(&self, _request: FetchRequest) -> Reply<Fetched> {
        not_offered("FETCH")
    }

    fn list_offsets(&self, _request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
        not_offered("LIST_OFFSETS")
    }

    fn init_producer(&self, _request: InitProducerRequest) -> Reply<InitProducerResponse> {
        not_offered("INIT_PRODUCER")
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

    fn add_partitions(&self, _request: AddPartitionsRequest) -> Reply<AddPartitionsResponse> {
        not_offered("ADD_PARTITIONS")
    }

    fn describe_topic(&self, _request: DescribeTopicRequest) -> Reply<DescribeTopicResponse> {
        not_offered("DESCRIBE_TOPIC")
    }

    fn alter_topic(&self, _request: AlterTopicRequest) -> Reply<AlterTopicResponse> {
        not_offered("ALTER_TOPIC")
    }

    fn subscribe(&self, _request: SubscribeRequest, _client: Client) -> Reply<SubscribeResponse> {
        not_offered("SUBSCRIBE")
    }

    fn heartbeat(&self, _request: HeartbeatRequest) -> Reply<HeartbeatResponse> {
        not_offered("HEARTBEAT")
    }

    fn leave(&self, _request: LeaveRequest) -> Reply<LeaveResponse> {
        not_offered("LEAVE")
    }

    fn commit(&self, _request: CommitRequest) -> Reply<CommitResponse> {
        not_offered("COMMIT")
    }

    fn committed(&self, _request: CommittedRequest) -> Reply<CommittedResponse> {
        not_offered("COMMITTED")
    }

    fn list_groups(&self) -> Reply<ListGroupsResponse> {
        not_offered("LIST_GROUPS")
    }

    fn describe_group(&self, _request: DescribeGroupRequest) -> Reply<DescribeGroupResponse> {
        not_offered("DESCRIBE_GROUP")
    }

    fn delete_group(&self, _request: DeleteGroupRequest) -> Reply<DeleteGroupResponse> {
        not_offered("DELETE_GROUP")
    }

    fn begin_txn(&self, _request: BeginTxnRequest) -> Reply<BeginTxnResponse> {
        not_offered("BEGIN_TXN")
    }

    fn commit_txn(&self, _request: CommitTxnRequest) -> Reply<EndTxnResponse> {
        not_offered("COMMIT_TXN")
    }

    fn abort_txn(&self, _request: AbortTxnRequest) -> Reply<EndTxnResponse> {
        not_offered("ABORT_TXN")
    }

    fn txn_offsets(&self, _request: TxnOffsetsRequest) -> Reply<TxnOffsetsResponse> {
        not_offered("TXN_OFFSETS")
    }

    fn stop_waiting(&self) {}

    fn stop(&self) {
        self.stop_waiting();
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.stop();
        // What was acknowledged is in Kafka.
        std::future::ready(()).boxed()
    }
}
