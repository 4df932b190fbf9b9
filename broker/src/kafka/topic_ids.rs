//! The names behind Kafka's topic ids. An id is never given to another topic.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use lru::LruCache;
use uuid::Uuid;

use super::cluster::Cluster;
use crate::Result;

/// How many names are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(20_000).expect("not zero");

/// Names by topic id.
pub struct TopicIds(Mutex<LruCache<Uuid, String>>);

impl Default for TopicIds {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl TopicIds {
    /// Names of topics by id. Topics that are gone, or are not known yet, are left out.
    pub async fn names(&self, cluster: &Cluster, ids: &[Uuid]) -> Result<HashMap<Uuid, String>> {
        let mut names = HashMap::with_capacity(ids.len());
        let unknown: Vec<Uuid> = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_unknown = |id: &Uuid| match known.get(id) {
                Some(name) => {
                    names.insert(*id, name.clone());
                    false
                }
                None => true,
            };
            ids.iter().copied().filter(is_unknown).collect()
        };
        if unknown.is_empty() {
            return Ok(names);
        }
        let topic = |id: Uuid| MetadataRequestTopic::default().with_topic_id(id).with_name(None);
        let request = MetadataRequest::default()
            .with_topics(Some(unknown.into_iter().map(topic).collect()))
            .with_allow_auto_topic_creation(false);
        let answer = cluster.anywhere(&request).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in answer.topics {
            if let (0, Some(name)) = (topic.error_code, topic.name) {
                known.put(topic.topic_id, name.to_string());
                names.insert(topic.topic_id, name.to_string());
            }
        }
        Ok(names)
    }
}
