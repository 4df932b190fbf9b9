//! `flymq capacity`: what a deployment needs, by four formulas.
//!
//! ```text
//! messages/s = producers × messages/s of each
//! disk       = messages/s × bytes of a message × retention      (of one copy)
//! memory     = active partitions × buffer × consumer groups
//! network    = messages/s × bytes of a message × replication × 2    (in and out)
//! ```

use indicatif::{BinaryBytes, DecimalBytes};
use serde::Serialize;

use crate::args::{CapacityOptions, Format};
use crate::output::Output;

/// What is needed: bytes, seconds and messages.
#[derive(Debug, PartialEq, Serialize)]
struct Capacity {
    messages_per_second: f64,
    ingest_bytes_per_second: f64,
    /// Of one copy of everything.
    storage_bytes: f64,
    /// Of all copies.
    replicated_storage_bytes: f64,
    memory_bytes: f64,
    network_bytes_per_second: f64,
    network_bits_per_second: f64,
    /// The share of each broker, where all have the same.
    per_broker: Share,
    /// How many brokers may fail while producers go on.
    tolerated_failures: u32,
    /// Whether anything is wrong with that.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

/// What one broker needs.
#[derive(Debug, PartialEq, Serialize)]
struct Share {
    brokers: u32,
    storage_bytes: f64,
    memory_bytes: f64,
    network_bytes_per_second: f64,
}

pub fn run(options: &CapacityOptions) -> anyhow::Result<()> {
    let capacity = Capacity::of(options)?;
    let mut out = Output::new();
    match options.format {
        Format::Json => out.json(&capacity)?,
        Format::Text => text(&mut out, &capacity)?,
    }
    out.flush()
}

impl Capacity {
    fn of(options: &CapacityOptions) -> anyhow::Result<Self> {
        let replication = options.replication;
        let brokers = options.brokers.unwrap_or(replication);
        let min_insync = options.min_insync.unwrap_or(replication.min(2));
        if brokers < replication {
            anyhow::bail!(
                "{replication} copies of each message need as many brokers, and there are {brokers}"
            );
        }
        if min_insync > replication {
            anyhow::bail!(
                "a message cannot be on {min_insync} brokers before it is acknowledged, as it is kept \
                 on {replication}"
            );
        }
        let messages = options.producers as f64 * options.rate;
        let ingest = messages * options.message_bytes as f64;
        let storage = ingest * options.retention.as_secs_f64();
        let replicated = storage * f64::from(replication);
        let buffers = options.partitions as f64 * options.buffer_bytes as f64;
        let memory = buffers * options.groups as f64;
        let network = ingest * f64::from(replication) * 2.0;
        let tolerated = replication - min_insync;
        let share = |of: f64| of / f64::from(brokers);
        Ok(Self {
            messages_per_second: messages,
            ingest_bytes_per_second: ingest,
            storage_bytes: storage,
            replicated_storage_bytes: replicated,
            memory_bytes: memory,
            network_bytes_per_second: network,
            network_bits_per_second: network * 8.0,
            per_broker: Share {
                brokers,
                storage_bytes: share(replicated),
                memory_bytes: share(memory),
                network_bytes_per_second: share(network),
            },
            tolerated_failures: tolerated,
            warning: (tolerated == 0 && replication > 1).then_some(
                "every copy must be written, so producers stop as soon as one broker does; keep 3 \
                 copies and require 2",
            ),
        })
    }
}

fn text(out: &mut Output, capacity: &Capacity) -> anyhow::Result<()> {
    let bytes = |bytes: f64| BinaryBytes(bytes.round() as u64);
    let rate = |bytes: f64| DecimalBytes(bytes.round() as u64);
    let share = &capacity.per_broker;
    out.line(format_args!(
        "throughput  {} messages/s, {}/s",
        capacity.messages_per_second,
        rate(capacity.ingest_bytes_per_second)
    ))?;
    out.line(format_args!(
        "disk        {} of one copy, {} of all; {} a broker",
        bytes(capacity.storage_bytes),
        bytes(capacity.replicated_storage_bytes),
        bytes(share.storage_bytes)
    ))?;
    out.line(format_args!(
        "memory      {} of buffers; {} a broker",
        bytes(capacity.memory_bytes),
        bytes(share.memory_bytes)
    ))?;
    out.line(format_args!(
        "network     {}/s, {:.1} Mbit/s; {}/s a broker",
        rate(capacity.network_bytes_per_second),
        capacity.network_bits_per_second / 1e6,
        rate(share.network_bytes_per_second)
    ))?;
    out.line(format_args!(
        "brokers     {}, of which {} may fail while producers go on",
        share.brokers, capacity.tolerated_failures
    ))?;
    match capacity.warning {
        Some(warning) => out.line(format_args!("warning     {warning}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: CapacityOptions,
    }

    fn of(args: &str) -> anyhow::Result<Capacity> {
        let args = std::iter::once("capacity").chain(args.split_whitespace());
        Capacity::of(&Line::try_parse_from(args).unwrap().options)
    }

    /// 10 producers of 500 messages a second of 2,000 bytes each, for a day, on 3 of 6 brokers.
    #[test]
    fn by_hand() {
        let capacity = of("--producers 10 --rate 500 --message-bytes 2000 --retention 1d \
             --replication 3 --brokers 6 --partitions 48 --buffer-bytes 65536 --groups 4")
        .unwrap();
        assert_eq!(
            capacity,
            Capacity {
                messages_per_second: 5_000.0,
                ingest_bytes_per_second: 10_000_000.0,
                storage_bytes: 864_000_000_000.0,
                replicated_storage_bytes: 2_592_000_000_000.0,
                memory_bytes: 12_582_912.0,
                network_bytes_per_second: 60_000_000.0,
                network_bits_per_second: 480_000_000.0,
                per_broker: Share {
                    brokers: 6,
                    storage_bytes: 432_000_000_000.0,
                    memory_bytes: 2_097_152.0,
                    network_bytes_per_second: 10_000_000.0,
                },
                tolerated_failures: 1,
                warning: None,
            }
        );
    }

    #[test]
    fn two_copies_that_both_must_be_written_cannot_lose_a_broker() {
        let two = of("--replication 2 --min-insync 2 --brokers 3").unwrap();
        assert_eq!(two.tolerated_failures, 0);
        assert!(two.warning.unwrap().contains("3 copies"));
        let three = of("--replication 3 --min-insync 2").unwrap();
        assert_eq!((three.tolerated_failures, three.warning), (1, None));
        let one = of("--replication 1").unwrap();
        assert_eq!((one.tolerated_failures, one.warning), (0, None));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(of("--replication 3 --brokers 2").is_err());
        assert!(of("--replication 1 --min-insync 2").is_err());
    }
}
