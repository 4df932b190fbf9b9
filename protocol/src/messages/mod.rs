//! The payload of every request and response, as `docs/protocol.md` defines them.
//!
//! Fields that may be left out have a serde default; unknown fields are ignored. The envelope's `id`
//! is not a field of any message: [`crate::frame`] adds and reads it.

mod access;
mod cluster;
mod groups;
mod log;
mod session;
mod topics;
mod transactions;

pub use access::*;
pub use cluster::*;
pub use groups::*;
pub use log::*;
pub use session::*;
pub use topics::*;
pub use transactions::*;

use crate::opcode::OpCode;

/// A request's type, tied to its operation and to the type of its response.
pub trait Request: serde::Serialize + serde::de::DeserializeOwned {
    /// The operation.
    const OPCODE: OpCode;
    /// What a broker answers when it succeeds.
    type Response: serde::Serialize + serde::de::DeserializeOwned;
}

macro_rules! requests {
    ($($request:ty => $opcode:ident, $response:ty;)*) => {$(
        impl Request for $request {
            const OPCODE: OpCode = OpCode::$opcode;
            type Response = $response;
        }
    )*};
}

requests! {
    ProduceRequest => Produce, ProduceResponse;
    ConsumeRequest => Consume, ConsumeResponse;
    CreateTopicRequest => CreateTopic, CreateTopicResponse;
    DeleteTopicRequest => DeleteTopic, DeleteTopicResponse;
    ListTopicsRequest => ListTopics, ListTopicsResponse;
    FetchRequest => Fetch, FetchResponse;
    MetadataRequest => Metadata, MetadataResponse;
    ListOffsetsRequest => ListOffsets, ListOffsetsResponse;
    AddPartitionsRequest => AddPartitions, AddPartitionsResponse;
    DescribeTopicRequest => DescribeTopic, DescribeTopicResponse;
    AlterTopicRequest => AlterTopic, AlterTopicResponse;
    InitProducerRequest => InitProducer, InitProducerResponse;
    ClusterStatusRequest => ClusterStatus, ClusterStatusResponse;
    SubscribeRequest => Subscribe, SubscribeResponse;
    CommitRequest => Commit, CommitResponse;
    HeartbeatRequest => Heartbeat, HeartbeatResponse;
    LeaveRequest => Leave, LeaveResponse;
    CommittedRequest => Committed, CommittedResponse;
    ListGroupsRequest => ListGroups, ListGroupsResponse;
    DescribeGroupRequest => DescribeGroup, DescribeGroupResponse;
    DeleteGroupRequest => DeleteGroup, DeleteGroupResponse;
    BeginTxnRequest => BeginTxn, BeginTxnResponse;
    CommitTxnRequest => CommitTxn, EndTxnResponse;
    AbortTxnRequest => AbortTxn, EndTxnResponse;
    TxnOffsetsRequest => TxnOffsets, TxnOffsetsResponse;
    HelloRequest => Hello, HelloResponse;
    AuthRequest => Auth, AuthResponse;
    PingRequest => Ping, PingResponse;
    UpsertUserRequest => UpsertUser, UpsertUserResponse;
    DeleteUserRequest => DeleteUser, DeleteUserResponse;
    ListUsersRequest => ListUsers, ListUsersResponse;
    AddAclsRequest => AddAcls, AddAclsResponse;
    RemoveAclsRequest => RemoveAcls, RemoveAclsResponse;
    ListAclsRequest => ListAcls, ListAclsResponse;
    WhoamiRequest => Whoami, WhoamiResponse;
}
