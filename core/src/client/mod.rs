//! The client: one per application is enough.

mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::messages::*;
use tokio::sync::OnceCell;
use tokio::time::Instant;

pub(crate) use shared::Core;

use crate::builder::ClientBuilder;
use crate::clock::after;
use crate::config::Config;
use crate::consumer::ConsumerBuilder;
use crate::error::{Error, Result};
use crate::link::{self, Lane, Retry, Router};
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::producer::{
    Producer, ProducerBuilder, Transaction, TransactionalProducer, TransactionalProducerBuilder,
};
use crate::record::{Message, Record, RecordMetadata};
use crate::tls::Connector;

/// How many records [`Client::fetch`] returns unless told otherwise.
const DEFAULT_MAX_RECORDS: usize = 10_000;

/// A connection to FlyMQ. Cheap to clone; clones share everything.
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
/// use flymq_core::{Client, NewTopic, Record};
///
/// let client = Client::connect(&address).await?; // such as "localhost:9092"
/// client.create_topic(NewTopic::new("orders").partitions(3)).await?;
/// let stored = client.produce("orders", Record::new("hello").key("k")).await?;
/// let message = client.consume("orders", stored.partition, stored.offset).await?.unwrap();
/// assert_eq!(message.value.as_deref(), Some(&b"hello"[..]));
/// client.close().await;
/// # flymq_core::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
    /// For [`Client::produce`]; made when first used.
    producer: Arc<OnceCell<Producer>>,
    /// For [`Client::transaction`]; made when first used.
    transactions: Arc<OnceCell<TransactionalProducer>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.core.router.config().bootstrap).finish()
    }
}

/// How [`Client::fetch`] reads.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// How long to wait for records if there are none. Default 0.
    pub max_wait: Duration,
    /// How many bytes of records to wait for. Default 1.
    pub min_bytes: u32,
    /// How many bytes of records to read, roughly. Default 1 MiB.
    pub max_bytes: u32,
    /// How many records to return. Default 10,000.
    pub max_records: usize,
    /// Which records of transactions are seen. Default read committed.
    pub isolation: Isolation,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            max_wait: Duration::ZERO,
            min_bytes: 1,
            max_bytes: 1 << 20,
            max_records: DEFAULT_MAX_RECORDS,
            isolation: Isolation::default(),
        }
    }
}

impl Client {
    /// Connects with default options.
    ///
    /// `addresses` is `host:port`, several of them with commas between, or a `flymq://` URL (see
    /// [`Config::parse`]). A broker must answer within the connect time-out.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`].
    pub async fn connect(addresses: &str) -> Result<Self> {
        Self::with_config(Config::parse(addresses)?).await
    }

    /// Options for connecting to `addresses`, which are as for [`connect`](Client::connect).
    pub fn builder(addresses: &str) -> ClientBuilder {
        ClientBuilder::new(addresses)
    }

    /// Connects. Must be called within a tokio runtime, which serves the client from then on.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`].
    pub async fn with_config(mut config: Config) -> Result<Self> {
        config.check()?;
        let Config { encrypt_headers, refuse_plain, .. } = config;
        config.encryption = config.encryption.map(|e| e.also(encrypt_headers, refuse_plain));
        let metrics = Arc::new(Metrics::new());
        let connector = Connector::open(&config.tls).await?;
        let router = Router::new(config, connector, metrics.clone());
        router.first_connection().await?;
        let core = Arc::new(Core::new(router, metrics));
        tokio::spawn(link::look_after(Arc::downgrade(&core)));
        Ok(Self { core, producer: Arc::default(), transactions: Arc::default() })
    }

    async fn immediate_producer(&self) -> Result<&Producer> {
        let patience = self.core.router.config().request_timeout;
        let build =
            || async { self.producer().linger(Duration::ZERO).delivery_timeout(patience).build() };
        self.producer.get_or_try_init(build).await
    }

