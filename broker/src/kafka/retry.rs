//! Attempts of one operation.

use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::ProtocolError;
use tokio::time::Instant;

use super::config::KafkaConfig;
use super::stats::Stats;

/// Pauses that grow between attempts, until the operation's time is over.
pub struct Retry {
    deadline: Instant,
    pause: Duration,
    longest: Duration,
    stats: Arc<Stats>,
}

impl Retry {
    pub fn new(config: &KafkaConfig, stats: Arc<Stats>) -> Self {
        Self {
            deadline: Instant::now() + config.api_timeout,
            pause: config.retry_backoff,
            longest: config.retry_backoff_max,
            stats,
        }
    }

    /// Pauses before the next attempt; gives the error of the last one back when there is no time
    /// for another.
    pub async fn pause_or(&mut self, error: ProtocolError) -> Result<(), ProtocolError> {
        // Spread, so that many who failed together do not come back together.
        let pause = self.pause.mul_f64(rand::random_range(0.8..1.2));
        if Instant::now() + pause >= self.deadline {
            return Err(error);
        }
        tracing::debug!(%error, "asking Kafka again");
        self.stats.retried();
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(self.longest);
        Ok(())
    }
}
