//! How long members may be silent. In FlyMQ each member says so; Kafka sets it for a group, within
//! bounds that its operator chose. So the last member that joined has its way, as far as it goes.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use lru::LruCache;

use crate::Result;
use crate::kafka::cluster::Cluster;
use crate::kafka::errors;
use crate::kafka::node::Lane;
use crate::kafka::topics::text;
use crate::topic::shorten;

const BROKER: i8 = 4;
const GROUP: i8 = 32;
const SESSION: &str = "consumer.session.timeout.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
/// How many groups are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// The session time-outs that groups were given through this gateway. Saves asking.
pub struct Sessions(Mutex<LruCache<String, i64>>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Sessions {
    /// Gives a group the session time-out that a member wants, or the nearest that is allowed.
    /// Where that cannot be done, the group keeps the one that it has.
    pub async fn set(&self, cluster: &Cluster, group: &str, wanted: i64) {
        if self.lock().get(group) == Some(&wanted) {
            return;
        }
        match give(cluster, group, wanted).await {
            Ok(given) => {
                if given != wanted {
                    tracing::warn!(
                        group = %shorten(group),
                        wanted_ms = wanted,
                        given_ms = given,
                        "the session time-out is out of the bounds that the Kafka cluster sets \
                         with group.consumer.min.session.timeout.ms and its maximum"
                    );
                }
                self.lock().put(group.to_owned(), wanted);
            }
            Err(error) => {
                tracing::warn!(group = %shorten(group), %error, "cannot set the session time-out");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<String, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what the group has then.
async fn give(cluster: &Cluster, group: &str, wanted: i64) -> Result<i64> {
    let [session, heartbeat] = numbers(cluster, GROUP, group, [SESSION, HEARTBEAT]).await?;
    // Kafka has to take the interval for shorter than the time-out, whatever members are told.
    if session == wanted && heartbeat < wanted {
        return Ok(wanted);
    }
    let node = cluster.node_ids().first().map_or_else(String::new, i32::to_string);
    let keys = [
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.heartbeat.interval.ms",
    ];
    let [least, most, least_beat, usual_beat] = numbers(cluster, BROKER, &node, keys).await?;
    let given = wanted.clamp(least, most.max(least));
    let beat = usual_beat.min(given / 3).max(least_beat);
    if (session, heartbeat) != (given, beat) {
        let value = |name: &str, value: i64| {
            AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(0)
                .with_value(Some(text(value.to_string())))
        };
        let resource = AlterConfigsResource::default()
            .with_resource_type(GROUP)
            .with_resource_name(text(group))
            .with_configs(vec![value(SESSION, given), value(HEARTBEAT, beat)]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let code = |r: &IncrementalAlterConfigsResponse| {
            r.responses.first().map_or(0, |resource| resource.error_code)
        };
        let answer = cluster.administer(&request, code).await?;
        if code(&answer) != 0 {
            let message = answer.responses.first().and_then(|r| r.error_message.as_deref());
            return Err(errors::error_with(code(&answer), "configure a group", message));
        }
    }
    Ok(given)
}

/// Configuration values of a resource that are numbers.
async fn numbers<const N: usize>(
    cluster: &Cluster,
    kind: i8,
    name: &str,
    keys: [&str; N],
) -> Result<[i64; N]> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(keys.map(text).into()));
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let answer: DescribeConfigsResponse = match (kind, name.parse()) {
        // Nodes know of themselves alone.
        (BROKER, Ok(id)) => cluster.node(id)?.call(Lane::Control(0), &request).await?,
        _ => cluster.anywhere(&request).await?,
    };
    let Some(found) = answer.results.into_iter().next() else {
        return Err(errors::malformed("Kafka describes no configuration"));
    };
    if found.error_code != 0 {
        let message = found.error_message.as_deref();
        return Err(errors::error_with(found.error_code, "read a configuration", message));
    }
    let mut values = [0; N];
    for (value, key) in values.iter_mut().zip(keys) {
        let config = found.configs.iter().find(|config| *config.name == *key);
        *value = config
            .and_then(|config| config.value.as_ref()?.parse().ok())
            .ok_or_else(|| errors::malformed(format!("Kafka has no configuration {key}")))?;
    }
    Ok(values)
}