    /// Sends one record and waits until it is stored, durably as the broker is configured.
    ///
    /// Many concurrent calls share batches. For high rates without waiting, see
    /// [`Client::producer`].
    pub async fn produce(&self, topic: &str, record: Record) -> Result<RecordMetadata> {
        self.immediate_producer().await?.send(topic, record).await?.await
    }

    /// Sends records and waits until all are stored. The answers are in the records' order; the
    /// first failure is returned, and then some of the others may be stored.
    pub async fn produce_batch(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Vec<RecordMetadata>> {
        let producer = self.immediate_producer().await?;
        let mut deliveries = Vec::new();
        for record in records {
            deliveries.push(producer.send(topic, record).await?);
        }
        let mut stored = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            stored.push(delivery.await?);
        }
        Ok(stored)
    }

    /// Reads the first record at or after `offset`, or `None` at the end of the log.
    ///
    /// # Errors
    ///
    /// OFFSET_OUT_OF_RANGE, whose message names the range; UNKNOWN_TOPIC; UNKNOWN_PARTITION;
    /// DECRYPTION_FAILED and UNKNOWN_ENCRYPTION_KEY for an encrypted record.
    pub async fn consume(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
    ) -> Result<Option<Message>> {
        let request = ConsumeRequest {
            topic: topic.to_owned(),
            partition,
            offset,
            isolation: Isolation::default(),
        };
        let answer = self.core.router.call(Lane::Main, "consume", &request, Retry::Always).await?;
        let Some(record) = answer.record else { return Ok(None) };
        let mut message = Message {
            topic: topic.into(),
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(|b| b.0),
            value: record.value.map(|b| b.0),
            headers: record.headers.into_iter().map(|(n, v)| (n, v.map(|b| b.0))).collect(),
        };
        self.core.open(&mut message)?;
        Ok(Some(message))
    }

    /// Reads records of one partition from `offset` on. Empty at the end of the log, once `max_wait`
    /// is over.
    ///
    /// # Errors
    ///
    /// As [`consume`](Client::consume). Records before one that cannot be decrypted are returned
    /// without the error, which comes when reading begins at that record.
    pub async fn fetch(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
        options: FetchOptions,
    ) -> Result<Vec<Message>> {
        let deadline = after(options.max_wait);
        let lane = self.core.router.fetch_lane();
        let name: Arc<str> = topic.into();
        let mut offset = offset;
        loop {
            let wait = deadline.saturating_duration_since(Instant::now());
            let request = FetchRequest {
                max_wait_ms: wait.as_millis().min(60_000) as u32,
                min_bytes: options.min_bytes,
                max_bytes: options.max_bytes,
                isolation: options.isolation,
                topics: vec![FetchTopic {
                    topic: topic.to_owned(),
                    partitions: vec![FetchPartition {
                        partition,
                        offset,
                        max_bytes: options.max_bytes,
                    }],
                }],
            };
            let patience = after(wait.saturating_add(self.core.router.config().request_timeout));
            let answer = self
                .core
                .router
                .call_until(Lane::Fetch(&lane), "fetch", &request, Retry::Always, patience)
                .await?;
            let fetched =
                answer.topics.into_iter().next().and_then(|t| t.partitions.into_iter().next());
            let Some(fetched) = fetched else {
                if Instant::now() >= deadline {
                    return Ok(Vec::new());
                }
                continue;
            };
            if fetched.error != 0 {
                return Err(Error::from_code("fetch", fetched.error, fetched.message));
            }
            let messages = self.read(&name, offset, &fetched, options.max_records)?;
            if !messages.is_empty() || options.max_records == 0 {
                self.core.metrics.consumed(messages.len() as u64);
                return Ok(messages);
            }
            if fetched.next_offset <= offset {
                return Ok(messages);
            }
            // A gap was passed over; what lies behind it is what was asked for.
            offset = fetched.next_offset;
        }
    }

