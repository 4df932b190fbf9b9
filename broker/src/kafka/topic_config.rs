//! A topic's configuration, FlyMQ's keys in Kafka's terms.
//!
//! | FlyMQ | Kafka |
//! | --- | --- |
//! | `max_record_bytes` | `max.message.bytes`, which bounds a batch: [`BATCH_ROOM`] more |
//! | `retention_bytes` | `retention.bytes`, which bounds a partition: an equal share |
//! | `retention_ms`, `segment_ms` | `retention.ms`, `segment.ms` |
//! | `segment_bytes` | `segment.bytes`, of a partition, from 1 MiB to 2 GiB |

use std::collections::BTreeMap;

use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages as kafka;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::protocol::StrBytes;

use super::Inner;
use super::cluster::unknown_topic;
use super::errors::{self, malformed};
use super::topics::text;
use crate::Result;
use crate::topic::TopicConfig;

/// How large a batch may be beyond the largest record of its topic.
const BATCH_ROOM: i64 = 16 << 20;
/// What Kafka takes for `segment.bytes`.
const SEGMENT_BYTES: std::ops::RangeInclusive<i64> = 1 << 20..=i32::MAX as i64;
/// The type of a resource that is a topic.
const TOPIC: i8 = 2;
/// The operation that sets a configuration key.
const SET: i8 = 0;

/// A key's name in FlyMQ and in Kafka.
const NAMES: [(&str, &str); 5] = [
    ("max_record_bytes", "max.message.bytes"),
    ("retention_bytes", "retention.bytes"),
    ("retention_ms", "retention.ms"),
    ("segment_bytes", "segment.bytes"),
    ("segment_ms", "segment.ms"),
];

/// A value in Kafka's terms.
fn to_kafka(name: &str, value: i64, partitions: u32) -> i64 {
    match name {
        "max_record_bytes" => value + BATCH_ROOM,
        "retention_bytes" if value >= 0 => {
            let partitions = i64::from(partitions.max(1));
            value / partitions + i64::from(value % partitions > 0)
        }
        "segment_bytes" => value.clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end()),
        _ => value,
    }
}

/// A value in FlyMQ's terms.
fn from_kafka(name: &str, value: i64, partitions: u32) -> i64 {
    match name {
        // Of a topic that was made elsewhere, a batch is as large as a record may be.
        "max_record_bytes" if value > BATCH_ROOM => value - BATCH_ROOM,
        "retention_bytes" if value >= 0 => value.saturating_mul(partitions.max(1).into()),
        _ => value,
    }
}

/// The configuration of a topic that is to be made.
pub fn of_new_topic(
    overrides: &BTreeMap<String, String>,
    partitions: u32,
    min_insync_replicas: u16,
) -> Result<BTreeMap<&'static str, String>> {
    let wanted = TopicConfig::from_overrides(overrides)?.to_map();
    let mut config = BTreeMap::from([
        ("min.insync.replicas", min_insync_replicas.to_string()),
        // A copy that lacks acknowledged records must never lead.
        ("unclean.leader.election.enable", "false".to_owned()),
        // Records keep the times that their producers gave them, whatever those are.
        ("message.timestamp.type", "CreateTime".to_owned()),
        ("message.timestamp.after.max.ms", i64::MAX.to_string()),
        ("message.timestamp.before.max.ms", i64::MAX.to_string()),
    ]);
    // Every key, so that a topic is what it would be on a machine of its own.
    for (ours, theirs) in NAMES {
        config.insert(theirs, to_kafka(ours, number(&wanted, ours), partitions).to_string());
    }
    Ok(config)
}

fn number(config: &BTreeMap<String, String>, key: &str) -> i64 {
    config.get(key).and_then(|value| value.parse().ok()).unwrap_or(-1)
}

/// The configuration in force.
pub async fn read(inner: &Inner, name: &str, partitions: u32) -> Result<TopicConfig> {
    let keys = NAMES.iter().map(|(_, theirs)| StrBytes::from_static_str(theirs)).collect();
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(keys));
    let request = kafka::DescribeConfigsRequest::default().with_resources(vec![resource]);
    let code = |r: &kafka::DescribeConfigsResponse| r.results.first().map_or(0, |t| t.error_code);
    let response = inner.cluster.administer(&request, code).await?;
    let result = response.results.into_iter().next();
    let result = result.ok_or_else(|| malformed("Kafka says nothing of a topic"))?;
    match result.error_code {
        0 => {}
        3 => return Err(unknown_topic(name)),
        code => {
            let what = format!("describe topic {name}");
            return Err(errors::error_with(code, &what, result.error_message.as_deref()));
        }
    }
    let mut config = TopicConfig::default();
    for (ours, theirs) in NAMES {
        let value = result.configs.iter().find(|c| c.name.as_str() == theirs);
        let value = value.and_then(|c| c.value.as_deref()).and_then(|v| v.parse().ok());
        let value: i64 = value.ok_or_else(|| malformed(format!("Kafka does not say {theirs}")))?;
        config.put(ours, from_kafka(ours, value, partitions));
    }
    Ok(config)
}

