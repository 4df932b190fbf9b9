//! Every kind of message by its opcode byte. The fuzz targets use this file too.

use flymq_protocol::error::ErrorReply;
use flymq_protocol::frame::{self, EncodedFrame};
use flymq_protocol::messages::*;
use flymq_protocol::{Frame, ProtocolError, opcode};

/// Hands the types of all requests to the macro `$then`.
macro_rules! with_every_request {
    ($then:ident) => {
        $then! {
            ProduceRequest, ConsumeRequest, CreateTopicRequest, DeleteTopicRequest,
            ListTopicsRequest, FetchRequest, MetadataRequest, ListOffsetsRequest,
            AddPartitionsRequest, DescribeTopicRequest, AlterTopicRequest, InitProducerRequest,
            ClusterStatusRequest, SubscribeRequest, CommitRequest, HeartbeatRequest, LeaveRequest, CommittedRequest,
            ListGroupsRequest, DescribeGroupRequest, DeleteGroupRequest, BeginTxnRequest, CommitTxnRequest, AbortTxnRequest, TxnOffsetsRequest, HelloRequest,
            AuthRequest, PingRequest, UpsertUserRequest, DeleteUserRequest, ListUsersRequest,
            AddAclsRequest, RemoveAclsRequest, ListAclsRequest, WhoamiRequest
        }
    };
}
#[allow(unused_imports)]
pub(crate) use with_every_request;

/// One kind of message.
pub struct Kind {
    /// Such as `PRODUCE request`.
    #[allow(dead_code)]
    pub name: String,
    /// The opcode byte of its frames.
    pub opcode: u8,
    /// Decodes a frame as this kind.
    #[allow(dead_code)]
    pub decode: fn(&Frame) -> Result<(), ProtocolError>,
    /// Decodes a frame as this kind and encodes it again.
    #[allow(dead_code)]
    pub recode: fn(&Frame) -> Result<EncodedFrame, ProtocolError>,
}

/// Every kind: requests, responses and ERROR.
pub fn all() -> Vec<Kind> {
    let mut kinds = vec![Kind {
        name: "ERROR".to_owned(),
        opcode: opcode::ERROR,
        decode: decode::<ErrorReply>,
        recode: recode::<ErrorReply>,
    }];
    macro_rules! collect {
        ($($request:ident),*) => {$(
            let op = <$request as Request>::OPCODE;
            kinds.push(Kind {
                name: format!("{} request", op.name()),
                opcode: op as u8,
                decode: decode::<$request>,
                recode: recode::<$request>,
            });
            kinds.push(Kind {
                name: format!("{} response", op.name()),
                opcode: op.response(),
                decode: decode::<<$request as Request>::Response>,
                recode: recode::<<$request as Request>::Response>,
            });
        )*};
    }
    with_every_request!(collect);
    kinds
}

fn decode<T: serde::de::DeserializeOwned>(frame: &Frame) -> Result<(), ProtocolError> {
    frame.decode::<T>().map(drop)
}

fn recode<T>(frame: &Frame) -> Result<EncodedFrame, ProtocolError>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    frame::encode(frame.opcode, frame.id, &frame.decode::<T>()?)
}
