//! `flymq broker`.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
#[cfg(feature = "kafka")]
use flymq_broker::kafka::KafkaConfig;
use flymq_broker::{
    AuthConfig, Broker, ClientAuth, Config, Durability, EngineConfig, InitialUser, Pem, TlsConfig,
    TlsVersion,
};
use flymq_core::config::read_password;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{
    BrokerOptions, ClientAuthArg, DurabilityArg, EngineArg, ServerOptions, TlsVersionArg,
};

const HOUR: Duration = Duration::from_secs(3600);

pub fn run(options: BrokerOptions, server: &ServerOptions) -> anyhow::Result<()> {
    let config = Config {
        tls: tls(&options, server)?,
        auth: auth(&options, server.allow_plain_without_tls)?,
        #[cfg(feature = "otlp")]
        otlp: otlp(&options)?,
        engine: engine(&options)?,
        data_dir: options.data_dir,
        listen: options.listen,
        http_listen: options.http_listen,
        console: options.console,
        advertised_host: options.advertised_host,
        advertised_port: options.advertised_port,
        durability: match options.durability {
            DurabilityArg::Fsync => Durability::Fsync,
            DurabilityArg::Os => Durability::Os,
        },
        max_connections: options.max_connections,
        max_frame_bytes: options.max_frame_bytes,
        max_inflight_bytes: options.max_inflight_bytes,
        min_free_bytes: options.min_free_bytes,
        heartbeat_interval: Duration::from_millis(options.heartbeat_interval_ms),
        max_group_members: options.max_group_members,
        transactional_id_expiry: HOUR * options.transactional_id_expiry_hours,
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
            .and_then(|()| match broker.http_addr() {
                Some(address) => writeln!(out, "health and metrics on {address}"),
                None => Ok(()),
            })
            .and_then(|()| match broker.console_url() {
                Some(url) => writeln!(out, "console on {url}"),
                None => Ok(()),
            })
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

fn engine(options: &BrokerOptions) -> anyhow::Result<EngineConfig> {
    match options.engine {
        EngineArg::Embedded => {
            #[cfg(feature = "kafka")]
            if options.kafka_bootstrap.is_some() {
                // Else records would not go where it looks as if they did.
                bail!(
                    "--kafka-bootstrap names a cluster, but the engine is another: add --engine kafka"
                );
            }
            Ok(EngineConfig::Embedded)
        }
        #[cfg(feature = "kafka")]
        EngineArg::Kafka => Ok(EngineConfig::Kafka(Box::new(kafka(options)?))),
    }
}

/// The file's options, and those of the command line on top.
#[cfg(feature = "kafka")]
fn kafka(options: &BrokerOptions) -> anyhow::Result<KafkaConfig> {
    let mut config = KafkaConfig::new(options.kafka_bootstrap.as_deref().unwrap_or_default());
    let mut set = |text: &str| {
        let (name, value) =
            text.split_once('=').ok_or_else(|| anyhow!("a Kafka option is NAME=VALUE"))?;
        config.set(name.trim(), value).map_err(|e| anyhow!(e.message))
    };
    if let Some(path) = &options.kafka_config {
        let file = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read --kafka-config {}", path.display()))?;
        for (number, line) in file.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                set(line).with_context(|| format!("line {} of {}", number + 1, path.display()))?;
            }
        }
    }
    options.kafka.iter().try_for_each(|option| set(option))?;
    Ok(config)
}

fn tls(options: &BrokerOptions, server: &ServerOptions) -> anyhow::Result<Option<TlsConfig>> {
    let (Some(cert), Some(key)) = (&options.tls_cert, &options.tls_key) else {
        if server.tls_enabled || server.tls_cert_file.is_some() {
            // Else it would look secured and not be.
            bail!(
                "a broker's TLS is turned on with --tls-cert and --tls-key; the options given are for clients"
            );
        }
        return Ok(None);
    };
    let mut tls = TlsConfig::new(Pem::File(cert.clone()), Pem::File(key.clone()));
    tls.client_ca = options.tls_client_ca.clone().map(Pem::File);
    tls.client_auth = match options.tls_client_auth {
        Some(ClientAuthArg::None) => ClientAuth::None,
        Some(ClientAuthArg::Optional) => ClientAuth::Optional,
        Some(ClientAuthArg::Required) => ClientAuth::Required,
        None if tls.client_ca.is_some() => ClientAuth::Required,
        None => ClientAuth::None,
    };
    if let Some(TlsVersionArg::V1_3) = server.tls_min_version {
        tls.min_version = TlsVersion::V1_3;
    }
    Ok(Some(tls))
}

/// OTLP as the options want it.
#[cfg(feature = "otlp")]
fn otlp(options: &BrokerOptions) -> anyhow::Result<Option<flymq_broker::OtlpConfig>> {
    let Some(endpoint) = &options.otlp_endpoint else { return Ok(None) };
    let mut otlp = flymq_broker::OtlpConfig::new(endpoint);
    otlp.metrics_interval = Duration::from_millis(options.otlp_metrics_interval_ms);
    if let Some(file) = &options.otlp_headers_file {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            // The line may hold a secret, and is not repeated.
            let (name, value) = line.split_once(':').with_context(|| {
                format!("{} has a line that is not NAME: VALUE", file.display())
            })?;
            otlp.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(Some(otlp))
}

/// Authentication as the options want it.
fn auth(
    options: &BrokerOptions,
    allow_plain_without_tls: bool,
) -> anyhow::Result<Option<AuthConfig>> {
    if !options.auth {
        if options.bootstrap_admin.is_some() {
            // Else it would look guarded and not be.
            bail!("--bootstrap-admin names who may log in, but authentication is off: add --auth");
        }
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
