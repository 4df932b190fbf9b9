//! The cluster as a whole: which nodes and topics there are, who leads what, and requests that find
//! their way there.
//!
//! | module | holds |
//! | --- | --- |
//! | `topics` | what is known of topics |
//! | `ask` | requests to any node, to all, to those that may change topics |

mod ask;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwap;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages::MetadataResponse;
use tokio::sync::Mutex;

use super::config::KafkaConfig;
use super::coordinators::Coordinators;
use super::errors::unavailable;
use super::link::Dialer;
use super::node::Node;
use super::retry::Retry;
use super::stats::{KafkaStats, Stats};
use crate::Result;
pub use topics::{Leader, Topic, is_internal, unknown_topic};

/// The cluster. Shared by everything that sends requests.
pub struct Cluster {
    pub(super) dialer: Arc<Dialer>,
    pub(super) stats: Arc<Stats>,
    pub(super) coordinators: Coordinators,
    view: ArcSwap<View>,
    topics: RwLock<HashMap<String, Arc<Topic>>>,
    /// Held while metadata is asked for, so that many who miss the same ask once.
    refreshing: Mutex<()>,
}

/// The nodes.
#[derive(Default)]
struct View {
    cluster_id: String,
    controller: i32,
    nodes: HashMap<i32, Arc<Node>>,
}

impl Cluster {
    /// Connects to the first node that can be reached and learns of the others.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for options that cannot be used, and for a cluster that is too old;
    /// UNAVAILABLE if no node can be reached in time.
    pub async fn connect(config: KafkaConfig) -> Result<Self> {
        let opening = move || Dialer::new(config);
        let dialer = tokio::task::spawn_blocking(opening)
            .await
            .map_err(|e| ProtocolError::new(ErrorCode::Internal, e.to_string()))??;
        let cluster = Self {
            dialer: Arc::new(dialer),
            stats: Arc::default(),
            coordinators: Coordinators::default(),
            view: ArcSwap::default(),
            topics: RwLock::default(),
            refreshing: Mutex::default(),
        };
        let mut retry = cluster.retry();
        loop {
            match cluster.fetch_metadata(Some(&[])).await {
                Ok(_) => return Ok(cluster),
                Err(error) if !error.code.is_retriable() => return Err(error),
                Err(error) => retry.pause_or(error).await?,
            }
        }
    }

    /// The options.
    pub fn config(&self) -> &KafkaConfig {
        self.dialer.config()
    }

    /// The cluster's own identity.
    pub fn id(&self) -> String {
        self.view.load().cluster_id.clone()
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.view.load().nodes.len()
    }

    /// Attempts of one operation, within the time that it has.
    pub fn retry(&self) -> Retry {
        Retry::new(self.config(), self.stats.clone())
    }

    /// Counters.
    pub fn stats(&self) -> KafkaStats {
        let view = self.view.load();
        let count = |n: usize| n as u64;
        KafkaStats {
            nodes: count(view.nodes.len()),
            unreachable_nodes: count(view.nodes.values().filter(|n| !n.is_reachable()).count()),
            connections: view.nodes.values().map(|n| count(n.connections())).sum(),
            ..self.stats.snapshot()
        }
    }

    /// A node by its number.
    pub fn node(&self, id: i32) -> Result<Arc<Node>> {
        self.view
            .load()
            .nodes
            .get(&id)
            .cloned()
            .ok_or_else(|| unavailable(format!("Kafka's node {id} is not there at the moment")))
    }

    /// The numbers of all nodes, ascending.
    pub fn node_ids(&self) -> Vec<i32> {
        let mut ids: Vec<_> = self.view.load().nodes.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Learns anew which nodes there are.
    pub async fn refresh_nodes(&self) -> Result<()> {
        self.fetch_metadata(Some(&[])).await.map(drop)
    }

    /// Takes over which nodes there are. Connections to those that stay as they are stay.
    fn take_nodes(&self, response: &MetadataResponse) {
        let old = self.view.load();
        let mut nodes = HashMap::new();
        for broker in &response.brokers {
            let Ok(port) = u16::try_from(broker.port) else { continue };
            let host = broker.host.to_string();
            let kept =
                old.nodes.get(&broker.node_id.0).filter(|n| n.host == host && n.port == port);
            let node = match kept {
                Some(node) => node.clone(),
                None => Arc::new(Node::new(host, port, self.dialer.clone(), self.stats.clone())),
            };
            nodes.insert(broker.node_id.0, node);
        }
        if nodes.is_empty() {
            // A node that has just started may not know of any yet.
            return;
        }
        let cluster_id = response.cluster_id.as_ref().map_or_else(String::new, |id| id.to_string());
        let controller = response.controller_id.0;
        let same = old.controller == controller
            && old.cluster_id == cluster_id
            && old.nodes.len() == nodes.len()
            && nodes.iter().all(|(id, n)| old.nodes.get(id).is_some_and(|o| Arc::ptr_eq(o, n)));
        if !same {
            self.view.store(Arc::new(View { cluster_id, controller, nodes }));
        }
    }
}
