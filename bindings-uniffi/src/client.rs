//! `ClientBuilder` and `Client`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flymq_core as core;
use flymq_core::{Encryption, Error, ErrorCode, Password};
use tokio::sync::OnceCell;

use crate::consumer::Consumer;
use crate::encryption::Keyring;
use crate::error::Result;
use crate::fetch::{Fetch, FetchOptions};
use crate::host::{Host, Served};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::producer::Producer;
use crate::records::{Message, Record, RecordMetadata, all};
use crate::transaction::TransactionalProducer;

/// Threads that serve a client's connections.
const THREADS: usize = 1;

/// The options of a client. What is wrong with one is said when the client is made.
#[derive(uniffi::Object)]
pub struct ClientBuilder(Mutex<core::ClientBuilder>);

impl ClientBuilder {
    fn builder(&self) -> MutexGuard<'_, core::ClientBuilder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, set: impl FnOnce(core::ClientBuilder) -> core::ClientBuilder) {
        let mut builder = self.builder();
        *builder = set(builder.clone());
    }
}

#[uniffi::export]
impl ClientBuilder {
    /// Options for connecting to `addresses`: `host:port`, several of them with commas between, or a
    /// `flymq://` URL; by default what FLYMQ_BOOTSTRAP_SERVERS says, or `localhost:9092`.
    #[uniffi::constructor(default(addresses = None))]
    pub fn new(addresses: Option<String>) -> Arc<Self> {
        let addresses = addresses.or_else(|| std::env::var("FLYMQ_BOOTSTRAP_SERVERS").ok());
        let builder = core::Client::builder(addresses.as_deref().unwrap_or("localhost"));
        Arc::new(Self(Mutex::new(builder)))
    }

    /// Sets an option by its name; see `client_options`.
    pub fn set(&self, name: String, value: String) {
        self.with(|builder| builder.set(&name, &value));
    }

    /// Who to log in as. Nobody by default.
    pub fn credentials(&self, username: String, password: String) {
        self.with(|builder| builder.credentials(username, Password::new(password)));
    }

    /// Secures connections by TLS, trusting these certificates in PEM form, or else the operating
    /// system's.
    #[uniffi::method(default(ca_pem = None))]
    pub fn tls(&self, ca_pem: Option<Vec<u8>>) {
        self.with(|builder| {
            let builder = builder.tls_enabled(true);
            match ca_pem {
                Some(pem) => builder.tls_ca_pem(pem),
                None => builder,
            }
        });
    }

    /// The client's own certificate and its key in PEM form, for brokers that ask for one.
    pub fn tls_certificate(&self, certificate_pem: Vec<u8>, key_pem: Vec<u8>) {
        self.with(|builder| builder.tls_cert_pem(certificate_pem, key_pem));
    }

    /// Encrypts what is sent and decrypts what is read with the keys of this keyring.
    pub fn encryption(&self, keyring: Arc<Keyring>) {
        self.with(|builder| builder.encryption(Encryption::new(keyring.keys())));
    }

    /// A client with these options, which is yet to connect. What is not set is taken from the
    /// environment, as all of FlyMQ's clients do.
    ///
    /// INVALID_ARGUMENT for options that are not valid.
    pub fn build(&self) -> Result<Arc<Client>> {
        let builder = self.builder().clone().or_environment();
        builder.check()?;
        let client = Served::new(Host::new(THREADS)?, OnceCell::new());
        Ok(Arc::new(Client { builder, client: Arc::new(Link(client)) }))
    }
}

/// A connection to FlyMQ. One is enough for a program, and any number of threads may use it.
#[derive(uniffi::Object)]
pub struct Client {
    builder: core::ClientBuilder,
    client: Arc<Link>,
}

/// The client of the core, once it is connected. The last one to go closes it.
pub struct Link(Served<OnceCell<core::Client>>);

