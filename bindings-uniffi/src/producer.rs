//! `Producer`.

use std::sync::Arc;
use std::time::Duration;

use flymq_core as core;

use crate::client::Link;
use crate::error::Result;
use crate::host::{Served, in_time};
use crate::options::Options;
use crate::records::{Record, RecordMetadata, all};

/// Sends records in batches, in order within a partition, each stored exactly once.
#[derive(uniffi::Object)]
pub struct Producer {
    producer: Served<core::Producer>,
    /// Kept for as long as the producer is.
    _link: Arc<Link>,
}

impl Producer {
    /// A producer with these options.
    pub fn new(link: Arc<Link>, options: Options) -> Result<Arc<Self>> {
        let mut builder = link.client()?.producer();
        for (name, value) in options {
            builder = builder.set(&name, &value)?;
        }
        let host = link.host().clone();
        let producer = {
            let _context = host.enter();
            builder.build()?
        };
        Ok(Arc::new(Self { producer: Served::new(host, producer), _link: link }))
    }

    async fn run<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(core::Producer) -> F + Send + 'static,
    ) -> Result<T>
    where
        F: Future<Output = core::Result<T>> + Send + 'static,
    {
        let producer = self.producer.get()?.clone();
        Ok(self.producer.host().run(async move { work(producer).await }).await?)
    }
}

#[uniffi::export]
impl Producer {
    /// Sends a record and waits until it is stored. Many calls at a time share batches.
    ///
    /// The partition is the record's own if it names one, else Kafka's murmur2 of its key, else the
    /// next in turn. UNKNOWN_TOPIC, UNKNOWN_PARTITION, RECORD_TOO_LARGE, TIMEOUT, CLOSED.
    pub async fn send(&self, topic: String, record: Record) -> Result<RecordMetadata> {
        self.run(|producer| async move {
            producer.send_and_wait(&topic, record.into()).await.map(RecordMetadata::from)
        })
        .await
    }

    /// Sends records and waits until all are stored. The answers are in the records' order; the first
    /// failure is raised, and then some of the others may be stored.
    pub async fn send_all(
        &self,
        topic: String,
        records: Vec<Record>,
    ) -> Result<Vec<RecordMetadata>> {
        self.run(|producer| async move {
            let mut deliveries = Vec::with_capacity(records.len());
            for record in records {
                deliveries.push(producer.send(&topic, record.into()).await?);
            }
            let mut stored = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                stored.push(delivery.await?);
            }
            Ok(all(stored))
        })
        .await
    }

    /// Sends what has been taken in without further delay, and waits until each record is stored or
    /// given up, for at most `timeout_ms`.
    ///
    /// TIMEOUT, CLOSED.
    #[uniffi::method(default(timeout_ms = 30000))]
    pub async fn flush(&self, timeout_ms: u64) -> Result<()> {
        self.run(move |producer| async move {
            let flushing = async {
                producer.flush().await;
                Ok(())
            };
            in_time(Duration::from_millis(timeout_ms), "flush", flushing).await
        })
        .await
    }

    /// Takes no more records in, flushes for at most `timeout_ms`, and gives up what is left then.
    ///
    /// TIMEOUT if something was left.
    #[uniffi::method(default(timeout_ms = 30000))]
    pub async fn close(&self, timeout_ms: u64) -> Result<()> {
        self.run(
            move |producer| async move { producer.close(Duration::from_millis(timeout_ms)).await },
        )
        .await
    }
}

/// How long what is closed in the background may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

impl Drop for Producer {
    fn drop(&mut self) {
        if let Ok(producer) = self.producer.get().cloned() {
            self.producer.host().detach(async move {
                // Nobody is there to be told.
                let _ = producer.close(PATIENCE).await;
            });
        }
    }
}
