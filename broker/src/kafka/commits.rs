//! Groups' offsets: Kafka's own, each one higher than FlyMQ's, since Kafka stores where a group goes
//! on and FlyMQ what it has processed last.

use std::collections::BTreeMap;
use std::sync::Arc;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, ProducerId,
    TransactionalId, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use super::Inner;
use super::cluster::is_internal;
use super::coordinators::Kind;
use super::errors;
use super::groups::{describe, group_id, member_error};
use super::topics::{text, topic_name};
use super::transactions::{Identity, is_fenced, why_fenced};
use crate::Result;
use crate::groups::check_group;
use crate::topic::shorten;

/// How long an application's note may be, in bytes; Kafka's own limit by default.
const MAX_METADATA: usize = 4096;
/// How much of groups' notes one answer carries, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// Stores a group's offsets.
pub async fn commit(inner: Arc<Inner>, request: CommitRequest) -> Result<CommitResponse> {
    let CommitRequest { group, member_id, generation, offsets } = request;
    check_group(&group)?;
    check_count(offsets.len())?;
    let is_valid = |offset: &CommittedOffset| check_value(offset).is_ok();
    let (valid, refused): (Vec<_>, Vec<_>) = offsets.into_iter().partition(is_valid);
    let mut failed: Vec<_> =
        refused.into_iter().map(|o| refuse(o, ErrorCode::InvalidRequest)).collect();
    if valid.is_empty() && !failed.is_empty() {
        return Ok(CommitResponse { failed });
    }
    let topics = by_topic(&valid).into_iter().map(|(topic, partitions)| {
        let partition = |offset: &CommittedOffset| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(offset.partition as i32)
                .with_committed_offset(to_kafka(offset.offset))
                .with_committed_metadata(Some(text(offset.metadata.as_str())))
        };
        OffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.into_iter().map(partition).collect())
    });
    let asked = OffsetCommitRequest::default()
        .with_group_id(group_id(&group))
        .with_member_id(text(member_id.as_str()))
        .with_generation_id_or_member_epoch(if member_id.is_empty() { -1 } else { generation })
        .with_topics(topics.collect());
    let codes = |response: &OffsetCommitResponse| {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        whole(partitions.map(|partition| partition.error_code))
    };
    let answer = inner.cluster.coordinated(Kind::Group, &group, &asked, codes).await?;
    if let Some(error) = E::try_from_code(codes(&answer)) {
        return Err(commit_error(error, &group, &member_id));
    }
    let mut by_place: BTreeMap<_, _> =
        valid.into_iter().map(|o| ((o.topic.clone(), o.partition), o)).collect();
    for topic in answer.topics {
        for partition in topic.partitions.iter().filter(|partition| partition.error_code != 0) {
            let place = (topic.name.to_string(), partition.partition_index as u32);
            let Some(offset) = by_place.remove(&place) else { continue };
            let code = match E::try_from_code(partition.error_code) {
                Some(E::UnknownTopicOrPartition) => missing(&inner, &place.0).await,
                _ => errors::error(partition.error_code, "commit an offset").code,
            };
            failed.push(refuse(offset, code));
        }
    }
    Ok(CommitResponse { failed })
}

/// Makes a group's offsets part of a transaction, all or none.
pub async fn in_transaction(
    inner: Arc<Inner>,
    request: TxnOffsetsRequest,
) -> Result<TxnOffsetsResponse> {
    let TxnOffsetsRequest { transactional_id, group, member_id, generation, offsets, .. } =
        &request;
    let identity = Identity { producer_id: request.producer_id, epoch: request.producer_epoch };
    check_group(group)?;
    check_count(offsets.len())?;
    // Kafka would take those that are right.
    for offset in offsets {
        let checked = match check_value(offset) {
            Ok(()) => exists(&inner, offset).await,
            refused => refused,
        };
        checked.map_err(|error| ProtocolError {
            message: format!(
                "the offset of partition {} of topic {:?} cannot be stored: {}",
                offset.partition,
                shorten(&offset.topic),
                error.message
            ),
            ..error
        })?;
    }
    if member_id.is_empty() {
        // Kafka lets anybody do this within a transaction.
        let members = describe::members(&inner, group).await?;
        if members > 0 {
            return Err(not_empty(group));
        }
    }
    let topics = by_topic(offsets).into_iter().map(|(topic, partitions)| {
        let partition = |offset: &CommittedOffset| {
            TxnOffsetCommitRequestPartition::default()
                .with_partition_index(offset.partition as i32)
                .with_committed_offset(to_kafka(offset.offset))
                .with_committed_metadata(Some(text(offset.metadata.as_str())))
        };
        TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.into_iter().map(partition).collect())
    });
    let asked = TxnOffsetCommitRequest::default()
        .with_transactional_id(TransactionalId(text(transactional_id.as_str())))
        .with_group_id(group_id(group))
        .with_producer_id(ProducerId(identity.producer_id))
        .with_producer_epoch(identity.epoch)
        .with_generation_id(if member_id.is_empty() { -1 } else { *generation })
        .with_member_id(text(member_id.as_str()))
        .with_topics(topics.collect());
    let codes = |response: &TxnOffsetCommitResponse| {
        let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.find(|partition| partition.error_code != 0).map_or(0, |p| p.error_code)
    };
    let answer = inner.cluster.coordinated(Kind::Group, group, &asked, codes).await?;
    match E::try_from_code(codes(&answer)) {
        None => Ok(TxnOffsetsResponse {}),
        Some(error) if is_fenced(error) => {
            Err(why_fenced(&inner, transactional_id, identity).await)
        }
        Some(error) => Err(commit_error(error, group, member_id)),
    }
}

