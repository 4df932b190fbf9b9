//! Figures for metrics and the console: topics, groups and how far these are behind, the cluster.
//!
//! A gateway keeps nothing of this, so it asks the cluster, no more often than every few seconds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::cluster::{Topic, is_internal};
use super::errors::unavailable;
use super::groups::describe;
use super::{Inner, commits, offsets, status};
use crate::Result;
use crate::engine::stats::{EngineStats, GroupStats, PartitionLag, TopicStats};

/// For how long an answer about sizes and groups is good: there may be many groups, and many who ask.
const FRESH: Duration = Duration::from_secs(5);
/// How long these questions may take, and those about topics, or one topic's ends.
const PATIENCE: Duration = Duration::from_secs(8);
const PATIENCE_WITH_ONE: Duration = Duration::from_secs(2);
/// How many groups or topics are asked about together.
const AT_A_TIME: usize = 32;

/// What the cluster has said of its topics and groups.
#[derive(Default)]
pub struct Figures(Mutex<Known>);

#[derive(Default)]
struct Known {
    topics: Vec<Arc<Topic>>,
    asked: Option<Instant>,
    sizes: HashMap<String, u64>,
    groups: Vec<GroupStats>,
}

/// A group's next offsets, by topic and partition.
type Places = BTreeMap<String, BTreeMap<u32, u64>>;

/// Figures of now; sizes and groups perhaps of a few seconds ago.
pub async fn figures(inner: Arc<Inner>, (): ()) -> Result<EngineStats> {
    let mut known = inner.figures.0.lock().await;
    // Where the cluster cannot be asked they stay what they were, so that what is counted of them is not
    // forgotten.
    if let Ok(Ok(topics)) = timeout(PATIENCE_WITH_ONE, inner.cluster.all_topics()).await {
        known.topics = topics;
    }
    if known.asked.is_none_or(|asked| asked.elapsed() >= FRESH) {
        let late = |_| Err(unavailable(format!("no answer within {PATIENCE:?}")));
        let asking = ask(&inner, &known.topics);
        let answer = timeout(PATIENCE, asking).await.unwrap_or_else(late);
        (known.sizes, known.groups) = answer.unwrap_or_else(|error| {
            tracing::debug!(%error, "cannot learn the figures of topics and groups");
            Default::default()
        });
        known.asked = Some(Instant::now());
    }
    let of_topic = |topic: &Arc<Topic>| TopicStats {
        name: topic.name.clone(),
        partitions: topic.partitions.len() as u32,
        bytes: known.sizes.get(&topic.name).copied(),
    };
    let topics = known.topics.iter().map(of_topic).collect();
    let groups = known.groups.clone();
    drop(known);
    let cluster = Some(status::cluster(&inner).await);
    Ok(EngineStats { topics, groups, cluster, ..Default::default() })
}

async fn ask(
    inner: &Inner,
    topics: &[Arc<Topic>],
) -> Result<(HashMap<String, u64>, Vec<GroupStats>)> {
    let counts = topics.iter().map(|t| (&*t.name, t.partitions.len() as u32)).collect();
    let (sizes, names) = tokio::join!(sizes(inner), describe::names(inner));
    Ok((sizes.unwrap_or_default(), groups(inner, names?, &counts).await))
}

/// The bytes of each topic's records, copies not counted. A cluster may keep that from the gateway.
async fn sizes(inner: &Inner) -> Result<HashMap<String, u64>> {
    let request = DescribeLogDirsRequest::default().with_topics(None);
    let code = |response: &DescribeLogDirsResponse| response.error_code;
    let mut partitions: HashMap<(String, i32), u64> = HashMap::new();
    for answer in inner.cluster.everywhere(&request, code).await? {
        for topic in answer.results.into_iter().flat_map(|folder| folder.topics) {
            for partition in topic.partitions.into_iter().filter(|p| !p.is_future_key) {
                let place = (topic.name.to_string(), partition.partition_index);
                let size = u64::try_from(partition.partition_size).unwrap_or(0);
                let known = partitions.entry(place).or_default();
                // A copy may still lack something.
                *known = size.max(*known);
            }
        }
    }
    let mut topics = HashMap::new();
    for ((topic, _), size) in partitions {
        *topics.entry(topic).or_default() += size;
    }
    Ok(topics)
}

