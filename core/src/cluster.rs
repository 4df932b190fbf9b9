//! How the cluster is: brokers, nodes, and partitions that lack copies.

use flymq_protocol::messages::{
    BrokerInfo, ClusterStatusRequest, NodeInfo, PartitionStatus as Status,
};

use crate::admin::BrokerAddress;
use crate::client::Client;
use crate::error::Result;
use crate::link::{Lane, Retry};

/// How the cluster is. See [`Client::cluster_status`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterStatus {
    /// What stores the records: `embedded`, or `kafka` behind gateways.
    pub engine: String,
    /// Identity of the stored data.
    pub cluster_id: String,
    /// The brokers that are alive, by id.
    pub brokers: Vec<BrokerAddress>,
    /// The engine's own nodes, by id; none where the engine is within the broker.
    pub nodes: Vec<ClusterNode>,
    /// How many partitions there are, the engine's own included.
    pub partitions: u32,
    /// How many of them have fewer copies in sync than they should have.
    pub under_replicated: u32,
    /// How many of them cannot be used, because no node leads them.
    pub offline: u32,
    /// The partitions that are under-replicated or offline, up to 1,000.
    pub troubled: Vec<PartitionStatus>,
}

/// A node of the engine, such as one of Apache Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// Its number.
    pub id: u32,
    /// Where it listens for brokers.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is the one that was last known to control the cluster.
    pub controller: bool,
}

/// Where a partition's copies are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The node that leads it, if one does.
    pub leader: Option<u32>,
    /// The nodes that should have a copy.
    pub replicas: Vec<u32>,
    /// Those of them whose copy is up to date.
    pub in_sync: Vec<u32>,
}

impl ClusterStatus {
    /// Whether every partition can be used and has all its copies.
    pub fn is_healthy(&self) -> bool {
        self.under_replicated == 0 && self.offline == 0
    }
}

impl Client {
    /// How the cluster is: which brokers are alive, which nodes the engine has, and which partitions
    /// lack copies.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let data = tempfile::tempdir().unwrap();
    /// # let broker = flymq_broker::Broker::start(flymq_broker::Config {
    /// #     data_dir: data.path().into(),
    /// #     listen: "127.0.0.1:0".parse().unwrap(),
    /// #     ..Default::default()
    /// # }).await.unwrap();
    /// # let address = broker.local_addr().to_string();
    /// let client = flymq_core::Client::connect(&address).await?;
    /// let status = client.cluster_status().await?;
    /// assert_eq!(status.engine, "embedded");
    /// assert_eq!(status.brokers[0].port, broker.local_addr().port());
    /// assert!(status.is_healthy());
    /// # flymq_core::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// NOT_AUTHORIZED without the permission to describe the cluster; UNKNOWN_OPCODE from brokers
    /// that are too old.
    pub async fn cluster_status(&self) -> Result<ClusterStatus> {
        let router = &self.core().router;
        let request = ClusterStatusRequest {};
        let found = router.call(Lane::Main, "cluster_status", &request, Retry::Always).await?;
        let broker = |b: BrokerInfo| BrokerAddress { id: b.id, host: b.host, port: b.port };
        let node = |n: NodeInfo| ClusterNode {
            id: n.id,
            host: n.host,
            port: n.port,
            controller: n.controller,
        };
        let partition = |p: Status| PartitionStatus {
            topic: p.topic,
            partition: p.partition,
            leader: p.leader,
            replicas: p.replicas,
            in_sync: p.in_sync,
        };
        Ok(ClusterStatus {
            engine: found.engine,
            cluster_id: found.cluster_id,
            brokers: found.brokers.into_iter().map(broker).collect(),
            nodes: found.nodes.into_iter().map(node).collect(),
            partitions: found.partitions,
            under_replicated: found.under_replicated,
            offline: found.offline,
            troubled: found.troubled.into_iter().map(partition).collect(),
        })
    }
}
