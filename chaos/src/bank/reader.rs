//! Reads the bank's topics again and again, each time up to where they end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use flymq_core::{Client, FetchOptions, Isolation, OffsetSpec};
use tokio::sync::Notify;

use super::ledger::Ledger;
use super::{Books, Entry, PARTITIONS, TOPICS};

/// How long to wait for a transaction's end before looking where readers get to.
const POLL: Duration = Duration::from_millis(20);

/// How far a reader has got, by topic and partition.
pub type Position = HashMap<(&'static str, u32), u64>;

/// Reads until `stop`. A transaction whose commit was acknowledged before a round began has to be
/// seen whole in that round.
pub async fn watch(client: Client, books: Arc<Books>, stop: Arc<Notify>) -> anyhow::Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut position = Position::default();
    let mut more = books.committed();
    let mut stopped = std::pin::pin!(stop.notified());
    loop {
        let (committed, aborted) = books.take();
        ledger.expect(committed, aborted);
        read_up(&client, &mut position, Isolation::ReadCommitted, |entry| ledger.enter(entry))
            .await?;
        ledger.verify();
        tokio::select! {
            () = &mut stopped => return Ok(ledger),
            more = more.changed() => more?,
        }
    }
}

/// Reads every partition from `position` up to where its log ends now. A reader of committed records
/// waits for the transactions that are open there, since they hide what was committed behind them.
pub async fn read_up(
    client: &Client,
    position: &mut Position,
    isolation: Isolation,
    mut enter: impl FnMut(Entry),
) -> anyhow::Result<()> {
    let mut ends = Vec::new();
    for topic in TOPICS {
        let wanted: Vec<_> = (0..PARTITIONS).map(|p| (p, OffsetSpec::Latest)).collect();
        let all = Isolation::ReadUncommitted;
        let found = client.list_offsets_with(topic, &wanted, all).await?;
        ends.extend((0..PARTITIONS).zip(found).map(|(partition, end)| (topic, partition, end)));
    }
    for (topic, partition, end) in ends {
        let at = position.entry((topic, partition)).or_default();
        while *at < end {
            let latest = [(partition, OffsetSpec::Latest)];
            let visible = client.list_offsets_with(topic, &latest, isolation).await?[0];
            let options = FetchOptions { isolation, max_wait: POLL, ..Default::default() };
            let messages = client.fetch(topic, partition, *at, options).await?;
            match messages.last() {
                Some(last) => *at = last.offset + 1,
                // What there is up to the end is hidden for good.
                None if visible >= end => *at = end,
                None => {}
            }
            for message in messages {
                let value = message.value.context("an entry without value")?;
                enter(serde_json::from_slice(&value)?);
            }
        }
    }
    Ok(())
}
