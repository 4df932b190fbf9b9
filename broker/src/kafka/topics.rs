//! Topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::{self as kafka, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::Inner;
use super::cluster::{Topic, is_internal, unknown_topic};
use super::errors::{self, malformed, unavailable};
use super::node::Lane;
use super::{offsets, topic_config as config};
use crate::Result;
use crate::topic::check_name;

/// How many copies a topic has that does not say, where there are as many nodes.
const COPIES: usize = 3;

pub(super) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// Refuses the names that Kafka and gateways keep for themselves.
pub(super) fn check_ours(name: &str) -> Result<()> {
    if is_internal(name) {
        return Err(unknown_topic(name));
    }
    Ok(())
}

pub async fn create(inner: Arc<Inner>, request: CreateTopicRequest) -> Result<CreateTopicResponse> {
    check_name(&request.name)?;
    if is_internal(&request.name) {
        return Err(ProtocolError::new(
            ErrorCode::InvalidTopicName,
            "names that begin with two underscores are kept for Kafka's own topics",
        ));
    }
    check_partitions(&inner, request.partitions)?;
    let copies = copies(&inner, request.replication)?;
    let least = inner.cluster.config().min_insync_replicas.min((copies - 1).max(1) as u16);
    let configs = config::of_new_topic(&request.config, request.partitions, least)?;
    let configs = configs.into_iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(text(value)))
    });
    let topic = CreatableTopic::default()
        .with_name(topic_name(&request.name))
        .with_num_partitions(request.partitions as i32)
        .with_replication_factor(copies)
        .with_configs(configs.collect());
    let asked = kafka::CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(timeout_ms(&inner));
    let code = |r: &kafka::CreateTopicsResponse| r.topics.first().map_or(0, |t| t.error_code);
    let response = inner.cluster.administer(&asked, code).await?;
    let result =
        response.topics.first().ok_or_else(|| malformed("Kafka says nothing of a topic"))?;
    match result.error_code {
        0 => {
            appeared(&inner, &request.name, request.partitions).await?;
            tracing::info!(
                topic = request.name,
                partitions = request.partitions,
                "created a topic"
            );
            Ok(CreateTopicResponse { partitions: request.partitions, created: true })
        }
        // TOPIC_ALREADY_EXISTS
        36 if request.if_not_exists => {
            let topic = inner.cluster.topic(&request.name).await?;
            Ok(CreateTopicResponse { partitions: topic.partitions.len() as u32, created: false })
        }
        36 => Err(ProtocolError::new(
            ErrorCode::TopicExists,
            format!("there is a topic {} already", request.name),
        )),
        code => {
            let what = format!("create topic {}", request.name);
            Err(errors::error_with(code, &what, result.error_message.as_deref()))
        }
    }
}

pub async fn delete(inner: Arc<Inner>, request: DeleteTopicRequest) -> Result<DeleteTopicResponse> {
    check_ours(&request.name)?;
    let state = DeleteTopicState::default().with_name(Some(topic_name(&request.name)));
    let asked = kafka::DeleteTopicsRequest::default()
        .with_topics(vec![state])
        .with_timeout_ms(timeout_ms(&inner));
    let code = |r: &kafka::DeleteTopicsResponse| r.responses.first().map_or(0, |t| t.error_code);
    let response = inner.cluster.administer(&asked, code).await?;
    inner.cluster.forget(&request.name);
    let result = response.responses.first();
    let result = result.ok_or_else(|| malformed("Kafka says nothing of a topic"))?;
    match result.error_code {
        0 => {
            disappeared(&inner, &request.name).await?;
            tracing::info!(topic = request.name, "deleted a topic");
            Ok(DeleteTopicResponse {})
        }
        3 => Err(unknown_topic(&request.name)),
        code => {
            let what = format!("delete topic {}", request.name);
            Err(errors::error_with(code, &what, result.error_message.as_deref()))
        }
    }
}

pub async fn list(inner: Arc<Inner>, (): ()) -> Result<ListTopicsResponse> {
    let topics = inner.cluster.all_topics().await?;
    Ok(ListTopicsResponse { topics: topics.iter().map(|topic| summary(topic)).collect() })
}

