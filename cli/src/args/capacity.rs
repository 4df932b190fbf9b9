//! Options of `flymq capacity`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use super::Format;

/// Options of `flymq capacity`.
#[derive(Debug, clap::Args)]
pub struct CapacityOptions {
    /// How many producers there are
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub producers: u64,
    /// Messages that each of them sends in a second, in the busiest hour rather than on average
    #[arg(long, default_value_t = 1_000.0, value_parser = positive, value_name = "PER_SECOND")]
    pub rate: f64,
    /// Bytes of a message as it is stored: compressed, if producers compress
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub message_bytes: u64,
    /// How long messages are kept, such as 7d or 12h
    #[arg(long, default_value = "7d", value_parser = duration)]
    pub retention: Duration,
    /// On how many brokers each message is kept
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub replication: u32,
    /// How many of them must have a message before it is acknowledged; default 2, or 1 without
    /// replication
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub min_insync: Option<u32>,
    /// How many brokers there are; default as many as keep each message
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub brokers: Option<u32>,
    /// Partitions that are written or read at a time, all topics together
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    pub partitions: u64,
    /// Bytes that are buffered for each partition and consumer group
    #[arg(long, default_value_t = 1 << 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub buffer_bytes: u64,
    /// How many consumer groups read
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub groups: u64,
    /// How to print
    #[arg(long, default_value = "text")]
    pub format: Format,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("it takes a number above 0".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|_| "write it as 7d, 12h or 30m".to_owned())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let duration = duration.map_err(|_| "use days or shorter units".to_owned())?;
    Duration::try_from(duration)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "it takes a time above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in
            [("7d", 604_800), ("12h", 43_200), ("1d 6h", 108_000), ("1w", 604_800)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "0s", "-1h", "7", "1 month", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
