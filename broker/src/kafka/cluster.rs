//! The cluster as a whole: which nodes and topics there are, who leads what, and requests that find
//! their way there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{MetadataResponse, MetadataResponseTopic};
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;
use uuid::Uuid;

use super::config::KafkaConfig;
use super::coordinators::Coordinators;
use super::errors::{self, Remedy, unavailable};
use super::link::{Api, Dialer, LinkError};
use super::node::{Lane, Node};
use super::retry::Retry;
use super::stats::{KafkaStats, Stats};
use crate::Result;

/// The most topics that are remembered; what is known of others is asked for each time.
const MAX_TOPICS: usize = 100_000;

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

/// A topic as metadata describes it.
#[derive(Debug)]
pub struct Topic {
    pub name: String,
    pub id: Uuid,
    /// In the order of their numbers.
    pub partitions: Vec<Leader>,
    /// How large a record may be, once that has been asked for.
    pub max_record_bytes: OnceCell<usize>,
    /// When that was so.
    pub learnt: Instant,
    /// Whether it was found to be out of date.
    stale: AtomicBool,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The node's number, or -1 where there is none at the moment.
    pub node: i32,
    /// Rises with each change.
    pub epoch: i32,
}

impl Topic {
    /// Refuses a partition that the topic does not have.
    pub fn leader(&self, partition: u32) -> Result<Leader> {
        self.partitions.get(partition as usize).copied().ok_or_else(|| {
            ProtocolError::new(
                ErrorCode::UnknownPartition,
                format!(
                    "topic {} has partitions 0 to {}, not {partition}",
                    self.name,
                    self.partitions.len().saturating_sub(1)
                ),
            )
        })
    }
}

/// The error of a topic that does not exist, or is Kafka's own.
pub fn unknown_topic(name: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::UnknownTopic,
        format!("there is no topic {:?}", crate::topic::shorten(name)),
    )
}

