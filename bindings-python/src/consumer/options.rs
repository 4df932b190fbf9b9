//! A consumer's options, as Python gives them.

use std::sync::Arc;

use flymq_core::{Assignor, ConsumerBuilder, OffsetReset, OnUnreadable, StartOffset};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{self, Seconds, Start, choice};

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
#[derive(Clone)]
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

/// The options of a consumer, each named as its argument.
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

/// Sets options of the core.
pub type Configure = Arc<dyn Fn(ConsumerBuilder) -> ConsumerBuilder + Send + Sync>;

impl Options<'_> {
    pub fn configure(self) -> PyResult<Configure> {
        let reset = [
            ("earliest", OffsetReset::Earliest),
            ("latest", OffsetReset::Latest),
            ("error", OffsetReset::Error),
        ];
        let assignors = [("sticky", Assignor::Sticky), ("range", Assignor::Range)];
        let reset = chosen("auto_offset_reset", self.auto_offset_reset, &reset)?;
        let isolation = self.isolation.map(convert::isolation).transpose()?;
        let assignor = chosen("assignor", self.assignor, &assignors)?;
        let undecryptable = on_unreadable("on_undecryptable", self.on_undecryptable)?;
        let undeserializable = on_unreadable("on_undeserializable", self.on_undeserializable)?;
        let Self { group, instance_id, .. } = self;
        let Self { auto_commit, auto_commit_interval, max_poll_interval, .. } = self;
        let Self { session_timeout, rebalance_timeout, max_wait, .. } = self;
        let Self { min_bytes, fetch_bytes, prefetch_bytes, .. } = self;
        Ok(Arc::new(move |mut builder| {
            if let Some(group) = &group {
                builder = builder.group(group);
            }
            if !auto_commit {
                builder = builder.auto_commit(None);
            } else if let Some(Seconds(interval)) = auto_commit_interval {
                builder = builder.auto_commit(interval);
            }
            if let Some(reset) = reset {
                builder = builder.auto_offset_reset(reset);
            }
            if let Some(isolation) = isolation {
                builder = builder.isolation(isolation);
            }
            if let Some(assignor) = assignor {
                builder = builder.assignor(assignor);
            }
            if let Some(policy) = &undecryptable {
                builder = builder.on_undecryptable(policy.clone());
            }
            if let Some(policy) = &undeserializable {
                builder = builder.on_undeserializable(policy.clone());
            }
            if let Some(id) = &instance_id {
                builder = builder.instance_id(id);
            }
            if let Some(Seconds(interval)) = max_poll_interval {
                builder = builder.max_poll_interval(interval);
            }
            if let Some(Seconds(timeout)) = session_timeout {
                builder = builder.session_timeout(timeout);
            }
            if let Some(Seconds(timeout)) = rebalance_timeout {
                builder = builder.rebalance_timeout(timeout);
            }
            if let Some(Seconds(wait)) = max_wait {
                builder = builder.max_wait(wait);
            }
            if let Some(bytes) = min_bytes {
                builder = builder.min_bytes(bytes);
            }
            if let Some(bytes) = fetch_bytes {
                builder = builder.fetch_bytes(bytes);
            }
            if let Some(bytes) = prefetch_bytes {
                builder = builder.prefetch_bytes(bytes);
            }
            builder
        }))
    }
}

fn chosen<T: Clone>(
    argument: &str,
    name: Option<&str>,
    choices: &[(&str, T)],
) -> PyResult<Option<T>> {
    name.map(|name| choice(argument, name, choices)).transpose()
}

fn on_unreadable(argument: &str, name: Option<&str>) -> PyResult<Option<OnUnreadable>> {
    let choices = [
        ("error", OnUnreadable::Error),
        ("skip", OnUnreadable::Skip),
        ("dead_letter", OnUnreadable::DeadLetter { topic: None }),
    ];
    chosen(argument, name, &choices)
}

/// (topic, partition), or (topic, partition, where to begin).
pub struct Place(pub (String, u32, StartOffset));

impl<'py> FromPyObject<'_, 'py> for Place {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok((topic, partition)) = value.extract::<(String, u32)>() {
            return Ok(Self((topic, partition, StartOffset::Earliest)));
        }
        match value.extract::<(String, u32, Start)>() {
            Ok((topic, partition, start)) => Ok(Self((topic, partition, start.0))),
            Err(error) => Err(PyTypeError::new_err(format!(
                "expected (topic, partition) or (topic, partition, start): {}",
                error.value(value.py())
            ))),
        }
    }
}