impl Link {
    /// The threads that serve the client.
    pub fn host(&self) -> &Arc<Host> {
        self.0.host()
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT before it is connected; CLOSED in a forked child.
    pub fn client(&self) -> core::Result<core::Client> {
        self.0.get()?.get().cloned().ok_or_else(|| {
            let message = "the client is not connected yet: call connect first";
            Error::new(ErrorCode::InvalidArgument, "use", message)
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Ok(client) = self.client() {
            self.host().detach(async move { client.close().await });
        }
    }
}

impl Client {
    /// Does something with the client on its threads.
    pub(crate) async fn run<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(core::Client) -> F + Send + 'static,
    ) -> Result<T>
    where
        F: Future<Output = core::Result<T>> + Send + 'static,
    {
        let client = self.client.client()?;
        Ok(self.client.host().run(async move { work(client).await }).await?)
    }
}

#[uniffi::export]
impl Client {
    /// Connects; does nothing if that is done.
    ///
    /// CONNECT_FAILED if no broker answers within the connect time-out; TLS_FAILED, TLS_REQUIRED,
    /// AUTH_REQUIRED, AUTH_FAILED, UNSUPPORTED_MECHANISM.
    pub async fn connect(&self) -> Result<()> {
        let (link, builder) = (self.client.clone(), self.builder.clone());
        let connecting =
            async move { link.0.get()?.get_or_try_init(|| builder.connect()).await.map(|_| ()) };
        Ok(self.client.host().run(connecting).await?)
    }

    /// Sends what is under way, then closes all connections. Producers and consumers made from this
    /// client fail from then on. May be called more than once.
    pub async fn close(&self) -> Result<()> {
        let Ok(client) = self.client.client() else { return Ok(()) };
        let closing = async move {
            client.close().await;
            Ok(())
        };
        Ok(self.client.host().run(closing).await?)
    }

    /// Sends one record and waits until it is stored.
    pub async fn produce(&self, topic: String, record: Record) -> Result<RecordMetadata> {
        self.run(|client| async move {
            client.produce(&topic, record.into()).await.map(RecordMetadata::from)
        })
        .await
    }

    /// Sends records and waits until all are stored. The answers are in the records' order; the first
    /// failure is raised, and then some of the others may be stored.
    pub async fn produce_batch(
        &self,
        topic: String,
        records: Vec<Record>,
    ) -> Result<Vec<RecordMetadata>> {
        self.run(|client| async move {
            let records = records.into_iter().map(core::Record::from);
            client.produce_batch(&topic, records).await.map(all)
        })
        .await
    }

    /// Reads the first record at or after `offset`; none at the end of the log.
    pub async fn consume(
        &self,
        topic: String,
        partition: u32,
        offset: u64,
    ) -> Result<Option<Message>> {
        self.run(move |client| async move {
            Ok(client.consume(&topic, partition, offset).await?.map(Message::from))
        })
        .await
    }

    /// Records of one partition from `offset` on, which are read once they are waited for.
    #[uniffi::method(default(options = None))]
    pub fn fetching(
        &self,
        topic: String,
        partition: u32,
        offset: u64,
        options: Option<FetchOptions>,
    ) -> Arc<Fetch> {
        let options = options.map_or_else(core::FetchOptions::default, FetchOptions::into);
        Fetch::new(self.client.clone(), topic, partition, offset, options)
    }

    /// A producer, with options by name; see `producer_options`.
    #[uniffi::method(default(options))]
    pub fn producer(&self, options: Options) -> Result<Arc<Producer>> {
        Producer::new(self.client.clone(), options)
    }

    /// A transactional producer, with options by name; see `transactional_producer_options`. It takes
    /// the place of others of its name when its first transaction begins.
    ///
    /// `transactional_id` is its name, which no other producer in use may have, and which stays the
    /// same when the application restarts.
    #[uniffi::method(default(options))]
    pub fn transactional_producer(
        &self,
        transactional_id: String,
        options: Options,
    ) -> Result<Arc<TransactionalProducer>> {
        TransactionalProducer::new(self.client.clone(), transactional_id, options)
    }

    /// A consumer, with options by name, of which `group` makes it a member of one; see
    /// `consumer_options`.
    #[uniffi::method(default(options))]
    pub fn consumer(&self, options: Options) -> Result<Arc<Consumer>> {
        Consumer::new(self.client.clone(), options)
    }

    /// Asks the broker whether it is there, and returns after how many microseconds it answered.
    pub async fn ping(&self) -> Result<u64> {
        self.run(|client| async move { Ok(client.ping().await?.as_micros() as u64) }).await
    }

    /// What the broker in use says of itself.
    pub async fn broker(&self) -> Result<BrokerVersion> {
        self.run(|client| async move {
            let core::BrokerVersion { address, version, cluster_id, features } =
                client.broker().await?;
            Ok(BrokerVersion { address, version, cluster_id, features })
        })
        .await
    }

    /// The brokers that it was told of, as `host:port`.
    pub fn addresses(&self) -> Result<Vec<String>> {
        Ok(self.client.client()?.addresses().to_vec())
    }

    /// What was counted up to now.
    pub fn metrics(&self) -> Result<Metrics> {
        Ok(self.client.client()?.metrics().into())
    }
}

/// What a broker says of itself.
#[derive(Clone, Debug, uniffi::Record)]
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
