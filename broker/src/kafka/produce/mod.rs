//! Appends.
//!
//! A partition's batches wait in a queue, of which only the head is under way, so that their order
//! is that of the calls, whatever has to be sent again. A few tasks, the pumps, have every partition
//! between them. A node serves one request of a connection at a time and answers it once all copies
//! have it; whatever has come meanwhile for other partitions of that node makes up the next request.
//!
//! | module | holds |
//! | --- | --- |
//! | `pump` | queues, and what may be sent when |
//! | `deliver` | one request, and what became of its batches |

mod deliver;
mod pump;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use flymq_protocol::messages::{ProduceRequest, ProduceResponse};
use flymq_protocol::{ErrorCode, ProtocolError};
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::node::PRODUCE_LANES;
use super::transactions::{self, Identity};
use super::{Inner, records, topics};
use crate::Result;
use crate::engine::Reply;
use pump::Pump;

/// The pumps' inboxes.
pub struct Pumps([mpsc::UnboundedSender<Append>; PRODUCE_LANES]);

/// A partition by its topic's name.
type Place = (Arc<str>, u32);

/// A batch on its way.
struct Append {
    place: Place,
    /// The topic as it was when the batch was sent.
    topic_id: Uuid,
    bytes: Bytes,
    largest: usize,
    transactional_id: Option<String>,
    /// Whether Kafka notices that it has the batch already.
    is_idempotent: bool,
    arrived: Instant,
    /// Until when it is tried.
    deadline: Instant,
    attempts: u32,
    done: oneshot::Sender<Result<ProduceResponse>>,
}

impl Append {
    fn finish(self, result: Result<ProduceResponse>) {
        let _ = self.done.send(result);
    }
}

impl Pumps {
    /// Starts the pumps, which end with the engine.
    pub fn start(inner: &Weak<Inner>) -> Self {
        Self(std::array::from_fn(|number| {
            let (inbox, arriving) = mpsc::unbounded_channel();
            tokio::spawn(Pump::new(number, inner.clone()).run(arriving));
            inbox
        }))
    }
}

/// Appends a batch behind those of earlier calls.
pub fn produce(inner: &Arc<Inner>, request: ProduceRequest) -> Reply<ProduceResponse> {
    let encoded = match admit(&request) {
        Ok(encoded) => encoded,
        Err(error) => return Reply::Ready(Err(error)),
    };
    let transaction = request.transactional_id.clone().map(|id| {
        let (producer_id, epoch) = (request.batch.producer_id, request.batch.producer_epoch);
        (inner.clone(), id, Identity { producer_id, epoch })
    });
    let (done, result) = oneshot::channel();
    let place: Place = (request.topic.into(), request.partition);
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    let arrived = Instant::now();
    let append = Append {
        place,
        topic_id: Uuid::nil(),
        bytes: encoded.bytes,
        largest: encoded.largest,
        transactional_id: request.transactional_id,
        is_idempotent: request.batch.producer_id >= 0,
        arrived,
        deadline: arrived + inner.cluster.config().api_timeout,
        attempts: 0,
        done,
    };
    let pump = hasher.finish() as usize % PRODUCE_LANES;
    if inner.pumps.0[pump].send(append).is_err() {
        return Reply::Ready(Err(stopping()));
    }
    Reply::Later(
        async move {
            let result = result.await.unwrap_or_else(|_| Err(stopping()));
            match (result, transaction) {
                (Err(error), Some((inner, id, given))) if transactions::may_be_over(&error) => {
                    Err(transactions::why_fenced(&inner, &id, given).await)
                }
                (result, _) => result,
            }
        }
        .boxed(),
    )
}

fn admit(request: &ProduceRequest) -> Result<records::Encoded> {
    topics::check_ours(&request.topic)?;
    let batch = &request.batch;
    let encoded = records::encode(batch)?;
    if request.transactional_id.is_some() != batch.transactional {
        return Err(ProtocolError::new(
            ErrorCode::InvalidTxnState,
            "a batch of a transaction has both a transactional id and `transactional`; others have neither",
        ));
    }
    Ok(encoded)
}

fn stopping() -> ProtocolError {
    ProtocolError::new(ErrorCode::ShuttingDown, "the broker is stopping")
}