/// Reads a group's offsets.
pub async fn committed(inner: Arc<Inner>, request: CommittedRequest) -> Result<CommittedResponse> {
    let CommittedRequest { group, topics, stable } = request;
    check_group(&group)?;
    let count = topics.iter().flatten().map(|topic| topic.partitions.len()).sum();
    check_count(count)?;
    let found = stored(&inner, &group, topics.as_deref(), stable).await?;
    let mut offsets = Vec::new();
    let mut notes = 0;
    for topic in found.topics {
        for partition in topic.partitions {
            let metadata = partition.metadata.map_or(String::new(), |m| m.to_string());
            notes += metadata.len();
            offsets.push(CommittedOffset {
                topic: topic.name.to_string(),
                partition: partition.partition_index as u32,
                // What another client has stored may be anything.
                offset: (partition.committed_offset >= 0).then(|| partition.committed_offset - 1),
                metadata,
                error: match E::try_from_code(partition.error_code) {
                    None => 0,
                    Some(E::UnstableOffsetCommit) => ErrorCode::UnstableOffsets as u16,
                    Some(_) => errors::error(partition.error_code, "read an offset").code as u16,
                },
            });
        }
    }
    let Some(topics) = topics else {
        offsets.retain(|offset| !is_internal(&offset.topic));
        check_count(offsets.len())?;
        check_notes(notes)?;
        return Ok(CommittedResponse { offsets });
    };
    check_notes(notes)?;
    let mut by_place: BTreeMap<_, _> =
        offsets.into_iter().map(|o| ((o.topic.clone(), o.partition), o)).collect();
    let mut answer = Vec::with_capacity(count);
    for TopicPartitions { topic, partitions } in topics {
        for partition in partitions {
            let nothing =
                || CommittedOffset { topic: topic.clone(), partition, ..Default::default() };
            let mut offset = by_place.remove(&(topic.clone(), partition)).unwrap_or_else(nothing);
            if offset.offset.is_none()
                && offset.error == 0
                && let Err(error) = exists(&inner, &offset).await
            {
                offset.error = error.code as u16;
            }
            answer.push(offset);
        }
    }
    Ok(CommittedResponse { offsets: answer })
}

/// What Kafka has stored of a group: of these partitions, or of all.
pub async fn stored(
    inner: &Inner,
    group: &str,
    topics: Option<&[TopicPartitions]>,
    stable: bool,
) -> Result<OffsetFetchResponseGroup> {
    let topic = |topic: &TopicPartitions| {
        OffsetFetchRequestTopics::default()
            .with_name(topic_name(&topic.topic))
            .with_partition_indexes(topic.partitions.iter().map(|&p| p as i32).collect())
    };
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_member_epoch(-1)
        .with_topics(topics.map(|topics| topics.iter().map(topic).collect()));
    let request =
        OffsetFetchRequest::default().with_require_stable(stable).with_groups(vec![asked]);
    let code = |r: &OffsetFetchResponse| r.groups.first().map_or(0, |group| group.error_code);
    let answer = inner.cluster.coordinated(Kind::Group, group, &request, code).await?;
    let Some(found) = answer.groups.into_iter().next() else {
        return Err(errors::malformed("Kafka has no answer about the group"));
    };
    match E::try_from_code(found.error_code) {
        None => Ok(found),
        // It has nothing stored then.
        Some(E::GroupIdNotFound) => Ok(found.with_topics(Vec::new())),
        Some(_) => Err(errors::error(found.error_code, "read a group's offsets")),
    }
}

fn to_kafka(offset: Option<i64>) -> i64 {
    // Checked before.
    offset.unwrap_or(-1).saturating_add(1)
}

