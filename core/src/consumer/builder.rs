//! Options of a consumer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flymq_protocol::messages::Isolation;
use tokio::sync::Notify;

use super::group::{self, Assignor, Group, GroupOptions};
use super::names::OPTIONS;
use super::unreadable::{OnUnreadable, Unreadable};
use super::{Consumer, Shared, State, fetcher};
use crate::client::Core;
use crate::error::Result;
use crate::options::{self, OptionInfo};

/// Where reading a partition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOffset {
    /// At the oldest record there is.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// At this offset.
    Offset(u64),
    /// At the first record of this time or later, in milliseconds since 1970.
    Timestamp(i64),
}

/// What to do when a position lies outside the log, because retention has overtaken it for instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// Go on at the oldest record there is.
    #[default]
    Earliest,
    /// Go on behind the newest record.
    Latest,
    /// Report OFFSET_OUT_OF_RANGE and wait for a seek.
    Error,
}

/// Options of a consumer. Made by [`Client::consumer`](crate::Client::consumer).
#[derive(Clone, Debug)]
pub struct ConsumerBuilder {
    core: Arc<Core>,
    options: Options,
    group: Option<String>,
    /// In force if there is a group.
    membership: GroupOptions,
}

#[derive(Clone, Debug)]
pub(super) struct Options {
    pub max_wait: Duration,
    pub min_bytes: u32,
    pub fetch_bytes: u32,
    pub prefetch_bytes: usize,
    pub isolation: Isolation,
    pub reset: OffsetReset,
    pub on_undecryptable: OnUnreadable,
    pub on_undeserializable: OnUnreadable,
}

impl ConsumerBuilder {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let options = Options {
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            fetch_bytes: 4 << 20,
            prefetch_bytes: 16 << 20,
            isolation: Isolation::default(),
            reset: OffsetReset::default(),
            on_undecryptable: OnUnreadable::default(),
            on_undeserializable: OnUnreadable::default(),
        };
        Self { core, options, group: None, membership: GroupOptions::new(String::new()) }
    }

    /// All options that [`set`](Self::set) takes.
    pub fn options() -> impl Iterator<Item = &'static OptionInfo> {
        options::infos(OPTIONS)
    }

    /// Sets an option by its name.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a name that there is not, or a value that the option does not take.
    pub fn set(self, name: &str, value: &str) -> Result<Self> {
        options::set(OPTIONS, self, "consumer", name, value)
    }

    /// How long the broker may wait for records before it answers. Default 500 ms. New records are
    /// returned at once whatever this is.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.options.max_wait = wait;
        self
    }

    /// How many bytes the broker collects before it answers, within `max_wait`. Default 1.
    pub fn min_bytes(mut self, bytes: u32) -> Self {
        self.options.min_bytes = bytes;
        self
    }

    /// How many bytes of records are asked for at a time. Default 4 MiB.
    pub fn fetch_bytes(mut self, bytes: u32) -> Self {
        self.options.fetch_bytes = bytes;
        self
    }

    /// How many bytes may be read ahead of the application; one fetch more may be under way.
    /// Default 16 MiB.
    pub fn prefetch_bytes(mut self, bytes: usize) -> Self {
        self.options.prefetch_bytes = bytes;
        self
    }

    /// Which records of transactions are seen. Default read committed.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.options.isolation = isolation;
        self
    }

    /// Where to begin if the group has committed nothing, and what to do when a position lies outside
    /// the log. Default earliest.
    pub fn auto_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.options.reset = reset;
        self
    }

    /// What to do about records that cannot be decrypted. Default error.
    pub fn on_undecryptable(mut self, policy: OnUnreadable) -> Self {
        self.options.on_undecryptable = policy;
        self
    }

    /// What to do about records that the application [refuses](Consumer::refuse) because it cannot
    /// deserialize them. Default error.
    pub fn on_undeserializable(mut self, policy: OnUnreadable) -> Self {
        self.options.on_undeserializable = policy;
        self
    }

    /// The group that the consumer shares partitions with, and whose offsets it commits.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// A name of this consumer that outlives its restarts, so that a restart within the session
    /// time-out moves no partition. No two consumers of a group may have the same at a time: the
    /// newer one puts the older one out.
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.membership.instance_id = Some(id.into());
        self
    }

    /// How the group's partitions are shared. Default sticky. What most members want counts.
    pub fn assignor(mut self, assignor: Assignor) -> Self {
        self.membership.assignor = assignor;
        self
    }

    /// After how long without a sign of life, which is sent in the background, others get the
    /// consumer's partitions. Default 45 s.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.membership.session_timeout = timeout;
        self
    }

    /// How long the consumer may take to give partitions up before it is put out of the group.
    /// Default 60 s. It gives them up while it polls.
    pub fn rebalance_timeout(mut self, timeout: Duration) -> Self {
        self.membership.rebalance_timeout = timeout;
        self
    }

    /// How long the application may take from one poll to the next before the consumer leaves the
    /// group, so that others can go on; the next poll joins again. Default 5 min.
    pub fn max_poll_interval(mut self, interval: Duration) -> Self {
        self.membership.max_poll_interval = interval;
        self
    }

    /// Whether and how often to commit by itself, for a consumer with a group: what the application
    /// was given by one poll, once it has come back with another one, and when partitions are given
    /// up or the consumer is closed. Default every 5 s.
    pub fn auto_commit(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.membership.auto_commit = every.into();
        self
    }

    /// Starts the consumer, without partitions. Must be called within a tokio runtime.
    pub fn build(self) -> Consumer {
        let membership = self.membership;
        let group = self.group.map(|group| Group::new(GroupOptions { group, ..membership }));
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(self.core.metrics.clone())),
            lane: self.core.router.fetch_lane(),
            core: self.core,
            options: self.options,
            group,
            unreadable: Unreadable::default(),
            filled: Notify::new(),
            changed: Notify::new(),
        });
        let fetching = tokio::spawn(fetcher::run(shared.clone()));
        let grouping = shared.group.is_some().then(|| tokio::spawn(group::run(shared.clone())));
        Consumer::new(shared, fetching, grouping)
    }
}
