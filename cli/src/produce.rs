//! `flymq produce`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use flymq_core::{Client, Delivery, Error, Producer, Record};
use serde_json::json;

use crate::args::{Format, ProduceOptions};
use crate::failure::{self, Reported, say};
use crate::lines::Source;
use crate::progress::Progress;
use crate::session;

/// How many failures are told one by one.
const TELL: u64 = 10;
/// How many records are followed before the oldest is waited for.
const FOLLOWED: usize = 500_000;

pub fn run(address: &str, options: ProduceOptions) -> anyhow::Result<()> {
    let source = Source::open(options.file.as_deref())?;
    session::with_client(address, |client| produce(client, options, source))
}

async fn produce(client: Client, options: ProduceOptions, source: Source) -> anyhow::Result<()> {
    // A wrong name is told before anything is read.
    client.partition_count(&options.topic).await?;
    let producer = client.producer().compression(options.compression.into()).build()?;
    let began = Instant::now();
    let mut ledger = Ledger::new(Progress::new(source.size));
    let ended = send_all(&producer, &options, source, &mut ledger).await;
    // What was read is stored, whatever ended the reading.
    producer.flush().await;
    ledger.settle_all().await;
    producer.close(Duration::from_secs(5)).await?;
    let Ledger { stored, failed, progress, .. } = ledger;
    drop(progress);

    let seconds = began.elapsed().as_secs_f64();
    match options.format {
        Format::Text => say(format_args!(
            "{stored} record{} stored in {}{}",
            if stored == 1 { "" } else { "s" },
            options.topic,
            if failed == 0 { String::new() } else { format!(", {failed} NOT stored") }
        )),
        Format::Json => say(json!({
            "topic": options.topic,
            "stored": stored,
            "failed": failed,
            "seconds": seconds,
        })),
    }
    ended?;
    if failed > 0 { Err(Reported.into()) } else { Ok(()) }
}

/// Sends every line, until the end of the input or a reason to stop.
async fn send_all(
    producer: &Producer,
    options: &ProduceOptions,
    source: Source,
    ledger: &mut Ledger,
) -> anyhow::Result<()> {
    let mut chunks = source.start();
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut line_number = 0;
    loop {
        let chunk = tokio::select! {
            chunk = chunks.recv() => chunk,
            interrupted = &mut interrupted => {
                interrupted?;
                anyhow::bail!("interrupted after line {line_number}");
            }
        };
        let Some(chunk) = chunk else { return Ok(()) };
        let chunk = chunk.with_context(|| format!("cannot read after line {line_number}"))?;
        for line in chunk.lines {
            line_number += 1;
            let record = record(line, options).with_context(|| format!("line {line_number}"))?;
            match producer.send(&options.topic, record).await {
                Ok(delivery) => ledger.follow(line_number, delivery),
                Err(error) => ledger.settle(line_number, Err(error)),
            }
        }
        ledger.settle_done().await;
        ledger.progress.advance(chunk.bytes, ledger.stored);
    }
}

fn record(line: Bytes, options: &ProduceOptions) -> anyhow::Result<Record> {
    let mut record = match &options.key_separator {
        None => Record::new(line),
        Some(separator) => {
            let at = line
                .windows(separator.len())
                .position(|window| window == separator.as_bytes())
                .with_context(|| format!("it does not contain the key separator {separator:?}"))?;
            Record::new(line.slice(at + separator.len()..)).key(line.slice(..at))
        }
    };
    for (name, value) in &options.headers {
        record = record.header(name, value.clone());
    }
    if let Some(partition) = options.partition {
        record = record.partition(partition);
    }
    Ok(record)
}

/// What became of each line.
struct Ledger {
    under_way: VecDeque<(u64, Delivery)>,
    stored: u64,
    failed: u64,
    progress: Progress,
}

impl Ledger {
    fn new(progress: Progress) -> Self {
        Self { under_way: VecDeque::new(), stored: 0, failed: 0, progress }
    }

    fn follow(&mut self, line: u64, delivery: Delivery) {
        self.under_way.push_back((line, delivery));
    }

    fn settle(&mut self, line: u64, outcome: Result<(), Error>) {
        let Err(error) = outcome else {
            self.stored += 1;
            return;
        };
        self.failed += 1;
        if self.failed <= TELL {
            let message = failure::text(&error);
            self.progress.say(format_args!("flymq: line {line} was not stored: {message}"));
        }
        if self.failed == 1 {
            self.progress.say(format_args!("hint: {}", error.hint()));
        }
        if self.failed == TELL + 1 {
            self.progress.say("flymq: further failures are only counted");
        }
    }

    /// Settles what is decided, and the oldest if there are too many.
    async fn settle_done(&mut self) {
        while let Some((line, delivery)) = self.under_way.pop_front() {
            if !delivery.is_done() && self.under_way.len() < FOLLOWED {
                self.under_way.push_front((line, delivery));
                return;
            }
            let outcome = delivery.await;
            self.settle(line, outcome.map(|_| ()));
        }
    }

    async fn settle_all(&mut self) {
        while let Some((line, delivery)) = self.under_way.pop_front() {
            let outcome = delivery.await;
            self.settle(line, outcome.map(|_| ()));
        }
    }
}
