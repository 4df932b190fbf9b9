//! From a frame to the engine and back to a frame.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use flymq_protocol::frame::{self, EncodedFrame, Frame};
use flymq_protocol::messages::*;
use flymq_protocol::{Blob, ErrorCode, OpCode, ProtocolError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::access::{self, Access, Guarded, SessionAccess};
use crate::budget::Room;
use crate::connections::{Greeting, Listed};
use crate::engine::{Client, Reply};
use crate::metrics::Metrics;
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
    pub client: Client,
    pub access: SessionAccess,
    pub connected: Listed,
}

/// The mechanism for sessions that need no authentication.
const ANONYMOUS: &str = "ANONYMOUS";
/// Who they belong to.
const NOBODY: &str = "anonymous";

/// Answers one frame. `room` is what the request takes of the budget; it is given back once the
/// request is answered.
pub fn dispatch(
    shared: &Shared,
    state: &mut SessionState,
    frame: Frame,
    room: Option<Room>,
) -> Answer {
    state.connected.requests.fetch_add(1, Ordering::Relaxed);
    let id = frame.id;
    let Some(op) = OpCode::from_u8(frame.opcode) else {
        return refuse(
            shared,
            id,
            ProtocolError::new(
                ErrorCode::UnknownOpcode,
                format!("there is no operation {:#04x}", frame.opcode),
            ),
        );
    };
    if !state.greeted && op != OpCode::Hello {
        return refuse(
            shared,
            id,
            ProtocolError::new(
                ErrorCode::HelloRequired,
                format!("{} came before HELLO", op.name()),
            ),
        );
    }
    if shared.is_stopping() && op != OpCode::Hello && op != OpCode::Ping {
        let error = ProtocolError::new(ErrorCode::ShuttingDown, "the broker is stopping");
        return refuse(shared, id, error);
    }
    if let Some(access) = &shared.access
        && let Err(error) = state.access.enter(access, op)
    {
        return refuse(shared, id, error);
    }
    let request = Arrived::now(shared, op, id);
    let engine = &shared.engine;
    macro_rules! guarded {
        ($operate:expr) => {
            guarded(shared, state, request, frame, room, $operate)
        };
    }
    match op {
        OpCode::Hello => answer(request, frame, room, |request| hello(shared, state, request)),
        OpCode::Auth => answer(request, frame, room, |request| auth(shared, state, request)),
        OpCode::Ping => answer(request, frame, room, |PingRequest {}| {
            Reply::Ready(Ok(PingResponse { time_ms: now_ms() }))
        }),
        OpCode::Whoami => answer(request, frame, room, |WhoamiRequest {}| whoami(shared, state)),
        OpCode::Produce => guarded!(|request| produce(shared, request)),
        OpCode::Consume => guarded!(|request| consume(shared, request)),
        OpCode::Fetch => fetch(shared, state, request, frame),
        OpCode::ListOffsets => guarded!(|request| engine.list_offsets(request)),
        OpCode::InitProducer => guarded!(|request| engine.init_producer(request)),
        OpCode::CreateTopic => guarded!(|request| engine.create_topic(request)),
        OpCode::DeleteTopic => guarded!(|request| engine.delete_topic(request)),
        OpCode::ListTopics => guarded!(|ListTopicsRequest {}| engine.list_topics()),
        OpCode::Metadata => guarded!(|request| metadata(shared, request)),
        OpCode::AddPartitions => guarded!(|request| engine.add_partitions(request)),
        OpCode::DescribeTopic => guarded!(|request| engine.describe_topic(request)),
        OpCode::AlterTopic => guarded!(|request| engine.alter_topic(request)),
        OpCode::ClusterStatus => {
            guarded!(|ClusterStatusRequest {}| cluster_status(shared))
        }
        OpCode::Subscribe => {
            let client = state.client.clone();
            guarded!(|request| engine.subscribe(request, client))
        }
        OpCode::Heartbeat => {
            let client = state.client.clone();
            guarded!(|request| engine.heartbeat(request, client))
        }
        OpCode::Leave => guarded!(|request| engine.leave(request)),
        OpCode::Commit => guarded!(|request| engine.commit(request)),
        OpCode::Committed => guarded!(|request| engine.committed(request)),
        OpCode::ListGroups => guarded!(|ListGroupsRequest {}| engine.list_groups()),
        OpCode::DescribeGroup => guarded!(|request| engine.describe_group(request)),
        OpCode::DeleteGroup => guarded!(|request| engine.delete_group(request)),
        OpCode::BeginTxn => guarded!(|request| engine.begin_txn(request)),
        OpCode::CommitTxn => guarded!(|request| engine.commit_txn(request)),
        OpCode::AbortTxn => guarded!(|request| engine.abort_txn(request)),
        OpCode::TxnOffsets => guarded!(|request| engine.txn_offsets(request)),
        OpCode::UpsertUser
        | OpCode::DeleteUser
        | OpCode::ListUsers
        | OpCode::AddAcls
        | OpCode::RemoveAcls
        | OpCode::ListAcls
            if shared.access.is_none() =>
        {
            refuse(shared, id, not_offered(op))
        }
        OpCode::UpsertUser => guarded!(|request| administer(shared, request, Access::upsert_user)),
        OpCode::DeleteUser => guarded!(|request| administer(shared, request, Access::delete_user)),
        OpCode::ListUsers => {
            guarded!(|request| administer(shared, request, |access, r| Ok(access.list_users(r))))
        }
        OpCode::AddAcls => guarded!(|request| administer(shared, request, Access::add_acls)),
        OpCode::RemoveAcls => guarded!(|request| administer(shared, request, Access::remove_acls)),
        OpCode::ListAcls => {
            guarded!(|request| administer(shared, request, |access, r| Ok(access.list_acls(r))))
        }
    }
}

