//! `flymq consume`.

use flymq_core::Client;

use crate::args::{Connection, ConsumeOptions, Format};
use crate::message;
use crate::output::Output;
use crate::reader::{Reader, Selection, partitions};
use crate::session;

/// How many records are taken at a time.
const POLL: u64 = 10_000;
const FETCH_BYTES: u32 = 4 << 20;

pub fn run(connection: &Connection, options: ConsumeOptions) -> anyhow::Result<()> {
    session::with_client(connection, |client| async move {
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
    let partitions = partitions(client, &options.topic, options.partition).await?;
    let selection = Selection {
        topic: options.topic,
        partitions,
        from: options.from.0,
        follow: options.follow,
        isolation: options.isolation.into(),
        fetch_bytes: FETCH_BYTES,
    };
    let mut reader = Reader::open(client, selection).await?;
    let mut out = Output::new();
    let mut left = options.max.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(messages) = reader.next(left.min(POLL) as usize).await? else { break };
        left -= messages.len() as u64;
        for message in &messages {
            match options.format {
                Format::Text => message::text(&mut out, message, options.key_separator.as_deref())?,
                Format::Json => message::json(&mut out, message)?,
            }
        }
        out.flush()?;
    }
    out.flush()
}
