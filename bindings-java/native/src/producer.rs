//! `Producer`.

use flymq_core::Result;

use crate::call::{Job, in_time};
use crate::client::{Connected, opened};
use crate::handles;
use crate::sender::{Sender, Target};
use crate::wire::{Args, Out};

pub fn open(handle: u64, args: &mut Args) -> Result<Job> {
    let client = handles::get::<Connected>(handle)?;
    let mut builder = client.client.producer();
    for (name, value) in args.list(|args| Ok((args.text()?, args.text()?)))? {
        builder = builder.set(&name, &value)?;
    }
    Ok(Job::new(&client.host.clone(), async move {
        let target = Target::Producer(builder.build()?);
        Ok(opened(Sender::new(target, client)))
    }))
}

pub fn flush(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Sender>(handle)?;
    let timeout = args.optional(Args::duration)?;
    Ok(Job::new(&this.client.host.clone(), async move {
        let flush = async {
            this.drained().await;
            if let Target::Producer(producer) = this.target() {
                producer.flush().await;
            }
            Ok(Out::empty())
        };
        match timeout {
            Some(timeout) => in_time(timeout, "flush", flush).await,
            None => flush.await,
        }
    }))
}

pub fn close(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Sender>(handle)?;
    let timeout = args.duration()?;
    Ok(Job::new(&this.client.host.clone(), async move {
        let began = tokio::time::Instant::now();
        // Those that are still in line then are refused, and told so.
        let drained = async {
            this.drained().await;
            Ok(())
        };
        let drained = in_time(timeout, "close", drained).await;
        if let Target::Producer(producer) = this.target() {
            producer.close(timeout.saturating_sub(began.elapsed())).await?;
        }
        drained.map(|()| Out::empty())
    }))
}
