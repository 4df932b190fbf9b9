//! From a frame to the engine and back to a frame.

use flymq_protocol::frame::{self, EncodedFrame, Frame};
use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, OpCode, ProtocolError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::budget::Room;
use crate::engine::Reply;
use crate::server::Shared;
use crate::{Result, now_ms};

/// A response on its way out, with what it keeps of the budget until it is sent.
pub struct Outgoing {
    pub frame: EncodedFrame,
    pub room: Option<Room>,
}

/// The answer to a request: at hand, or yet to come.
pub enum Answer {
    Ready(Outgoing),
    Later(BoxFuture<'static, Outgoing>),
}

/// What a session knows of itself.
pub struct SessionState {
    pub greeted: bool,
    pub nonce: [u8; 32],
}

/// The mechanism for sessions that need no authentication.
const ANONYMOUS: &str = "ANONYMOUS";

/// Answers one frame. `room` is what the request takes of the budget; it is given back once the
/// request is answered.
pub fn dispatch(
    shared: &Shared,
    state: &mut SessionState,
    frame: Frame,
    room: Option<Room>,
) -> Answer {
    let id = frame.id;
    let Some(op) = OpCode::from_u8(frame.opcode) else {
        return refuse(
            id,
            ProtocolError::new(
                ErrorCode::UnknownOpcode,
                format!("there is no operation {:#04x}", frame.opcode),
            ),
        );
    };
    if !state.greeted && op != OpCode::Hello {
        return refuse(
            id,
            ProtocolError::new(
                ErrorCode::HelloRequired,
                format!("{} came before HELLO", op.name()),
            ),
        );
    }
    if shared.is_stopping() && op != OpCode::Hello && op != OpCode::Ping {
        return refuse(id, ProtocolError::new(ErrorCode::ShuttingDown, "the broker is stopping"));
    }
    let engine = &shared.engine;
    match op {
        OpCode::Hello => answer(frame, room, |request| hello(shared, state, request)),
        OpCode::Auth => answer(frame, room, auth),
        OpCode::Ping => answer(frame, room, |PingRequest {}| {
            Reply::Ready(Ok(PingResponse { time_ms: now_ms() }))
        }),
        OpCode::Produce => answer(frame, room, |request| engine.produce(request)),
        OpCode::Consume => answer(frame, room, |request| engine.consume(request)),
        OpCode::Fetch => fetch(shared, frame),
        OpCode::ListOffsets => answer(frame, room, |request| engine.list_offsets(request)),
        OpCode::InitProducer => answer(frame, room, |request| engine.init_producer(request)),
        OpCode::CreateTopic => answer(frame, room, |request| engine.create_topic(request)),
        OpCode::DeleteTopic => answer(frame, room, |request| engine.delete_topic(request)),
        OpCode::ListTopics => answer(frame, room, |ListTopicsRequest {}| engine.list_topics()),
        OpCode::Metadata => answer(frame, room, |request| metadata(shared, request)),
        OpCode::AddPartitions => answer(frame, room, |request| engine.add_partitions(request)),
        OpCode::DescribeTopic => answer(frame, room, |request| engine.describe_topic(request)),
        OpCode::AlterTopic => answer(frame, room, |request| engine.alter_topic(request)),
        OpCode::Subscribe
        | OpCode::Commit
        | OpCode::Heartbeat
        | OpCode::Leave
        | OpCode::Committed
        | OpCode::ListGroups
        | OpCode::DescribeGroup
        | OpCode::DeleteGroup
        | OpCode::BeginTxn
        | OpCode::CommitTxn
        | OpCode::AbortTxn
        | OpCode::TxnOffsets
        | OpCode::UpsertUser
        | OpCode::DeleteUser
        | OpCode::ListUsers
        | OpCode::AddAcls
        | OpCode::RemoveAcls
        | OpCode::ListAcls
        | OpCode::Whoami => refuse(
            id,
            ProtocolError::new(
                ErrorCode::UnsupportedOperation,
                format!("this broker does not offer {}", op.name()),
            ),
        ),
    }
}

/// An ERROR answer.
pub fn refuse(id: u64, error: ProtocolError) -> Answer {
    Answer::Ready(Outgoing { frame: error_frame(id, &error), room: None })
}

fn error_frame(id: u64, error: &ProtocolError) -> EncodedFrame {
    // Five short fields always encode; an empty frame would close the session.
    frame::encode_error(id, &error.to_reply()).unwrap_or(EncodedFrame { parts: Vec::new() })
}

fn encode<R: Request>(id: u64, result: Result<R::Response>) -> EncodedFrame {
    result
        .and_then(|response| frame::encode(R::OPCODE.response(), id, &response))
        .unwrap_or_else(|error| error_frame(id, &error))
}

fn answer<R: Request>(
    frame: Frame,
    room: Option<Room>,
    operate: impl FnOnce(R) -> Reply<R::Response>,
) -> Answer
where
    R::Response: Send + 'static,
{
    let id = frame.id;
    let request = match frame.decode() {
        Ok(request) => request,
        Err(error) => return refuse(id, error),
    };
    match operate(request) {
        Reply::Ready(result) => {
            Answer::Ready(Outgoing { frame: encode::<R>(id, result), room: None })
        }
        Reply::Later(future) => Answer::Later(
            async move {
                let result = future.await;
                drop(room);
                Outgoing { frame: encode::<R>(id, result), room: None }
            }
            .boxed(),
        ),
    }
}

fn fetch(shared: &Shared, frame: Frame) -> Answer {
    let id = frame.id;
    let request = match frame.decode() {
        Ok(request) => request,
        Err(error) => return refuse(id, error),
    };
    let finish = move |result: Result<crate::engine::Fetched>| match result {
        Ok(fetched) => {
            Outgoing { frame: encode::<FetchRequest>(id, Ok(fetched.response)), room: fetched.room }
        }
        Err(error) => Outgoing { frame: error_frame(id, &error), room: None },
    };
    match shared.engine.fetch(request) {
        Reply::Ready(result) => Answer::Ready(finish(result)),
        Reply::Later(future) => Answer::Later(future.map(finish).boxed()),
    }
}

fn hello(shared: &Shared, state: &mut SessionState, request: HelloRequest) -> Reply<HelloResponse> {
    for (field, value) in [("client_id", &request.client_id), ("software", &request.software)] {
        if value.len() > 255 {
            return Reply::Ready(Err(ProtocolError::new(
                ErrorCode::InvalidRequest,
                format!("{field} has {} bytes, at most 255 are allowed", value.len()),
            )));
        }
    }
    state.greeted = true;
    tracing::debug!(client_id = request.client_id, software = request.software, "session opened");
    Reply::Ready(Ok(HelloResponse {
        cluster_id: shared.engine.cluster_id(),
        broker_version: env!("CARGO_PKG_VERSION").to_owned(),
        auth_required: false,
        mechanisms: vec![ANONYMOUS.to_owned()],
        nonce: state.nonce.to_vec().into(),
        max_frame_bytes: u32::try_from(shared.config.max_frame_bytes).unwrap_or(u32::MAX),
        features: shared.engine.features(),
    }))
}

fn auth(request: AuthRequest) -> Reply<AuthResponse> {
    Reply::Ready(if request.mechanism == ANONYMOUS {
        Ok(AuthResponse {
            done: true,
            data: Default::default(),
            principal: "anonymous".to_owned(),
            session_lifetime_ms: 0,
        })
    } else {
        Err(ProtocolError::new(
            ErrorCode::UnsupportedMechanism,
            format!(
                "mechanism {:?} is not offered; this broker takes {ANONYMOUS}",
                crate::topic::shorten(&request.mechanism)
            ),
        ))
    })
}

fn metadata(shared: &Shared, request: MetadataRequest) -> Reply<MetadataResponse> {
    if request.topics.len() > MAX_NAMED {
        return Reply::Ready(Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("{} topics exceed the limit of {MAX_NAMED}", request.topics.len()),
        )));
    }
    let brokers =
        vec![BrokerInfo { id: 0, host: shared.advertised_host(), port: shared.local_addr.port() }];
    match shared.engine.metadata(request) {
        Reply::Ready(result) => {
            Reply::Ready(result.map(|topics| MetadataResponse { brokers, topics }))
        }
        Reply::Later(future) => Reply::Later(
            async move { Ok(MetadataResponse { brokers, topics: future.await? }) }.boxed(),
        ),
    }
}
