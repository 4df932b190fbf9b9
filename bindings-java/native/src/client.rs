//! `FlyMQClient`.

use std::sync::{Arc, Mutex, PoisonError};

use flymq_core::{
    Client, Config, Encryption, FetchOptions, Header, Isolation, Keyring, PooledClient, Record,
    RecordMetadata, Result,
};

use crate::call::Job;
use crate::handles::{self, Resource};
use crate::host::Host;
use crate::records;
use crate::wire::{Args, Out};

/// Threads that serve a client's connections.
const THREADS: usize = 1;

/// A connected client of the core. The client is dropped before the threads that serve it.
pub struct Connected {
    pub client: Client,
    /// The client's place in its pool, if it has one.
    lease: Mutex<Option<PooledClient>>,
    pub host: Arc<Host>,
}

impl Resource for Connected {
    const NAME: &'static str = "client";
}

impl Connected {
    /// A client that goes back to its pool when it is closed.
    pub fn borrowed(lease: PooledClient, host: Arc<Host>) -> Self {
        Self { client: lease.clone(), lease: Mutex::new(Some(lease)), host }
    }
}

/// The answer that is a new handle.
pub fn opened<T: Resource>(resource: T) -> Out {
    let mut out = Out::empty();
    out.u64(handles::add(resource));
    out
}

/// A client's options: addresses, those given by name, and a keyring; the rest from the environment.
pub fn config(args: &mut Args) -> Result<Config> {
    let addresses = args.optional_text()?.or_else(|| std::env::var("FLYMQ_BOOTSTRAP_SERVERS").ok());
    let mut config = addresses.map_or(Ok(Config::default()), |all| Config::parse(&all))?;
    for (name, value) in args.list(|args| Ok((args.text()?, args.text()?)))? {
        config = config.set(&name, &value)?;
    }
    if let Some(keyring) = args.optional(Args::u64)? {
        let keyring = handles::get::<crate::encryption::Keys>(keyring)?;
        config.encryption = Some(Encryption::new(keyring.0.clone()));
    }
    if config.encryption.is_none() {
        config.encryption = Keyring::from_env()?.map(Encryption::new);
    }
    config.or_environment()
}

/// Connects a client with threads of its own.
pub fn connecting(config: Config) -> Result<(Arc<Host>, impl Future<Output = Result<Client>>)> {
    Ok((Arc::new(Host::new(THREADS)?), Client::with_config(config)))
}

pub fn connect(_: u64, args: &mut Args) -> Result<Job> {
    let (host, client) = connecting(config(args)?)?;
    let serving = host.clone();
    Ok(Job::new(&host, async move {
        let client = client.await?;
        Ok(opened(Connected { client, lease: Mutex::default(), host: serving }))
    }))
}

pub fn close(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let lease = this.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        if lease.is_none() {
            this.client.close().await;
        }
        Ok(Out::empty())
    }))
}

/// A header of a record.
pub fn header(args: &mut Args) -> Result<Header> {
    Ok((args.text()?, args.bytes()?))
}

/// A record and its topic.
pub fn record(args: &mut Args) -> Result<(String, Record)> {
    Ok((args.text()?, content(args)?))
}

/// What a record is but for its topic.
pub fn content(args: &mut Args) -> Result<Record> {
    let partition = args.optional(Args::u32)?;
    let timestamp = args.optional(Args::i64)?;
    let (key, value) = (args.bytes()?, args.bytes()?);
    let mut record = match (value, key) {
        (Some(value), Some(key)) => Record::new(value).key(key),
        (Some(value), None) => Record::new(value),
        (None, Some(key)) => Record::tombstone(key),
        (None, None) => Record::default(),
    };
    if let Some(partition) = partition {
        record = record.partition(partition);
    }
    if let Some(timestamp) = timestamp {
        record = record.timestamp(timestamp);
    }
    Ok(record.headers(args.list(header)?))
}

fn stored(out: &mut Out, stored: &RecordMetadata) {
    out.u32(stored.partition).u64(stored.offset).i64(stored.timestamp);
}

