//! What a client and all that it made share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{DescribeTopicRequest, MetadataRequest};
use tokio::time::Instant;

use crate::encryption;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry, Router};
use crate::metrics::Metrics;
use crate::record::{Message, Record};

/// How long a partition count is taken for true.
const METADATA_TTL: Duration = Duration::from_secs(60);
/// Connections, counters, and what is known of topics.
pub(crate) struct Core {
    pub router: Router,
    pub metrics: Arc<Metrics>,
    /// Partition counts and when they were learnt.
    counts: RwLock<HashMap<String, (u32, Instant)>>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Core")
    }
}

impl Core {
    pub fn new(router: Router, metrics: Arc<Metrics>) -> Self {
        Self { router, metrics, counts: RwLock::default() }
    }

    /// How many partitions a topic has.
    pub async fn partition_count(&self, topic: &str) -> Result<u32> {
        {
            let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((count, _)) =
                counts.get(topic).filter(|(_, at)| at.elapsed() < METADATA_TTL)
            {
                return Ok(*count);
            }
        }
        let request = MetadataRequest { topics: vec![topic.to_owned()] };
        let answer = self.router.call(Lane::Main, "metadata", &request, Retry::Always).await?;
        let summary = answer.topics.first().filter(|t| t.error == 0 && t.partitions > 0);
        let Some(summary) = summary else {
            let code = answer.topics.first().map_or(0, |t| t.error);
            let code = if code == 0 { ErrorCode::UnknownTopic as u16 } else { code };
            return Err(Error::from_code("metadata", code, format!("there is no topic {topic:?}")));
        };
        let mut counts = self.counts.write().unwrap_or_else(PoisonError::into_inner);
        counts.insert(topic.to_owned(), (summary.partitions, Instant::now()));
        Ok(summary.partitions)
    }

    /// The largest record that a topic takes. Without a limit where the broker does not tell, since
    /// it checks that anyhow.
    pub async fn max_record_bytes(&self, topic: &str) -> Result<usize> {
        let request = DescribeTopicRequest { name: topic.to_owned() };
        let answer = self.router.call(Lane::Main, "describe_topic", &request, Retry::Always).await;
        let limit = match answer {
            Ok(topic) => topic.config.get("max_record_bytes").and_then(|v| v.parse().ok()),
            Err(error) if error.is_retriable() || error.is(ErrorCode::Closed) => return Err(error),
            Err(error) => {
                tracing::debug!(topic, %error, "cannot learn how large records may be");
                None
            }
        };
        Ok(limit.unwrap_or(usize::MAX))
    }

    /// Encrypts a record that is to be sent, if the client has keys.
    pub fn seal(&self, topic: &str, record: Record) -> Result<Record> {
        match &self.router.config().encryption {
            _ if record.forwarded => Ok(record),
            Some(encryption) => encryption.seal(topic, record),
            None => encryption::check_not_reserved(&record).map(|()| record),
        }
    }

    /// Decrypts a message that was read, in place; on an error it is as it was.
    pub fn open(&self, message: &mut Message) -> Result<()> {
        let config = self.router.config();
        match &config.encryption {
            _ if !config.decrypt => Ok(()),
            Some(encryption) => encryption.open(&message.topic.clone(), message),
            None => encryption::check_plain(message),
        }
    }

    /// Has a topic's partition count asked for again.
    pub fn forget_topic(&self, topic: &str) {
        self.counts.write().unwrap_or_else(PoisonError::into_inner).remove(topic);
    }
}