/// Whether a topic is Kafka's own, or a gateway's.
pub fn is_internal(name: &str) -> bool {
    name.starts_with("__")
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

    /// What is known of a topic, asking if it is not known or has been for long.
    ///
    /// # Errors
    ///
    /// UNKNOWN_TOPIC, and those of asking.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>> {
        match self.cached(name) {
            Some(topic) => Ok(topic),
            None => self.learn(name).await,
        }
    }

    /// What is known of a topic without asking; `None` if that is nothing, or old.
    pub fn cached(&self, name: &str) -> Option<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(name).filter(|topic| self.is_fresh(topic)).cloned()
    }

    /// Whether what is known of a topic is still to be believed.
    pub fn is_fresh(&self, topic: &Topic) -> bool {
        !topic.stale.load(Ordering::Relaxed)
            && topic.learnt.elapsed() < self.config().metadata_max_age
    }

    /// Has what is known of a topic no longer believed, because it was found to be out of date.
    pub fn mark_stale(&self, topic: &Topic) {
        topic.stale.store(true, Ordering::Relaxed);
    }

    async fn learn(&self, name: &str) -> Result<Arc<Topic>> {
        if is_internal(name) || crate::topic::check_name(name).is_err() {
            return Err(unknown_topic(name));
        }
        let mut retry = self.retry();
        loop {
            let refreshing = self.refreshing.lock().await;
            // Many who miss the same ask once.
            if let Some(topic) = self.cached(name) {
                return Ok(topic);
            }
            let found = self.fetch_metadata(Some(&[name])).await;
            drop(refreshing);
            match found
                .and_then(|topics| topics.into_iter().next().unwrap_or(Err(unknown_topic(name))))
            {
                Ok(topic) => return Ok(topic),
                Err(error) if error.code.is_retriable() => retry.pause_or(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Every topic there is, Kafka's own left out, by name.
    pub async fn all_topics(&self) -> Result<Vec<Arc<Topic>>> {
        let mut topics: Vec<_> = self.ask_metadata(None).await?.into_iter().flatten().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The present state of each topic asked for, in that order.
    pub async fn topics(&self, names: &[&str]) -> Result<Vec<Result<Arc<Topic>>>> {
        let mut found: HashMap<String, Result<Arc<Topic>>> = HashMap::new();
        let legal = |name: &&str| !is_internal(name) && crate::topic::check_name(name).is_ok();
        let mut wanted: Vec<&str> = names.iter().copied().filter(legal).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if !wanted.is_empty() {
            let answers = self.ask_metadata(Some(&wanted)).await?;
            found = wanted.iter().map(|name| (*name).to_owned()).zip(answers).collect();
        }
        let lookup =
            |name: &&str| found.get(*name).cloned().unwrap_or_else(|| Err(unknown_topic(name)));
        Ok(names.iter().map(lookup).collect())
    }

    async fn ask_metadata(&self, names: Option<&[&str]>) -> Result<Vec<Result<Arc<Topic>>>> {
        let mut retry = self.retry();
        loop {
            match self.fetch_metadata(names).await {
                Ok(topics) => return Ok(topics),
                Err(error) if error.code.is_retriable() => retry.pause_or(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Learns anew which nodes there are.
    pub async fn refresh_nodes(&self) -> Result<()> {
        self.fetch_metadata(Some(&[])).await.map(drop)
    }

    /// Forgets a topic that is gone.
    pub fn forget(&self, name: &str) {
        self.topics.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Asks for metadata once: of the topics named, in their order, or with `None` of all.
    async fn fetch_metadata(&self, names: Option<&[&str]>) -> Result<Vec<Result<Arc<Topic>>>> {
        let wanted = names.map(|names| {
            let topic = |name: &&str| {
                let name = TopicName(StrBytes::from_string((*name).to_owned()));
                MetadataRequestTopic::default().with_name(Some(name))
            };
            names.iter().map(topic).collect()
        });
        let request =
            MetadataRequest::default().with_topics(wanted).with_allow_auto_topic_creation(false);
        let response = self.anywhere(&request).await?;
        self.take_nodes(&response);
        let mut learnt = HashMap::new();
        let mut all = Vec::new();
        for topic in response.topics {
            let Some(name) = topic.name.as_ref().map(|name| name.0.to_string()) else { continue };
            if names.is_none() && (is_internal(&name) || topic.is_internal) {
                continue;
            }
            let topic = self.take_topic(&name, topic);
            match names {
                None => all.push(topic),
                Some(_) => {
                    learnt.insert(name, topic);
                }
            }
        }
        let Some(names) = names else { return Ok(all) };
        let found =
            |name: &&str| learnt.get(*name).cloned().unwrap_or_else(|| Err(unknown_topic(name)));
        Ok(names.iter().map(found).collect())
    }

    fn take_topic(&self, name: &str, topic: MetadataResponseTopic) -> Result<Arc<Topic>> {
        match topic.error_code {
            0 => {}
            // UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION
            3 | 17 => {
                self.forget(name);
                return Err(unknown_topic(name));
            }
            code => return Err(errors::error(code, &format!("learn of topic {name}"))),
        }
        let count = topic.partitions.len();
        let mut partitions = vec![Leader { node: -1, epoch: -1 }; count];
        for partition in topic.partitions {
            let slot =
                usize::try_from(partition.partition_index).ok().and_then(|i| partitions.get_mut(i));
            let Some(slot) = slot else {
                return Err(errors::malformed(format!("topic {name} has gaps in its partitions")));
            };
            *slot = Leader { node: partition.leader_id.0, epoch: partition.leader_epoch };
        }
        let topic = Arc::new(Topic {
            name: name.to_owned(),
            id: topic.topic_id,
            partitions,
            max_record_bytes: OnceCell::new(),
            learnt: Instant::now(),
            stale: AtomicBool::new(false),
        });
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if topics.len() >= MAX_TOPICS && !topics.contains_key(name) {
            topics.clear();
        }
        topics.insert(name.to_owned(), topic.clone());
        Ok(topic)
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

    /// Asks one node after another until one answers: those that are known, the reachable ones
    /// first, then those to start from.
    pub(super) async fn anywhere<R: Api>(&self, request: &R) -> Result<R::Response> {
        let view = self.view.load_full();
        let mut nodes: Vec<_> = view.nodes.values().cloned().collect();
        let turn = rand::random_range(0..=nodes.len());
        nodes.rotate_left(turn);
        nodes.sort_by_key(|node| !node.is_reachable());
        let mut last = None;
        for node in nodes {
            match node.call(Lane::Control(0), request).await {
                Ok(response) => return Ok(response),
                Err(error) if !error.may_pass() => return Err(error.into()),
                Err(error) => last = Some(error),
            }
        }
        for server in &self.config().bootstrap_servers {
            let Some((host, port)) = server.rsplit_once(':') else { continue };
            let Ok(port) = port.parse() else { continue };
            if view.nodes.values().any(|node| node.host == host && node.port == port) {
                continue;
            }
            // Not kept: metadata names the nodes by the names that they go by.
            let asking = async {
                let connection = self.dialer.dial(host.trim_matches(['[', ']']), port).await?;
                connection.call(request, self.config().request_timeout).await
            };
            match asking.await {
                Ok(response) => return Ok(response),
                Err(error) if !error.may_pass() => return Err(error.into()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| LinkError::Unreachable("there is no Kafka node".into())).into())
    }

    /// Asks every node that is there. `code` finds the error code in a response.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE if one of them does not answer in time.
    pub async fn everywhere<R: Api>(
        &self,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<Vec<R::Response>> {
        let mut retry = self.retry();
        loop {
            self.refresh_nodes().await?;
            let asking = self.node_ids().into_iter().map(async |id| {
                let response = self.node(id)?.call(Lane::Control(0), request).await?;
                match code(&response) {
                    0 => Ok(response),
                    code => Err(errors::error(code, "ask all nodes")),
                }
            });
            match futures_util::future::try_join_all(asking).await {
                Ok(responses) => return Ok(responses),
                Err(error) if error.code.is_retriable() => retry.pause_or(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks a node that may change topics, and asks again while that may help. `code` finds the
    /// error code in a response.
    pub async fn administer<R: Api>(
        &self,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response> {
        let mut retry = self.retry();
        loop {
            // Every node passes such requests on to the controller.
            match self.anywhere(request).await {
                Ok(response) => match errors::remedy(code(&response)) {
                    Remedy::None | Remedy::Final => return Ok(response),
                    Remedy::Elsewhere | Remedy::Later => {
                        let error = errors::error(code(&response), "change or describe a topic");
                        if retry.pause_or(error).await.is_err() {
                            return Ok(response);
                        }
                    }
                },
                Err(error) if error.code.is_retriable() => retry.pause_or(error).await?,
                Err(error) => return Err(error),
            }
        }
    }
}
