//! Who coordinates a group or a transactional id.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::StrBytes;
use lru::LruCache;

use super::cluster::Cluster;
use super::errors::{self, Remedy};
use super::link::{Api, LinkError};
use super::node::{Lane, Node};
use crate::Result;

/// How many coordinators are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(20_000).expect("not zero");

/// What a coordinator coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A consumer group.
    Group = 0,
    /// A transactional id.
    Transaction = 1,
}

/// What to do when an answer is lost, so that it is not known whether the request was carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    AskAgain,
    GiveUp,
}

/// The coordinators that have been found.
pub struct Coordinators(Mutex<LruCache<(Kind, String), i32>>);

impl Default for Coordinators {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Coordinators {
    fn get(&self, kind: Kind, key: &str) -> Option<i32> {
        self.lock().get(&(kind, key.to_owned())).copied()
    }

    fn put(&self, kind: Kind, key: &str, node: i32) {
        self.lock().put((kind, key.to_owned()), node);
    }

    fn forget(&self, kind: Kind, key: &str) {
        self.lock().pop(&(kind, key.to_owned()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<(Kind, String), i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// Asks the coordinator of a group or transactional id, and asks again while that may help:
    /// wherever it has moved to, once it is ready. `code` finds the error code in a response, 0 for
    /// none. Requests of one key are sent in the order of the calls where they do not wait for a
    /// connection.
    ///
    /// The request may be carried out more than once, if an answer is lost.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE when the coordinator does not answer in time. An error code that asking again
    /// does not help comes back within the response, as does the last one when time is over.
    pub async fn coordinated<R: Api>(
        &self,
        kind: Kind,
        key: &str,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response> {
        self.ask(kind, key, request, code, Lost::AskAgain).await
    }

    /// As [`coordinated`](Self::coordinated), but the request is carried out once at most: a lost
    /// answer is an error.
    pub async fn coordinated_once<R: Api>(
        &self,
        kind: Kind,
        key: &str,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response> {
        self.ask(kind, key, request, code, Lost::GiveUp).await
    }

    async fn ask<R: Api>(
        &self,
        kind: Kind,
        key: &str,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
        lost: Lost,
    ) -> Result<R::Response> {
        let mut retry = self.retry();
        loop {
            let node = match self.coordinator(kind, key).await {
                Ok(node) => node,
                Err(error) if error.code.is_retriable() => {
                    retry.pause_or(error).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match node.call(lane(key), request).await {
                Ok(response) => {
                    let remedy = errors::remedy(code(&response));
                    match remedy {
                        Remedy::None | Remedy::Final => return Ok(response),
                        Remedy::Elsewhere => self.coordinators.forget(kind, key),
                        Remedy::Later => {}
                    }
                    let error = errors::error(code(&response), "ask a coordinator");
                    if retry.pause_or(error).await.is_err() {
                        return Ok(response);
                    }
                }
                Err(error @ LinkError::Refused(_)) => return Err(error.into()),
                Err(error @ LinkError::Lost(_)) if lost == Lost::GiveUp => {
                    self.coordinators.forget(kind, key);
                    return Err(error.into());
                }
                Err(error) => {
                    self.coordinators.forget(kind, key);
                    retry.pause_or(error.into()).await?;
                }
            }
        }
    }

    /// The node that coordinates a group or transactional id.
    async fn coordinator(&self, kind: Kind, key: &str) -> Result<Arc<Node>> {
        if let Some(id) = self.coordinators.get(kind, key)
            && let Ok(node) = self.node(id)
        {
            return Ok(node);
        }
        let request = FindCoordinatorRequest::default()
            .with_key_type(kind as i8)
            .with_coordinator_keys(vec![StrBytes::from_string(key.to_owned())]);
        let response = self.anywhere(&request).await?;
        let Some(found) = response.coordinators.into_iter().next() else {
            return Err(errors::malformed("Kafka names no coordinator"));
        };
        if found.error_code != 0 {
            let message = found.error_message.as_deref();
            return Err(errors::error_with(found.error_code, "find a coordinator", message));
        }
        let node = match self.node(found.node_id.0) {
            Ok(node) => node,
            Err(_) => {
                // A node that has come since metadata was last asked for.
                self.refresh_nodes().await?;
                self.node(found.node_id.0)?
            }
        };
        self.coordinators.put(kind, key, found.node_id.0);
        Ok(node)
    }
}

/// Requests of one key share a connection.
fn lane(key: &str) -> Lane {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    Lane::Control(hasher.finish() as usize)
}