pub async fn metadata(inner: Arc<Inner>, request: MetadataRequest) -> Result<Vec<TopicSummary>> {
    let names: Vec<&str> = request.topics.iter().map(String::as_str).collect();
    let found = inner.cluster.topics(&names).await?;
    let describe = |(name, found): (&String, Result<Arc<Topic>>)| match found {
        Ok(topic) => Ok(summary(&topic)),
        Err(error) if error.code == ErrorCode::UnknownTopic => {
            Ok(TopicSummary { name: name.clone(), partitions: 0, error: error.code as u16 })
        }
        Err(error) => Err(error),
    };
    request.topics.iter().zip(found).map(describe).collect()
}

fn summary(topic: &Topic) -> TopicSummary {
    TopicSummary { name: topic.name.clone(), partitions: topic.partitions.len() as u32, error: 0 }
}

fn check_partitions(inner: &Inner, partitions: u32) -> Result<()> {
    if (1..=inner.max_partitions).contains(&partitions) {
        return Ok(());
    }
    Err(ProtocolError::new(
        ErrorCode::InvalidPartitions,
        format!("a topic has 1 to {} partitions, not {partitions}", inner.max_partitions),
    ))
}

/// How many copies a topic gets.
pub(super) fn copies(inner: &Inner, wanted: u16) -> Result<i16> {
    let nodes = inner.cluster.node_count();
    let copies = match (wanted, inner.cluster.config().replication_factor) {
        (0, Some(copies)) | (copies @ 1.., _) => usize::from(copies),
        (0, None) => COPIES.min(nodes.max(1)),
    };
    i16::try_from(copies).map_err(|_| {
        ProtocolError::new(ErrorCode::InvalidConfig, format!("{copies} copies are too many"))
    })
}

fn timeout_ms(inner: &Inner) -> i32 {
    i32::try_from(inner.cluster.config().request_timeout.as_millis()).unwrap_or(i32::MAX)
}

/// Waits until every partition of a topic that was made has a leader, and all nodes know, so that what is
/// asked of it next is not refused, by whatever gateway.
async fn appeared(inner: &Inner, name: &str, partitions: u32) -> Result<()> {
    let mut retry = inner.cluster.retry();
    loop {
        let found = inner.cluster.topics(&[name]).await?.pop();
        let ready = |t: &Arc<Topic>| {
            t.partitions.len() >= partitions as usize && t.partitions.iter().all(|p| p.node >= 0)
        };
        if matches!(&found, Some(Ok(topic)) if ready(topic)) {
            let known = inner.cluster.known_partitions(name).await;
            if known.into_iter().all(|known| known >= Some(partitions as usize)) {
                return Ok(());
            }
        }
        retry
            .pause_or(unavailable(format!("topic {name} has been made, but has no leaders yet")))
            .await?;
    }
}

/// Waits until a topic that was deleted is not named any more, by any node.
async fn disappeared(inner: &Inner, name: &str) -> Result<()> {
    let mut retry = inner.cluster.retry();
    while inner.cluster.known_partitions(name).await.iter().any(Option::is_some) {
        retry.pause_or(unavailable(format!("topic {name} is deleted, but still there"))).await?;
    }
    Ok(())
}

