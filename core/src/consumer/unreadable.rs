//! Records that cannot be decrypted or deserialized: what the consumer's policies make of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::{Consumer, Shared};
use crate::error::{Error, Result};
use crate::producer::{Producer, ProducerBuilder};
use crate::record::{Message, Record};

/// How often skipped records are logged, at most.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What a consumer does about a record that cannot be decrypted, for want of the key or because it was
/// altered; or about one that the application cannot deserialize.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnUnreadable {
    /// `poll` returns the error, once, and reads the partition no further. Its position stays at the
    /// record; seek to it to try again, or past it to go on without it.
    #[default]
    Error,
    /// Go on without it. Counted as `skipped_records`, and logged once a minute.
    Skip,
    /// Send it as it is to another topic and go on, once it is stored there. Counted as
    /// `dead_letters`. While it cannot be stored there, `poll` returns why and the position stays.
    DeadLetter {
        /// The topic to send to, which must exist. Without one it is the record's, with `.dlq` behind.
        topic: Option<String>,
    },
}

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

/// What the policies need to remember.
#[derive(Default)]
pub(super) struct Unreadable {
    told: Mutex<Option<Instant>>,
    /// For dead letters; made when first used.
    producer: OnceCell<Producer>,
}

impl Consumer {
    /// Has [`on_undeserializable`](crate::ConsumerBuilder::on_undeserializable) decide about a record
    /// that the last poll returned and that the application cannot deserialize, for the reason that
    /// `error` gives. Returns whether reading goes on behind it.
    ///
    /// If it does not, the partition's position is back at the record: drop the records of the
    /// partition that came behind it. The next poll that has no other records returns the error.
    pub async fn refuse(&self, message: &Message, error: Error) -> bool {
        let (error, halt) = match &self.shared.options.on_undeserializable {
            OnUnreadable::Error => (error, true),
            OnUnreadable::Skip => {
                self.shared.skip(&error);
                return true;
            }
            OnUnreadable::DeadLetter { topic } => {
                let record = Record::forward(message);
                match self.shared.post(message, record, topic.as_deref(), &error).await {
                    Ok(()) => return true,
                    Err(why) => (why, false),
                }
            }
        };
        let Message { topic, partition, offset, .. } = message;
        self.shared.state().go_back(topic, *partition, *offset, error, halt);
        self.shared.changed.notify_one();
        false
    }
}

impl Shared {
    pub(super) fn open(&self, mut message: Message) -> Opened {
        let Err(error) = self.core.open(&mut message) else { return Opened::Message(message) };
        match self.options.on_undecryptable {
            OnUnreadable::Error => Opened::Stop(error),
            OnUnreadable::DeadLetter { .. } => Opened::Letter(Letter { message, error }),
            OnUnreadable::Skip => {
                self.skip(&error);
                Opened::Skip
            }
        }
    }

    fn skip(&self, error: &Error) {
        self.core.metrics.skipped();
        let mut told = self.unreadable.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(%error, "a record is skipped; others are within a minute, unsaid");
        }
    }

    /// Stores the dead letter of a record that could not be decrypted.
    pub(super) async fn deliver(&self, Letter { message, error }: &Letter) -> Result<()> {
        let topic = match &self.options.on_undecryptable {
            OnUnreadable::DeadLetter { topic } => topic.as_deref(),
            _ => None,
        };
        let record = Record { forwarded: true, ..Record::forward(message) };
        self.post(message, record, topic, error).await
    }

    async fn post(
        &self,
        message: &Message,
        record: Record,
        topic: Option<&str>,
        error: &Error,
    ) -> Result<()> {
        let topic = topic.map_or_else(|| format!("{}.dlq", message.topic), str::to_owned);
        let record = record
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
            let producer = self.unreadable.producer.get_or_try_init(build).await?;
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
