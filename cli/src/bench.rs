//! `flymq bench`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::args::{BenchCommand, Connection, Format};
use crate::load::{self, Outcome, ProduceLoad};
use crate::output::Output;
use crate::session;

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

pub fn run(connection: &Connection, command: BenchCommand) -> anyhow::Result<()> {
    let config = session::config(connection)?;
    let (outcome, what, format) = session::block_on(async {
        Ok(match command {
            BenchCommand::Produce(options) => {
                load::ensure_topic(&config, &options.topic, options.partitions).await?;
                let load = ProduceLoad {
                    topic: options.topic,
                    records: options.msgs,
                    size: options.size,
                    clients: options.clients,
                    batch_bytes: options.batch,
                    linger: Duration::from_millis(options.linger_ms),
                    compression: options.compression.into(),
                    buffer_bytes: None,
                };
                (load::produce(&config, &load).await?, "produced", options.format)
            }
            BenchCommand::Consume(options) => {
                let most = options.msgs.unwrap_or(u64::MAX);
                let (clients, batch) = (options.clients, options.batch);
                let outcome = load::consume(&config, &options.topic, most, clients, batch).await?;
                (outcome, "consumed", options.format)
            }
            BenchCommand::Latency(options) => {
                load::ensure_topic(&config, &options.topic, 1).await?;
                let (msgs, size, clients) = (options.msgs, options.size, options.clients);
                let outcome = load::latency(&config, &options.topic, msgs, size, clients).await?;
                (outcome, "produced one at a time", options.format)
            }
        })
    })?;
    let mut out = Output::new();
    match format {
        Format::Text => text(&mut out, &outcome, what)?,
        Format::Json => out.json(&object(&outcome, what))?,
    }
    out.flush()
}

fn text(out: &mut Output, outcome: &Outcome, what: &str) -> anyhow::Result<()> {
    out.line(format_args!(
        "{what}: {} records in {:.3} s, {:.0} records/s, {:.1} MB/s",
        outcome.records,
        outcome.elapsed.as_secs_f64(),
        outcome.rate(),
        outcome.byte_rate() / 1e6
    ))?;
    if outcome.latency.is_empty() {
        return Ok(());
    }
    let quantiles: Vec<String> = QUANTILES
        .iter()
        .map(|&(name, share)| {
            format!("{name} {:.3} ms", outcome.quantile(share).as_secs_f64() * 1e3)
        })
        .collect();
    out.line(format_args!("latency: {}", quantiles.join(", ")))
}

fn object(outcome: &Outcome, what: &str) -> Value {
    let mut object = json!({
        "what": what,
        "records": outcome.records,
        "bytes": outcome.bytes,
        "seconds": outcome.elapsed.as_secs_f64(),
        "records_per_second": outcome.rate(),
        "bytes_per_second": outcome.byte_rate(),
    });
    if !outcome.latency.is_empty() {
        object["latency_us"] = QUANTILES
            .iter()
            .map(|&(name, share)| {
                (name.to_owned(), json!(outcome.quantile(share).as_nanos() as f64 / 1e3))
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    object
}
