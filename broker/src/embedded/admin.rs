//! Topics: creating, deleting, describing, altering.

use std::sync::{Arc, PoisonError};

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};

use super::partition::Partition;
use super::segment::Segment;
use super::store::MetaKey;
use super::topics::{Topic, TopicRecord};
use super::{Inner, groups};
use crate::topic::{TopicConfig, check_name};
use crate::{Result, now_ms};

fn check_partitions(inner: &Inner, partitions: u32) -> Result<()> {
    if partitions == 0 || partitions > inner.max_partitions {
        return Err(ProtocolError::new(
            ErrorCode::InvalidPartitions,
            format!("a topic has 1 to {} partitions, not {partitions}", inner.max_partitions),
        ));
    }
    Ok(())
}

pub fn create_topic(inner: &Inner, request: CreateTopicRequest) -> Result<CreateTopicResponse> {
    check_name(&request.name)?;
    check_partitions(inner, request.partitions)?;
    TopicConfig::from_overrides(&request.config)?;
    if request.replication > 1 {
        return Err(ProtocolError::new(
            ErrorCode::InvalidConfig,
            format!(
                "replication {} is not possible: this broker runs on one machine and keeps 1 copy",
                request.replication
            ),
        ));
    }
    let _admin = inner.admin.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(topic) = inner.topics.get(&request.name) {
        if request.if_not_exists {
            let partitions = topic.partitions().len() as u32;
            return Ok(CreateTopicResponse { partitions, created: false });
        }
        return Err(ProtocolError::new(
            ErrorCode::TopicExists,
            format!("there is a topic {} already", request.name),
        ));
    }
    if inner.topics.len() >= MAX_NAMED {
        return Err(ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!("the broker holds {MAX_NAMED} topics, which is as many as it takes"),
        ));
    }
    inner.space.admit(0)?;
    let id = inner.store.get(MetaKey::NextTopicId)?.unwrap_or(1u32);
    let record = TopicRecord {
        id,
        partitions: request.partitions,
        overrides: request.config,
        first_segment: 0,
    };
    let storage = inner.store.segment(id, 0)?;
    let mut changes = inner.store.changes();
    changes.put(MetaKey::NextTopicId, &(id + 1))?;
    changes.put(MetaKey::Topic(&request.name), &record)?;
    changes.commit()?;

    let partitions =
        (0..request.partitions).map(|i| Arc::new(Partition::new(i, 0, 0, Vec::new()))).collect();
    let segments = vec![Arc::new(Segment::new(0, storage, now_ms()))];
    let topic = Topic::new(request.name, record, partitions, segments)?;
    tracing::info!(topic = topic.name, partitions = request.partitions, "created a topic");
    inner.topics.insert(Arc::new(topic));
    groups::topics_changed(inner);
    Ok(CreateTopicResponse { partitions: request.partitions, created: true })
}

pub fn delete_topic(inner: &Inner, request: DeleteTopicRequest) -> Result<DeleteTopicResponse> {
    let _admin = inner.admin.lock().unwrap_or_else(PoisonError::into_inner);
    let topic = inner.topics.find(&request.name)?;
    let mut changes = inner.store.changes();
    changes.remove(MetaKey::Topic(&topic.name));
    for partition in topic.partitions().iter() {
        changes.remove(MetaKey::Bounds(topic.id, partition.index));
    }
    for segment in topic.segments() {
        changes.remove(MetaKey::Segment(topic.id, segment.number));
    }
    // An offset committed in between would outlive its topic.
    inner.committer.between_commits(|| {
        inner.offsets.remove_topic(&mut changes, topic.id);
        changes.commit()?;
        inner.offsets.forget_topic(topic.id);
        topic.mark_deleted();
        Ok::<_, ProtocolError>(())
    })?;
    inner.topics.remove(&topic.name);
    groups::topics_changed(inner);
    for segment in topic.segments() {
        inner.store.drop_segment(segment.keyspace.clone(), &segment.file)?;
    }
    forget_writers(inner, &topic)?;
    tracing::info!(topic = topic.name, "deleted a topic");
    Ok(DeleteTopicResponse {})
}

