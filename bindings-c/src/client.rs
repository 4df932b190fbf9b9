//! `flymq_client`: connecting, producing and reading without a producer or a consumer.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use flymq_core::{
    Client, ClientBuilder, Config, EndpointMetrics, FetchOptions, Isolation, PooledClient, Result,
};

use crate::boundary::{self, given, invalid, put};
use crate::config::{Kind, apply, flymq_config};
use crate::error::flymq_error;
use crate::handle::{Handle, open};
use crate::host::{Host, in_time, patience};
use crate::message::flymq_batch;
use crate::table::{Cell, flymq_table};
use crate::text::{optional_text, text};

/// Threads that serve a client's connections.
const THREADS: usize = 1;

/// A connected client of the core. The client is dropped before the threads that serve it.
pub struct Connected {
    pub client: Client,
    /// The client's place in its pool, if it has one.
    place: Option<PooledClient>,
    pub host: Arc<Host>,
}

/// A client of a FlyMQ broker, or of several that serve the same data. One is enough for a program:
/// any number of threads may use it at a time.
///
/// A child of fork() cannot use what its parent has made, and gets CLOSED; it makes its own.
pub struct flymq_client(Handle<Connected>);

impl flymq_client {
    pub fn get(client: Option<&Self>) -> Result<Arc<Connected>> {
        open(client.map(|client| &client.0), "client")
    }

    /// A client that goes back to its pool.
    pub fn borrowed(place: PooledClient, host: Arc<Host>) -> Self {
        let connected = Connected { client: place.clone(), place: Some(place), host };
        Self(Handle::new("client", connected))
    }
}

/// Which records of transactions are read.
#[repr(i32)]
pub enum flymq_isolation {
    /// Those of transactions that were committed.
    FLYMQ_READ_COMMITTED = 0,
    /// Those of all transactions.
    FLYMQ_READ_UNCOMMITTED = 1,
}

/// The isolation that C has given.
pub fn isolation(number: i32) -> Result<Isolation> {
    match number {
        n if n == flymq_isolation::FLYMQ_READ_COMMITTED as i32 => Ok(Isolation::ReadCommitted),
        n if n == flymq_isolation::FLYMQ_READ_UNCOMMITTED as i32 => Ok(Isolation::ReadUncommitted),
        _ => Err(invalid(format!("there is no isolation {number}"))),
    }
}

/// What a client is to be, from its addresses and its configuration, and the environment for the rest.
///
/// # Safety
///
/// As [`optional_text`].
pub unsafe fn builder(
    addresses: *const c_char,
    config: Option<&flymq_config>,
) -> Result<ClientBuilder> {
    // SAFETY: as the caller says.
    let addresses = unsafe { optional_text(addresses, "addresses")? };
    let addresses = addresses
        .map(str::to_owned)
        .or_else(|| std::env::var("FLYMQ_BOOTSTRAP_SERVERS").ok())
        .unwrap_or_else(|| Config::default().bootstrap.join(","));
    let builder = apply(config, Kind::Client, Client::builder(&addresses), |builder, n, v| {
        Ok(builder.set(n, v))
    })?;
    let builder = match config.and_then(flymq_config::encryption) {
        Some(encryption) => builder.encryption(encryption),
        None => builder,
    };
    Ok(builder.or_environment())
}

/// Connects. `addresses` is "host:port", several of them with commas between, or a flymq:// or
/// flymqs:// URL; NULL for the environment variable FLYMQ_BOOTSTRAP_SERVERS, else localhost:9092.
/// `config` is of kind FLYMQ_CONFIG_CLIENT, or NULL for the defaults. What it does not say of user,
/// password and encryption keys, the environment does: FLYMQ_USERNAME, FLYMQ_PASSWORD,
/// FLYMQ_PASSWORD_FILE, FLYMQ_ENCRYPTION_KEY, FLYMQ_ENCRYPTION_KEYRING. Waits for a broker's answer
/// for at most connect_timeout_ms.
///
/// The caller frees the client with flymq_client_free().
///
/// Errors: INVALID_ARGUMENT for addresses or options that are not valid; CONNECT_FAILED;
/// TLS_FAILED, TLS_REQUIRED; AUTH_REQUIRED, AUTH_FAILED, UNSUPPORTED_MECHANISM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_connect(
    addresses: *const c_char,
    config: Option<&flymq_config>,
    client: Option<&mut MaybeUninit<*mut flymq_client>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(client, error, || {
        // SAFETY: as the header demands.
        let builder = unsafe { builder(addresses, config)? };
        let host = Arc::new(Host::new(THREADS)?);
        let client = host.wait(builder.connect())?;
        Ok(flymq_client(Handle::new("client", Connected { client, place: None, host })))
    })
}

