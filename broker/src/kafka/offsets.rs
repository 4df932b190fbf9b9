//! Offsets by position in time.

use std::collections::HashMap;
use std::sync::Arc;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{self as kafka, TopicName};

use tokio::time::Instant;

use super::Inner;
use super::errors::{self, Remedy, malformed, unavailable};
use super::node::Lane;
use super::topics::text;
use crate::Result;

/// An offset and its record's time, each -1 where there is none.
type At = (i64, i64);

/// Finds offsets.
pub async fn list(inner: Arc<Inner>, request: ListOffsetsRequest) -> Result<ListOffsetsResponse> {
    if request.partitions.len() > MAX_NAMED {
        return Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("{} partitions exceed the limit of {MAX_NAMED}", request.partitions.len()),
        ));
    }
    let topic = &request.topic;
    let queries: Vec<_> = request.partitions.iter().map(|q| (q.partition, q.timestamp)).collect();
    let mut found = find(&inner, topic, &queries, request.isolation).await?;
    // Where no record is that late, the end is the answer.
    let late = |(index, found): (usize, &Result<At>)| {
        matches!(found, Ok((-1, _))).then(|| (index, request.partitions[index].partition))
    };
    let late: Vec<(usize, u32)> = found.iter().enumerate().filter_map(late).collect();
    if !late.is_empty() {
        let ends: Vec<_> = late.iter().map(|(_, partition)| (*partition, LATEST)).collect();
        let ends = find(&inner, topic, &ends, request.isolation).await?;
        for ((index, _), end) in late.into_iter().zip(ends) {
            found[index] = end.map(|(offset, _)| (offset, -1));
        }
    }
    let answer = |(query, found): (&OffsetQuery, Result<At>)| {
        let partition = query.partition;
        match found {
            Ok((offset, timestamp)) => Ok(FoundOffset {
                partition,
                offset: u64::try_from(offset).unwrap_or(0),
                timestamp: if query.timestamp < 0 { -1 } else { timestamp },
                error: 0,
            }),
            Err(error) if error.code.is_retriable() => Err(error),
            Err(error) => Ok(FoundOffset {
                partition,
                timestamp: -1,
                error: error.code as u16,
                ..FoundOffset::default()
            }),
        }
    };
    let partitions = request.partitions.iter().zip(found).map(answer).collect::<Result<_>>()?;
    Ok(ListOffsetsResponse { partitions })
}

/// Earliest and latest offset of partitions.
pub async fn bounds(inner: &Inner, topic: &str, partitions: &[u32]) -> Result<Vec<(u64, u64)>> {
    let at = async |timestamp| {
        let queries: Vec<_> = partitions.iter().map(|partition| (*partition, timestamp)).collect();
        find(inner, topic, &queries, Isolation::ReadUncommitted).await
    };
    let (earliest, latest) = (at(EARLIEST).await?, at(LATEST).await?);
    let bound = |found: Result<At>| found.map(|(offset, _)| u64::try_from(offset).unwrap_or(0));
    earliest.into_iter().zip(latest).map(|(e, l)| Ok((bound(e)?, bound(l)?))).collect()
}

/// The error of an offset that is not in the partition.
pub fn out_of_range(partition: u32, offset: u64, (earliest, latest): (u64, u64)) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::OffsetOutOfRange,
        format!(
            "offset {offset} is outside partition {partition}'s range of {earliest} to {latest}"
        ),
    )
}

/// Finds the offset for each query of partition and timestamp, asking again where leaders have
/// moved.
async fn find(
    inner: &Inner,
    topic: &str,
    queries: &[(u32, i64)],
    isolation: Isolation,
) -> Result<Vec<Result<At>>> {
    let mut retry = inner.cluster.retry();
    let begun = Instant::now();
    let mut found: Vec<Option<Result<At>>> = vec![None; queries.len()];
    loop {
        match find_round(inner, topic, queries, isolation, begun, &mut found).await {
            Ok(()) => {
                let missing = || Err(malformed("Kafka left an offset unanswered"));
                return Ok(found.into_iter().map(|found| found.unwrap_or_else(missing)).collect());
            }
            Err(error) if error.code.is_retriable() => retry.pause_or(error).await?,
            Err(error) => return Err(error),
        }
    }
}

