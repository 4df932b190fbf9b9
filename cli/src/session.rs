//! The runtime and the client that commands run with.

use std::future::Future;
use std::io::{IsTerminal, stdin};

use anyhow::Context;
use flymq_core::config::read_password;
use flymq_core::{Client, Config};

use crate::access;
use crate::args::ServerOptions;

/// Runs a command's work with a client that is connected.
pub fn with_client<T, F>(
    server: &ServerOptions,
    work: impl FnOnce(Client) -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    with_config(config(server)?, work)
}

/// The same with a client of these options.
pub fn with_config<T, F>(config: Config, work: impl FnOnce(Client) -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    block_on(async {
        let client = Client::with_config(config).await?;
        let result = work(client.clone()).await;
        client.close().await;
        result
    })
}

/// The client's options for what the command line says.
pub fn config(server: &ServerOptions) -> anyhow::Result<Config> {
    let mut config = server.config()?;
    if config.client_id == Config::default().client_id {
        config.client_id = "flymq-cli".to_owned();
    }
    if let Some(user) = &server.user {
        config.username = Some(user.clone());
    }
    if let Some(file) = &server.password_file {
        config.password = Some(read_password(file)?);
    }
    config.allow_plain_without_tls |= server.allow_plain_without_tls;
    let mut config = config.or_environment()?;
    if let (Some(user), None, true) = (&config.username, &config.password, stdin().is_terminal()) {
        config.password = Some(access::ask(&format!("Password of {user}: "))?);
    }
    Ok(config)
}

/// Runs a command's work on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work)
}
