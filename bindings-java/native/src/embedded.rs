//! `EmbeddedBroker`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use flymq_broker::{
    AuthConfig, Broker, ClientAuth, Config, Durability, InitialUser, Pem, ProtocolError, TlsConfig,
    TlsVersion,
};
use flymq_core::{Error, ErrorCode, Password, Result};
use tempfile::TempDir;

use crate::call::Job;
use crate::client::opened;
use crate::handles::{self, Resource};
use crate::host::Host;
use crate::wire::{Args, Out};

/// Threads that serve all connections.
const THREADS: usize = 2;

/// A broker until it is closed. It is dropped before its threads.
struct Running {
    parts: Mutex<Option<Parts>>,
    host: Arc<Host>,
}

struct Parts {
    broker: Broker,
    temporary: Option<TempDir>,
}

impl Resource for Running {
    const NAME: &'static str = "broker";
}

fn failed(error: ProtocolError) -> Error {
    Error::new(error.code, "broker", error.message)
}

/// Where a certificate or key is, if it is given.
fn pem(args: &mut Args) -> Result<Option<Pem>> {
    args.optional(|args| {
        Ok(match args.flag()? {
            true => Pem::File(PathBuf::from(args.text()?)),
            false => Pem::Memory(args.bytes()?.unwrap_or_default().into()),
        })
    })
}

fn tls(args: &mut Args) -> Result<Option<TlsConfig>> {
    let (cert, key, client_ca) = (pem(args)?, pem(args)?, pem(args)?);
    let client_auth = match args.u32()? {
        0 => ClientAuth::None,
        1 => ClientAuth::Optional,
        _ => ClientAuth::Required,
    };
    let min_version = match args.flag()? {
        true => TlsVersion::V1_3,
        false => TlsVersion::V1_2,
    };
    match (cert, key) {
        (Some(cert), Some(key)) => {
            Ok(Some(TlsConfig { client_ca, client_auth, min_version, ..TlsConfig::new(cert, key) }))
        }
        (None, None) if client_ca.is_none() => Ok(None),
        _ => {
            let message = "TLS needs both a certificate and its key";
            Err(Error::new(ErrorCode::InvalidArgument, "broker", message))
        }
    }
}

fn auth(args: &mut Args) -> Result<Option<AuthConfig>> {
    let user = |args: &mut Args| {
        let (name, password) = (args.text()?, Password::new(args.text()?));
        Ok(InitialUser { name, password, roles: vec!["admin".to_owned()] })
    };
    let users = args.optional(|args| args.list(user))?;
    Ok(users.map(|users| AuthConfig { users, ..AuthConfig::default() }))
}

pub fn start(_: u64, args: &mut Args) -> Result<Job> {
    let data_dir = args.optional_text()?.map(PathBuf::from);
    let port = u16::try_from(args.u32()?)
        .map_err(|_| Error::new(ErrorCode::InvalidArgument, "broker", "a port is 0 to 65535"))?;
    let durability = match args.flag()? {
        true => Durability::Os,
        false => Durability::Fsync,
    };
    let (auth, tls) = (auth(args)?, tls(args)?);
    let temporary = match data_dir {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("flymq-").tempdir().map_err(|e| {
            let message = format!("cannot make a temporary folder: {e}");
            Error::new(ErrorCode::StorageFailed, "broker", message)
        })?),
    };
    let temporary_dir = temporary.as_ref().map(|folder| folder.path().to_owned());
    let data_dir = data_dir.or(temporary_dir).unwrap_or_default();
    let config = Config {
        data_dir: data_dir.clone(),
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
        durability,
        tls,
        auth,
        ..Config::default()
    };
    let host = Arc::new(Host::new(THREADS)?);
    let serving = host.clone();
    Ok(Job::new(&host, async move {
        let broker = Broker::start(config).await.map_err(failed)?;
        let port = broker.local_addr().port();
        let parts = Mutex::new(Some(Parts { broker, temporary }));
        let mut out = opened(Running { parts, host: serving });
        out.u32(port.into()).text(&data_dir.to_string_lossy());
        Ok(out)
    }))
}

pub fn stop(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Running>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let parts = this.parts.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Parts { broker, temporary }) = parts {
            broker.shutdown().await;
            // Removes the temporary folder.
            drop(temporary);
        }
        Ok(Out::empty())
    }))
}
