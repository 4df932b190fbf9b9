//! How the cluster is: its nodes, and partitions that lack copies.

use std::sync::Arc;

use flymq_protocol::messages::{ClusterStatusResponse, NodeInfo, PartitionStatus};
use kafka_protocol::messages::{BrokerId, MetadataRequest};

use super::Inner;
use crate::Result;
use crate::engine::stats::{ClusterStats, Health};

/// How many partitions are named at most.
const MOST: usize = 1000;

pub async fn status(inner: Arc<Inner>, (): ()) -> Result<ClusterStatusResponse> {
    Ok(survey(&inner).await?.status)
}

/// Whether clients are well served here.
pub async fn health(inner: Arc<Inner>, (): ()) -> Result<Health> {
    let status = match survey(&inner).await {
        Ok(survey) => survey.status,
        Err(error) => return Ok(Health::Failed(error.message)),
    };
    Ok(match (status.offline, status.under_replicated) {
        (0, 0) => Health::Ok,
        (0, lacking) => Health::Degraded(format!("{lacking} partitions lack copies")),
        (offline, _) => Health::Degraded(format!("{offline} partitions have no leader")),
    })
}

/// Figures of the cluster.
pub async fn cluster(inner: &Inner) -> ClusterStats {
    let counted = inner.cluster.stats();
    // Metrics are of use above all when the cluster cannot be asked.
    let Survey { status, lagging } = survey(inner).await.unwrap_or_default();
    let failures = counted.requests.iter();
    let mut errors: Vec<_> =
        failures.map(|kind| (format!("{}_failed", kind.kind), kind.failures)).collect();
    errors.push(("connect_failed".to_owned(), counted.failed_connects));
    ClusterStats {
        connected_nodes: counted.nodes.saturating_sub(counted.unreachable_nodes),
        nodes: counted.nodes,
        under_replicated_partitions: status.under_replicated.into(),
        lagging_replicas: lagging,
        errors,
    }
}

/// What metadata says of the cluster.
#[derive(Default)]
struct Survey {
    status: ClusterStatusResponse,
    /// Copies that are not in sync.
    lagging: u64,
}

async fn survey(inner: &Inner) -> Result<Survey> {
    let request =
        MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
    let found = inner.cluster.anywhere(&request).await?;
    let node =
        |broker: &kafka_protocol::messages::metadata_response::MetadataResponseBroker| NodeInfo {
            id: number(broker.node_id),
            host: broker.host.to_string(),
            port: broker.port as u16,
            controller: broker.node_id == found.controller_id,
        };
    let mut status = ClusterStatusResponse {
        engine: "kafka".to_owned(),
        cluster_id: inner.cluster.id(),
        nodes: found.brokers.iter().map(node).collect(),
        ..Default::default()
    };
    status.nodes.sort_by_key(|node| node.id);
    let mut lagging = 0;
    for topic in &found.topics {
        let name = topic.name.as_ref().map_or("", |name| name.as_str());
        for partition in &topic.partitions {
            status.partitions += 1;
            let leads = partition.leader_id.0 >= 0;
            let lacking = partition.replica_nodes.len().saturating_sub(partition.isr_nodes.len());
            let lacks = lacking > 0;
            lagging += lacking as u64;
            status.offline += u32::from(!leads);
            status.under_replicated += u32::from(lacks);
            if (leads && !lacks) || status.troubled.len() >= MOST {
                continue;
            }
            let numbers = |nodes: &[BrokerId]| nodes.iter().copied().map(number).collect();
            status.troubled.push(PartitionStatus {
                topic: name.to_owned(),
                partition: partition.partition_index as u32,
                leader: leads.then(|| number(partition.leader_id)),
                replicas: numbers(&partition.replica_nodes),
                in_sync: numbers(&partition.isr_nodes),
            });
        }
    }
    status.troubled.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    Ok(Survey { status, lagging })
}

fn number(node: BrokerId) -> u32 {
    node.0 as u32
}
