//! Options of a consumer by their names.

use flymq_protocol::messages::Isolation;

use super::{Assignor, ConsumerBuilder, OffsetReset, OnUnreadable};
use crate::error::Result;
use crate::options::{Opt, Value, option};

/// All options of a consumer.
pub(super) const OPTIONS: &[Opt<ConsumerBuilder>] = &[
    option(
        "group",
        "",
        "The group that the consumer shares partitions with, and whose offsets it commits.",
        |builder, value| Ok(builder.group(value.text())),
    ),
    option(
        "instance_id",
        "",
        "A name of this member of the group that outlives its restarts.",
        |builder, value| Ok(builder.instance_id(value.text())),
    ),
    option(
        "auto_offset_reset",
        "earliest",
        "What to do when a position lies outside the log: earliest, latest or error.",
        |builder, value| {
            Ok(builder.auto_offset_reset(value.one_of(&[
                ("earliest", OffsetReset::Earliest),
                ("latest", OffsetReset::Latest),
                ("error", OffsetReset::Error),
            ])?))
        },
    ),
    option(
        "isolation",
        "read_committed",
        "Which records of transactions are seen: read_committed or read_uncommitted.",
        |builder, value| {
            Ok(builder.isolation(value.one_of(&[
                ("read_committed", Isolation::ReadCommitted),
                ("read_uncommitted", Isolation::ReadUncommitted),
            ])?))
        },
    ),
    option(
        "auto_commit_interval_ms",
        "5000",
        "How often a member of a group commits by itself what was processed; 0 for never.",
        |builder, value| {
            let every = value.millis()?;
            Ok(builder.auto_commit((!every.is_zero()).then_some(every)))
        },
    ),
    option(
        "assignor",
        "sticky",
        "How the group's partitions are shared: sticky or range.",
        |builder, value| {
            let choices = [("sticky", Assignor::Sticky), ("range", Assignor::Range)];
            Ok(builder.assignor(value.one_of(&choices)?))
        },
    ),
    option(
        "session_timeout_ms",
        "45000",
        "After how long without a sign of life others get the member's partitions.",
        |builder, value| Ok(builder.session_timeout(value.millis()?)),
    ),
    option(
        "rebalance_timeout_ms",
        "60000",
        "How long a member may take to give partitions up before it is put out of the group.",
        |builder, value| Ok(builder.rebalance_timeout(value.millis()?)),
    ),
    option(
        "max_poll_interval_ms",
        "300000",
        "How long the application may take between polls before its member leaves the group.",
        |builder, value| Ok(builder.max_poll_interval(value.millis()?)),
    ),
    option(
        "max_wait_ms",
        "500",
        "How long the broker may wait for records before it answers.",
        |builder, value| Ok(builder.max_wait(value.millis()?)),
    ),
    option(
        "min_bytes",
        "1",
        "How many bytes of records the broker waits for.",
        |builder, value| Ok(builder.min_bytes(value.bytes()?)),
    ),
    option(
        "fetch_bytes",
        "4194304",
        "How many bytes of records to ask a partition for at a time.",
        |builder, value| Ok(builder.fetch_bytes(value.bytes()?)),
    ),
    option(
        "prefetch_bytes",
        "16777216",
        "How many bytes of records to read ahead.",
        |builder, value| Ok(builder.prefetch_bytes(value.bytes()?)),
    ),
    option(
        "on_undecryptable",
        "error",
        "What to do about a record that cannot be decrypted: error, skip, or dead_letter, \
         which may name a topic as dead_letter:TOPIC.",
        |builder, value| Ok(builder.on_undecryptable(on_unreadable(value)?)),
    ),
    option(
        "on_undeserializable",
        "error",
        "What to do about a record that cannot be deserialized: error, skip, or dead_letter, \
         which may name a topic as dead_letter:TOPIC.",
        |builder, value| Ok(builder.on_undeserializable(on_unreadable(value)?)),
    ),
];

fn on_unreadable(value: Value<'_>) -> Result<OnUnreadable> {
    match value.text() {
        "error" => Ok(OnUnreadable::Error),
        "skip" => Ok(OnUnreadable::Skip),
        "dead_letter" => Ok(OnUnreadable::DeadLetter { topic: None }),
        other => match other.strip_prefix("dead_letter:") {
            Some(topic) => Ok(OnUnreadable::DeadLetter { topic: Some(topic.to_owned()) }),
            None => Err(value.wrong("error, skip, dead_letter or dead_letter:TOPIC")),
        },
    }
}