fn not_offered(op: OpCode) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::UnsupportedOperation,
        format!("this broker does not offer {}", op.name()),
    )
}

/// Changes or lists users and rules.
fn administer<R: Request + Send + 'static>(
    shared: &Shared,
    request: R,
    operate: fn(&Access, R) -> Result<R::Response>,
) -> Reply<R::Response>
where
    R::Response: Send + 'static,
{
    match shared.access.clone() {
        Some(access) => Reply::blocking(move || operate(&access, request)),
        None => Reply::Ready(Err(not_offered(R::OPCODE))),
    }
}

/// A request of which it will be noted how it was answered.
struct Arrived {
    id: u64,
    op: OpCode,
    at: Instant,
    metrics: Arc<Metrics>,
}

impl Arrived {
    fn now(shared: &Shared, op: OpCode, id: u64) -> Self {
        Self { id, op, at: Instant::now(), metrics: shared.metrics.clone() }
    }

    /// The answer's frame.
    fn answer<R: Request>(&self, result: Result<R::Response>) -> EncodedFrame {
        let encoded =
            result.and_then(|response| frame::encode(R::OPCODE.response(), self.id, &response));
        let error = encoded.as_ref().err().map(|error| error.code);
        self.metrics.answered(self.op, self.at, error);
        encoded.unwrap_or_else(|error| error_frame(self.id, &error))
    }
}

/// An ERROR answer to what is not looked into.
pub fn refuse(shared: &Shared, id: u64, error: ProtocolError) -> Answer {
    shared.metrics.refused(error.code);
    Answer::Ready(Outgoing { frame: error_frame(id, &error), room: None })
}

fn error_frame(id: u64, error: &ProtocolError) -> EncodedFrame {
    // Five short fields always encode; an empty frame would close the session.
    frame::encode_error(id, &error.to_reply()).unwrap_or(EncodedFrame { parts: Vec::new() })
}

