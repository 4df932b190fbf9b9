//! Requests that any node can answer, that all have to, or that one of them passes on.

use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::Cluster;
use crate::Result;
use crate::kafka::errors::{self, Remedy};
use crate::kafka::link::{Api, LinkError};
use crate::kafka::node::Lane;

/// How long a node is waited for whose word is not needed.
const MOMENT: Duration = Duration::from_secs(1);

impl Cluster {
    /// Asks one node after another until one answers: those that are known, the reachable ones
    /// first, then those to start from.
    pub async fn anywhere<R: Api>(&self, request: &R) -> Result<R::Response> {
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

    /// How many partitions of a topic each node knows to have a leader; `None` of a node that does not
    /// know the topic. Nodes hear of changes one after the other, and a gateway may ask any of them. Who
    /// does not answer within a moment is left out.
    pub async fn known_partitions(&self, topic: &str) -> Vec<Option<usize>> {
        let name = TopicName(StrBytes::from_string(topic.to_owned()));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![MetadataRequestTopic::default().with_name(Some(name))]))
            .with_allow_auto_topic_creation(false);
        let view = self.view.load_full();
        let asking = view.nodes.values().filter(|node| node.is_reachable()).map(async |node| {
            let answer = node.call(Lane::Control(0), &request);
            let answer = tokio::time::timeout(MOMENT, answer).await.ok()?.ok()?;
            let found = answer.topics.first().filter(|topic| topic.error_code == 0);
            Some(found.map(|topic| topic.partitions.iter().filter(|p| p.leader_id.0 >= 0).count()))
        });
        futures_util::future::join_all(asking).await.into_iter().flatten().collect()
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
