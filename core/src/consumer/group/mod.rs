//! A consumer's membership of a group.
//!
//! | module | holds |
//! | --- | --- |
//! | `view` | what is known of the membership, and what follows from it |
//! | `membership` | the task that joins, heartbeats and leaves |
//! | `positions` | finding out where partitions that were assigned are to be read from |
//! | `commit` | storing offsets, in order |
//! | `slots` | sets of partitions |

mod commit;
mod membership;
mod positions;
mod slots;
mod view;
#[cfg(test)]
mod view_tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flymq_protocol::messages::SubscribeRequest;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use crate::clock::after;
use crate::error::Error;
use crate::link::{Lane, Retry};
pub use commit::Commit;
use commit::Commits;
pub(super) use commit::{Offsets, Wanted, taken};
pub(super) use slots::{Slots, to_wire};
pub(super) use view::{Change, Place, Topics, View};

/// How long the last word to the broker may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// How partitions are shared among the members of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assignor {
    /// Spreads all partitions evenly and moves as few as it can.
    #[default]
    Sticky,
    /// Gives each member a run of neighbouring partitions of every topic, alike for topics with as
    /// many partitions.
    Range,
}

/// Whom a consumer acts for in its group. A transaction takes it to store the group's offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    pub(crate) group: String,
    pub(crate) member_id: String,
    pub(crate) generation: i32,
}

impl GroupMetadata {
    /// A member of a group, in the generation that the broker last gave it.
    pub fn new(group: impl Into<String>, member_id: impl Into<String>, generation: i32) -> Self {
        Self { group: group.into(), member_id: member_id.into(), generation }
    }

    /// A group without members, whose partitions are assigned by hand.
    pub fn without_member(group: impl Into<String>) -> Self {
        Self { group: group.into(), member_id: String::new(), generation: -1 }
    }

    /// The group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The member; empty for one that is none, because it assigns its partitions itself.
    pub fn member_id(&self) -> &str {
        &self.member_id
    }

    /// The member's generation; −1 without a member.
    pub fn generation(&self) -> i32 {
        self.generation
    }
}

/// Options of a membership.
#[derive(Clone, Debug)]
pub(super) struct GroupOptions {
    pub group: String,
    pub instance_id: Option<String>,
    pub assignor: Assignor,
    pub session_timeout: Duration,
    pub rebalance_timeout: Duration,
    pub max_poll_interval: Duration,
    /// How often to commit; `None` for not by itself.
    pub auto_commit: Option<Duration>,
}

impl GroupOptions {
    pub fn new(group: String) -> Self {
        Self {
            group,
            instance_id: None,
            assignor: Assignor::default(),
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(60),
            max_poll_interval: Duration::from_secs(300),
            auto_commit: Some(Duration::from_secs(5)),
        }
    }

    fn rebalance_timeout_ms(&self) -> u32 {
        millis(self.rebalance_timeout)
    }

    fn subscribe(&self, topics: &Topics, member_id: &str, generation: i32) -> SubscribeRequest {
        let assignor = match self.assignor {
            Assignor::Sticky => "sticky",
            Assignor::Range => "range",
        };
        SubscribeRequest {
            group: self.group.clone(),
            member_id: member_id.to_owned(),
            generation,
            instance_id: self.instance_id.clone(),
            topics: topics.names.clone(),
            pattern: topics.pattern.clone(),
            assignor: assignor.to_owned(),
            session_timeout_ms: millis(self.session_timeout),
            rebalance_timeout_ms: self.rebalance_timeout_ms(),
        }
    }
}

fn millis(time: Duration) -> u32 {
    time.as_millis().try_into().unwrap_or(u32::MAX)
}

/// A membership as the consumer and its tasks share it.
pub(super) struct Group {
    pub options: GroupOptions,
    view: Mutex<View>,
    pub commits: Commits,
    /// Counts changes to the rest, for the tasks.
    changes: watch::Sender<u64>,
}

impl Group {
    pub fn new(options: GroupOptions) -> Self {
        Self {
            options,
            view: Mutex::new(View::new(Instant::now())),
            commits: Commits::default(),
            changes: watch::Sender::new(0),
        }
    }

    pub fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the tasks look again.
    pub fn wake(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub fn metadata(&self) -> Option<GroupMetadata> {
        let view = self.view();
        let (member_id, generation) = match view.acting() {
            _ if view.by_hand => (String::new(), -1),
            Some(acting) => acting.clone(),
            None => return None,
        };
        Some(GroupMetadata { group: self.options.group.clone(), member_id, generation })
    }

    /// To be held while the application polls.
    pub fn polling(&self) -> Polling<'_> {
        let was_away = self.view().enter_poll(Instant::now(), self.options.max_poll_interval);
        if was_away {
            self.wake();
        }
        Polling(self)
    }

    pub async fn until(&self, reached: impl Fn(&View) -> bool) {
        let mut changes = self.changes.subscribe();
        while !reached(&self.view()) {
            // The sender is in `self`.
            let _ = changes.changed().await;
        }
    }
}

/// The application is polling.
pub(super) struct Polling<'a>(&'a Group);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.view().exit_poll(Instant::now());
    }
}

/// Does all that a membership takes, until the consumer has ended: then it commits what it was told
/// to, and leaves.
pub(super) async fn run(shared: Arc<Shared>) {
    let Some(group) = &shared.group else { return };
    let member = async {
        tokio::join!(membership::run(&shared, group), positions::run(&shared, group));
    };
    let until_the_end = async {
        tokio::select! {
            () = member => {}
            () = group.until(|view| view.ended) => {}
        }
    };
    tokio::join!(commit::run(&shared, group), until_the_end);
    let Some(farewell) = group.view().farewell(&group.options) else { return };
    let router = &shared.core.router;
    let left = router.call_until(Lane::Main, "leave", &farewell, Retry::Always, after(FAREWELL));
    if let Err(error) = left.await {
        tracing::debug!(group = group.options.group, %error, "could not leave the group");
    }
}

impl Shared {
    /// Changes what is known of the membership, and has everyone look.
    pub(super) fn update<R>(&self, group: &Group, change: impl FnOnce(&mut View) -> R) -> R {
        let result = change(&mut group.view());
        group.wake();
        self.filled.notify_one();
        result
    }

    /// Tells the application at its next poll.
    fn complain(&self, error: Error) {
        self.state().report(error);
        self.filled.notify_one();
    }
}
