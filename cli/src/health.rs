//! `flymq health`.

use std::time::Duration;

use flymq_core::{BrokerVersion, Client, Config, Error};
use serde_json::json;

use crate::args::{Connection, Format};
use crate::failure::{self, Reported};
use crate::output::Output;
use crate::session;

pub fn run(connection: &Connection, timeout_ms: u64, format: Format) -> anyhow::Result<()> {
    let mut config = session::config(connection)?;
    config.connect_timeout = Duration::from_millis(timeout_ms);
    config.request_timeout = Duration::from_millis(timeout_ms);
    let checked = session::block_on(async { Ok(check(config).await) })?;
    let mut out = Output::new();
    match (checked, format) {
        (Ok((broker, took)), Format::Text) => out.line(format_args!(
            "ok: {} answered in {:.3} ms, broker version {}",
            broker.address,
            millis(took),
            broker.version
        ))?,
        (Ok((broker, took)), Format::Json) => out.json(&json!({
            "healthy": true,
            "address": broker.address,
            "latency_ms": millis(took),
            "broker_version": broker.version,
            "cluster_id": broker.cluster_id,
            "features": broker.features,
        }))?,
        (Err(error), Format::Text) => return Err(error.into()),
        (Err(error), Format::Json) => {
            out.json(&json!({ "healthy": false, "error": failure::json(&error) }))?;
            out.flush()?;
            return Err(Reported.into());
        }
    }
    out.flush()
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
