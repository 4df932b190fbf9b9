//! `Admin`: groups from outside.

use flymq_core::{GroupOffset, Result, StartOffset};

use crate::call::Job;
use crate::client::Connected;
use crate::handles;
use crate::wire::{Args, Out};

/// A position to begin at.
pub fn start(args: &mut Args) -> Result<StartOffset> {
    let (kind, value) = (args.u32()?, args.i64()?);
    Ok(match kind {
        0 => StartOffset::Earliest,
        1 => StartOffset::Latest,
        2 => StartOffset::Timestamp(value),
        _ => StartOffset::Offset(value.max(0) as u64),
    })
}

/// What a group has processed of a partition.
pub fn group_offset(args: &mut Args) -> Result<GroupOffset> {
    let offset = GroupOffset::new(args.text()?, args.u32()?, args.i64()?);
    Ok(offset.metadata(args.text()?))
}

/// Writes committed offsets.
pub fn write_offsets(out: &mut Out, offsets: &[GroupOffset]) {
    out.list(offsets, |out, offset| {
        out.text(&offset.topic).u32(offset.partition).i64(offset.offset).text(&offset.metadata);
    });
}

pub fn list(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let groups = this.client.list_groups().await?;
        let mut out = Out::empty();
        out.list(&groups, |out, group| {
            out.text(&group.group).text(&group.state.to_string()).u32(group.members);
        });
        Ok(out)
    }))
}

pub fn describe(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let group = args.text()?;
    Ok(Job::new(&this.host.clone(), async move {
        let found = this.client.describe_group(&group).await?;
        let mut out = Out::empty();
        out.text(&found.group).text(&found.state.to_string());
        out.u32(found.generation as u32).text(&found.assignor);
        out.list(&found.members, |out, member| {
            out.text(&member.member_id).optional_text(member.instance_id.as_deref());
            out.text(&member.client_id).text(&member.address).u32(member.generation as u32);
            out.texts(&member.topics).optional_text(member.pattern.as_deref());
            out.topic_partitions(&member.assignment).topic_partitions(&member.target);
        });
        Ok(out)
    }))
}

pub fn delete(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let group = args.text()?;
    Ok(Job::new(&this.host.clone(), async move {
        this.client.delete_group(&group).await?;
        Ok(Out::empty())
    }))
}

pub fn offsets(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let group = args.text()?;
    Ok(Job::new(&this.host.clone(), async move {
        let mut out = Out::empty();
        write_offsets(&mut out, &this.client.group_offsets(&group).await?);
        Ok(out)
    }))
}

pub fn reset_offsets(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let (group, topic, to) = (args.text()?, args.text()?, start(args)?);
    let partitions = args.optional(|args| args.list(Args::u32))?;
    Ok(Job::new(&this.host.clone(), async move {
        let reset = this.client.reset_group_offsets(&group, &topic, partitions.as_deref(), to);
        let mut out = Out::empty();
        write_offsets(&mut out, &reset.await?);
        Ok(out)
    }))
}

pub fn lag(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let group = args.text()?;
    Ok(Job::new(&this.host.clone(), async move {
        let lags = this.client.group_lag(&group).await?;
        let mut out = Out::empty();
        out.list(&lags, |out, lag| {
            out.text(&lag.topic).u32(lag.partition).optional_i64(lag.committed);
            out.u64(lag.end).optional_i64(lag.lag.map(|lag| lag as i64));
        });
        Ok(out)
    }))
}
