//! A client's options, as Python gives them.

use std::path::PathBuf;
use std::sync::Arc;

use flymq_core::config::read_password;
use flymq_core::{Client, Config, Password, Pem, TlsConfig, TlsVersion};
use flymq_python_macros::mirrored;
use futures_util::FutureExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::{AsyncFlyMQClient, Connected, FlyMQClient};
use crate::convert::{Addresses, Data, Seconds};
use crate::encryption::{Key, Keys, encryption};
use crate::errors;
use crate::handle::{Blueprint, Making};
use crate::tls;
use crate::wait::Host;

/// Threads that serve a client's connections.
const THREADS: usize = 1;

/// A client that is yet to be connected.
pub struct Options(Config);

impl Options {
    /// Those of a client of which nothing but the addresses is given.
    pub fn default_for(addresses: Option<Addresses>) -> PyResult<Self> {
        with_user(config(addresses, None, None)?, None, None, None).map(Self)
    }
}

impl Blueprint for Options {
    type Resource = Connected;

    fn make(&self, py: Python<'_>) -> PyResult<Making<Connected>> {
        let host = Arc::new(Host::new(py, THREADS)?);
        let config = self.0.clone();
        let connect = async { Ok(Connected::new(Client::with_config(config).await?)) };
        Ok((host, connect.boxed()))
    }
}

#[mirrored(FlyMQClient, AsyncFlyMQClient)]
impl Options {
    #[new]
    #[pyo3(signature = (addresses=None, *, client_id=None, transactional_id=None, connect_timeout=None, request_timeout=None, tls_enabled=None, tls_ca_file=None, tls_ca_pem=None, tls_server_name=None, tls_cert_file=None, tls_cert_pem=None, tls_key_file=None, tls_key_pem=None, tls_min_version=None, tls_insecure_skip_verify=None, encryption_key=None, encryption_keyring=None, encrypt_headers=false, refuse_plain=false, decrypt=true, username=None, password=None, password_file=None, sasl_mechanism=None, allow_plain_without_tls=None))]
    fn new(
        addresses: Option<Addresses>,
        client_id: Option<String>,
        transactional_id: Option<String>,
        connect_timeout: Option<Seconds>,
        request_timeout: Option<Seconds>,
        tls_enabled: Option<bool>,
        tls_ca_file: Option<PathBuf>,
        tls_ca_pem: Option<Data>,
        tls_server_name: Option<String>,
        tls_cert_file: Option<PathBuf>,
        tls_cert_pem: Option<Data>,
        tls_key_file: Option<PathBuf>,
        tls_key_pem: Option<Data>,
        tls_min_version: Option<&str>,
        tls_insecure_skip_verify: Option<bool>,
        encryption_key: Option<Key>,
        encryption_keyring: Option<Keys<'_>>,
        encrypt_headers: bool,
        refuse_plain: bool,
        decrypt: bool,
        username: Option<String>,
        password: Option<String>,
        password_file: Option<PathBuf>,
        sasl_mechanism: Option<&str>,
        allow_plain_without_tls: Option<bool>,
    ) -> PyResult<Self> {
        let config = config(addresses, encryption_key, encryption_keyring)?;
        let mut config = with_user(config, username, password, password_file)?;
        if let Some(mechanism) = sasl_mechanism {
            config.sasl_mechanism = mechanism.parse().map_err(errors::from_core)?;
        }
        if let Some(allow) = allow_plain_without_tls {
            config.allow_plain_without_tls = allow;
        }
        if config.encryption.is_none() && (encrypt_headers || refuse_plain) {
            return Err(PyValueError::new_err(
                "encrypt_headers and refuse_plain need an encryption_key",
            ));
        }
        config.encryption =
            config.encryption.map(|e| e.seal_headers(encrypt_headers).refuse_plain(refuse_plain));
        config.decrypt = decrypt;
        config.client_id = client_id.unwrap_or(config.client_id);
        config.transactional_id = transactional_id.or(config.transactional_id);
        config.connect_timeout = connect_timeout.map_or(config.connect_timeout, |s| s.0);
        config.request_timeout = request_timeout.map_or(config.request_timeout, |s| s.0);
        let ca = tls::pem("ca", tls_ca_file, tls_ca_pem, Pem::File, Pem::Memory)?;
        let cert = tls::pem("cert", tls_cert_file, tls_cert_pem, Pem::File, Pem::Memory)?;
        let key = tls::pem("key", tls_key_file, tls_key_pem, Pem::File, Pem::Memory)?;
        let given = config.tls;
        config.tls = TlsConfig {
            enabled: tls_enabled.unwrap_or(given.enabled),
            ca: ca.or(given.ca),
            server_name: tls_server_name.or(given.server_name),
            cert: cert.or(given.cert),
            key: key.or(given.key),
            min_version: match tls_min_version.map(tls::is_1_3).transpose()? {
                Some(true) => TlsVersion::V1_3,
                Some(false) => TlsVersion::V1_2,
                None => given.min_version,
            },
            insecure_skip_verify: tls_insecure_skip_verify.unwrap_or(given.insecure_skip_verify),
        };
        Ok(Self(config))
    }
}

/// The core's options for the addresses: those given, else FLYMQ_BOOTSTRAP_SERVERS, else the core's
/// default; and for the keys, with those of the environment by default.
fn config(
    addresses: Option<Addresses>,
    key: Option<Key>,
    keyring: Option<Keys<'_>>,
) -> PyResult<Config> {
    let addresses =
        addresses.map(|a| a.0).or_else(|| std::env::var("FLYMQ_BOOTSTRAP_SERVERS").ok());
    let config = match addresses {
        Some(addresses) => Config::parse(&addresses).map_err(errors::from_core)?,
        None => Config::default(),
    };
    Ok(Config { encryption: encryption(key, keyring)?, ..config })
}

/// The options with the user's name and password: those given, else those of the environment.
fn with_user(
    mut config: Config,
    username: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
) -> PyResult<Config> {
    config.username = username.or(config.username);
    config.password = match (password, password_file) {
        (Some(_), Some(_)) => {
            return Err(PyValueError::new_err("give password or password_file, not both"));
        }
        (Some(password), None) => Some(Password::new(password)),
        (None, Some(file)) => Some(read_password(&file).map_err(errors::from_core)?),
        (None, None) => None,
    };
    config.or_environment().map_err(errors::from_core)
}