/// Reads the first record at or after an offset, as a batch of one; NULL at the end of the log.
///
/// The caller frees the batch with flymq_batch_free().
///
/// Errors: OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC, UNKNOWN_PARTITION, NOT_AUTHORIZED; DECRYPTION_FAILED and
/// UNKNOWN_ENCRYPTION_KEY for an encrypted record; TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_consume(
    client: Option<&flymq_client>,
    topic: *const c_char,
    partition: u32,
    offset: u64,
    batch: Option<&mut MaybeUninit<*mut flymq_batch>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make_some(batch, error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_client::get(client)?;
        let found = this.host.wait(this.client.consume(topic, partition, offset))?;
        Ok(found.map(|message| flymq_batch::new(vec![message])))
    })
}

/// Reads records of a partition from an offset on: at most `max_records`, 0 for 10,000, and roughly
/// `max_bytes`, 0 for 1 MiB. Until there are `min_bytes` of them, 0 for any, it waits up to `max_wait_ms`,
/// and gives NULL if there are none then. `isolation` is a flymq_isolation. Read on behind the last message's offset; offsets may have
/// gaps.
///
/// The caller frees the batch with flymq_batch_free().
///
/// Errors: as flymq_client_consume().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_fetch(
    client: Option<&flymq_client>,
    topic: *const c_char,
    partition: u32,
    offset: u64,
    max_records: usize,
    min_bytes: u32,
    max_bytes: u32,
    max_wait_ms: i64,
    isolation: i32,
    batch: Option<&mut MaybeUninit<*mut flymq_batch>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make_some(batch, error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let defaults = FetchOptions::default();
        let options = FetchOptions {
            max_wait: patience(max_wait_ms),
            min_bytes: min_bytes.max(defaults.min_bytes),
            max_bytes: if max_bytes == 0 { defaults.max_bytes } else { max_bytes },
            max_records: if max_records == 0 { defaults.max_records } else { max_records },
            isolation: self::isolation(isolation)?,
        };
        let this = flymq_client::get(client)?;
        let found = this.host.wait(this.client.fetch(topic, partition, offset, options))?;
        Ok((!found.is_empty()).then(|| flymq_batch::new(found)))
    })
}

/// Asks the broker whether it is there. `micros` gets how many microseconds the answer took, and may
/// be NULL.
///
/// Errors: TIMEOUT, CONNECT_FAILED, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_ping(
    client: Option<&flymq_client>,
    micros: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let this = flymq_client::get(client)?;
        let took = this.host.wait(this.client.ping())?;
        put(micros, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        Ok(())
    })
}

/// What the broker says of itself, in one row: address, version, cluster_id.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: TIMEOUT, CONNECT_FAILED, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_broker(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_client::get(client)?;
        let broker = this.host.wait(this.client.broker())?;
        let row = [broker.address.into(), broker.version.into(), broker.cluster_id.into()];
        Ok(flymq_table::new(&["address", "version", "cluster_id"], [row]))
    })
}

