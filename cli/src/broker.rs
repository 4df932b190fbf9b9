//! `flymq broker`.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, anyhow};
use flymq_broker::{AuthConfig, Broker, Config, Durability, InitialUser};
use flymq_core::config::read_password;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{BrokerOptions, DurabilityArg};

pub fn run(options: BrokerOptions, allow_plain_without_tls: bool) -> anyhow::Result<()> {
    let auth = auth(&options, allow_plain_without_tls)?;
    let config = Config {
        auth,
        data_dir: options.data_dir,
        listen: options.listen,
        advertised_host: options.advertised_host,
        durability: match options.durability {
            DurabilityArg::Fsync => Durability::Fsync,
            DurabilityArg::Os => Durability::Os,
        },
        max_connections: options.max_connections,
        max_frame_bytes: options.max_frame_bytes,
        max_inflight_bytes: options.max_inflight_bytes,
        min_free_bytes: options.min_free_bytes,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
        let broker = Broker::start(config)
            .await
            .map_err(|e| anyhow!("{}\nhint: {}", e.message, e.code.hint()))?;
        // Whoever starts a broker on port 0 reads this line.
        let mut out = std::io::stdout();
        writeln!(out, "listening on {}", broker.local_addr())
            .and_then(|()| out.flush())
            .context("cannot write to standard output")?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        broker.shutdown().await;
        Ok(())
    })
}

/// Authentication as the options want it.
fn auth(
    options: &BrokerOptions,
    allow_plain_without_tls: bool,
) -> anyhow::Result<Option<AuthConfig>> {
    if !options.auth {
        return Ok(None);
    }
    let mut users = Vec::new();
    if let (Some(name), Some(file)) =
        (&options.bootstrap_admin, &options.bootstrap_admin_password_file)
    {
        let (name, password) = (name.clone(), read_password(file)?);
        users.push(InitialUser { name, password, roles: vec!["admin".to_owned()] });
    }
    let lifetime = Duration::from_millis(options.session_lifetime_ms);
    Ok(Some(AuthConfig {
        session_lifetime: Some(lifetime).filter(|lifetime| !lifetime.is_zero()),
        allow_plain_without_tls,
        users,
        ..AuthConfig::default()
    }))
}
