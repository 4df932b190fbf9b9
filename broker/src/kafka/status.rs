//! How the cluster is: its nodes, and partitions that lack copies.

use std::sync::Arc;

use flymq_protocol::messages::{ClusterStatusResponse, NodeInfo, PartitionStatus};
use kafka_protocol::messages::{BrokerId, MetadataRequest};

use super::Inner;
use crate::Result;

/// How many partitions are named at most.
const MOST: usize = 1000;

pub async fn status(inner: Arc<Inner>, (): ()) -> Result<ClusterStatusResponse> {
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
    for topic in &found.topics {
        let name = topic.name.as_ref().map_or("", |name| name.as_str());
        for partition in &topic.partitions {
            status.partitions += 1;
            let leads = partition.leader_id.0 >= 0;
            let lacks = partition.isr_nodes.len() < partition.replica_nodes.len();
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
    Ok(status)
}

fn number(node: BrokerId) -> u32 {
    node.0 as u32
}