/// What the client has counted up to now, a row each: name, value. Latencies are in microseconds.
/// Errors by code are named such as "errors.300"; of each operation there are requests, errors and
/// latencies, named such as "PRODUCE.latency_p99".
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_metrics(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let metrics = flymq_client::get(client)?.client.metrics();
        let latencies = |p50: Duration, p90: Duration, p99: Duration, p999: Duration| {
            [
                ("latency_p50", p50),
                ("latency_p90", p90),
                ("latency_p99", p99),
                ("latency_p999", p999),
            ]
        };
        let mut rows: Vec<[Cell; 2]> = vec![
            ["connections".into(), metrics.connections.into()],
            ["connections_opened".into(), metrics.connections_opened.into()],
            ["connections_failed".into(), metrics.connections_failed.into()],
            ["connections_lost".into(), metrics.connections_lost.into()],
            ["reconnects".into(), metrics.reconnects.into()],
            ["failovers".into(), metrics.failovers.into()],
            ["metadata_refreshes".into(), metrics.metadata_refreshes.into()],
            ["requests".into(), metrics.requests.into()],
            ["retries".into(), metrics.retries.into()],
            ["buffered_bytes".into(), metrics.buffered_bytes.into()],
            ["buffered_records".into(), metrics.buffered_records.into()],
            ["prefetched_bytes".into(), metrics.prefetched_bytes.into()],
            ["sent_records".into(), metrics.sent_records.into()],
            ["consumed_records".into(), metrics.consumed_records.into()],
            ["rebalances".into(), metrics.rebalances.into()],
            ["commits".into(), metrics.commits.into()],
            ["skipped_records".into(), metrics.skipped_records.into()],
            ["dead_letters".into(), metrics.dead_letters.into()],
        ];
        let all = &metrics;
        let all = latencies(all.latency_p50, all.latency_p90, all.latency_p99, all.latency_p999);
        rows.extend(all.map(|(name, took)| [name.into(), took.as_micros().into()]));
        let errors = metrics.errors.iter();
        rows.extend(errors.map(|(code, count)| [format!("errors.{code}").into(), (*count).into()]));
        for (operation, of) in &metrics.operations {
            let name = |what: &str| format!("{operation}.{what}").into();
            rows.push([name("requests"), of.requests.into()]);
            rows.push([name("errors"), of.errors.into()]);
            let of = latencies(of.latency_p50, of.latency_p90, of.latency_p99, of.latency_p999);
            rows.extend(of.map(|(what, took)| [name(what), took.as_micros().into()]));
        }
        Ok(flymq_table::new(&["name", "value"], rows))
    })
}

const ENDPOINT_COLUMNS: [&str; 8] =
    ["name", "address", "learnt", "in_use", "circuit", "failures", "last_error", "last_error_at"];

/// Every address of a broker that the client knows, a row each: name, address (an IP address and a
/// port), learnt (1 if a broker has named it), in_use (1 for the one connected to last), circuit
/// ("closed", "open" or "half-open": whether the address is used), failures (in a row), last_error and
/// last_error_at (in milliseconds since 1970), which may be missing.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_endpoints(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let endpoints = flymq_client::get(client)?.client.metrics().endpoints;
        let row = |endpoint: EndpointMetrics| {
            [
                endpoint.name.into(),
                endpoint.address.into(),
                i32::from(endpoint.learnt).into(),
                i32::from(endpoint.in_use).into(),
                endpoint.circuit.name().into(),
                endpoint.failures.into(),
                endpoint.last_error.into(),
                endpoint.last_error_at.into(),
            ]
        };
        Ok(flymq_table::new(&ENDPOINT_COLUMNS, endpoints.into_iter().map(row)))
    })
}

/// Finishes what flymq_client_produce() has under way, aborts an open transaction of
/// flymq_client_begin(), and closes all connections. Producers and consumers of the client fail from
/// then on; close them before. Waits for at most `timeout_ms`, a negative one for ever. Calls under
/// way in other threads end with CLOSED. A client from a pool goes back instead, as with
/// flymq_client_free(). Harmless when closed.
///
/// Errors: TIMEOUT; INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_close(
    client: Option<&flymq_client>,
    timeout_ms: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let Some(this) = given(client, "client")?.0.take()? else { return Ok(()) };
        if this.place.is_some() {
            return Ok(());
        }
        let close = async {
            this.client.close().await;
            Ok(())
        };
        this.host.wait(in_time(timeout_ms, "close", close))
    })
}

/// Frees a client; one that is not closed gives up what it has under way, within about a second. One
/// from a pool goes back, as soon as what was made from it is freed too. No other call with it may be
/// under way. What was made from it is freed by itself, before or after. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_free(client: Option<Box<flymq_client>>) {
    boundary::free(client);
}
