//! `flymq health`.

use std::time::Duration;

use flymq_core::{BrokerVersion, Client, Config, Error};
use serde_json::json;

use crate::args::{Format, ServerOptions};
use crate::failure::{self, Reported};
use crate::output::Output;
use crate::session;

pub fn run(server: &ServerOptions, timeout_ms: u64, format: Format) -> anyhow::Result<()> {
    let mut config = session::config(server)?;
    config.connect_timeout = Duration::from_millis(timeout_ms);
    config.request_timeout = Duration::from_millis(timeout_ms);
    // Each address for itself, whatever brokers tell of others.
    config.metadata_max_age = Duration::ZERO;
    let addresses = std::mem::take(&mut config.bootstrap);
    let checked = session::block_on(async {
        let check_one = |address: &String| {
            tokio::spawn(check(Config { bootstrap: vec![address.clone()], ..config.clone() }))
        };
        let checks: Vec<_> = addresses.iter().map(check_one).collect();
        let mut checked = Vec::new();
        for (address, check) in addresses.iter().zip(checks) {
            checked.push((address, check.await?));
        }
        Ok(checked)
    })?;
    let mut out = Output::new();
    let mut failed = Vec::new();
    for (address, checked) in checked {
        match (checked, format) {
            (Ok((broker, took)), Format::Text) => out.line(format_args!(
                "ok: {address} answered in {:.3} ms, broker version {}",
                millis(took),
                broker.version
            ))?,
            (Ok((broker, took)), Format::Json) => out.json(&json!({
                "healthy": true,
                "address": address,
                "latency_ms": millis(took),
                "broker_version": broker.version,
                "cluster_id": broker.cluster_id,
                "features": broker.features,
            }))?,
            (Err(error), _) => {
                if format == Format::Json {
                    let error = failure::json(&error);
                    out.json(&json!({ "healthy": false, "address": address, "error": error }))?;
                }
                failed.push((address, error));
            }
        }
    }
    out.flush()?;
    match failed.as_slice() {
        [] => Ok(()),
        [(_, error)] if format == Format::Text => Err(error.clone().into()),
        several => {
            let told = several.iter().filter(|_| format == Format::Text);
            told.for_each(|(address, error)| {
                failure::say(format_args!("failed: {address}: {}", failure::text(error)));
            });
            Err(Reported.into())
        }
    }
}

async fn check(config: Config) -> Result<(BrokerVersion, Duration), Error> {
    let client = Client::with_config(config).await?;
    let took = client.ping().await?;
    let broker = client.broker().await?;
    client.close().await;
    Ok((broker, took))
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
