//! The task that joins a group, stays in it and leaves it.
//!
//! It never gives up: whatever the broker says or does not say, it joins again. Only what cannot pass
//! by itself ends it.

use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{HeartbeatRequest, LeaveRequest, SubscribeRequest};
use tokio::time::Instant;

use super::view::Step;
use super::{Group, Shared};
use crate::clock::after;
use crate::error::Error;
use crate::link::{Lane, Retry};

/// The shortest pause after an error that does not pass by itself.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn run(shared: &Shared, group: &Group) {
    let mut changes = group.changes.subscribe();
    let mut failures = 0;
    loop {
        changes.borrow_and_update();
        let (step, wishes) = {
            let mut view = group.view();
            (view.next_step(&group.options, Instant::now()), view.wishes())
        };
        let done = match step {
            Step::Subscribe(request) => subscribe(shared, group, &request, wishes).await,
            Step::Heartbeat(request) => heartbeat(shared, group, &request).await,
            Step::Leave(request) => {
                leave(shared, group, &request).await;
                Ok(())
            }
            Step::Wait(until) => {
                let due = async {
                    match until {
                        Some(at) => tokio::time::sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    _ = changes.changed() => {}
                    () = due => {}
                }
                continue;
            }
        };
        match done {
            Ok(()) => failures = 0,
            Err(error) if error.is(ErrorCode::Closed) => return,
            Err(error) => {
                let pause = shared.core.router.backoff(failures);
                failures += 1;
                let passes = error.is_retriable() || is_expulsion(&error);
                tokio::time::sleep(if passes { pause } else { pause.max(PAUSE) }).await;
            }
        }
    }
}

/// How long to wait for an answer: not for so long that the session ends meanwhile.
fn patience(shared: &Shared, group: &Group) -> Instant {
    let limit = shared.core.router.config().request_timeout;
    after(limit.min(group.options.session_timeout / 3).max(Duration::from_millis(100)))
}

fn is_expulsion(error: &Error) -> bool {
    error.is(ErrorCode::UnknownMember) || error.is(ErrorCode::StaleGeneration)
}

async fn subscribe(
    shared: &Shared,
    group: &Group,
    request: &SubscribeRequest,
    wishes: u64,
) -> Result<(), Error> {
    let patience = patience(shared, group);
    let router = &shared.core.router;
    let answer = router.call_until(Lane::Main, "subscribe", request, Retry::Always, patience).await;
    let joined = request.generation == 0;
    match answer {
        Ok(answer) => {
            tracing::debug!(
                group = request.group,
                member = request.member_id,
                generation = answer.generation,
                "joined the group"
            );
            shared.update(group, |v| v.subscribed(wishes, joined, answer, Instant::now()));
            Ok(())
        }
        Err(error) => Err(failed(shared, group, error, "cannot join the group; still trying")),
    }
}

async fn heartbeat(
    shared: &Shared,
    group: &Group,
    request: &HeartbeatRequest,
) -> Result<(), Error> {
    let patience = patience(shared, group);
    let router = &shared.core.router;
    // If it is not answered, it has to say more the next time.
    let answer = router.call_until(Lane::Main, "heartbeat", request, Retry::Unsent, patience).await;
    match answer {
        Ok(answer) => {
            let news = answer.assignment.is_some() || answer.generation != request.generation;
            if news {
                shared.update(group, |view| view.heartbeat(answer, Instant::now()));
            } else {
                group.view().heartbeat(answer, Instant::now());
            }
            Ok(())
        }
        Err(error) => {
            group.view().say();
            Err(failed(shared, group, error, "a heartbeat failed; still trying"))
        }
    }
}

async fn leave(shared: &Shared, group: &Group, request: &LeaveRequest) {
    if group.view().is_subscribed() {
        tracing::warn!(
            group = request.group,
            "leaving the group, because the application has not polled for {} s; poll more often, \
             with fewer records at a time, or raise max_poll_interval",
            group.options.max_poll_interval.as_secs_f64()
        );
    }
    shared.update(group, |view| {
        view.left();
        view.leaving = true;
    });
    let patience = patience(shared, group);
    let router = &shared.core.router;
    let left = router.call_until(Lane::Main, "leave", request, Retry::Always, patience).await;
    if let Err(error) = left {
        tracing::debug!(group = request.group, %error, "could not leave the group");
    }
    shared.update(group, |view| view.leaving = false);
}

/// Draws the consequences of an error.
fn failed(shared: &Shared, group: &Group, error: Error, what: &str) -> Error {
    let name = &group.options.group;
    if is_expulsion(&error) {
        tracing::warn!(group = name, %error, "was put out of the group; joining again");
        shared.update(group, |view| view.expelled());
    } else if is_final(&error) {
        shared.update(group, |view| view.fail(error.clone()));
    } else if error.is_retriable() {
        tracing::debug!(group = name, %error, what);
    } else {
        tracing::warn!(group = name, %error, what);
        shared.complain(error.clone());
    }
    error
}

/// Whether the same request will always be refused.
fn is_final(error: &Error) -> bool {
    error.is(ErrorCode::InstanceFenced)
        || error.is(ErrorCode::InvalidGroup)
        || error.is(ErrorCode::InvalidRequest)
        || error.is(ErrorCode::UnsupportedOperation)
}