async fn find_round(
    inner: &Inner,
    name: &str,
    queries: &[(u32, i64)],
    isolation: Isolation,
    begun: Instant,
    found: &mut [Option<Result<At>>],
) -> Result<()> {
    let topic = inner.cluster.topic(name).await?;
    let mut leaders: HashMap<i32, Vec<usize>> = HashMap::new();
    for (index, (partition, timestamp)) in queries.iter().enumerate() {
        if found[index].is_some() {
            continue;
        }
        if *timestamp < EARLIEST {
            found[index] = Some(Err(ProtocolError::new(
                ErrorCode::InvalidRequest,
                format!("timestamp {timestamp} is neither a time nor -1 or -2"),
            )));
            continue;
        }
        match topic.leader(*partition) {
            Ok(leader) if leader.node < 0 => {
                inner.cluster.mark_stale(&topic);
                return Err(unavailable(format!(
                    "partition {partition} of {name} has no leader at the moment"
                )));
            }
            Ok(leader) => leaders.entry(leader.node).or_default().push(index),
            Err(error) if topic.learnt < begun => {
                // It may have become more partitions.
                inner.cluster.mark_stale(&topic);
                return Err(unavailable(error.message));
            }
            Err(error) => found[index] = Some(Err(error)),
        }
    }
    for (leader, indexes) in leaders {
        // A request names each partition once; the same one may be asked about twice.
        for chunk in distinct(&indexes, queries) {
            let partition = |index: &usize| {
                ListOffsetsPartition::default()
                    .with_partition_index(queries[*index].0 as i32)
                    .with_timestamp(queries[*index].1)
            };
            let topics = ListOffsetsTopic::default()
                .with_name(TopicName(text(name)))
                .with_partitions(chunk.iter().map(partition).collect());
            let request = kafka::ListOffsetsRequest::default()
                .with_replica_id(kafka::BrokerId(-1))
                .with_isolation_level(isolation as i8)
                .with_topics(vec![topics]);
            let node =
                inner.cluster.node(leader).inspect_err(|_| inner.cluster.mark_stale(&topic))?;
            let answer = node.call(Lane::Control(chunk[0]), &request).await;
            let response = answer.inspect_err(|_| inner.cluster.mark_stale(&topic))?;
            let parts = response.topics.into_iter().flat_map(|topic| topic.partitions);
            let parts: HashMap<i32, _> = parts.map(|part| (part.partition_index, part)).collect();
            for index in chunk {
                let partition = queries[index].0;
                let Some(part) = parts.get(&(partition as i32)) else { continue };
                let what = format!("find an offset in partition {partition} of {name}");
                let error = || errors::error(part.error_code, &what);
                match errors::remedy(part.error_code) {
                    Remedy::None => found[index] = Some(Ok((part.offset, part.timestamp))),
                    Remedy::Elsewhere => {
                        inner.cluster.mark_stale(&topic);
                        return Err(error());
                    }
                    Remedy::Later => return Err(error()),
                    Remedy::Final => found[index] = Some(Err(error())),
                }
            }
        }
    }
    Ok(())
}

/// Parts queries so that each part has a partition once.
fn distinct(indexes: &[usize], queries: &[(u32, i64)]) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut seen: HashMap<u32, usize> = HashMap::new();
    for &index in indexes {
        let times = seen.entry(queries[index].0).or_default();
        if parts.len() == *times {
            parts.push(Vec::new());
        }
        parts[*times].push(index);
        *times += 1;
    }
    parts
}
