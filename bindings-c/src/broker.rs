//! `flymq_broker`: a broker inside the process, for tests above all.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ::flymq_broker::{
    AuthConfig, Broker, ClientAuth, Config, Durability, InitialUser, Pem, ProtocolError, TlsConfig,
    TlsVersion,
};
use flymq_core::{Error, ErrorCode, OptionInfo, Password, Result, options};
use tempfile::TempDir;

use crate::boundary::{self, given, invalid};
use crate::config::{Kind, apply, flymq_config};
use crate::error::flymq_error;
use crate::handle::Handle;
use crate::host::{Host, in_time};
use crate::text::c_string;

/// Threads that serve all connections.
const THREADS: usize = 2;

const fn option(name: &'static str, default: &'static str, doc: &'static str) -> OptionInfo {
    OptionInfo { name, default, doc, secret: false }
}

const OPTIONS: &[OptionInfo] = &[
    option(
        "data_dir",
        "",
        "Where the data is kept; a temporary folder, removed on close, if not set.",
    ),
    option("port", "0", "The port to listen on at 127.0.0.1; 0 takes a free one."),
    option("durability", "fsync", "What a record is acknowledged after: fsync, or os for less."),
    OptionInfo {
        name: "users",
        default: "",
        doc: "Users with all rights, NAME:PASSWORD a line; clients have to log in then.",
        secret: true,
    },
    option("tls_cert_file", "", "The broker's certificate in PEM form: it takes TLS only then."),
    option("tls_key_file", "", "The private key of the broker's certificate in PEM form."),
    option("tls_client_ca_file", "", "Whom to trust with clients' certificates, in PEM form."),
    option(
        "tls_client_auth",
        "none",
        "Whether clients show certificates: none, optional, required.",
    ),
    option("tls_min_version", "1.2", "The lowest version of TLS that is spoken: 1.2 or 1.3."),
];

/// All options of a broker.
pub fn options() -> impl Iterator<Item = &'static OptionInfo> {
    OPTIONS.iter()
}

#[derive(Default)]
struct Options {
    data_dir: Option<PathBuf>,
    port: u16,
    durability: Durability,
    users: Vec<InitialUser>,
    cert: Option<Pem>,
    key: Option<Pem>,
    client_ca: Option<Pem>,
    client_auth: ClientAuth,
    min_version: TlsVersion,
}

impl Options {
    fn set(self, name: &str, value: &str) -> Result<Self> {
        let wrong = |takes: &str| invalid(format!("{name} takes {takes}"));
        let file = || Some(Pem::File(value.into()));
        Ok(match name {
            "data_dir" => Self { data_dir: Some(value.into()), ..self },
            "port" => Self { port: value.parse().map_err(|_| wrong("a port"))?, ..self },
            "durability" => {
                let durability = match value {
                    "fsync" => Durability::Fsync,
                    "os" => Durability::Os,
                    _ => return Err(wrong("fsync or os")),
                };
                Self { durability, ..self }
            }
            "users" => {
                let user = |line: &str| {
                    let (name, password) = line.split_once(':')?;
                    let (name, password) = (name.to_owned(), Password::new(password));
                    Some(InitialUser { name, password, roles: vec!["admin".to_owned()] })
                };
                let users: Option<_> = value.lines().map(user).collect();
                Self { users: users.ok_or_else(|| wrong("lines of NAME:PASSWORD"))?, ..self }
            }
            "tls_cert_file" => Self { cert: file(), ..self },
            "tls_key_file" => Self { key: file(), ..self },
            "tls_client_ca_file" => Self { client_ca: file(), ..self },
            "tls_client_auth" => {
                let client_auth = match value {
                    "none" => ClientAuth::None,
                    "optional" => ClientAuth::Optional,
                    "required" => ClientAuth::Required,
                    _ => return Err(wrong("none, optional or required")),
                };
                Self { client_auth, ..self }
            }
            "tls_min_version" => {
                let min_version = match value {
                    "1.2" => TlsVersion::V1_2,
                    "1.3" => TlsVersion::V1_3,
                    _ => return Err(wrong("1.2 or 1.3")),
                };
                Self { min_version, ..self }
            }
            _ => return Err(options::unknown(OPTIONS.iter(), "broker", name)),
        })
    }

