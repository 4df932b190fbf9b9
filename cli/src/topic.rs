//! `flymq topic`.

use std::collections::BTreeMap;

use flymq_core::{Client, NewTopic, TopicDescription};
use serde_json::{Value, json};

use crate::args::{Connection, Format, TopicCommand};
use crate::output::Output;
use crate::session;

pub fn run(connection: &Connection, command: TopicCommand) -> anyhow::Result<()> {
    session::with_client(connection, |client| async move {
        let mut out = Output::new();
        carry_out(&client, command, &mut out).await?;
        out.flush()
    })
}

async fn carry_out(client: &Client, command: TopicCommand, out: &mut Output) -> anyhow::Result<()> {
    match command {
        TopicCommand::Create { name, partitions, config, if_not_exists, format } => {
            let mut topic = NewTopic::new(&name).partitions(partitions);
            for (key, value) in config {
                topic = topic.config(key, value);
            }
            if if_not_exists {
                topic = topic.if_not_exists();
            }
            let created = client.create_topic(topic).await?;
            let partitions = client.partition_count(&name).await?;
            let said = if created { "created topic" } else { "there already is a topic" };
            let done = json!({ "topic": name, "partitions": partitions, "created": created });
            tell(out, format, format!("{said} {name} with {}", count(partitions)), done)
        }
        TopicCommand::Delete { name, format } => {
            client.delete_topic(&name).await?;
            let done = json!({ "topic": name, "deleted": true });
            tell(out, format, format!("deleted topic {name}"), done)
        }
        TopicCommand::List { format } => {
            let topics = client.list_topics().await?;
            match format {
                Format::Json => out.json(&Value::from_iter(
                    topics.iter().map(|t| json!({ "topic": t.name, "partitions": t.partitions })),
                )),
                Format::Text => {
                    let rows =
                        topics.iter().map(|t| vec![t.name.clone(), t.partitions.to_string()]);
                    table(out, &["TOPIC", "PARTITIONS"], rows.collect())
                }
            }
        }
        TopicCommand::Describe { name, format } => {
            describe(&client.describe_topic(&name).await?, format, out)
        }
        TopicCommand::Alter { name, set, unset, format } => {
            let set = set.into_iter().map(|(key, value)| (key, Some(value)));
            let changes = set.chain(unset.into_iter().map(|key| (key, None)));
            let config = client.alter_topic(&name, changes.collect()).await?;
            match format {
                Format::Json => out.json(&json!({ "topic": name, "config": config })),
                Format::Text => table(out, &["KEY", "VALUE"], pairs(&config)),
            }
        }
        TopicCommand::AddPartitions { name, partitions, format } => {
            client.add_partitions(&name, partitions).await?;
            let done = json!({ "topic": name, "partitions": partitions });
            tell(out, format, format!("topic {name} has {}", count(partitions)), done)
        }
    }
}

fn describe(topic: &TopicDescription, format: Format, out: &mut Output) -> anyhow::Result<()> {
    if format == Format::Json {
        let partition = |p: &flymq_core::PartitionDescription| json!({ "partition": p.partition, "earliest": p.earliest, "latest": p.latest });
        return out.json(&json!({
            "topic": topic.name,
            "bytes": topic.bytes,
            "config": topic.config,
            "partitions": topic.partitions.iter().map(partition).collect::<Value>(),
        }));
    }
    let partitions = topic.partitions.len() as u32;
    out.line(format_args!("{}: {}, {} bytes\n", topic.name, count(partitions), topic.bytes))?;
    table(out, &["KEY", "VALUE"], pairs(&topic.config))?;
    out.line("")?;
    let rows = topic.partitions.iter().map(|p| {
        let records = p.latest - p.earliest;
        [u64::from(p.partition), p.earliest, p.latest, records].map(|n| n.to_string()).to_vec()
    });
    table(out, &["PARTITION", "EARLIEST", "LATEST", "OFFSETS"], rows.collect())
}

fn tell(out: &mut Output, format: Format, text: String, object: Value) -> anyhow::Result<()> {
    match format {
        Format::Text => out.line(text),
        Format::Json => out.json(&object),
    }
}

fn count(partitions: u32) -> String {
    format!("{partitions} partition{}", if partitions == 1 { "" } else { "s" })
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<Vec<String>> {
    map.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect()
}

/// Columns as wide as they need to be.
pub fn table(out: &mut Output, head: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].len()).chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(head).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        out.line(line.trim_end())?;
    }
    Ok(())
}
