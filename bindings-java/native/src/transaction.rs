//! `TransactionalProducer` and `Transaction`.

use std::sync::Arc;

use flymq_core::{GroupMetadata, GroupOffsets, Result, TransactionalProducer};

use crate::call::Job;
use crate::client::{Connected, opened};
use crate::consumer::Reading;
use crate::groups::group_offset;
use crate::handles::{self, Resource};
use crate::sender::{Sender, Target};
use crate::wire::{Args, Out};

/// A transactional producer of the core. It is dropped before its client.
struct Transacting {
    producer: TransactionalProducer,
    client: Arc<Connected>,
}

impl Resource for Transacting {
    const NAME: &'static str = "transactional producer";
}

pub fn open(handle: u64, args: &mut Args) -> Result<Job> {
    let client = handles::get::<Connected>(handle)?;
    let mut builder = client.client.transactional_producer(args.text()?);
    for (name, value) in args.list(|args| Ok((args.text()?, args.text()?)))? {
        builder = builder.set(&name, &value)?;
    }
    Ok(Job::new(&client.host.clone(), async move {
        let producer = builder.build().await?;
        Ok(opened(Transacting { producer, client }))
    }))
}

pub fn close(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Transacting>(handle)?;
    let timeout = args.duration()?;
    Ok(Job::new(&this.client.host.clone(), async move {
        this.producer.close(timeout).await?;
        Ok(Out::empty())
    }))
}

pub fn begin(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Transacting>(handle)?;
    Ok(Job::new(&this.client.host.clone(), async move {
        let target = Target::Transaction(this.producer.begin().await?);
        Ok(opened(Sender::new(target, this.client.clone())))
    }))
}

pub fn of_client(handle: u64, _: &mut Args) -> Result<Job> {
    let client = handles::get::<Connected>(handle)?;
    Ok(Job::new(&client.host.clone(), async move {
        let target = Target::Transaction(client.client.transaction().await?);
        Ok(opened(Sender::new(target, client)))
    }))
}

/// Makes a job of what is done with a transaction.
fn job<F>(handle: u64, work: impl FnOnce(Arc<Sender>) -> F) -> Result<Job>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let this = handles::get::<Sender>(handle)?;
    let host = this.client.host.clone();
    let work = work(this);
    Ok(Job::new(&host, async move { work.await.map(|()| Out::empty()) }))
}

pub fn send_offsets(handle: u64, args: &mut Args) -> Result<Job> {
    let (group, member, generation) = (args.text()?, args.text()?, args.u32()? as i32);
    let member = GroupMetadata::new(group, member, generation);
    let offsets = args.list(group_offset)?;
    let offsets = offsets.into_iter().fold(GroupOffsets::new(member), GroupOffsets::processed);
    job(handle, |this| async move {
        match this.target() {
            Target::Transaction(transaction) => transaction.send_offsets(offsets).await,
            Target::Producer(_) => Ok(()),
        }
    })
}

pub fn send_processed(handle: u64, args: &mut Args) -> Result<Job> {
    let consumer = handles::get::<Reading>(args.u64()?)?;
    job(handle, |this| async move {
        let offsets = consumer.processed().await?;
        match this.target() {
            Target::Transaction(transaction) => transaction.send_offsets(offsets).await,
            Target::Producer(_) => Ok(()),
        }
    })
}

pub fn commit(handle: u64, _: &mut Args) -> Result<Job> {
    job(handle, |this| async move {
        // Records that still wait for room belong to it too.
        this.drained().await;
        match this.target() {
            Target::Transaction(transaction) => transaction.commit().await,
            Target::Producer(_) => Ok(()),
        }
    })
}

pub fn abort(handle: u64, _: &mut Args) -> Result<Job> {
    job(handle, |this| async move {
        match this.target() {
            Target::Transaction(transaction) => transaction.abort().await,
            Target::Producer(_) => Ok(()),
        }
    })
}
