//! How the cluster is: brokers, nodes, and partitions that lack copies.

use std::mem::MaybeUninit;

use flymq_core::{ClusterStatus, Result};

use crate::boundary;
use crate::client::flymq_client;
use crate::error::flymq_error;
use crate::table::flymq_table;

fn ask(client: Option<&flymq_client>) -> Result<ClusterStatus> {
    let this = flymq_client::get(client)?;
    this.host.wait(this.client.cluster_status())
}

/// Numbers with commas between.
fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// How the cluster is, in one row: engine ("embedded", or "kafka" behind gateways), cluster_id,
/// partitions (how many there are, the engine's own included), under_replicated (how many of them have
/// fewer copies in sync than they should have), offline (how many cannot be used, because no node leads
/// them), healthy (1 if both are 0, else 0). flymq_client_brokers() names the brokers that are alive.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: NOT_AUTHORIZED without the permission to describe the cluster; TIMEOUT, CLOSED,
/// INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_cluster_status(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let status = ask(client)?;
        let healthy = u32::from(status.is_healthy());
        let row = [
            status.engine.into(),
            status.cluster_id.into(),
            status.partitions.into(),
            status.under_replicated.into(),
            status.offline.into(),
            healthy.into(),
        ];
        let columns =
            &["engine", "cluster_id", "partitions", "under_replicated", "offline", "healthy"];
        Ok(flymq_table::new(columns, [row]))
    })
}

/// The engine's own nodes, such as those of Apache Kafka, a row each: id, host, port, controller (1 for
/// the one that was last known to control the cluster, else 0). No rows where the engine is within the
/// broker.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: as flymq_client_cluster_status().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_cluster_nodes(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let nodes = ask(client)?.nodes.into_iter();
        let rows = nodes.map(|node| {
            [node.id.into(), node.host.into(), node.port.into(), u32::from(node.controller).into()]
        });
        Ok(flymq_table::new(&["id", "host", "port", "controller"], rows))
    })
}

/// The partitions that are under-replicated or offline, up to 1,000, a row each: topic, partition,
/// leader (the node that leads it; not there if none does), replicas (the nodes that should have a copy,
/// such as "1,2,3"), in_sync (those of them whose copy is up to date).
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: as flymq_client_cluster_status().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_cluster_troubled(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let troubled = ask(client)?.troubled.into_iter();
        let rows = troubled.map(|p| {
            [
                p.topic.into(),
                p.partition.into(),
                p.leader.into(),
                list(&p.replicas).into(),
                list(&p.in_sync).into(),
            ]
        });
        Ok(flymq_table::new(&["topic", "partition", "leader", "replicas", "in_sync"], rows))
    })
}
