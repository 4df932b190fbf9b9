//! `Admin`: topics, where their records begin and end, and how the cluster is.

use std::collections::BTreeMap;

use flymq_core::{BrokerAddress, Error, ErrorCode, NewTopic, OffsetSpec, Result, StartOffset};

use crate::call::Job;
use crate::client::{Connected, isolation};
use crate::groups::start;
use crate::handles;
use crate::wire::{Args, Out};

pub fn create_topic(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let mut topic = NewTopic::new(args.text()?).partitions(args.u32()?);
    if let Some(replication) = args.optional(Args::u32)? {
        // More copies than fit the field are more than there are machines, too.
        topic = topic.replication(replication.try_into().unwrap_or(u16::MAX));
    }
    for (key, value) in args.list(|args| Ok((args.text()?, args.text()?)))? {
        topic = topic.config(key, value);
    }
    if args.flag()? {
        topic = topic.if_not_exists();
    }
    Ok(Job::new(&this.host.clone(), async move {
        let mut out = Out::empty();
        out.flag(this.client.create_topic(topic).await?);
        Ok(out)
    }))
}

pub fn delete_topic(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let name = args.text()?;
    Ok(Job::new(&this.host.clone(), async move {
        this.client.delete_topic(&name).await?;
        Ok(Out::empty())
    }))
}

pub fn list_topics(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let topics = this.client.list_topics().await?;
        let mut out = Out::empty();
        out.list(&topics, |out, topic| {
            out.text(&topic.name).u32(topic.partitions);
        });
        Ok(out)
    }))
}

fn write_config(out: &mut Out, config: &BTreeMap<String, String>) {
    out.list(config, |out, (key, value)| {
        out.text(key).text(value);
    });
}

pub fn describe_topic(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let name = args.text()?;
    Ok(Job::new(&this.host.clone(), async move {
        let topic = this.client.describe_topic(&name).await?;
        let mut out = Out::empty();
        out.text(&topic.name);
        write_config(&mut out, &topic.config);
        out.list(&topic.partitions, |out, partition| {
            out.u32(partition.partition).u64(partition.earliest).u64(partition.latest);
        });
        out.u64(topic.bytes);
        Ok(out)
    }))
}

pub fn alter_topic(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let name = args.text()?;
    let config = args.list(|args| Ok((args.text()?, args.optional_text()?)))?;
    Ok(Job::new(&this.host.clone(), async move {
        let config = this.client.alter_topic(&name, config.into_iter().collect()).await?;
        let mut out = Out::empty();
        write_config(&mut out, &config);
        Ok(out)
    }))
}

pub fn add_partitions(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let (name, partitions) = (args.text()?, args.u32()?);
    Ok(Job::new(&this.host.clone(), async move {
        this.client.add_partitions(&name, partitions).await?;
        Ok(Out::empty())
    }))
}

pub fn partition_count(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let name = args.text()?;
    Ok(Job::new(&this.host.clone(), async move {
        let mut out = Out::empty();
        out.u32(this.client.partition_count(&name).await?);
        Ok(out)
    }))
}

pub fn list_offsets(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let topic = args.text()?;
    let spec = match start(args)? {
        StartOffset::Earliest => OffsetSpec::Earliest,
        StartOffset::Latest => OffsetSpec::Latest,
        StartOffset::Timestamp(time) => OffsetSpec::Timestamp(time),
        StartOffset::Offset(_) => {
            let message = "an offset is no position to ask for: take earliest, latest or a time";
            return Err(Error::new(ErrorCode::InvalidArgument, "list_offsets", message));
        }
    };
    let isolation = isolation(args)?;
    let partitions = args.list(Args::u32)?;
    Ok(Job::new(&this.host.clone(), async move {
        let queries: Vec<_> = partitions.into_iter().map(|p| (p, spec)).collect();
        let offsets = this.client.list_offsets_with(&topic, &queries, isolation).await?;
        let mut out = Out::empty();
        out.list(offsets, |out, offset| {
            out.u64(offset);
        });
        Ok(out)
    }))
}

pub fn brokers(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let brokers = this.client.brokers().await?;
        let mut out = Out::empty();
        out.list(&brokers, write_broker);
        Ok(out)
    }))
}

fn write_broker(out: &mut Out, broker: &BrokerAddress) {
    out.u32(broker.id).text(&broker.host).u32(broker.port.into());
}

pub fn cluster_status(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let status = this.client.cluster_status().await?;
        let mut out = Out::empty();
        out.text(&status.engine).text(&status.cluster_id).list(&status.brokers, write_broker);
        out.list(&status.nodes, |out, node| {
            out.u32(node.id).text(&node.host).u32(node.port.into()).flag(node.controller);
        });
        out.u32(status.partitions).u32(status.under_replicated).u32(status.offline);
        out.list(&status.troubled, |out, partition| {
            out.text(&partition.topic).u32(partition.partition).flag(partition.leader.is_some());
            if let Some(leader) = partition.leader {
                out.u32(leader);
            }
            write_numbers(out, &partition.replicas);
            write_numbers(out, &partition.in_sync);
        });
        out.flag(status.is_healthy());
        Ok(out)
    }))
}

fn write_numbers(out: &mut Out, numbers: &[u32]) {
    out.list(numbers, |out, number| {
        out.u32(*number);
    });
}
