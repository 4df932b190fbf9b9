//! NATS JetStream through async-nats: a job as JSON on standard input, what it measured as JSON on standard
//! output. `bench/peers/workers.py` says what both hold.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::{self, Context, stream};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::{Value, json};

/// How many publishes may be unacknowledged on a connection.
const IN_FLIGHT: usize = 256;

#[derive(Deserialize)]
struct Job {
    kind: String,
    topic: String,
    records: u64,
    record_bytes: usize,
    connections: u64,
    per_second: u64,
    address: String,
    server_pid: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let job: Job = serde_json::from_reader(std::io::stdin()).context("the job")?;
    println!("{}", job.run().await?);
    Ok(())
}

impl Job {
    async fn run(&self) -> anyhow::Result<Value> {
        let mut connected = Vec::new();
        for _ in 0..self.connections {
            connected.push(jetstream::new(async_nats::connect(&self.address).await?));
        }
        let first = &connected[0];
        match self.kind.as_str() {
            "delete" => {
                first.delete_stream(&self.topic).await?;
                return Ok(json!({}));
            }
            "consume" => {}
            _ => {
                let config = stream::Config {
                    name: self.topic.clone(),
                    subjects: vec![self.topic.clone()],
                    storage: stream::StorageType::File,
                    ..Default::default()
                };
                first.create_stream(config).await?;
            }
        }
        let values = values(self.record_bytes);
        let shares: Vec<u64> = (0..self.connections)
            .map(|at| {
                self.records / self.connections + u64::from(at < self.records % self.connections)
            })
            .collect();
        let before = [cpu_seconds(std::process::id())?, cpu_seconds(self.server_pid)?];
        let began = Instant::now();
        let mut times: Vec<Duration> = match self.kind.as_str() {
            "fill" | "produce" => {
                let each = connected.iter().zip(&shares);
                try_join_all(each.map(|(on, &count)| self.produce(on.clone(), count, &values)))
                    .await?;
                Vec::new()
            }
            "latency" => {
                let each = connected.iter().zip(&shares);
                let done = each.map(|(on, &count)| self.one_at_a_time(on.clone(), count, &values));
                try_join_all(done).await?.concat()
            }
            "delay" => self.delay(first, &values).await?,
            "consume" => {
                self.read(first.clone(), self.topic.clone()).await?;
                Vec::new()
            }
            other => bail!("there is no kind {other:?}"),
        };
        let seconds = began.elapsed().as_secs_f64();
        let after = [cpu_seconds(std::process::id())?, cpu_seconds(self.server_pid)?];
        if !matches!(self.kind.as_str(), "fill" | "consume") {
            self.read(first.clone(), self.topic.clone()).await?;
            first.delete_stream(&self.topic).await?;
        }
        let each = |at: usize| (after[at] - before[at]) / self.records as f64 * 1e6;
        let mut result = json!({
            "records": self.records,
            "seconds": seconds,
            "rate": self.records as f64 / seconds,
            "client_cpu_us": each(0),
            "server_cpu_us": each(1),
        });
        if !times.is_empty() {
            times.sort_unstable();
            let quantile = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
            result["p50_us"] = json!(quantile(50));
            result["p99_us"] = json!(quantile(99));
        }
        Ok(result)
    }

    async fn produce(&self, on: Context, count: u64, values: &[Vec<u8>]) -> anyhow::Result<()> {
        let mut pending = VecDeque::new();
        for number in 0..count {
            if pending.len() == IN_FLIGHT
                && let Some(oldest) = pending.pop_front()
            {
                oldest.await?;
            }
            let value = values[number as usize % values.len()].clone();
            pending.push_back(on.publish(self.topic.clone(), value.into()).await?);
        }
        for one in pending {
            one.await?;
        }
        Ok(())
    }

    async fn one_at_a_time(
        &self,
        on: Context,
        count: u64,
        values: &[Vec<u8>],
    ) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        for number in 0..count {
            let value = values[number as usize % values.len()].clone();
            let began = Instant::now();
            on.publish(self.topic.clone(), value.into()).await?.await?;
            times.push(began.elapsed());
        }
        Ok(times)
    }

    /// From when a record was due until a consumer had it.
    async fn delay(&self, on: &Context, values: &[Vec<u8>]) -> anyhow::Result<Vec<Duration>> {
        let reader = jetstream::new(async_nats::connect(&self.address).await?);
        let consumer = self.consumer(&reader).await?;
        let records = self.records as usize;
        let reading = tokio::spawn(async move {
            let mut messages = consumer.messages().await?;
            let mut arrived = Vec::new();
            while arrived.len() < records {
                messages.next().await.context("the consumer has ended")??;
                arrived.push(Instant::now());
            }
            anyhow::Ok(arrived)
        });
        let step = Duration::from_secs(1) / self.per_second as u32;
        let began = Instant::now();
        let mut pending = Vec::new();
        for number in 0..self.records {
            tokio::time::sleep_until((began + step * number as u32).into()).await;
            let value = values[number as usize % values.len()].clone();
            pending.push(on.publish(self.topic.clone(), value.into()).await?);
        }
        let arrived = reading.await??;
        for one in pending {
            one.await?;
        }
        let due = |number| began + step * number;
        Ok((0..)
            .zip(arrived)
            .map(|(number, at)| at.saturating_duration_since(due(number)))
            .collect())
    }

    async fn consumer(
        &self,
        on: &Context,
    ) -> anyhow::Result<jetstream::consumer::Consumer<pull::OrderedConfig>> {
        let stream = on.get_stream(&self.topic).await?;
        let config =
            pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..Default::default() };
        Ok(stream.create_consumer(config).await?)
    }

    async fn read(&self, on: Context, topic: String) -> anyhow::Result<()> {
        let mut messages = self.consumer(&on).await?.messages().await?;
        for number in 0..self.records {
            let message = messages.next().await.with_context(|| format!("{topic} ended"))??;
            ensure!(message.payload.len() == self.record_bytes, "record {number} is another");
        }
        Ok(())
    }
}

/// Values that differ, and compress about as well as text.
fn values(size: usize) -> Vec<Vec<u8>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'!' + (state % 90) as u8
    };
    let count = (16 << 20) / size.max(16 << 10);
    (0..count)
        .map(|_| {
            (0..size).map(|at| if at / 8 % 2 == 0 { b"flymq..."[at % 8] } else { byte() }).collect()
        })
        .collect()
}

/// Seconds of processor time that a process has used.
fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    /// Linux counts in these.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command's name, which may contain anything, ends with the last bracket.
    let (_, fields) = stat.rsplit_once(')').context("/proc has another form")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.map(str::parse::<u64>).sum::<Result<_, _>>()?;
    Ok(ticks as f64 / TICKS_PER_SECOND)
}
