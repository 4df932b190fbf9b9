//! One request with batches of distinct partitions, and what became of them.

use std::collections::HashMap;

use flymq_protocol::messages::ProduceResponse;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{self as kafka, TransactionalId};
use uuid::Uuid;

use super::Append;
use crate::Result;
use crate::kafka::Inner;
use crate::kafka::errors::{self, Remedy, unavailable};
use crate::kafka::link::LinkError;
use crate::kafka::node::{Lane, Node};
use crate::kafka::topics::{self, text};

/// What became of a batch.
pub enum Outcome {
    Done(Result<ProduceResponse>),
    /// Not stored: it goes back to the head of its queue.
    Again {
        error: ProtocolError,
        elsewhere: bool,
    },
}

/// Sends batches of distinct partitions to their leader in one request.
pub async fn deliver(
    inner: &Inner,
    leader: i32,
    lane: Lane,
    batches: Vec<Append>,
) -> Vec<(Append, Outcome)> {
    let (mut admitted, mut outcomes) = (Vec::new(), Vec::new());
    for append in batches {
        match check_size(inner, &append).await {
            Ok(()) => admitted.push(append),
            Err(error) if error.code.is_retriable() => {
                outcomes.push((append, Outcome::Again { error, elsewhere: false }));
            }
            Err(error) => outcomes.push((append, Outcome::Done(Err(error)))),
        }
    }
    if admitted.is_empty() {
        return outcomes;
    }
    let answer = match inner.cluster.node(leader) {
        Ok(node) => ask(inner, &node, lane, &admitted).await,
        Err(error) => Err(LinkError::Unreachable(error.message)),
    };
    match answer {
        Ok(response) => {
            let mut parts: HashMap<(Uuid, i32), PartitionProduceResponse> = HashMap::new();
            for topic in response.responses {
                for part in topic.partition_responses {
                    parts.insert((topic.topic_id, part.index), part);
                }
            }
            for append in admitted {
                let outcome = match parts.remove(&(append.topic_id, append.place.1 as i32)) {
                    Some(part) => outcome(&append, &part),
                    None => Outcome::Done(Err(errors::malformed("Kafka left a batch unanswered"))),
                };
                outcomes.push((append, outcome));
            }
        }
        Err(error) => {
            for append in admitted {
                // Where it is not known whether a batch was stored, only one that Kafka would
                // recognise may be sent again.
                let again = match &error {
                    LinkError::Unreachable(_) => true,
                    LinkError::Lost(_) => append.is_idempotent,
                    LinkError::Refused(_) => false,
                };
                let error = ProtocolError::from(error.clone());
                let outcome = match again {
                    true => Outcome::Again { error, elsewhere: true },
                    false => Outcome::Done(Err(error)),
                };
                outcomes.push((append, outcome));
            }
        }
    }
    outcomes
}

async fn check_size(inner: &Inner, append: &Append) -> Result<()> {
    let most = topics::max_record_bytes(inner, &append.place.0).await?;
    if append.largest > most {
        return Err(ProtocolError::new(
            ErrorCode::RecordTooLarge,
            format!("a record of the batch has {} bytes, the topic takes {most}", append.largest),
        ));
    }
    Ok(())
}

async fn ask(
    inner: &Inner,
    node: &Node,
    lane: Lane,
    batches: &[Append],
) -> std::result::Result<kafka::ProduceResponse, LinkError> {
    let mut topics: HashMap<Uuid, Vec<PartitionProduceData>> = HashMap::new();
    for append in batches {
        let data = PartitionProduceData::default()
            .with_index(append.place.1 as i32)
            .with_records(Some(append.bytes.clone()));
        topics.entry(append.topic_id).or_default().push(data);
    }
    let topic =
        |(id, data)| TopicProduceData::default().with_topic_id(id).with_partition_data(data);
    let transactional_id = batches.first().and_then(|append| append.transactional_id.as_ref());
    let patience = inner.cluster.config().request_timeout;
    let request = kafka::ProduceRequest::default()
        .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id.as_str()))))
        .with_acks(-1)
        .with_timeout_ms((patience.as_millis() as i32 / 2).max(1))
        .with_topic_data(topics.into_iter().map(topic).collect());
    node.call(lane, &request).await
}

fn outcome(append: &Append, part: &PartitionProduceResponse) -> Outcome {
    const UNKNOWN_TOPIC_ID: i16 = 100;
    let (topic, partition) = &append.place;
    let code = part.error_code;
    let error = || {
        let what = format!("append to partition {partition} of {topic}");
        let first = part.record_errors.first().and_then(|e| e.batch_index_error_message.as_deref());
        errors::error_with(code, &what, first.or(part.error_message.as_deref()))
    };
    match errors::remedy(code) {
        Remedy::None => Outcome::Done(match u64::try_from(part.base_offset) {
            Ok(base_offset) => Ok(ProduceResponse { base_offset, duplicate: false }),
            Err(_) => Err(unavailable("Kafka has stored the batch, but does not say where")),
        }),
        Remedy::Elsewhere => Outcome::Again { error: error(), elsewhere: true },
        // It may be stored by now, and only Kafka can tell.
        Remedy::Later if !append.is_idempotent && is_ambiguous(code) => Outcome::Done(Err(error())),
        Remedy::Later => Outcome::Again { error: error(), elsewhere: false },
        // Deleted, perhaps made anew: looking it up tells.
        Remedy::Final if code == UNKNOWN_TOPIC_ID => {
            Outcome::Again { error: error(), elsewhere: true }
        }
        Remedy::Final => Outcome::Done(Err(error())),
    }
}

/// Whether a batch may have been stored in spite of an error.
fn is_ambiguous(code: i16) -> bool {
    // REQUEST_TIMED_OUT, NETWORK_EXCEPTION, NOT_ENOUGH_REPLICAS_AFTER_APPEND
    matches!(code, 7 | 13 | 20)
}
