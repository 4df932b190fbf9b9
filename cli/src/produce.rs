//! `flymq produce`.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use flymq_core::{Client, Delivery, Error, Producer, Record};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Connection, Format, ProduceOptions};
use crate::failure::{self, Reported, say};
use crate::lines::Source;
use crate::progress::Progress;
use crate::session;

/// How many failures are told one by one.
const TELL: u64 = 10;
/// How many records are followed before the oldest is waited for.
const FOLLOWED: usize = 500_000;

pub fn run(connection: &Connection, options: ProduceOptions) -> anyhow::Result<()> {
    let source = Source::open(options.file.as_deref())?;
    session::with_client(connection, |client| produce(client, options, source))
}

async fn produce(client: Client, options: ProduceOptions, source: Source) -> anyhow::Result<()> {
    // A wrong name is told before anything is read.
    client.partition_count(&options.topic).await?;
    let producer = client.producer().compression(options.compression.into()).build()?;
    let began = Instant::now();
    let mut ledger = Ledger::new(Progress::new(source.size));
    let mut interrupts = signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
    let ended = tokio::select! {
        ended = send_all(&producer, &options, source, &mut ledger) => ended,
        _ = interrupts.recv() => Err(anyhow!("interrupted")),
    };
    // What was read is stored, whatever ended the reading.
    if ended.is_err() && !ledger.under_way.is_empty() {
        let count = ledger.under_way.len();
        let waiting = format!("flymq: waiting for {count} records; Ctrl-C gives them up");
        ledger.progress.say(waiting);
    }
    let settling = async {
        producer.flush().await;
        ledger.settle_all().await;
    };
    let settled = tokio::select! {
        () = settling => true,
        _ = interrupts.recv() => false,
    };
    if !settled {
        ledger.give_up();
    }
    let lines = ledger.lines;
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
    ended.with_context(|| format!("stopped after line {lines}"))?;
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
    while let Some(chunk) = chunks.recv().await {
        let chunk = chunk.context("cannot read on")?;
        for line in chunk.lines {
            let record = record(line, options)?;
            let sent = producer.send(&options.topic, record).await;
            ledger.lines += 1;
            match sent {
                Ok(delivery) => ledger.follow(delivery),
                Err(error) => ledger.settle(ledger.lines, Err(error)),
            }
        }
        ledger.settle_done().await;
        ledger.progress.advance(chunk.bytes, ledger.stored);
    }
    Ok(())
}

fn record(line: Bytes, options: &ProduceOptions) -> anyhow::Result<Record> {
    let mut record = match &options.key_separator {
        None => Record::new(line),
        Some(separator) => {
            let at = line
                .windows(separator.len())
                .position(|window| window == separator.as_bytes())
                .with_context(|| {
                    format!("the next does not contain the key separator {separator:?}")
                })?;
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
    /// Lines taken in.
    lines: u64,
    under_way: VecDeque<(u64, Delivery)>,
    stored: u64,
    failed: u64,
    progress: Progress,
}

impl Ledger {
    fn new(progress: Progress) -> Self {
        Self { lines: 0, under_way: VecDeque::new(), stored: 0, failed: 0, progress }
    }

    fn follow(&mut self, delivery: Delivery) {
        self.under_way.push_back((self.lines, delivery));
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
        while self.under_way.front().is_some_and(|(_, d)| d.is_done())
            || self.under_way.len() > FOLLOWED
        {
            self.settle_next().await;
        }
    }

    async fn settle_all(&mut self) {
        while !self.under_way.is_empty() {
            self.settle_next().await;
        }
    }

    /// Settles the oldest. It stays where it is if this is interrupted.
    async fn settle_next(&mut self) {
        let Some((line, delivery)) = self.under_way.front_mut() else { return };
        let (line, outcome) = (*line, delivery.await);
        self.under_way.pop_front();
        self.settle(line, outcome.map(|_| ()));
    }

    /// Counts what is not decided as failed.
    fn give_up(&mut self) {
        self.failed += self.under_way.len() as u64;
        self.under_way.clear();
    }
}
