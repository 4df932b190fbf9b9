//! The figures of a moment: the counters, and what is asked for only now.

use std::collections::HashSet;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, Opts};

use super::made;
use super::process::process;
use super::topics::OTHER;
use crate::Result;
use crate::engine::stats::{ClusterStats, EngineStats, GroupStats, PartitionLag, TopicStats};
use crate::server::Shared;

/// Of how many topics the size is told one by one.
const MOST_TOPICS: usize = 1000;
/// Of how many groups anything is told one by one.
const MOST_GROUPS: usize = 1000;
/// Of how many partitions of groups the lag is told one by one.
const MOST_LAGS: usize = 5000;

/// All of a broker's metrics, sorted by name.
///
/// # Errors
///
/// Those of the engine, where it cannot tell its own.
pub async fn gather(shared: &Shared) -> Result<Vec<MetricFamily>> {
    let stats = shared.engine.stats().wait().await?;
    let metrics = &shared.metrics;
    let topics: HashSet<&str> = stats.topics.iter().map(|topic| &*topic.name).collect();
    metrics.topics.retain(|topic| topics.contains(topic));
    let mut families = metrics.registry.gather();
    families.extend(produce_latency(&families));
    families.extend(own(shared));
    families.extend(process());
    families.extend(of_topics(&stats.topics));
    families.extend(of_groups(&stats.groups));
    families.extend(of_engine(&stats));
    families.retain(|family| !family.get_metric().is_empty());
    families.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(families)
}

/// PRODUCE's latencies once more, under the name that is asked for most.
fn produce_latency(families: &[MetricFamily]) -> Option<MetricFamily> {
    let all = families.iter().find(|family| family.name() == "flymq_request_latency_seconds")?;
    let mut produce = all.clone();
    let metrics = produce.mut_metric();
    metrics.retain(|metric| metric.get_label().iter().any(|label| label.value() == "PRODUCE"));
    metrics.iter_mut().for_each(|metric| metric.set_label(Vec::new()));
    produce.set_name("flymq_produce_latency_seconds".to_owned());
    produce.set_help("Time from a PRODUCE's arrival to its acknowledgement.".to_owned());
    Some(produce)
}

fn own(shared: &Shared) -> Vec<MetricFamily> {
    let budget = &shared.budget;
    let mut families = vec![
        gauges(
            "flymq_build_info",
            "The broker's version.",
            &["version"],
            [([env!("CARGO_PKG_VERSION")], 1.0)],
        ),
        gauge(
            "flymq_inflight_bytes",
            "Bytes of requests and answers that take room of the budget.",
            budget.in_use() as f64,
        ),
        gauge("flymq_inflight_limit_bytes", "The budget.", budget.total() as f64),
        gauge(
            "flymq_inflight_waiting",
            "Connections that wait for room in the budget.",
            budget.waiting() as f64,
        ),
        gauge(
            "flymq_connections_limit",
            "How many connections are served at a time.",
            shared.config.max_connections as f64,
        ),
    ];
    if let Some(access) = &shared.access {
        families.push(counter(
            "flymq_auth_throttled_total",
            "Attempts to log in that had to wait, or were sent away, because others had failed.",
            access.throttled() as f64,
        ));
    }
    families
}

fn of_topics(topics: &[TopicStats]) -> Vec<MetricFamily> {
    let (named, rest) = topics.split_at(topics.len().min(MOST_TOPICS));
    let with_rest = |of: fn(&TopicStats) -> Option<f64>| {
        let mut samples: Vec<([&str; 1], f64)> =
            named.iter().filter_map(|topic| Some(([&*topic.name], of(topic)?))).collect();
        if !rest.is_empty() {
            samples.push(([OTHER], rest.iter().filter_map(of).sum()));
        }
        samples
    };
    vec![
        gauge("flymq_topics", "Topics.", topics.len() as f64),
        gauges(
            "flymq_topic_partitions",
            "Partitions of a topic.",
            &["topic"],
            with_rest(|topic| Some(topic.partitions.into())),
        ),
        gauges(
            "flymq_storage_bytes",
            "Bytes that a topic's records take.",
            &["topic"],
            with_rest(|topic| topic.bytes.map(|bytes| bytes as f64)),
        ),
    ]
}

fn of_groups(groups: &[GroupStats]) -> Vec<MetricFamily> {
    let (named, rest) = groups.split_at(groups.len().min(MOST_GROUPS));
    let with_rest = |of: fn(&GroupStats) -> f64| {
        let mut samples: Vec<([&str; 1], f64)> =
            named.iter().map(|group| ([&*group.name], of(group))).collect();
        if !rest.is_empty() {
            samples.push(([OTHER], rest.iter().map(of).sum()));
        }
        samples
    };
    let states = ["empty", "rebalancing", "stable"].map(|state| {
        let count = groups.iter().filter(|group| group.state == state).count();
        ([state], count as f64)
    });
    let mut families = vec![
        gauges("flymq_consumer_groups", "Consumer groups by state.", &["state"], states),
        gauges(
            "flymq_consumer_group_members",
            "Members of a group.",
            &["group"],
            with_rest(|group| group.members.into()),
        ),
        counters(
            "flymq_consumer_group_rebalances_total",
            "How often it was decided anew who of a group reads what.",
            &["group"],
            with_rest(|group| group.rebalances as f64),
        ),
    ];
    families.extend(lags(groups));
    families
}

