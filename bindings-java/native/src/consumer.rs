//! `Consumer`.

use std::sync::Arc;

use flymq_core::{
    Error, ErrorCode, Event, GroupOffsets, Message, Rebalance, Result, SharedConsumer, StartOffset,
    TopicPartition,
};
use tokio::sync::Notify;

use crate::call::Job;
use crate::client::{Connected, header, opened};
use crate::groups::{group_offset, start, write_offsets};
use crate::handles::{self, Resource};
use crate::records;
use crate::wire::{Args, Out};

/// A consumer of the core. It is dropped before its client.
pub struct Reading {
    consumer: SharedConsumer,
    /// Rung when a poll is to return.
    woken: Notify,
    client: Arc<Connected>,
}

impl Reading {
    /// All records that were returned, for a transaction.
    pub async fn processed(&self) -> Result<GroupOffsets> {
        self.consumer.borrow().await?.processed()
    }
}

impl Resource for Reading {
    const NAME: &'static str = "consumer";
}

/// Makes a job of what is done with a consumer.
fn job<F>(handle: u64, work: impl FnOnce(Arc<Reading>) -> F) -> Result<Job>
where
    F: Future<Output = Result<Out>> + Send + 'static,
{
    let this = handles::get::<Reading>(handle)?;
    let host = this.client.host.clone();
    Ok(Job::new(&host, work(this)))
}

pub fn open(handle: u64, args: &mut Args) -> Result<Job> {
    let client = handles::get::<Connected>(handle)?;
    let mut builder = client.client.consumer();
    for (name, value) in args.list(|args| Ok((args.text()?, args.text()?)))? {
        builder = builder.set(&name, &value)?;
    }
    Ok(Job::new(&client.host.clone(), async move {
        let consumer = SharedConsumer::new(builder.build());
        Ok(opened(Reading { consumer, woken: Notify::new(), client }))
    }))
}

/// What a poll brings: nothing, records, partitions that change hands, or that it was woken.
fn written(event: Option<Event>) -> Out {
    let mut out = Out::empty();
    match event {
        None => out.u8(0),
        Some(Event::Records(messages)) => {
            out.u8(1);
            records::write(&mut out, &messages);
            &mut out
        }
        Some(Event::Rebalance(Rebalance::Assigned(slots))) => out.u8(2).topic_partitions(&slots),
        Some(Event::Rebalance(Rebalance::Revoked(slots))) => out.u8(3).topic_partitions(&slots),
        Some(Event::Rebalance(Rebalance::Lost(slots))) => out.u8(4).topic_partitions(&slots),
    };
    out
}

pub fn poll(handle: u64, args: &mut Args) -> Result<Job> {
    let (max_records, timeout) = (args.u32()? as usize, args.duration()?);
    job(handle, move |this| async move {
        tokio::select! {
            biased;
            // Asking for no records is how Java hears of changes only, and not what is woken up.
            () = this.woken.notified(), if max_records > 0 => {
                Err(Error::new(ErrorCode::Interrupted, "poll", "the consumer was woken up"))
            }
            event = this.consumer.poll_event(max_records, timeout) => event.map(written),
        }
    })
}

/// Decides about a record that Java cannot decode. Answers whether reading goes on behind it.
pub fn refuse(handle: u64, args: &mut Args) -> Result<Job> {
    let message = Message {
        topic: args.text()?.into(),
        partition: args.u32()?,
        offset: args.u64()?,
        timestamp: args.i64()?,
        key: args.bytes()?,
        value: args.bytes()?,
        headers: args.list(header)?,
    };
    let error = Error::new(ErrorCode::Serialization, "poll", args.text()?);
    job(handle, |this| async move {
        let mut out = Out::empty();
        out.flag(this.consumer.borrow().await?.refuse(&message, error).await);
        Ok(out)
    })
}

pub fn wakeup(handle: u64, _: &mut Args) -> Result<Job> {
    job(handle, |this| async move {
        this.woken.notify_one();
        Ok(Out::empty())
    })
}

pub fn subscribe(handle: u64, args: &mut Args) -> Result<Job> {
    let (topics, pattern) = (args.list(Args::text)?, args.optional_text()?);
    job(handle, |this| async move {
        let consumer = this.consumer.borrow().await?;
        match pattern {
            Some(pattern) => consumer.subscribe_pattern(pattern)?,
            None => consumer.subscribe(topics)?,
        }
        Ok(Out::empty())
    })
}

pub fn unsubscribe(handle: u64, _: &mut Args) -> Result<Job> {
    job(handle, |this| async move {
        this.consumer.borrow().await?.begin_unsubscribe();
        Ok(Out::empty())
    })
}

