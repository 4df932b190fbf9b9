//! `flymq_pool`: clients to be borrowed.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::sync::Arc;

use flymq_core::ClientPool;

use crate::boundary::{self, given, put};
use crate::client::{builder, flymq_client};
use crate::config::flymq_config;
use crate::error::flymq_error;
use crate::handle::{Handle, open};
use crate::host::{Host, in_time};

/// Threads that serve the connections of all clients of a pool.
const THREADS: usize = 1;

/// Up to so many clients, each of which one borrower has at a time. One client serves any number of
/// threads; a pool is for who wants several connections, or a client for himself. Any thread may use
/// it.
pub struct flymq_pool(Handle<Pool>);

/// A pool of the core. It is dropped before the threads that serve its clients.
struct Pool {
    pool: ClientPool,
    host: Arc<Host>,
}

/// Makes a pool of up to `size` clients, 1 to 10,000, which connect when they are first needed.
/// `addresses` and `config` are as for flymq_client_connect(), and are looked at here.
///
/// The caller frees the pool with flymq_pool_free().
///
/// Errors: INVALID_ARGUMENT for such a size, and for addresses or options that are not valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_pool_new(
    addresses: *const c_char,
    config: Option<&flymq_config>,
    size: usize,
    pool: Option<&mut MaybeUninit<*mut flymq_pool>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(pool, error, || {
        // SAFETY: as the header demands.
        let pool = unsafe { builder(addresses, config)? }.pool(size)?;
        Ok(flymq_pool(Handle::new("pool", Pool { pool, host: Arc::new(Host::new(THREADS)?) })))
    })
}

/// Borrows a client: one that was given back, else a new one. While all are borrowed it waits, for at
/// most `timeout_ms`, a negative one for ever; who waits longest is served first.
///
/// The caller frees the client with flymq_client_free(), which gives it back. That may be after the pool
/// is freed.
///
/// Errors: TIMEOUT if none came back in time; CLOSED; those of flymq_client_connect().
#[unsafe(no_mangle)]
pub extern "C" fn flymq_pool_get(
    pool: Option<&flymq_pool>,
    timeout_ms: i64,
    client: Option<&mut MaybeUninit<*mut flymq_client>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(client, error, || {
        let this = open(pool.map(|pool| &pool.0), "pool")?;
        let place = this.host.wait(in_time(timeout_ms, "pool", this.pool.get()))?;
        Ok(flymq_client::borrowed(place, this.host.clone()))
    })
}

/// How many clients are borrowed.
///
/// Errors: CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_pool_borrowed(
    pool: Option<&flymq_pool>,
    count: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        put(count, open(pool.map(|pool| &pool.0), "pool")?.pool.borrowed());
        Ok(())
    })
}

/// Closes the clients that nobody has; those that are borrowed end when they are given back. Waits for
/// at most `timeout_ms`, a negative one for ever. Calls that wait for a client end with CLOSED.
/// Harmless when closed.
///
/// Errors: TIMEOUT; INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_pool_close(
    pool: Option<&flymq_pool>,
    timeout_ms: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let Some(this) = given(pool, "pool")?.0.take()? else { return Ok(()) };
        let close = async {
            this.pool.close().await;
            Ok(())
        };
        this.host.wait(in_time(timeout_ms, "close", close))
    })
}

/// Frees a pool; the clients that are borrowed remain, until they are freed. No other call with it may
/// be under way. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_pool_free(pool: Option<Box<flymq_pool>>) {
    boundary::free(pool);
}
