//! `EmbeddedBroker`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flymq_broker::{
    AuthConfig, Broker, ClientAuth, Config, Durability, InitialUser, Pem, ProtocolError, TlsConfig,
};
use flymq_core as core;
use flymq_core::{Error, ErrorCode, Password};
use tempfile::TempDir;

use crate::error::Result;
use crate::host::{Host, Served};

/// Threads that serve all connections.
const THREADS: usize = 2;

/// A broker inside the process, listening on 127.0.0.1: for tests above all.
#[derive(uniffi::Object)]
pub struct EmbeddedBroker {
    config: Mutex<Config>,
    running: Arc<Served<Mutex<Option<Running>>>>,
}

struct Running {
    broker: Broker,
    temporary: Option<TempDir>,
}

fn failed(error: ProtocolError) -> Error {
    Error::new(error.code, "broker", error.message)
}

impl EmbeddedBroker {
    fn config(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn running(
    served: &Served<Mutex<Option<Running>>>,
) -> core::Result<MutexGuard<'_, Option<Running>>> {
    Ok(served.get()?.lock().unwrap_or_else(PoisonError::into_inner))
}

#[uniffi::export]
impl EmbeddedBroker {
    /// A broker that is yet to start, with its data in this folder, or in a temporary one that is
    /// removed in the end; on this port, or on a free one. Without `fsync` it acknowledges a record
    /// when the operating system has it.
    #[uniffi::constructor(default(data_dir = None, port = 0, fsync = true))]
    pub fn new(data_dir: Option<String>, port: u16, fsync: bool) -> Result<Arc<Self>> {
        let config = Config {
            data_dir: data_dir.map(PathBuf::from).unwrap_or_default(),
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            durability: if fsync { Durability::Fsync } else { Durability::Os },
            ..Config::default()
        };
        let running = Arc::new(Served::new(Host::new(THREADS)?, Mutex::new(None)));
        Ok(Arc::new(Self { config: Mutex::new(config), running }))
    }

    /// Takes clients only that log in, as these users with their passwords, who have all rights.
    pub fn users(&self, passwords: HashMap<String, String>) {
        let user = |(name, password)| InitialUser {
            name,
            password: Password::new(password),
            roles: vec!["admin".to_owned()],
        };
        let users = passwords.into_iter().map(user).collect();
        self.config().auth = Some(AuthConfig { users, ..AuthConfig::default() });
    }

    /// Takes TLS only, with this certificate and its key in PEM form; and, with certificates of
    /// `client_ca_pem`, clients only that show one of theirs.
    #[uniffi::method(default(client_ca_pem = None))]
    pub fn tls(&self, certificate_pem: Vec<u8>, key_pem: Vec<u8>, client_ca_pem: Option<Vec<u8>>) {
        let client_auth =
            if client_ca_pem.is_some() { ClientAuth::Required } else { ClientAuth::None };
        let client_ca = client_ca_pem.map(Pem::Memory);
        let tls = TlsConfig::new(Pem::Memory(certificate_pem), Pem::Memory(key_pem));
        self.config().tls = Some(TlsConfig { client_ca, client_auth, ..tls });
    }

    /// Starts the broker; does nothing if it runs.
    ///
    /// STORAGE_FAILED, INTERNAL if the folder or the port cannot be used; TLS_FAILED.
    pub async fn start(&self) -> Result<()> {
        let (served, mut config) = (self.running.clone(), self.config().clone());
        let starting = async move {
            if running(&served)?.is_some() {
                return Ok(());
            }
            let temporary = match config.data_dir.as_os_str().is_empty() {
                false => None,
                true => Some(tempfile::Builder::new().prefix("flymq-").tempdir().map_err(|e| {
                    let message = format!("cannot make a temporary folder: {e}");
                    Error::new(ErrorCode::StorageFailed, "broker", message)
                })?),
            };
            if let Some(folder) = &temporary {
                config.data_dir = folder.path().to_owned();
            }
            let broker = Broker::start(config).await.map_err(failed)?;
            *running(&served)? = Some(Running { broker, temporary });
            Ok(())
        };
        Ok(self.running.host().run(starting).await?)
    }

    /// Where clients connect to. CLOSED unless it runs.
    pub fn address(&self) -> Result<String> {
        let running = running(&self.running)?;
        let closed = || Error::new(ErrorCode::Closed, "broker", "the broker does not run");
        let Running { broker, .. } = running.as_ref().ok_or_else(closed)?;
        Ok(broker.local_addr().to_string())
    }

    /// Stops the broker: requests under way end, the data is safe on the disk. Harmless when stopped.
    pub async fn close(&self) -> Result<()> {
        let served = self.running.clone();
        let stopping = async move {
            let taken = running(&served)?.take();
            if let Some(Running { broker, temporary }) = taken {
                broker.shutdown().await;
                // Removes the folder.
                drop(temporary);
            }
            Ok(())
        };
        Ok(self.running.host().run(stopping).await?)
    }
}