fn by_topic(offsets: &[CommittedOffset]) -> BTreeMap<&str, Vec<&CommittedOffset>> {
    let mut topics: BTreeMap<&str, BTreeMap<u32, &CommittedOffset>> = BTreeMap::new();
    for offset in offsets {
        // Later offsets of a partition count.
        topics.entry(&offset.topic).or_default().insert(offset.partition, offset);
    }
    topics.into_iter().map(|(topic, places)| (topic, places.into_values().collect())).collect()
}

fn refuse(offset: CommittedOffset, code: ErrorCode) -> CommittedOffset {
    CommittedOffset { metadata: String::new(), error: code as u16, ..offset }
}

fn check_value(offset: &CommittedOffset) -> Result<()> {
    let refuse = |message: &str| Err(ProtocolError::new(ErrorCode::InvalidRequest, message));
    if offset.offset.is_none_or(|offset| offset < -1) {
        return refuse("it is below -1");
    }
    if offset.metadata.len() > MAX_METADATA {
        return refuse("its metadata is longer than 4,096 bytes");
    }
    if i32::try_from(offset.partition).is_err() {
        return refuse("there is no such partition");
    }
    Ok(())
}

fn check_count(partitions: usize) -> Result<()> {
    if partitions > MAX_NAMED {
        return Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("offsets of {partitions} partitions exceed the limit of {MAX_NAMED}"),
        ));
    }
    Ok(())
}

fn check_notes(bytes: usize) -> Result<()> {
    if bytes > MAX_ANSWER {
        return Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("{bytes} bytes of metadata exceed the limit of {MAX_ANSWER}; ask for fewer"),
        ));
    }
    Ok(())
}

/// Refuses a partition that does not exist, as far as is known, or known anew.
async fn exists(inner: &Inner, offset: &CommittedOffset) -> Result<()> {
    let topic = inner.cluster.topic(&offset.topic).await?;
    if topic.leader(offset.partition).is_ok() {
        return Ok(());
    }
    inner.cluster.mark_stale(&topic);
    inner.cluster.topic(&offset.topic).await?.leader(offset.partition).map(drop)
}

/// Which of the two is unknown, when Kafka does not know a topic or its partition.
async fn missing(inner: &Inner, topic: &str) -> ErrorCode {
    match inner.cluster.topics(&[topic]).await.map(|mut found| found.pop()) {
        Ok(Some(Ok(_))) => ErrorCode::UnknownPartition,
        _ => ErrorCode::UnknownTopic,
    }
}

/// The error that a whole request has, out of those of its partitions.
fn whole(codes: impl Iterator<Item = i16>) -> i16 {
    let of_a_partition = |code: &i16| {
        matches!(
            E::try_from_code(*code),
            None | Some(
                E::UnknownTopicOrPartition
                    | E::UnknownTopicId
                    | E::TopicAuthorizationFailed
                    | E::OffsetMetadataTooLarge
                    | E::InvalidCommitOffsetSize
            )
        )
    };
    codes.into_iter().find(|code| !of_a_partition(code)).unwrap_or(0)
}

fn commit_error(error: E, group: &str, member_id: &str) -> ProtocolError {
    let of_a_member = matches!(error, E::UnknownMemberId | E::IllegalGeneration);
    if member_id.is_empty() && of_a_member {
        return not_empty(group);
    }
    member_error(error, None, group, member_id)
}

fn not_empty(group: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::GroupNotEmpty,
        format!("group {:?} has members, so only they may commit", shorten(group)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(topic: &str, partition: u32, offset: Option<i64>) -> CommittedOffset {
        CommittedOffset { topic: topic.into(), partition, offset, ..Default::default() }
    }

    #[test]
    fn the_last_one_processed_becomes_the_next_to_read() {
        assert_eq!(to_kafka(Some(-1)), 0);
        assert_eq!(to_kafka(Some(41)), 42);
        assert_eq!(to_kafka(Some(i64::MAX)), i64::MAX);
        for bad in [None, Some(-2), Some(i64::MIN)] {
            assert!(check_value(&offset("t", 0, bad)).is_err());
        }
        assert!(check_value(&offset("t", u32::MAX, Some(0))).is_err());
    }

    #[test]
    fn later_offsets_of_a_partition_count() {
        let given = [offset("t", 1, Some(5)), offset("t", 0, Some(1)), offset("t", 1, Some(3))];
        let topics = by_topic(&given);
        let of_t: Vec<_> = topics["t"].iter().map(|o| (o.partition, o.offset)).collect();
        assert_eq!(of_t, [(0, Some(1)), (1, Some(3))]);
    }

    #[test]
    fn errors_of_the_group_are_those_of_the_request() {
        let unknown = E::UnknownTopicOrPartition.code();
        let stale = E::StaleMemberEpoch.code();
        assert_eq!(whole([0, unknown].into_iter()), 0);
        assert_eq!(whole([0, unknown, stale].into_iter()), stale);
    }
}
