//! The task that reads ahead.

use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{FetchRequest, FetchResponse, FetchedPartition};

use super::{OffsetReset, Options, Shared};
use crate::admin::OffsetSpec;
use crate::clock::after;
use crate::error::Error;
use crate::link::{Lane, Retry};

/// How long to wait before asking again after an error that will not pass by itself.
const PAUSE: Duration = Duration::from_millis(500);

/// Reads ahead until the consumer is dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let (topics, generation) = {
            let mut state = shared.state();
            let Options { fetch_bytes, prefetch_bytes, .. } = shared.options;
            (state.plan(fetch_bytes, prefetch_bytes), state.generation())
        };
        if topics.is_empty() {
            shared.changed.notified().await;
            continue;
        }
        let request = FetchRequest {
            max_wait_ms: shared.options.max_wait.as_millis().min(60_000) as u32,
            min_bytes: shared.options.min_bytes,
            max_bytes: shared.options.fetch_bytes,
            isolation: shared.options.isolation,
            topics,
        };
        let patience = after(
            shared.options.max_wait.saturating_add(shared.core.router.config().request_timeout),
        );
        let lane = Lane::Fetch(&shared.lane);
        let fetch = shared.core.router.call_until(lane, "fetch", &request, Retry::Always, patience);
        let fetched = tokio::select! {
            fetched = fetch => fetched,
            // A seek or a new assignment makes the answer worthless; room or a pause does not. One
            // that leaves out what was resumed is not waited for.
            () = superseded(&shared, generation) => continue,
        };
        match fetched {
            Ok(response) => take_in(&shared, generation, response).await,
            Err(error) => {
                tracing::debug!(%error, "cannot fetch");
                if error.is(ErrorCode::Closed) {
                    return;
                }
                if !error.is_retriable() {
                    shared.state().report(error);
                    shared.filled.notify_one();
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn superseded(shared: &Shared, generation: u64) {
    loop {
        shared.changed.notified().await;
        if shared.state().generation() != generation {
            return;
        }
    }
}

async fn take_in(shared: &Shared, generation: u64, response: FetchResponse) {
    let mut failed = Vec::new();
    {
        let mut state = shared.state();
        if state.generation() != generation {
            return;
        }
        for topic in response.topics {
            for fetched in topic.partitions {
                if fetched.error == 0 {
                    state.store(&topic.topic, fetched);
                } else {
                    failed.push((topic.topic.clone(), fetched));
                }
            }
        }
    }
    shared.filled.notify_one();
    if failed.is_empty() {
        return;
    }
    let mut pause = false;
    for (topic, fetched) in failed {
        pause |= !recover(shared, &topic, fetched).await;
    }
    shared.filled.notify_one();
    if pause {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Handles a partition's error. Returns whether fetching may go on without a pause.
async fn recover(shared: &Shared, topic: &str, fetched: FetchedPartition) -> bool {
    let partition = fetched.partition;
    let error = Error::from_code("fetch", fetched.error, fetched.message);
    let spec = match shared.options.reset {
        _ if !error.is(ErrorCode::OffsetOutOfRange) => None,
        OffsetReset::Error => None,
        OffsetReset::Earliest => Some(OffsetSpec::Earliest),
        OffsetReset::Latest => Some(OffsetSpec::Latest),
    };
    let is_gone = error.is(ErrorCode::UnknownTopic) || error.is(ErrorCode::UnknownPartition);
    let Some(spec) = spec else {
        // A group takes away what is gone.
        let by_group = shared.group.as_ref().is_some_and(|group| !group.view().by_hand);
        if is_gone && by_group {
            return false;
        }
        if error.is_retriable() {
            return false;
        }
        shared.state().halt(topic, partition, error);
        return true;
    };
    let isolation = shared.options.isolation;
    match shared.core.list_offsets(topic, &[(partition, spec)], isolation).await {
        Ok(found) => {
            tracing::warn!(topic, partition, offset = found[0], %error, "the position was reset");
            shared.state().seek(topic, partition, found[0]);
            true
        }
        Err(error) => {
            tracing::debug!(%error, "cannot reset a position");
            false
        }
    }
}