/// Answers a request that needs no permission.
fn answer<R: Request>(
    arrived: Arrived,
    frame: Frame,
    room: Option<Room>,
    operate: impl FnOnce(R) -> Reply<R::Response>,
) -> Answer
where
    R::Response: Send + 'static,
{
    let reply = match frame.decode() {
        Ok(request) => operate(request),
        Err(error) => Reply::Ready(Err(error)),
    };
    match reply {
        Reply::Ready(result) => {
            Answer::Ready(Outgoing { frame: arrived.answer::<R>(result), room: None })
        }
        Reply::Later(future) => Answer::Later(
            async move {
                let result = future.await;
                drop(room);
                Outgoing { frame: arrived.answer::<R>(result), room: None }
            }
            .boxed(),
        ),
    }
}

/// Answers a request as far as it is permitted.
fn guarded<R: Guarded>(
    shared: &Shared,
    state: &mut SessionState,
    arrived: Arrived,
    frame: Frame,
    room: Option<Room>,
    operate: impl FnOnce(R) -> Reply<R::Response>,
) -> Answer
where
    R::Response: Send + 'static,
{
    answer(arrived, frame, room, |mut request: R| {
        let checked = match state.access.check(shared.access.as_ref(), &mut request) {
            Ok(checked) => checked,
            Err(error) => return Reply::Ready(Err(error)),
        };
        match operate(request) {
            Reply::Ready(result) => Reply::Ready(result.map(|response| checked.finish(response))),
            Reply::Later(future) => {
                Reply::Later(async move { Ok(checked.finish(future.await?)) }.boxed())
            }
        }
    })
}

/// As [`guarded`], for an answer that keeps its room in the budget until it is sent.
fn fetch(shared: &Shared, state: &mut SessionState, arrived: Arrived, frame: Frame) -> Answer {
    let request = frame.decode().and_then(|mut request: FetchRequest| {
        let checked = state.access.check(shared.access.as_ref(), &mut request)?;
        Ok((request, checked))
    });
    let (request, checked) = match request {
        Ok(checked) => checked,
        Err(error) => {
            let frame = arrived.answer::<FetchRequest>(Err(error));
            return Answer::Ready(Outgoing { frame, room: None });
        }
    };
    let finish = move |result: Result<crate::engine::Fetched>| {
        let (result, room) = match result {
            Ok(fetched) => (Ok(checked.finish(fetched.response)), fetched.room),
            Err(error) => (Err(error), None),
        };
        for topic in result.iter().flat_map(|response| &response.topics) {
            let batches = topic.partitions.iter().flat_map(|partition| &partition.batches);
            let (records, bytes) = batches.fold((0, 0), |(records, bytes), batch| {
                (records + u64::from(batch.count), bytes + batch.records.len())
            });
            if records > 0 {
                arrived.metrics.topics.consumed(&topic.topic, records, bytes);
            }
        }
        Outgoing { frame: arrived.answer::<FetchRequest>(result), room }
    };
    match shared.engine.fetch(request) {
        Reply::Ready(result) => Answer::Ready(finish(result)),
        Reply::Later(future) => Answer::Later(future.map(finish).boxed()),
    }
}

/// Stores a batch and counts what was stored.
fn produce(shared: &Shared, request: ProduceRequest) -> Reply<ProduceResponse> {
    let metrics = shared.metrics.clone();
    let topic = request.topic.clone();
    let (records, bytes) = (request.batch.count.into(), request.batch.records.len());
    #[cfg(feature = "otlp")]
    let storing = shared.otlp.as_ref().and_then(|otlp| otlp.storing(&request));
    noted(shared.engine.produce(request), move |result| {
        if result.as_ref().is_ok_and(|response| !response.duplicate) {
            metrics.topics.produced(&topic, records, bytes);
        }
        #[cfg(feature = "otlp")]
        if let Some(storing) = storing {
            storing.end(result);
        }
    })
}

