//! A consumer's options, as Python gives them.

use flymq_core::{Assignor, ConsumerBuilder, OffsetReset, OnUnreadable};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{self, Seconds, choice};

/// One topic, or several.
pub struct Topics(Vec<String>);

impl<'py> FromPyObject<'_, 'py> for Topics {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(topic) = value.cast::<PyString>() {
            return Ok(Self(vec![topic.to_str()?.to_owned()]));
        }
        let wrong = || PyTypeError::new_err("expected a topic, or several of them");
        let topics = value.try_iter().map_err(|_| wrong())?;
        let names: PyResult<_> =
            topics.map(|topic| topic?.extract().map_err(|_| wrong())).collect();
        names.map(Self)
    }
}

/// What to subscribe to.
pub enum Subscription {
    Topics(Vec<String>),
    Pattern(String),
}

/// What to subscribe to, if to anything.
pub fn subscription(
    topics: Option<Topics>,
    pattern: Option<String>,
) -> PyResult<Option<Subscription>> {
    match (topics, pattern) {
        (Some(_), Some(_)) => Err(PyValueError::new_err("give topics or a pattern, not both")),
        (Some(Topics(names)), None) => Ok(Some(Subscription::Topics(names))),
        (None, pattern) => Ok(pattern.map(Subscription::Pattern)),
    }
}

impl Subscription {
    pub fn apply(self, consumer: &flymq_core::Consumer) -> flymq_core::Result<()> {
        match self {
            Self::Topics(names) => consumer.subscribe(names),
            Self::Pattern(pattern) => consumer.subscribe_pattern(pattern),
        }
    }
}

/// The options of a `Consumer`, each named as its argument.
pub struct Options<'a> {
    pub group: Option<String>,
    pub auto_commit: bool,
    pub auto_commit_interval: Option<Seconds>,
    pub auto_offset_reset: Option<&'a str>,
    pub isolation: Option<&'a str>,
    pub assignor: Option<&'a str>,
    pub on_undecryptable: Option<&'a str>,
    pub on_undeserializable: Option<&'a str>,
    pub instance_id: Option<String>,
    pub max_poll_interval: Option<Seconds>,
    pub session_timeout: Option<Seconds>,
    pub rebalance_timeout: Option<Seconds>,
    pub max_wait: Option<Seconds>,
    pub min_bytes: Option<u32>,
    pub fetch_bytes: Option<u32>,
    pub prefetch_bytes: Option<usize>,
}

impl Options<'_> {
    pub fn apply(self, mut builder: ConsumerBuilder) -> PyResult<ConsumerBuilder> {
        if let Some(group) = self.group {
            builder = builder.group(group);
        }
        if !self.auto_commit {
            builder = builder.auto_commit(None);
        } else if let Some(Seconds(interval)) = self.auto_commit_interval {
            builder = builder.auto_commit(interval);
        }
        if let Some(name) = self.auto_offset_reset {
            let choices = [
                ("earliest", OffsetReset::Earliest),
                ("latest", OffsetReset::Latest),
                ("error", OffsetReset::Error),
            ];
            builder = builder.auto_offset_reset(choice("auto_offset_reset", name, &choices)?);
        }
        if let Some(name) = self.isolation {
            builder = builder.isolation(convert::isolation(name)?);
        }
        if let Some(name) = self.assignor {
            let choices = [("sticky", Assignor::Sticky), ("range", Assignor::Range)];
            builder = builder.assignor(choice("assignor", name, &choices)?);
        }
        if let Some(name) = self.on_undecryptable {
            builder = builder.on_undecryptable(on_unreadable("on_undecryptable", name)?);
        }
        if let Some(name) = self.on_undeserializable {
            builder = builder.on_undeserializable(on_unreadable("on_undeserializable", name)?);
        }
        if let Some(id) = self.instance_id {
            builder = builder.instance_id(id);
        }
        if let Some(Seconds(interval)) = self.max_poll_interval {
            builder = builder.max_poll_interval(interval);
        }
        if let Some(Seconds(timeout)) = self.session_timeout {
            builder = builder.session_timeout(timeout);
        }
        if let Some(Seconds(timeout)) = self.rebalance_timeout {
            builder = builder.rebalance_timeout(timeout);
        }
        if let Some(Seconds(wait)) = self.max_wait {
            builder = builder.max_wait(wait);
        }
        if let Some(bytes) = self.min_bytes {
            builder = builder.min_bytes(bytes);
        }
        if let Some(bytes) = self.fetch_bytes {
            builder = builder.fetch_bytes(bytes);
        }
        if let Some(bytes) = self.prefetch_bytes {
            builder = builder.prefetch_bytes(bytes);
        }
        Ok(builder)
    }
}

fn on_unreadable(argument: &str, name: &str) -> PyResult<OnUnreadable> {
    let choices = [
        ("error", OnUnreadable::Error),
        ("skip", OnUnreadable::Skip),
        ("dead_letter", OnUnreadable::DeadLetter { topic: None }),
    ];
    choice(argument, name, &choices)
}
