//! `flymq cluster`.

use flymq_core::{ClusterStatus, PartitionStatus};
use serde_json::json;

use crate::args::{ClusterCommand, Format, ServerOptions};
use crate::failure::{self, Reported};
use crate::output::{Output, table};
use crate::session;

pub fn run(server: &ServerOptions, command: ClusterCommand) -> anyhow::Result<()> {
    let ClusterCommand::Status { format } = command;
    session::with_client(server, |client| async move {
        let status = client.cluster_status().await?;
        let mut out = Output::new();
        match format {
            Format::Text => text(&status, &mut out)?,
            Format::Json => json(&status, &mut out)?,
        }
        out.flush()?;
        if status.offline == 0 {
            return Ok(());
        }
        if format == Format::Text {
            failure::say(format_args!("{} partitions cannot be used", status.offline));
        }
        Err(Reported.into())
    })
}

fn text(status: &ClusterStatus, out: &mut Output) -> anyhow::Result<()> {
    let ClusterStatus { engine, cluster_id, partitions, under_replicated, offline, .. } = status;
    out.line(format_args!("cluster {cluster_id}, engine {engine}"))?;
    let mut rows = Vec::new();
    for broker in &status.brokers {
        let address = format!("{}:{}", broker.host, broker.port);
        rows.push(vec!["broker".to_owned(), broker.id.to_string(), address, String::new()]);
    }
    for node in &status.nodes {
        let address = format!("{}:{}", node.host, node.port);
        let role = if node.controller { "controller" } else { "" };
        rows.push(vec![engine.clone(), node.id.to_string(), address, role.to_owned()]);
    }
    table(out, &["WHAT", "ID", "ADDRESS", "ROLE"], rows)?;
    out.line(format_args!(
        "{partitions} partitions, {under_replicated} under-replicated, {offline} offline"
    ))?;
    if status.troubled.is_empty() {
        return Ok(());
    }
    let numbers = |nodes: &[u32]| nodes.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let row = |p: &PartitionStatus| {
        vec![
            p.topic.clone(),
            p.partition.to_string(),
            p.leader.map_or_else(|| "none".to_owned(), |leader| leader.to_string()),
            numbers(&p.replicas),
            numbers(&p.in_sync),
        ]
    };
    let columns = ["TOPIC", "PARTITION", "LEADER", "REPLICAS", "IN SYNC"];
    table(out, &columns, status.troubled.iter().map(row).collect())
}

fn json(status: &ClusterStatus, out: &mut Output) -> anyhow::Result<()> {
    let brokers = status.brokers.iter();
    let brokers = brokers.map(|b| json!({ "id": b.id, "host": b.host, "port": b.port }));
    let nodes = status
        .nodes
        .iter()
        .map(|n| json!({ "id": n.id, "host": n.host, "port": n.port, "controller": n.controller }));
    let troubled = status.troubled.iter().map(|p| {
        json!({
            "topic": p.topic,
            "partition": p.partition,
            "leader": p.leader,
            "replicas": p.replicas,
            "in_sync": p.in_sync,
        })
    });
    out.json(&json!({
        "engine": status.engine,
        "cluster_id": status.cluster_id,
        "brokers": brokers.collect::<Vec<_>>(),
        "nodes": nodes.collect::<Vec<_>>(),
        "partitions": status.partitions,
        "under_replicated": status.under_replicated,
        "offline": status.offline,
        "troubled": troubled.collect::<Vec<_>>(),
    }))
}