    fn tls(&mut self) -> Result<Option<TlsConfig>> {
        let Self { client_auth, min_version, .. } = *self;
        let client_ca = self.client_ca.take();
        match (self.cert.take(), self.key.take()) {
            (Some(cert), Some(key)) => Ok(Some(TlsConfig {
                client_ca,
                client_auth,
                min_version,
                ..TlsConfig::new(cert, key)
            })),
            (None, None) if client_ca.is_none() && client_auth == ClientAuth::None => Ok(None),
            _ => Err(invalid("TLS needs both tls_cert_file and tls_key_file")),
        }
    }
}

/// A FlyMQ broker inside this process, listening on 127.0.0.1. Any thread may use it.
pub struct flymq_broker {
    address: CString,
    handle: Handle<Running>,
}

struct Running {
    /// `None` once it is being closed.
    parts: Mutex<Option<Parts>>,
    host: Host,
}

struct Parts {
    broker: Broker,
    _temporary: Option<TempDir>,
}

fn failure(error: ProtocolError) -> Error {
    Error::new(error.code, "broker", error.message)
}

/// Starts a broker. `config` is of kind FLYMQ_CONFIG_BROKER, or NULL for the defaults: a free port, and
/// data in a temporary folder that is removed when the broker is closed.
///
/// The caller frees the broker with flymq_broker_free().
///
/// Errors: INVALID_ARGUMENT for options that are not valid; INTERNAL if the folder or the port cannot be
/// used; TLS_FAILED.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_broker_start(
    config: Option<&flymq_config>,
    broker: Option<&mut MaybeUninit<*mut flymq_broker>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(broker, error, || {
        let mut options = apply(config, Kind::Broker, Options::default(), Options::set)?;
        let tls = options.tls()?;
        let temporary = match options.data_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("flymq-").tempdir().map_err(|e| {
                Error::new(ErrorCode::Internal, "broker", format!("no temporary folder: {e}"))
            })?),
        };
        let folder = temporary.as_ref().map(|folder| folder.path().to_owned());
        let auth = AuthConfig { users: options.users, ..AuthConfig::default() };
        let config = Config {
            data_dir: options.data_dir.or(folder).unwrap_or_default(),
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), options.port),
            durability: options.durability,
            tls,
            auth: (!auth.users.is_empty()).then_some(auth),
            ..Config::default()
        };
        let host = Host::new(THREADS)?;
        let broker = host.wait(Broker::start(config)).map_err(failure)?;
        let address = c_string(&broker.local_addr().to_string());
        let parts = Mutex::new(Some(Parts { broker, _temporary: temporary }));
        Ok(flymq_broker { address, handle: Handle::new("broker", Running { parts, host }) })
    })
}

/// Where clients connect to, as "host:port". Lives as long as the broker; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_broker_address(broker: Option<&flymq_broker>) -> *const c_char {
    boundary::get(std::ptr::null(), || Some(broker?.address.as_ptr()))
}

/// Stops a broker: requests under way end, the data is safe on the disk. Waits for at most `timeout_ms`, a
/// negative one for ever. Harmless when closed.
///
/// Errors: TIMEOUT, INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_broker_close(
    broker: Option<&flymq_broker>,
    timeout_ms: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let Some(running) = given(broker, "broker")?.handle.take()? else { return Ok(()) };
        let parts = running.parts.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(parts) = parts else { return Ok(()) };
        let shutdown = async {
            parts.broker.shutdown().await;
            Ok(())
        };
        running.host.wait(in_time(timeout_ms, "close", shutdown))
    })
}

/// Frees a broker; one that is not closed is stopped at once. No other call with it may be under way.
/// NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_broker_free(broker: Option<Box<flymq_broker>>) {
    boundary::free(broker);
}
