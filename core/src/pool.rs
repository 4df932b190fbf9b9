//! Clients to be borrowed.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flymq_protocol::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::client::Client;
use crate::config::Config;
use crate::error::{Error, Result};

/// The most clients that a pool may have.
const MAX_SIZE: usize = 10_000;

/// Up to so many clients, each of which one borrower has at a time.
///
/// One client serves any number of tasks over one connection, and that is enough for most programs. A
/// pool is for those that want several connections, or work that has a client for itself.
///
/// ```no_run
/// # async fn example() -> flymq_core::Result<()> {
/// use flymq_core::{Client, Record};
///
/// let pool = Client::builder("localhost:9092").client_id("billing").pool(10)?;
/// let client = pool.get().await?;
/// client.produce("orders", Record::new("42")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientPool {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    size: usize,
    free: Arc<Semaphore>,
    /// Clients that nobody has; the one given back last is borrowed first. `None` once closed.
    idle: Mutex<Option<Vec<Client>>>,
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Option<Vec<Client>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that is borrowed from a pool, until it is dropped.
pub struct PooledClient {
    client: Option<Client>,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl ClientPool {
    /// A pool of up to `size` clients, 1 to 10,000, that connect when they are first needed.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for such a size, or options that cannot work.
    pub fn new(config: Config, size: usize) -> Result<Self> {
        config.check()?;
        Self::with(config, size, Vec::new())
    }

    /// A pool of up to `size` clients: this one, and others with its options.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a size that is not 1 to 10,000.
    pub fn starting_with(client: Client, size: usize) -> Result<Self> {
        let config = client.core().router.config().clone();
        Self::with(config, size, vec![client])
    }

    fn with(config: Config, size: usize, idle: Vec<Client>) -> Result<Self> {
        if !(1..=MAX_SIZE).contains(&size) {
            return Err(Error::invalid("pool", format!("a pool has 1 to {MAX_SIZE} clients")));
        }
        let free = Arc::new(Semaphore::new(size));
        let idle = Mutex::new(Some(idle));
        Ok(Self { shared: Arc::new(Shared { config, size, free, idle }) })
    }

    /// Borrows a client: one that was given back, else a new one. Waits while all are borrowed; who
    /// waits longest is served first. Must be called within a tokio runtime that outlives the pool.
    ///
    /// # Errors
    ///
    /// CLOSED; what connecting fails with (see [`ClientBuilder::connect`](crate::ClientBuilder::connect)).
    pub async fn get(&self) -> Result<PooledClient> {
        let shared = &self.shared;
        let place = shared.free.clone().acquire_owned().await.map_err(|_| closed())?;
        let idle = shared.idle().as_mut().ok_or_else(closed)?.pop();
        let client = match idle {
            Some(client) => client,
            None => Client::with_config(shared.config.clone()).await?,
        };
        Ok(PooledClient { client: Some(client), shared: shared.clone(), _place: place })
    }

    /// How many clients there may be.
    pub fn size(&self) -> usize {
        self.shared.size
    }

    /// How many clients are borrowed.
    pub fn borrowed(&self) -> usize {
        self.shared.size.saturating_sub(self.shared.free.available_permits())
    }

    /// Closes the clients that nobody has; those that are borrowed end when they are given back.
    pub async fn close(&self) {
        self.shared.free.close();
        let idle = self.shared.idle().take();
        for client in idle.into_iter().flatten() {
            client.close().await;
        }
    }
}

impl Deref for PooledClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client.as_ref().expect("it is there until dropped")
    }
}

impl Drop for PooledClient {
    fn drop(&mut self) {
        if let (Some(client), Some(idle)) = (self.client.take(), self.shared.idle().as_mut()) {
            idle.push(client);
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorCode::Closed, "pool", "the pool is closed")
}
