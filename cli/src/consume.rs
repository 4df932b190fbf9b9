//! `flymq consume`.

use flymq_core::{Client, Message};

use crate::args::{ConsumeOptions, Format, ServerOptions};
use crate::member::Member;
use crate::message;
use crate::output::Output;
use crate::reader::{Reader, Selection, partitions};
use crate::{key, session};

/// How many records are taken at a time.
const POLL: u64 = 10_000;
const FETCH_BYTES: u32 = 4 << 20;

pub fn run(server: &ServerOptions, options: ConsumeOptions) -> anyhow::Result<()> {
    let mut config = session::config(server)?;
    config.decrypt = !options.no_decrypt;
    if config.decrypt {
        config.encryption = key::encryption(&options.keys)?;
    }
    session::with_config(config, |client| async move {
        if !options.follow {
            return print(&client, options).await;
        }
        // Ctrl-C is how following ends, and no failure.
        tokio::select! {
            result = print(&client, options) => result,
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        }
    })
}

async fn print(client: &Client, options: ConsumeOptions) -> anyhow::Result<()> {
    if let Some(group) = &options.group {
        return print_as_member(client, group, &options).await;
    }
    let partitions = partitions(client, &options.topic, options.partition).await?;
    let selection = Selection {
        topic: options.topic,
        partitions,
        from: options.from.0,
        follow: options.follow,
        isolation: options.isolation.into(),
        fetch_bytes: FETCH_BYTES,
        on_undecryptable: options.on_undecryptable.0,
    };
    let mut reader = Reader::open(client, selection).await?;
    let mut out = Output::new();
    let mut left = options.max.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(messages) = reader.next(left.min(POLL) as usize).await? else { break };
        left -= messages.len() as u64;
        show(&mut out, &messages, options.format, options.key_separator.as_deref())?;
    }
    out.flush()
}

async fn print_as_member(
    client: &Client,
    group: &str,
    options: &ConsumeOptions,
) -> anyhow::Result<()> {
    let mut member = Member::join(client, group, options).await?;
    let mut out = Output::new();
    let mut left = options.max.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(messages) = member.next(left.min(POLL) as usize).await? else { break };
        left -= messages.len() as u64;
        show(&mut out, &messages, options.format, options.key_separator.as_deref())?;
        // Only now has whoever reads the output got them.
        member.commit().await?;
    }
    member.leave().await?;
    out.flush()
}

fn show(
    out: &mut Output,
    messages: &[Message],
    format: Format,
    key_separator: Option<&str>,
) -> anyhow::Result<()> {
    for message in messages {
        match format {
            Format::Text => message::text(out, message, key_separator)?,
            Format::Json => message::json(out, message)?,
        }
    }
    out.flush()
}
