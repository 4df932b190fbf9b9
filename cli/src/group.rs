//! `flymq group`.

use std::time::Duration;

use flymq_core::{
    Client, GroupDescription, GroupListing, GroupOffset, MemberDescription, PartitionLag,
    TopicPartition,
};
use serde_json::{Value, json};

use crate::args::{Format, GroupCommand, ServerOptions};
use crate::output::{Output, table, tell};
use crate::session;

pub fn run(server: &ServerOptions, command: GroupCommand) -> anyhow::Result<()> {
    session::with_client(server, |client| async move {
        let mut out = Output::new();
        carry_out(&client, command, &mut out).await?;
        out.flush()
    })
}

async fn carry_out(client: &Client, command: GroupCommand, out: &mut Output) -> anyhow::Result<()> {
    match command {
        GroupCommand::List { format } => {
            let groups = client.list_groups().await?;
            match format {
                Format::Json => out.json(&Value::from_iter(groups.iter().map(
                    |g| json!({ "group": g.group, "state": g.state.to_string(), "members": g.members }),
                ))),
                Format::Text => {
                    let row = |g: &GroupListing| {
                        vec![g.group.clone(), g.state.to_string(), g.members.to_string()]
                    };
                    table(out, &["GROUP", "STATE", "MEMBERS"], groups.iter().map(row).collect())
                }
            }
        }
        GroupCommand::Describe { group, format } => {
            describe(&client.describe_group(&group).await?, format, out)
        }
        GroupCommand::Lag { group, watch: None, format } => {
            lag(&group, &client.group_lag(&group).await?, format, out)
        }
        GroupCommand::Lag { group, watch: Some(seconds), format } => {
            // Ctrl-C is how watching ends, and no failure.
            tokio::select! {
                result = watch(client, &group, Duration::from_secs(seconds.max(1)), format, out) => result,
                interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
            }
        }
        GroupCommand::Reset { group, topic, to, partition, format } => {
            let only = partition.map(|partition| [partition]);
            let only = only.as_ref().map(|only| &only[..]);
            let set = client.reset_group_offsets(&group, &topic, only, to.0).await?;
            reset(&set, format, out)
        }
        GroupCommand::Delete { group, format } => {
            client.delete_group(&group).await?;
            let done = json!({ "group": group, "deleted": true });
            tell(out, format, format!("deleted group {group}"), done)
        }
    }
}

fn describe(group: &GroupDescription, format: Format, out: &mut Output) -> anyhow::Result<()> {
    if format == Format::Json {
        let members = group.members.iter().map(|m| {
            json!({
                "member_id": m.member_id,
                "instance_id": m.instance_id,
                "client_id": m.client_id,
                "address": m.address,
                "generation": m.generation,
                "assignment": m.assignment.iter().map(short).collect::<Vec<_>>(),
                "target": m.target.iter().map(short).collect::<Vec<_>>(),
            })
        });
        return out.json(&json!({
            "group": group.group,
            "state": group.state.to_string(),
            "generation": group.generation,
            "assignor": group.assignor,
            "members": members.collect::<Value>(),
        }));
    }
    let (state, count) = (&group.state, group.members.len());
    let members = if count == 1 { "member" } else { "members" };
    out.line(format_args!("{}: {state}, {count} {members}", group.group))?;
    if group.members.is_empty() {
        return Ok(());
    }
    out.line(format_args!("assignor {}, generation {}\n", group.assignor, group.generation))?;
    let row = |m: &MemberDescription| {
        let name = m.instance_id.as_deref().unwrap_or("-").to_owned();
        vec![m.member_id.clone(), name, m.client_id.clone(), m.address.clone(), held(&m.assignment)]
    };
    let head = ["MEMBER", "INSTANCE", "CLIENT", "ADDRESS", "PARTITIONS"];
    table(out, &head, group.members.iter().map(row).collect())
}

/// A partition as one word.
fn short(slot: &TopicPartition) -> String {
    format!("{}-{}", slot.topic, slot.partition)
}

fn held(partitions: &[TopicPartition]) -> String {
    match partitions {
        [] => "-".to_owned(),
        some => some.iter().map(short).collect::<Vec<_>>().join(" "),
    }
}

/// Shows the lag again and again, in place on a terminal.
async fn watch(
    client: &Client,
    group: &str,
    every: Duration,
    format: Format,
    out: &mut Output,
) -> anyhow::Result<()> {
    use std::io::IsTerminal;
    let in_place = format == Format::Text && std::io::stdout().is_terminal();
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        let partitions = client.group_lag(group).await?;
        if in_place {
            // Home, and clear what is there.
            out.write(b"\x1b[H\x1b[2J")?;
        }
        lag(group, &partitions, format, out)?;
        out.flush()?;
    }
}

fn lag(
    group: &str,
    partitions: &[PartitionLag],
    format: Format,
    out: &mut Output,
) -> anyhow::Result<()> {
    let total: u64 = partitions.iter().filter_map(|p| p.lag).sum();
    if format == Format::Json {
        let partition = |p: &PartitionLag| {
            json!({
                "topic": p.topic,
                "partition": p.partition,
                "committed": p.committed,
                "latest": p.end,
                "lag": p.lag,
            })
        };
        return out.json(&json!({
            "group": group,
            "lag": total,
            "partitions": partitions.iter().map(partition).collect::<Value>(),
        }));
    }
    let row = |p: &PartitionLag| {
        let committed = p.committed.map_or("-".to_owned(), |offset| offset.to_string());
        let lag = p.lag.map_or("-".to_owned(), |lag| lag.to_string());
        vec![p.topic.clone(), p.partition.to_string(), committed, p.end.to_string(), lag]
    };
    let head = ["TOPIC", "PARTITION", "COMMITTED", "LATEST", "LAG"];
    table(out, &head, partitions.iter().map(row).collect())?;
    out.line(format_args!("group {group} is behind by {total}"))
}

fn reset(set: &[GroupOffset], format: Format, out: &mut Output) -> anyhow::Result<()> {
    match format {
        Format::Json => out
            .json(&Value::from_iter(set.iter().map(
                |o| json!({ "topic": &*o.topic, "partition": o.partition, "next": o.next() }),
            ))),
        Format::Text => {
            let row = |o: &GroupOffset| {
                vec![o.topic.to_string(), o.partition.to_string(), o.next().to_string()]
            };
            table(out, &["TOPIC", "PARTITION", "NEXT"], set.iter().map(row).collect())
        }
    }
}