fn lags(groups: &[GroupStats]) -> [MetricFamily; 2] {
    let all: Vec<(&str, &PartitionLag)> =
        groups.iter().flat_map(|group| group.lags.iter().map(|lag| (&*group.name, lag))).collect();
    let (named, rest) = all.split_at(all.len().min(MOST_LAGS));
    let partitions: Vec<String> = named.iter().map(|(_, lag)| lag.partition.to_string()).collect();
    let labels = || {
        let named = named.iter().zip(&partitions);
        named.map(|(&(group, lag), partition)| [group, &*lag.topic, &**partition])
    };
    let seconds = |lag: &PartitionLag| lag.time.map(|time| time.as_secs_f64());
    let mut records: Vec<_> =
        labels().zip(named).map(|(labels, (_, lag))| (labels, lag.records as f64)).collect();
    let mut times: Vec<_> = labels()
        .zip(named)
        .filter_map(|(labels, (_, lag))| Some((labels, seconds(lag)?)))
        .collect();
    if !rest.is_empty() {
        let other = [OTHER, OTHER, ""];
        records.push((other, rest.iter().map(|(_, lag)| lag.records as f64).sum()));
        let longest = rest.iter().filter_map(|(_, lag)| seconds(lag)).fold(0.0, f64::max);
        times.push((other, longest));
    }
    let labels = ["group", "topic", "partition"];
    [
        gauges(
            "flymq_consumer_group_lag",
            "Records that a group has yet to process.",
            &labels,
            records,
        ),
        gauges(
            "flymq_consumer_group_lag_seconds",
            "Age of the first record that a group has yet to process, 0 where there is none.",
            &labels,
            times,
        ),
    ]
}

fn of_engine(stats: &EngineStats) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    if let Some(transactions) = &stats.transactions {
        families.extend([
            gauge("flymq_transactions_open", "Open transactions.", transactions.open as f64),
            gauge(
                "flymq_transactions_oldest_seconds",
                "For how long the oldest open transaction has been open.",
                transactions.oldest.as_secs_f64(),
            ),
        ]);
    }
    if let Some(disk) = &stats.disk {
        families.extend([
            gauge("flymq_disk_free_bytes", "Bytes that are free on the disk.", disk.free as f64),
            gauge("flymq_disk_size_bytes", "The disk's size.", disk.size as f64),
        ]);
    }
    if let Some(cluster) = &stats.cluster {
        families.extend(of_cluster(cluster));
    }
    families
}

fn of_cluster(cluster: &ClusterStats) -> [MetricFamily; 5] {
    let errors = cluster.errors.iter().map(|(name, count)| ([&**name], *count as f64));
    [
        gauge("flymq_cluster_nodes", "Nodes of the cluster.", cluster.nodes as f64),
        gauge(
            "flymq_cluster_connected_nodes",
            "Nodes of the cluster that this broker is connected to.",
            cluster.connected_nodes as f64,
        ),
        gauge(
            "flymq_cluster_under_replicated_partitions",
            "Partitions of which not all replicas are in sync.",
            cluster.under_replicated_partitions as f64,
        ),
        gauge(
            "flymq_cluster_lagging_replicas",
            "Replicas that are not in sync, all partitions together.",
            cluster.lagging_replicas as f64,
        ),
        counters(
            "flymq_cluster_errors_total",
            "Requests to the cluster that failed.",
            &["error"],
            errors,
        ),
    ]
}

/// A gauge without labels.
pub(super) fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    gauges(name, help, &[], [([""; 0], value)])
}

/// A counter without labels.
pub(super) fn counter(name: &str, help: &str, value: f64) -> MetricFamily {
    counters(name, help, &[], [([""; 0], value)])
}

fn gauges<'a, const N: usize>(
    name: &str,
    help: &str,
    labels: &[&str; N],
    samples: impl IntoIterator<Item = ([&'a str; N], f64)>,
) -> MetricFamily {
    let family = made(GaugeVec::new(Opts::new(name, help), labels));
    for (values, value) in samples {
        family.with_label_values(&values).set(value);
    }
    family.collect().swap_remove(0)
}

fn counters<'a, const N: usize>(
    name: &str,
    help: &str,
    labels: &[&str; N],
    samples: impl IntoIterator<Item = ([&'a str; N], f64)>,
) -> MetricFamily {
    let family = made(CounterVec::new(Opts::new(name, help), labels));
    for (values, value) in samples {
        family.with_label_values(&values).inc_by(value);
    }
    family.collect().swap_remove(0)
}