pub fn end_unsubscribe(handle: u64, _: &mut Args) -> Result<Job> {
    job(handle, |this| async move {
        this.consumer.borrow().await?.unsubscribe().await?;
        Ok(Out::empty())
    })
}

pub fn assign(handle: u64, args: &mut Args) -> Result<Job> {
    let place = |args: &mut Args| -> Result<(String, u32, StartOffset)> {
        Ok((args.text()?, args.u32()?, start(args)?))
    };
    let places = args.list(place)?;
    job(handle, |this| async move {
        this.consumer.borrow().await?.assign(places).await?;
        Ok(Out::empty())
    })
}

pub fn assignment(handle: u64, _: &mut Args) -> Result<Job> {
    job(handle, |this| async move {
        let mut out = Out::empty();
        out.topic_partitions(&this.consumer.borrow().await?.assignment());
        Ok(out)
    })
}

pub fn seek(handle: u64, args: &mut Args) -> Result<Job> {
    let (slot, start) = (args.topic_partition()?, start(args)?);
    job(handle, move |this| async move {
        this.consumer.borrow().await?.seek(&slot.topic, slot.partition, start).await?;
        Ok(Out::empty())
    })
}

pub fn position(handle: u64, args: &mut Args) -> Result<Job> {
    let slot = args.topic_partition()?;
    job(handle, |this| async move {
        let mut out = Out::empty();
        out.u64(this.consumer.borrow().await?.position(&slot.topic, slot.partition)?);
        Ok(out)
    })
}

pub fn lag(handle: u64, args: &mut Args) -> Result<Job> {
    let slot = args.topic_partition()?;
    job(handle, |this| async move {
        let lag = this.consumer.borrow().await?.lag(&slot.topic, slot.partition)?;
        let mut out = Out::empty();
        out.optional_i64(lag.map(|lag| lag as i64));
        Ok(out)
    })
}

pub fn pause(handle: u64, args: &mut Args) -> Result<Job> {
    let (pause, slots) = (args.flag()?, args.list(Args::topic_partition)?);
    job(handle, move |this| async move {
        let consumer = this.consumer.borrow().await?;
        for TopicPartition { topic, partition } in &slots {
            match pause {
                true => consumer.pause(topic, *partition)?,
                false => consumer.resume(topic, *partition)?,
            }
        }
        Ok(Out::empty())
    })
}

/// Commits these offsets, or all records that were returned. Begun when this returns, so that commits
/// keep their order, unless a poll holds the consumer for a moment.
pub fn commit(handle: u64, args: &mut Args) -> Result<Job> {
    let offsets = args.optional(|args| args.list(group_offset))?;
    job(handle, |this| async move {
        let consumer = this.consumer.borrow().await?;
        let commit = match offsets {
            Some(offsets) => consumer.commit_offsets_async(offsets),
            None => consumer.commit_async(),
        };
        drop(consumer);
        commit.await.map(|()| Out::empty())
    })
}

pub fn committed(handle: u64, args: &mut Args) -> Result<Job> {
    let slots = args.list(Args::topic_partition)?;
    job(handle, |this| async move {
        let committed = this.consumer.borrow().await?.committed(slots).await?;
        let mut out = Out::empty();
        write_offsets(&mut out, &committed);
        Ok(out)
    })
}

pub fn member(handle: u64, _: &mut Args) -> Result<Job> {
    job(handle, |this| async move {
        let member = this.consumer.borrow().await?.group_metadata();
        let mut out = Out::empty();
        out.flag(member.is_some());
        if let Some(member) = &member {
            out.text(member.group()).text(member.member_id()).u32(member.generation() as u32);
        }
        Ok(out)
    })
}

pub fn rewind(handle: u64, _: &mut Args) -> Result<Job> {
    job(handle, |this| async move {
        this.consumer.borrow().await?.rewind().await?;
        Ok(Out::empty())
    })
}

pub fn begin_close(handle: u64, args: &mut Args) -> Result<Job> {
    let abandon = args.flag()?;
    job(handle, move |this| async move {
        let consumer = this.consumer.borrow().await?;
        match abandon {
            true => consumer.abandon(),
            false => consumer.begin_close(),
        }
        Ok(Out::empty())
    })
}

pub fn end_close(handle: u64, args: &mut Args) -> Result<Job> {
    let timeout = args.duration()?;
    job(handle, move |this| async move {
        this.consumer.close(timeout).await?;
        Ok(Out::empty())
    })
}