/// Removes the sequences that producers had in a topic, and its part in transactions.
fn forget_writers(inner: &Inner, topic: &Topic) -> Result<()> {
    let mut changes = inner.store.changes();
    for guard in inner.store.producers.prefix(topic.id.to_be_bytes()) {
        if let Ok(key) = guard.key() {
            changes.remove_producer(&key);
        }
    }
    changes.remove_transactions(topic.id)?;
    changes.commit()
}

pub fn add_partitions(
    inner: &Inner,
    request: AddPartitionsRequest,
) -> Result<AddPartitionsResponse> {
    check_partitions(inner, request.partitions)?;
    let _admin = inner.admin.lock().unwrap_or_else(PoisonError::into_inner);
    let topic = inner.topics.find(&request.name)?;
    let mut record = topic.record();
    if request.partitions < record.partitions {
        return Err(ProtocolError::new(
            ErrorCode::InvalidPartitions,
            format!(
                "topic {} has {} partitions; they cannot become {}",
                topic.name, record.partitions, request.partitions
            ),
        ));
    }
    record.partitions = request.partitions;
    let mut changes = inner.store.changes();
    changes.put(MetaKey::Topic(&topic.name), &record)?;
    changes.commit()?;
    topic.set_record(record)?;
    topic.add_partitions(request.partitions);
    groups::topics_changed(inner);
    Ok(AddPartitionsResponse { partitions: request.partitions })
}

pub fn alter_topic(inner: &Inner, request: AlterTopicRequest) -> Result<AlterTopicResponse> {
    let _admin = inner.admin.lock().unwrap_or_else(PoisonError::into_inner);
    let topic = inner.topics.find(&request.name)?;
    let mut record = topic.record();
    for (key, value) in request.config {
        match value {
            Some(value) => record.overrides.insert(key, value),
            None => record.overrides.remove(&key),
        };
    }
    let config = TopicConfig::from_overrides(&record.overrides)?.to_map();
    let mut changes = inner.store.changes();
    changes.put(MetaKey::Topic(&topic.name), &record)?;
    changes.commit()?;
    topic.set_record(record)?;
    inner.nudge.call();
    Ok(AlterTopicResponse { config })
}

pub fn cluster_status(inner: &Inner) -> ClusterStatusResponse {
    let topics = inner.topics.all();
    ClusterStatusResponse {
        engine: "embedded".to_owned(),
        cluster_id: inner.cluster_id.clone(),
        partitions: topics.iter().map(|topic| topic.partitions().len() as u32).sum(),
        ..Default::default()
    }
}

pub fn describe_topic(
    inner: &Inner,
    request: DescribeTopicRequest,
) -> Result<DescribeTopicResponse> {
    let topic = inner.topics.find(&request.name)?;
    let partitions = topic.partitions();
    let info = |p: &Arc<Partition>| PartitionInfo {
        partition: p.index,
        earliest: p.start(),
        latest: p.end(),
    };
    Ok(DescribeTopicResponse {
        config: topic.config().to_map(),
        partitions: partitions.iter().map(info).collect(),
        bytes: topic.bytes(),
    })
}

pub fn list_topics(inner: &Inner) -> ListTopicsResponse {
    let topics = inner.topics.all();
    ListTopicsResponse { topics: topics.iter().map(|topic| summary(topic)).collect() }
}

fn summary(topic: &Topic) -> TopicSummary {
    TopicSummary { name: topic.name.clone(), partitions: topic.partitions().len() as u32, error: 0 }
}

pub fn metadata(inner: &Inner, names: Vec<String>) -> Vec<TopicSummary> {
    let describe = |name: String| match inner.topics.get(&name) {
        Some(topic) => summary(&topic),
        None => TopicSummary { name, partitions: 0, error: ErrorCode::UnknownTopic as u16 },
    };
    names.into_iter().map(describe).collect()
}
