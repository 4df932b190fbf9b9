//! What a leader is asked, and what its answer holds.

use std::collections::HashMap;
use std::time::Duration;

use flymq_protocol::messages::Isolation;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{
    FetchPartition as Wanted, FetchTopic as WantedTopic,
};
use kafka_protocol::messages::fetch_response::PartitionData;
use uuid::Uuid;

use crate::Result;
use crate::kafka::errors;
use crate::kafka::link::LinkError;
use crate::kafka::node::{Lane, Node};
use crate::kafka::records::{self, Decoded, Reading};

/// A partition's coordinates on the wire.
pub type Place = (Uuid, i32);

/// What a leader is asked about one partition.
#[derive(Clone, Copy)]
pub struct Asked {
    pub place: Place,
    pub offset: u64,
    pub max_bytes: usize,
}

/// Asks a leader for records of many partitions, each named once.
pub async fn ask(
    node: &Node,
    lane: Lane,
    places: impl Iterator<Item = Asked>,
    isolation: Isolation,
    most: usize,
    wait: Duration,
) -> std::result::Result<HashMap<Place, PartitionData>, LinkError> {
    let as_i32 = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let mut topics: HashMap<Uuid, Vec<Wanted>> = HashMap::new();
    let mut order = Vec::new();
    for asked in places {
        let wanted = Wanted::default()
            .with_partition(asked.place.1)
            .with_fetch_offset(i64::try_from(asked.offset).unwrap_or(i64::MAX))
            .with_partition_max_bytes(as_i32(asked.max_bytes));
        topics
            .entry(asked.place.0)
            .or_insert_with_key(|id| {
                order.push(*id);
                Vec::new()
            })
            .push(wanted);
    }
    // In the order asked for: what comes first is served first.
    let topic = |id: Uuid| {
        let partitions = topics.remove(&id).unwrap_or_default();
        WantedTopic::default().with_topic_id(id).with_partitions(partitions)
    };
    let topics = order.into_iter().map(topic).collect();
    let request = FetchRequest::default()
        .with_max_wait_ms(as_i32(wait.as_millis() as usize))
        .with_min_bytes(1)
        .with_max_bytes(as_i32(most))
        .with_isolation_level(isolation as i8)
        .with_topics(topics);
    let response = node.call_for(lane, &request, wait).await?;
    if response.error_code != 0 {
        return Err(LinkError::Lost(errors::error(response.error_code, "read").message));
    }
    let mut parts = HashMap::new();
    for topic in response.responses {
        for part in topic.partitions {
            parts.insert((topic.topic_id, part.partition_index), part);
        }
    }
    Ok(parts)
}

/// What of a partition's answer a reader at `offset` sees.
pub fn decode(data: &PartitionData, offset: u64) -> Result<Decoded> {
    let aborted: Vec<_> = data
        .aborted_transactions
        .iter()
        .flatten()
        .map(|aborted| (aborted.producer_id.0, aborted.first_offset))
        .collect();
    let records = data.records.clone().unwrap_or_default();
    records::decode(records, &Reading { from: offset, aborted: &aborted })
}
