//! Records that cannot be decrypted: what the consumer's policy makes of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::Shared;
use crate::encryption::OnUndecryptable;
use crate::error::{Error, Result};
use crate::producer::{Producer, ProducerBuilder};
use crate::record::{Message, Record};

/// How often skipped records are logged, at most.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What reading a record led to.
pub(super) enum Opened {
    Message(Message),
    /// Pass over it.
    Skip,
    /// Pass over it once it is stored elsewhere.
    Letter(Letter),
    /// Read the partition no further.
    Stop(Error),
}

/// A record for the dead-letter topic, as it was stored, and what is wrong with it.
#[derive(Clone)]
pub(super) struct Letter {
    pub message: Message,
    error: Error,
}

/// What the policy needs to remember.
#[derive(Default)]
pub(super) struct Undecryptable {
    told: Mutex<Option<Instant>>,
    /// For dead letters; made when first used.
    producer: OnceCell<Producer>,
}

impl Shared {
    pub(super) fn open(&self, mut message: Message) -> Opened {
        let Err(error) = self.core.open(&mut message) else { return Opened::Message(message) };
        match self.options.on_undecryptable {
            OnUndecryptable::Error => Opened::Stop(error),
            OnUndecryptable::DeadLetter { .. } => Opened::Letter(Letter { message, error }),
            OnUndecryptable::Skip => {
                self.core.metrics.skipped();
                let mut told =
                    self.undecryptable.told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                    *told = Some(Instant::now());
                    tracing::warn!(%error, "a record is skipped; others are within a minute, unsaid");
                }
                Opened::Skip
            }
        }
    }

    /// Stores a dead letter.
    pub(super) async fn post(&self, Letter { message, error }: Letter) -> Result<()> {
        let topic = match &self.options.on_undecryptable {
            OnUndecryptable::DeadLetter { topic: Some(topic) } => topic.clone(),
            _ => format!("{}.dlq", message.topic),
        };
        let record = Record { forwarded: true, ..Record::forward(&message) }
            .header("flymq.dlq.topic", message.topic.to_string())
            .header("flymq.dlq.partition", message.partition.to_string())
            .header("flymq.dlq.offset", message.offset.to_string())
            .header("flymq.dlq.error", error.to_string());
        let build = || async {
            let patience = self.core.router.config().request_timeout;
            let builder = ProducerBuilder::new(self.core.clone());
            builder.linger(Duration::ZERO).delivery_timeout(patience).build()
        };
        let stored = async {
            let producer = self.undecryptable.producer.get_or_try_init(build).await?;
            producer.send_and_wait(&topic, record).await
        };
        stored.await.map_err(|why| {
            let code = why.code().unwrap_or(ErrorCode::Internal);
            let text = format!("{}; its dead letter: {}", error.message(), why.message());
            Error::new(code, "poll", text)
        })?;
        self.core.metrics.dead_letter();
        Ok(())
    }
}