/// All groups, as far as they can be asked about, with how far they are behind in partitions that exist.
async fn groups(
    inner: &Inner,
    names: BTreeSet<String>,
    counts: &HashMap<&str, u32>,
) -> Vec<GroupStats> {
    let found = names.into_iter().map(|name| of_group(inner, name, counts));
    let found: Vec<_> = futures_util::stream::iter(found).buffered(AT_A_TIME).collect().await;
    let found: Vec<(GroupStats, Places)> =
        found.into_iter().filter_map(|found| found.ok().flatten()).collect();
    let mut wanted: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for (topic, places) in found.iter().flat_map(|(_, places)| places) {
        wanted.entry(topic.clone()).or_default().extend(places.keys());
    }
    let asking = wanted.into_iter().map(|(topic, partitions)| bounds(inner, topic, partitions));
    let asked = futures_util::stream::iter(asking).buffer_unordered(AT_A_TIME);
    let bounds: HashMap<_, _> = asked.filter_map(std::future::ready).collect().await;
    let with_lags = |(mut stats, places): (GroupStats, Places)| {
        for (topic, partitions) in places {
            let Some(bounds) = bounds.get(&topic) else { continue };
            stats.lags.extend(partitions.into_iter().filter_map(|(partition, next)| {
                let (earliest, latest) = bounds.get(&partition)?;
                // What retention has dropped will never be processed.
                let records = latest.saturating_sub(next.max(*earliest));
                Some(PartitionLag { topic: topic.clone(), partition, records, time: None })
            }));
        }
        stats
    };
    found.into_iter().map(with_lags).collect()
}

/// Where partitions of a topic begin and end, if that is to be learnt in time.
async fn bounds(
    inner: &Inner,
    topic: String,
    partitions: BTreeSet<u32>,
) -> Option<(String, HashMap<u32, (u64, u64)>)> {
    let partitions: Vec<u32> = partitions.into_iter().collect();
    let asking = offsets::bounds(inner, &topic, &partitions);
    let bounds = timeout(PATIENCE_WITH_ONE, asking).await.ok()?.ok()?;
    let bounds = partitions.into_iter().zip(bounds).collect();
    Some((topic, bounds))
}

/// A group and its offsets; `None` without members and offsets.
async fn of_group(
    inner: &Inner,
    name: String,
    counts: &HashMap<&str, u32>,
) -> Result<Option<(GroupStats, Places)>> {
    let Some(found) = describe::find_any(inner, &name).await? else { return Ok(None) };
    let mut places = Places::new();
    let mut has_offsets = false;
    for topic in commits::stored(inner, &name, None, false).await?.topics {
        has_offsets |= !topic.partitions.is_empty();
        let Some(count) = counts.get(topic.name.as_str()).filter(|_| !is_internal(&topic.name))
        else {
            continue;
        };
        let stored = topic.partitions.iter().filter_map(|partition| {
            let number = u32::try_from(partition.partition_index).ok().filter(|n| n < count)?;
            Some((number, u64::try_from(partition.committed_offset).ok()?))
        });
        places.entry(topic.name.to_string()).or_default().extend(stored);
    }
    let stats = GroupStats {
        state: found.state,
        members: found.members.len() as u32,
        // Kafka's epoch of a group rises with each.
        rebalances: u64::try_from(found.generation).unwrap_or(0),
        name,
        lags: Vec::new(),
    };
    Ok((stats.members > 0 || has_offsets).then_some((stats, places)))
}
