//! `Fetch`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flymq_core as core;
use flymq_core::Isolation;

use crate::client::Link;
use crate::error::Result;
use crate::records::{Message, all};

/// How a fetch reads.
#[derive(Clone, Debug, uniffi::Record)]
pub struct FetchOptions {
    /// How many records to return.
    #[uniffi(default = 10000)]
    pub max_records: u32,
    /// How many bytes of records to read, roughly.
    #[uniffi(default = 1048576)]
    pub max_bytes: u32,
    /// How many milliseconds to wait for records if there are none.
    #[uniffi(default = 0)]
    pub max_wait_ms: u64,
    /// Which records of transactions are seen; by default those of committed ones.
    #[uniffi(default)]
    pub isolation: Option<Isolation>,
}

impl From<FetchOptions> for core::FetchOptions {
    fn from(options: FetchOptions) -> Self {
        let FetchOptions { max_records, max_bytes, max_wait_ms, isolation } = options;
        Self {
            max_wait: Duration::from_millis(max_wait_ms),
            max_bytes,
            max_records: max_records as usize,
            isolation: isolation.unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// Records of one partition, from an offset on, that are to be read.
#[derive(uniffi::Object)]
pub struct Fetch {
    link: Arc<Link>,
    topic: String,
    partition: u32,
    offset: u64,
    options: core::FetchOptions,
    fetched: Arc<Mutex<Vec<core::Message>>>,
}

impl Fetch {
    /// A fetch with these options.
    pub fn new(
        link: Arc<Link>,
        topic: String,
        partition: u32,
        offset: u64,
        options: core::FetchOptions,
    ) -> Arc<Self> {
        Arc::new(Self { link, topic, partition, offset, options, fetched: Arc::default() })
    }
}

#[uniffi::export]
impl Fetch {
    /// Asks for the records and waits for them, or until there is nothing to wait for any more.
    ///
    /// UNKNOWN_TOPIC, UNKNOWN_PARTITION; OFFSET_OUT_OF_RANGE, whose message names the range;
    /// DECRYPTION_FAILED and UNKNOWN_ENCRYPTION_KEY if the first record is encrypted.
    pub async fn ready(&self) -> Result<()> {
        let client = self.link.client()?;
        let (topic, options) = (self.topic.clone(), self.options.clone());
        let (partition, offset, fetched) = (self.partition, self.offset, self.fetched.clone());
        let fetching = async move {
            let messages = client.fetch(&topic, partition, offset, options).await?;
            *fetched.lock().unwrap_or_else(PoisonError::into_inner) = messages;
            Ok(())
        };
        Ok(self.link.host().run(fetching).await?)
    }

    /// The records, once; empty at the end of the log.
    pub fn take(&self) -> Vec<Message> {
        all(std::mem::take(&mut *self.fetched.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