/// Reads a record and counts it.
fn consume(shared: &Shared, request: ConsumeRequest) -> Reply<ConsumeResponse> {
    let metrics = shared.metrics.clone();
    let topic = request.topic.clone();
    noted(shared.engine.consume(request), move |result| {
        if let Ok(ConsumeResponse { record: Some(record), .. }) = result {
            let length = |blob: &Option<Blob>| blob.as_ref().map_or(0, |blob| blob.len());
            metrics.topics.consumed(&topic, 1, length(&record.key) + length(&record.value));
        }
    })
}

/// Has `note` see the answer.
fn noted<T: Send + 'static>(
    reply: Reply<T>,
    note: impl FnOnce(&Result<T>) + Send + 'static,
) -> Reply<T> {
    match reply {
        Reply::Ready(result) => {
            note(&result);
            Reply::Ready(result)
        }
        Reply::Later(future) => Reply::Later(future.inspect(note).boxed()),
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
    state.client.client_id = request.client_id;
    state.connected.greeting.get_or_init(|| Greeting {
        client_id: state.client.client_id.clone(),
        software: request.software.clone(),
    });
    let mut features = shared.engine.features();
    let mechanisms = match &shared.access {
        Some(access) => {
            features.push("access".to_owned());
            access.mechanisms(state.access.peer())
        }
        None => vec![ANONYMOUS],
    };
    let (client_id, software) = (&state.client.client_id, request.software);
    let subject = state.access.peer().certificate.as_deref();
    tracing::debug!(client_id, software, subject, "session opened");
    Reply::Ready(Ok(HelloResponse {
        cluster_id: shared.engine.cluster_id(),
        broker_version: env!("CARGO_PKG_VERSION").to_owned(),
        auth_required: shared.access.is_some(),
        mechanisms: mechanisms.into_iter().map(str::to_owned).collect(),
        nonce: state.nonce.to_vec().into(),
        max_frame_bytes: u32::try_from(shared.config.max_frame_bytes).unwrap_or(u32::MAX),
        features,
    }))
}

fn auth(shared: &Shared, state: &SessionState, request: AuthRequest) -> Reply<AuthResponse> {
    if let Some(access) = &shared.access {
        return access::auth(access, &state.access, &state.nonce, request);
    }
    Reply::Ready(if request.mechanism == ANONYMOUS {
        Ok(AuthResponse {
            done: true,
            data: Default::default(),
            principal: NOBODY.to_owned(),
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

fn whoami(shared: &Shared, state: &mut SessionState) -> Reply<WhoamiResponse> {
    Reply::Ready(match &shared.access {
        Some(access) => state.access.whoami(access),
        None => Ok(WhoamiResponse {
            principal: NOBODY.to_owned(),
            mechanism: ANONYMOUS.to_owned(),
            ..Default::default()
        }),
    })
}

fn metadata(shared: &Shared, request: MetadataRequest) -> Reply<MetadataResponse> {
    if request.topics.len() > MAX_NAMED {
        return Reply::Ready(Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("{} topics exceed the limit of {MAX_NAMED}", request.topics.len()),
        )));
    }
    let brokers = shared.brokers();
    match shared.engine.metadata(request) {
        Reply::Ready(result) => {
            Reply::Ready(result.map(|topics| MetadataResponse { brokers, topics }))
        }
        Reply::Later(future) => Reply::Later(
            async move { Ok(MetadataResponse { brokers, topics: future.await? }) }.boxed(),
        ),
    }
}

pub fn cluster_status(shared: &Shared) -> Reply<ClusterStatusResponse> {
    let brokers = shared.brokers();
    match shared.engine.cluster_status() {
        Reply::Ready(result) => {
            Reply::Ready(result.map(|status| ClusterStatusResponse { brokers, ..status }))
        }
        Reply::Later(future) => Reply::Later(
            async move { Ok(ClusterStatusResponse { brokers, ..future.await? }) }.boxed(),
        ),
    }
}