/// Sets keys; `None` puts one back to its default.
pub async fn write(
    inner: &Inner,
    name: &str,
    changes: &BTreeMap<String, Option<String>>,
    partitions: u32,
) -> Result<()> {
    // Puts back, too, have to name a key that there is.
    let named = |(key, value): (&String, &Option<String>)| {
        let default = || number(&TopicConfig::default().to_map(), key).to_string();
        (key.clone(), value.clone().unwrap_or_else(default))
    };
    let wanted = TopicConfig::from_overrides(&changes.iter().map(named).collect())?.to_map();
    let config = |(ours, theirs): &(&str, &'static str)| {
        changes.get(*ours)?;
        let value = to_kafka(ours, number(&wanted, ours), partitions).to_string();
        let name = StrBytes::from_static_str(theirs);
        let config = AlterableConfig::default().with_name(name).with_config_operation(SET);
        Some(config.with_value(Some(text(value))))
    };
    let configs: Vec<_> = NAMES.iter().filter_map(config).collect();
    if configs.is_empty() {
        return Ok(());
    }
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(name))
        .with_configs(configs);
    let request = kafka::IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let code = |r: &kafka::IncrementalAlterConfigsResponse| {
        r.responses.first().map_or(0, |t| t.error_code)
    };
    let response = inner.cluster.administer(&request, code).await?;
    let result = response.responses.into_iter().next();
    let result = result.ok_or_else(|| malformed("Kafka says nothing of a topic"))?;
    if result.error_code != 0 {
        let what = format!("configure topic {name}");
        return Err(errors::error_with(result.error_code, &what, result.error_message.as_deref()));
    }
    settled(inner, name, &wanted, changes, partitions).await
}

/// Waits until the nodes know of a change, so that it is what is read next.
async fn settled(
    inner: &Inner,
    name: &str,
    wanted: &BTreeMap<String, String>,
    changes: &BTreeMap<String, Option<String>>,
    partitions: u32,
) -> Result<()> {
    let mut retry = inner.cluster.retry();
    loop {
        let now = read(inner, name, partitions).await?.to_map();
        let is_there = |(ours, _): &(&str, &str)| {
            let value = |config| to_kafka(ours, number(config, ours), partitions);
            !changes.contains_key(*ours) || value(&now) == value(wanted)
        };
        if NAMES.iter().all(is_there) {
            if let Some(topic) = inner.cluster.cached(name) {
                inner.cluster.mark_stale(&topic);
            }
            return Ok(());
        }
        let waiting = format!("the configuration of topic {name} is changed, but not seen yet");
        retry.pause_or(ProtocolError::new(ErrorCode::Unavailable, waiting)).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for (name, value) in [
            ("max_record_bytes", 1 << 20),
            ("max_record_bytes", 1),
            ("retention_bytes", -1),
            ("retention_bytes", 3 << 20),
            ("retention_ms", -1),
            ("segment_bytes", 1 << 30),
        ] {
            assert_eq!(from_kafka(name, to_kafka(name, value, 3), 3), value, "{name}");
        }
        assert_eq!(to_kafka("retention_bytes", 10, 3), 4);
        assert_eq!(to_kafka("segment_bytes", 1 << 16, 1), 1 << 20);
        assert_eq!(from_kafka("max_record_bytes", 1_048_588, 1), 1_048_588);
    }

    #[test]
    fn a_new_topic_has_flymqs_defaults() {
        let config = of_new_topic(&BTreeMap::new(), 1, 2).unwrap();
        assert_eq!(config["min.insync.replicas"], "2");
        assert_eq!(config["max.message.bytes"], (17 << 20).to_string());
        assert_eq!(config["segment.bytes"], (256 << 20).to_string());
        let overrides = BTreeMap::from([("retention_ms".to_owned(), "5".to_owned())]);
        assert_eq!(of_new_topic(&overrides, 1, 2).unwrap()["retention.ms"], "5");
        let unknown = BTreeMap::from([("retention.ms".to_owned(), "5".to_owned())]);
        assert_eq!(of_new_topic(&unknown, 1, 2).unwrap_err().code, ErrorCode::InvalidConfig);
    }
}
