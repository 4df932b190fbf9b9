//! What a storage engine must do. Sessions call it; it knows nothing of connections.

pub mod stats;

use flymq_protocol::messages::*;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::Result;
use crate::budget::Room;
use stats::{EngineStats, Health};

/// An engine's answer: at hand, or yet to come.
///
/// Most appends and reads of recent records are at hand; a future would cost them an allocation.
pub enum Reply<T> {
    /// The answer.
    Ready(Result<T>),
    /// Its future.
    Later(BoxFuture<'static, Result<T>>),
}

impl<T: Send + 'static> Reply<T> {
    /// A reply that is computed on a thread where blocking is allowed.
    pub fn blocking(work: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        Reply::Later(
            async move {
                match tokio::task::spawn_blocking(work).await {
                    Ok(result) => result,
                    Err(e) => Err(flymq_protocol::ProtocolError::new(
                        flymq_protocol::ErrorCode::Internal,
                        format!("an operation of the storage engine did not finish: {e}"),
                    )),
                }
            }
            .boxed(),
        )
    }

    /// Waits for the answer.
    pub async fn wait(self) -> Result<T> {
        match self {
            Reply::Ready(result) => result,
            Reply::Later(future) => future.await,
        }
    }
}

/// A fetch's response, with the room in the budget that it takes until it has been sent.
pub struct Fetched {
    pub(crate) response: FetchResponse,
    pub(crate) room: Option<Room>,
}

/// Who sends a request.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// What the client calls itself in HELLO.
    pub client_id: String,
    /// The address that it came from.
    pub address: String,
}

/// The operations behind the protocol.
///
/// Appends to a partition are ordered by the calls of [`produce`](Engine::produce), not by the
/// completion of their replies.
pub trait Engine: Send + Sync + 'static {
    /// Identity of the stored data.
    fn cluster_id(&self) -> String;
    /// Optional operations on offer, for HELLO.
    fn features(&self) -> Vec<String>;

    /// Appends a batch; the reply comes once it is durable.
    fn produce(&self, request: ProduceRequest) -> Reply<ProduceResponse>;
    /// Reads one record.
    fn consume(&self, request: ConsumeRequest) -> Reply<ConsumeResponse>;
    /// Reads batches, waiting for some if asked to.
    fn fetch(&self, request: FetchRequest) -> Reply<Fetched>;
    /// Finds offsets.
    fn list_offsets(&self, request: ListOffsetsRequest) -> Reply<ListOffsetsResponse>;
    /// Hands out a producer identity.
    fn init_producer(&self, request: InitProducerRequest) -> Reply<InitProducerResponse>;

    /// Creates a topic.
    fn create_topic(&self, request: CreateTopicRequest) -> Reply<CreateTopicResponse>;
    /// Deletes a topic.
    fn delete_topic(&self, request: DeleteTopicRequest) -> Reply<DeleteTopicResponse>;
    /// Names all topics.
    fn list_topics(&self) -> Reply<ListTopicsResponse>;
    /// Partition counts of the topics asked for.
    fn metadata(&self, request: MetadataRequest) -> Reply<Vec<TopicSummary>>;
    /// Raises a partition count.
    fn add_partitions(&self, request: AddPartitionsRequest) -> Reply<AddPartitionsResponse>;
    /// Configuration and offsets of a topic.
    fn describe_topic(&self, request: DescribeTopicRequest) -> Reply<DescribeTopicResponse>;
    /// Changes a topic's configuration.
    fn alter_topic(&self, request: AlterTopicRequest) -> Reply<AlterTopicResponse>;

    /// How the cluster is. The session adds the brokers.
    fn cluster_status(&self) -> Reply<ClusterStatusResponse>;
    /// Makes a broker that takes connections known to all others of its cluster.
    fn announce(&self, _broker: BrokerInfo) {}
    /// The brokers that are alive, by id; none where there is but the one that is asked.
    fn brokers(&self) -> Vec<BrokerInfo> {
        Vec::new()
    }

    /// Joins a group, or changes a member's subscription.
    fn subscribe(&self, request: SubscribeRequest, client: Client) -> Reply<SubscribeResponse>;
    /// Keeps a membership alive.
    fn heartbeat(&self, request: HeartbeatRequest, client: Client) -> Reply<HeartbeatResponse>;
    /// Leaves a group.
    fn leave(&self, request: LeaveRequest) -> Reply<LeaveResponse>;
    /// Stores a group's offsets.
    fn commit(&self, request: CommitRequest) -> Reply<CommitResponse>;
    /// Reads a group's offsets.
    fn committed(&self, request: CommittedRequest) -> Reply<CommittedResponse>;
    /// Names all groups.
    fn list_groups(&self) -> Reply<ListGroupsResponse>;
    /// A group's members and what they hold.
    fn describe_group(&self, request: DescribeGroupRequest) -> Reply<DescribeGroupResponse>;
    /// Deletes a group without members.
    fn delete_group(&self, request: DeleteGroupRequest) -> Reply<DeleteGroupResponse>;

    /// Opens a transaction.
    fn begin_txn(&self, request: BeginTxnRequest) -> Reply<BeginTxnResponse>;
    /// Makes a transaction visible; the reply comes once that is durable.
    fn commit_txn(&self, request: CommitTxnRequest) -> Reply<EndTxnResponse>;
    /// Discards a transaction.
    fn abort_txn(&self, request: AbortTxnRequest) -> Reply<EndTxnResponse>;
    /// Makes a group's offsets part of a transaction.
    fn txn_offsets(&self, request: TxnOffsetsRequest) -> Reply<TxnOffsetsResponse>;

    /// Whether it can do its work.
    fn health(&self) -> Reply<Health> {
        Reply::Ready(Ok(Health::Ok))
    }
    /// Its figures, for metrics.
    fn stats(&self) -> Reply<EngineStats> {
        Reply::Ready(Ok(EngineStats::default()))
    }

    /// Has fetches that wait answered now, and from now on at once.
    fn stop_waiting(&self);

    /// Stops working without waiting for anything. What was acknowledged is as durable as it was
    /// promised to be.
    fn stop(&self);

    /// Brings everything to the disk. Called once, after the last request.
    fn close(&self) -> BoxFuture<'static, ()>;
}