pub async fn add_partitions(
    inner: Arc<Inner>,
    request: AddPartitionsRequest,
) -> Result<AddPartitionsResponse> {
    check_ours(&request.name)?;
    check_partitions(&inner, request.partitions)?;
    let present = present(&inner, &request.name).await?;
    let before = present.partitions.len() as u32;
    if request.partitions < before {
        return Err(ProtocolError::new(
            ErrorCode::InvalidPartitions,
            format!(
                "topic {} has {before} partitions; they cannot become {}",
                request.name, request.partitions
            ),
        ));
    }
    if request.partitions == before {
        return Ok(AddPartitionsResponse { partitions: before });
    }
    let keeps = config::read(&inner, &request.name, before).await?;
    let topic = CreatePartitionsTopic::default()
        .with_name(topic_name(&request.name))
        .with_count(request.partitions as i32)
        .with_assignments(None);
    let asked = kafka::CreatePartitionsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(timeout_ms(&inner));
    let code = |r: &kafka::CreatePartitionsResponse| r.results.first().map_or(0, |t| t.error_code);
    let response = inner.cluster.administer(&asked, code).await?;
    let result = response.results.first();
    let result = result.ok_or_else(|| malformed("Kafka says nothing of a topic"))?;
    if result.error_code != 0 {
        let what = format!("add partitions to topic {}", request.name);
        return Err(errors::error_with(result.error_code, &what, result.error_message.as_deref()));
    }
    if keeps.retention_bytes >= 0 {
        // The bound is the topic's; Kafka's is a partition's.
        let change = BTreeMap::from([(
            "retention_bytes".to_owned(),
            Some(keeps.retention_bytes.to_string()),
        )]);
        config::write(&inner, &request.name, &change, request.partitions).await?;
    }
    appeared(&inner, &request.name, request.partitions).await?;
    Ok(AddPartitionsResponse { partitions: request.partitions })
}

pub async fn alter(inner: Arc<Inner>, request: AlterTopicRequest) -> Result<AlterTopicResponse> {
    check_ours(&request.name)?;
    let topic = present(&inner, &request.name).await?;
    let partitions = topic.partitions.len() as u32;
    config::write(&inner, &request.name, &request.config, partitions).await?;
    let config = config::read(&inner, &request.name, partitions).await?;
    Ok(AlterTopicResponse { config: config.to_map() })
}

pub async fn describe(
    inner: Arc<Inner>,
    request: DescribeTopicRequest,
) -> Result<DescribeTopicResponse> {
    check_ours(&request.name)?;
    let topic = present(&inner, &request.name).await?;
    let numbers: Vec<u32> = (0..topic.partitions.len() as u32).collect();
    let bounds = offsets::bounds(&inner, &request.name, &numbers).await?;
    let partition = |(partition, (earliest, latest))| PartitionInfo { partition, earliest, latest };
    Ok(DescribeTopicResponse {
        config: config::read(&inner, &request.name, numbers.len() as u32).await?.to_map(),
        partitions: numbers.iter().copied().zip(bounds).map(partition).collect(),
        bytes: bytes(&inner, &topic).await?,
    })
}

/// How many bytes a topic's records take, copies not counted.
async fn bytes(inner: &Inner, topic: &Topic) -> Result<u64> {
    let mut led: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (partition, leader) in topic.partitions.iter().enumerate() {
        led.entry(leader.node).or_default().push(partition as i32);
    }
    let mut bytes = 0;
    for (leader, partitions) in led {
        let wanted = DescribableLogDirTopic::default()
            .with_topic(topic_name(&topic.name))
            .with_partitions(partitions);
        let request = kafka::DescribeLogDirsRequest::default().with_topics(Some(vec![wanted]));
        let response = inner.cluster.node(leader)?.call(Lane::Control(0), &request).await?;
        let folders = response.results.into_iter().flat_map(|folder| folder.topics);
        let partitions = folders.flat_map(|topic| topic.partitions).filter(|p| !p.is_future_key);
        bytes += partitions.map(|p| u64::try_from(p.partition_size).unwrap_or(0)).sum::<u64>();
    }
    Ok(bytes)
}

/// How large a record of a topic may be, as a batch encodes it.
pub async fn max_record_bytes(inner: &Inner, name: &str) -> Result<usize> {
    let topic = inner.cluster.topic(name).await?;
    let read = async {
        let config = config::read(inner, name, topic.partitions.len() as u32).await?;
        Ok(usize::try_from(config.max_record_bytes).unwrap_or(usize::MAX))
    };
    topic.max_record_bytes.get_or_try_init(|| read).await.copied()
}

/// What is known of a topic right now.
async fn present(inner: &Inner, name: &str) -> Result<Arc<Topic>> {
    let found = inner.cluster.topics(&[name]).await?.pop();
    found.unwrap_or_else(|| Err(unknown_topic(name)))
}
