//! `FlyMQClientPool`.

use std::sync::Arc;

use flymq_core::{ClientPool, Result};

use crate::call::{Job, in_time};
use crate::client::{Connected, config, connecting, opened};
use crate::handles::{self, Resource};
use crate::host::Host;
use crate::wire::{Args, Out};

/// A pool of the core, dropped before the threads that serve its clients.
struct Pool {
    pool: ClientPool,
    host: Arc<Host>,
}

impl Resource for Pool {
    const NAME: &'static str = "pool";
}

pub fn open(_: u64, args: &mut Args) -> Result<Job> {
    let config = config(args)?;
    let size = args.u32()? as usize;
    let (host, first) = connecting(config)?;
    let serving = host.clone();
    Ok(Job::new(&host, async move {
        let pool = ClientPool::starting_with(first.await?, size)?;
        Ok(opened(Pool { pool, host: serving }))
    }))
}

pub fn get(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Pool>(handle)?;
    let timeout = args.duration()?;
    Ok(Job::new(&this.host.clone(), async move {
        let lease = in_time(timeout, "get", this.pool.get()).await?;
        Ok(opened(Connected::borrowed(lease, this.host.clone())))
    }))
}

pub fn borrowed(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Pool>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let mut out = Out::empty();
        out.length(this.pool.borrowed());
        Ok(out)
    }))
}

pub fn close(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Pool>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        this.pool.close().await;
        Ok(Out::empty())
    }))
}