    /// The records at or after `offset` of what was fetched, at most `limit`.
    fn read(
        &self,
        topic: &Arc<str>,
        offset: u64,
        fetched: &FetchedPartition,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        for batch in &fetched.batches {
            let records = batch
                .records(self.core.router.config().max_response_bytes)
                .map_err(|e| Error::protocol("fetch", e))?;
            for record in records {
                if messages.len() == limit {
                    return Ok(messages);
                }
                let record = record.map_err(|e| Error::protocol("fetch", e))?;
                if record.offset >= offset {
                    let mut message = Message::new(topic.clone(), fetched.partition, record);
                    match self.core.open(&mut message) {
                        Ok(()) => messages.push(message),
                        Err(error) if messages.is_empty() => return Err(error),
                        Err(_) => return Ok(messages),
                    }
                }
            }
        }
        Ok(messages)
    }

    /// Options of a producer.
    pub fn producer(&self) -> ProducerBuilder {
        ProducerBuilder::new(self.core.clone())
    }

    /// Options of a transactional producer.
    ///
    /// `transactional_id` is its name, which no other producer in use may have, and which stays the
    /// same when the application restarts.
    pub fn transactional_producer(
        &self,
        transactional_id: impl Into<String>,
    ) -> TransactionalProducerBuilder {
        TransactionalProducerBuilder::new(self.core.clone(), transactional_id.into())
    }

    /// Begins a transaction of a producer that this client keeps for that, one at a time.
    ///
    /// The producer's name is [`Config::transactional_id`]. Without one it is random, so that what
    /// the application has left open when it crashed is aborted by its time-out only.
    ///
    /// # Errors
    ///
    /// As [`TransactionalProducerBuilder::build`] and
    /// [`TransactionalProducer::begin`](crate::TransactionalProducer::begin).
    pub async fn transaction(&self) -> Result<Transaction> {
        let build = || async {
            let id = self.core.router.config().transactional_id.clone();
            let id = id.unwrap_or_else(|| format!("flymq-{:032x}", rand::random::<u128>()));
            self.transactional_producer(id).build().await
        };
        self.transactions.get_or_try_init(build).await?.begin().await
    }

    /// Options of a consumer.
    pub fn consumer(&self) -> ConsumerBuilder {
        ConsumerBuilder::new(self.core.clone())
    }

    /// Asks the broker whether it is there, and returns how long the answer took.
    pub async fn ping(&self) -> Result<Duration> {
        let began = Instant::now();
        self.core.router.call(Lane::Main, "ping", &PingRequest {}, Retry::Always).await?;
        Ok(began.elapsed())
    }

    /// What the broker in use says of itself: its version and the identity of its data.
    pub async fn broker(&self) -> Result<BrokerVersion> {
        let connection = self.core.router.connection(Lane::Main).await?;
        Ok(BrokerVersion {
            address: connection.endpoint.name.to_string(),
            version: connection.hello.broker_version.clone(),
            cluster_id: connection.hello.cluster_id.clone(),
            features: connection.hello.features.clone(),
        })
    }

    /// The brokers that it was told of, as `host:port`.
    pub fn addresses(&self) -> &[String] {
        &self.core.router.config().bootstrap
    }

    /// What was counted up to now.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.core.metrics.snapshot(self.core.router.endpoints())
    }

    /// Sends what [`produce`](Client::produce) has under way, aborts the open
    /// [`transaction`](Client::transaction), then closes all connections. Producers
    /// and consumers made from this client fail from then on. May be called more than once.
    pub async fn close(&self) {
        let timeout = self.core.router.config().request_timeout;
        if let Some(producer) = self.transactions.get()
            && let Err(error) = producer.close(timeout).await
        {
            tracing::warn!(%error, "closing before the transaction was aborted");
        }
        if let Some(producer) = self.producer.get()
            && let Err(error) = producer.close(timeout).await
        {
            tracing::warn!(%error, "closing before everything was stored");
        }
        self.core.router.close();
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }
}

/// What a broker says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerVersion {
    /// The address it was reached at.
    pub address: String,
    /// Its software version.
    pub version: String,
    /// Identity of its data.
    pub cluster_id: String,
    /// Optional operations it offers.
    pub features: Vec<String>,
}