pub fn produce(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let (topic, record) = record(args)?;
    Ok(Job::new(&this.host.clone(), async move {
        let metadata = this.client.produce(&topic, record).await?;
        let mut out = Out::empty();
        stored(&mut out, &metadata);
        Ok(out)
    }))
}

pub fn produce_batch(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let topic = args.text()?;
    let records = args.list(|args| Ok(record(args)?.1))?;
    Ok(Job::new(&this.host.clone(), async move {
        let all = this.client.produce_batch(&topic, records).await?;
        let mut out = Out::empty();
        out.list(&all, stored);
        Ok(out)
    }))
}

pub fn consume(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let (topic, partition, offset) = (args.text()?, args.u32()?, args.u64()?);
    Ok(Job::new(&this.host.clone(), async move {
        let message = this.client.consume(&topic, partition, offset).await?;
        let mut out = Out::empty();
        records::write(&mut out, message.as_slice());
        Ok(out)
    }))
}

pub fn fetch(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let (topic, partition, offset) = (args.text()?, args.u32()?, args.u64()?);
    let options = FetchOptions {
        max_wait: args.duration()?,
        min_bytes: args.u32()?,
        max_bytes: args.u32()?,
        max_records: args.u32()? as usize,
        isolation: isolation(args)?,
    };
    Ok(Job::new(&this.host.clone(), async move {
        let messages = this.client.fetch(&topic, partition, offset, options).await?;
        let mut out = Out::empty();
        records::write(&mut out, &messages);
        Ok(out)
    }))
}

/// Whether records of open transactions are read too.
pub fn isolation(args: &mut Args) -> Result<Isolation> {
    Ok(match args.flag()? {
        true => Isolation::ReadUncommitted,
        false => Isolation::ReadCommitted,
    })
}

pub fn addresses(handle: u64, _: &mut Args) -> Result<Job> {
    let mut out = Out::empty();
    out.texts(handles::get::<Connected>(handle)?.client.addresses());
    Ok(Job::Done(out))
}

pub fn ping(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let took = this.client.ping().await?;
        let mut out = Out::empty();
        out.u64(took.as_nanos() as u64);
        Ok(out)
    }))
}

pub fn broker(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let broker = this.client.broker().await?;
        let mut out = Out::empty();
        out.text(&broker.address).text(&broker.version).text(&broker.cluster_id);
        out.texts(&broker.features);
        Ok(out)
    }))
}

pub fn metrics(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let metrics = this.client.metrics();
        let mut out = Out::empty();
        let counts = [
            metrics.connections,
            metrics.requests,
            metrics.retries,
            metrics.buffered_bytes,
            metrics.buffered_records,
            metrics.prefetched_bytes,
            metrics.sent_records,
            metrics.consumed_records,
            metrics.rebalances,
            metrics.commits,
            metrics.skipped_records,
            metrics.dead_letters,
        ];
        counts.into_iter().for_each(|count| {
            out.u64(count);
        });
        let latencies =
            [metrics.latency_p50, metrics.latency_p90, metrics.latency_p99, metrics.latency_p999];
        latencies.into_iter().for_each(|latency| {
            out.u64(latency.as_micros() as u64);
        });
        out.list(&metrics.errors, |out, (code, count)| {
            out.u32((*code).into()).u64(*count);
        });
        out.list(&metrics.operations, |out, (name, operation)| {
            out.text(name).u64(operation.requests).u64(operation.errors);
            let latencies = [
                operation.latency_p50,
                operation.latency_p90,
                operation.latency_p99,
                operation.latency_p999,
            ];
            latencies.into_iter().for_each(|latency| {
                out.u64(latency.as_micros() as u64);
            });
        });
        out.u64(metrics.connections_opened).u64(metrics.connections_failed);
        out.u64(metrics.connections_lost).u64(metrics.reconnects);
        out.u64(metrics.failovers).u64(metrics.metadata_refreshes);
        out.list(&metrics.endpoints, |out, endpoint| {
            out.text(&endpoint.name).text(&endpoint.address);
            out.flag(endpoint.learnt).flag(endpoint.in_use);
            out.text(endpoint.circuit.name()).u64(endpoint.failures);
            out.optional_text(endpoint.last_error.as_deref());
            out.optional_i64(endpoint.last_error_at);
        });
        Ok(out)
    }))
}
