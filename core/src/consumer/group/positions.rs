//! Finding out where partitions that were assigned are to be read from.

use std::collections::BTreeMap;
use std::sync::Arc;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::CommittedRequest;

use super::slots::to_wire;
use super::view::Place;
use super::{Group, Shared};
use crate::admin::OffsetSpec;
use crate::consumer::OffsetReset;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};
use crate::record::TopicPartition;

/// How many partitions may be asked for at a time.
const MOST: usize = 10_000;

type Placed = Vec<(TopicPartition, u64, Place)>;

pub(super) async fn run(shared: &Shared, group: &Group) {
    let mut changes = group.changes.subscribe();
    let mut failures = 0;
    loop {
        changes.borrow_and_update();
        let mut unplaced = group.view().unplaced();
        if unplaced.is_empty() {
            failures = 0;
            // The sender is in `group`.
            let _ = changes.changed().await;
            continue;
        }
        unplaced.truncate(MOST);
        let wanted = unplaced.len();
        let placed = match place(shared, group, unplaced).await {
            Ok(placed) => placed,
            Err(error) if error.is(ErrorCode::Closed) => return,
            Err(error) => {
                tracing::debug!(group = group.options.group, %error, "cannot learn positions");
                if !error.is_retriable() {
                    shared.complain(error);
                }
                Vec::new()
            }
        };
        let all = placed.len() == wanted;
        if !placed.is_empty() {
            shared.update(group, |view| view.placed(placed));
        }
        if !all {
            // A transaction has yet to end, or a topic is gone and will be taken away.
            tokio::time::sleep(shared.core.router.backoff(failures)).await;
            failures += 1;
        }
    }
}

/// Finds out about as many as it can.
async fn place(
    shared: &Shared,
    group: &Group,
    unplaced: Vec<(TopicPartition, u64)>,
) -> Result<Placed> {
    let request = CommittedRequest {
        group: group.options.group.clone(),
        topics: Some(to_wire(unplaced.iter().map(|(slot, _)| slot))),
        stable: true,
    };
    let router = &shared.core.router;
    let answer = router.call(Lane::Main, "committed", &request, Retry::Always).await?;
    let mut serials: BTreeMap<TopicPartition, u64> = unplaced.into_iter().collect();
    let mut placed = Vec::new();
    let mut nowhere: BTreeMap<Arc<str>, Vec<(TopicPartition, u64)>> = BTreeMap::new();
    for committed in answer.offsets {
        let slot = TopicPartition { topic: committed.topic.into(), partition: committed.partition };
        let Some(serial) = serials.remove(&slot) else { continue };
        match (committed.error, committed.offset) {
            (0, Some(offset)) => {
                placed.push((slot, serial, Place::Committed((offset.max(-1) + 1) as u64)));
            }
            (0, None) => nowhere.entry(slot.topic.clone()).or_default().push((slot, serial)),
            (code, _) => {
                let error = Error::from_code("committed", code, String::new());
                tracing::debug!(%slot, %error, "has no committed offset for now");
            }
        }
    }
    for (topic, slots) in nowhere {
        placed.extend(reset(shared, group, &topic, slots).await?);
    }
    Ok(placed)
}

/// Where to begin without a committed offset.
async fn reset(
    shared: &Shared,
    group: &Group,
    topic: &str,
    slots: Vec<(TopicPartition, u64)>,
) -> Result<Placed> {
    let spec = match shared.options.reset {
        OffsetReset::Earliest => OffsetSpec::Earliest,
        OffsetReset::Latest => OffsetSpec::Latest,
        OffsetReset::Error => {
            let nowhere = |(slot, serial): (TopicPartition, u64)| {
                let message = format!(
                    "group {:?} has no committed offset of {slot}, and auto_offset_reset is error",
                    group.options.group
                );
                let error = Error::new(ErrorCode::OffsetOutOfRange, "poll", message);
                (slot, serial, Place::Nowhere(error))
            };
            return Ok(slots.into_iter().map(nowhere).collect());
        }
    };
    let queries: Vec<_> = slots.iter().map(|(slot, _)| (slot.partition, spec)).collect();
    match shared.core.list_offsets(topic, &queries, shared.options.isolation).await {
        Ok(found) => {
            let place = |((slot, serial), at)| (slot, serial, Place::Reset(at));
            Ok(slots.into_iter().zip(found).map(place).collect())
        }
        Err(error)
            if error.is(ErrorCode::UnknownTopic) || error.is(ErrorCode::UnknownPartition) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
