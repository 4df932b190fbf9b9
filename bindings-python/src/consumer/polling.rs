//! Polling, and giving partitions up: steps of the core, with Python's callbacks and deserializers
//! between them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flymq_core::{Error, ErrorCode, Event, Message as CoreMessage};
use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use super::hooks::{Hooks, serialization};
use super::reading::{Found, Poller, Reading, Turn};
use crate::handle::Served;
use crate::messages::{Message, Messages};
use crate::step::{Step, value};
use crate::wait::Failure;

/// How long an iteration waits before it looks around.
const ITERATION: Duration = Duration::from_secs(60);

/// A consumer of Python, of either kind.
pub trait Consuming: PyClass<Frozen = True> + Send + Sync {
    fn hooks(&self) -> &Hooks;
    fn served(&self, py: Python<'_>) -> PyResult<Served<Reading>>;
    fn peek(&self, py: Python<'_>) -> PyResult<Option<Served<Reading>>>;
    fn forget(&self) -> PyResult<()>;
    /// Who calls.
    fn poller(py: Python<'_>) -> PyResult<Poller>;
}

/// What is polled for.
#[derive(Clone, Copy)]
pub enum Wanted {
    /// Messages, if there are any within the time.
    Some { max: usize, timeout: Duration },
    /// The next messages, however long that takes.
    Next { max: usize },
    /// The next message, however long that takes.
    One,
}

/// Polls, with the callbacks of rebalances.
pub fn poll<C: Consuming>(py: Python<'_>, consumer: Py<C>, wanted: Wanted) -> PyResult<Step> {
    let served = consumer.get().served(py)?;
    let poller = C::poller(py)?;
    served.core.check_may_poll(poller)?;
    Ok(Polling { consumer, served, poller, wanted }.go(None, Instant::now()))
}

struct Polling<C: Consuming> {
    consumer: Py<C>,
    served: Served<Reading>,
    poller: Poller,
    wanted: Wanted,
}

impl<C: Consuming> Polling<C> {
    fn go(self, turn: Option<Turn>, began: Instant) -> Step {
        let (max, timeout) = match self.wanted {
            Wanted::Some { max, timeout } => (max, timeout.saturating_sub(began.elapsed())),
            Wanted::Next { max } => (max, ITERATION),
            Wanted::One => (1, ITERATION),
        };
        let Served { core, host } = self.served.clone();
        let next = core.next(turn, self.poller, max, timeout);
        Step::core(host, next, move |py, found| self.got(py, found, began)).quick()
    }

    fn got(self, py: Python<'_>, found: PyResult<Option<Found>>, began: Instant) -> PyResult<Step> {
        let hooks = self.consumer.get().hooks();
        let Some(mut found) = found.map_err(|error| hooks.with_cause(py, error))? else {
            return self.nothing(py, None);
        };
        match found.take() {
            None => self.nothing(py, found.done()),
            Some(Event::Records(messages)) if hooks.deserializers.is_empty() => {
                found.done();
                self.returns(py, messages.into_iter().map(Message::from).collect())
            }
            Some(Event::Records(messages)) => {
                found.reading(&messages);
                let read = Vec::with_capacity(messages.len());
                let messages = messages.into_iter();
                self.read(
                    py,
                    Deserializing { found, messages, read, halted: HashSet::new() },
                    began,
                )
            }
            Some(rebalance) => {
                let turn = found.done();
                let told = hooks.tell(self.consumer.bind(py).as_any(), rebalance)?;
                let Some(awaitable) = told else { return Ok(self.go(turn, began)) };
                Step::python(&awaitable, move |_, returned| {
                    returned?;
                    Ok(self.go(turn, began))
                })
            }
        }
    }

    fn read(self, py: Python<'_>, mut reading: Deserializing, began: Instant) -> PyResult<Step> {
        let hooks = self.consumer.get().hooks();
        while let Some(message) = reading.messages.next() {
            if reading.halted.contains(&(message.topic.clone(), message.partition)) {
                continue;
            }
            let raised = match hooks.deserializers.message(py, &message) {
                Ok(message) => {
                    reading.read.push(message);
                    continue;
                }
                Err(raised) => raised,
            };
            // If something else has failed, such as Ctrl-C, nothing of this is returned, and all of
            // it comes again.
            let Some(text) = serialization(py, &raised) else { return Err(raised) };
            return Ok(self.refuse(reading, message, text, raised, began));
        }
        let Deserializing { found, read, .. } = reading;
        let turn = found.done();
        if read.is_empty() { Ok(self.go(turn, began)) } else { self.returns(py, read) }
    }

    /// Has the core decide about a message that cannot be read.
    fn refuse(
        self,
        mut reading: Deserializing,
        message: CoreMessage,
        text: String,
        raised: PyErr,
        began: Instant,
    ) -> Step {
        let Served { core, host } = self.served.clone();
        let slot = (message.topic.clone(), message.partition);
        let error = Error::new(ErrorCode::Serialization, "poll", text.clone());
        let refuse =
            async move { Ok::<_, Failure>(core.borrow().await?.refuse(&message, error).await) };
        let then = move |py: Python<'_>, passed: PyResult<bool>| {
            if !passed? {
                self.consumer.get().hooks().remember(text, raised);
                reading.halted.insert(slot);
            }
            self.read(py, reading, began)
        };
        Step::core(host, refuse, then).quick()
    }

    fn nothing(self, py: Python<'_>, turn: Option<Turn>) -> PyResult<Step> {
        match self.wanted {
            Wanted::Some { .. } => self.returns(py, Vec::new()),
            Wanted::Next { .. } | Wanted::One => Ok(self.go(turn, Instant::now())),
        }
    }

    fn returns(self, py: Python<'_>, mut messages: Vec<Message>) -> PyResult<Step> {
        Ok(Step::Return(match self.wanted {
            Wanted::One => value(py, messages.pop())?,
            Wanted::Some { .. } | Wanted::Next { .. } => value(py, Messages(messages))?,
        }))
    }
}

/// Messages on their way to Python.
struct Deserializing {
    found: Found,
    messages: std::vec::IntoIter<CoreMessage>,
    read: Vec<Message>,
    /// Partitions that are read no further.
    halted: HashSet<(Arc<str>, u32)>,
}

/// Gives up all partitions, as in a rebalance, and leaves the group.
pub fn unsubscribe<C: Consuming>(py: Python<'_>, consumer: Py<C>) -> PyResult<Step> {
    let served = consumer.get().served(py)?;
    Ok(Leaving { consumer, served, closing: None, told: Ok(()) }
        .begin(flymq_core::Consumer::begin_unsubscribe))
}

/// Closes the consumer, which it begins by `prepare` and during which callbacks may still use it.
pub fn close<C: Consuming>(
    py: Python<'_>,
    consumer: Py<C>,
    timeout: Option<Duration>,
    prepare: fn(&flymq_core::Consumer),
) -> PyResult<Step> {
    let Some(served) = consumer.get().peek(py)? else { return Ok(Step::Return(py.None())) };
    Ok(Leaving { consumer, served, closing: Some(timeout), told: Ok(()) }.begin(prepare))
}

struct Leaving<C: Consuming> {
    consumer: Py<C>,
    served: Served<Reading>,
    /// Within what time to close; `None` where the consumer only unsubscribes.
    closing: Option<Option<Duration>>,
    /// What callbacks have raised while it closes, which goes on.
    told: PyResult<()>,
}

impl<C: Consuming> Leaving<C> {
    fn begin(self, prepare: fn(&flymq_core::Consumer)) -> Step {
        let Served { core, host } = self.served.clone();
        let begin = async move {
            core.prepare(prepare).await;
            core.pending().await
        };
        Step::core(host, begin, move |py, pending| self.got(py, pending))
    }

    fn go(self) -> Step {
        let Served { core, host } = self.served.clone();
        let pending = async move { core.pending().await };
        Step::core(host, pending, move |py, pending| self.got(py, pending))
    }

    fn got(self, py: Python<'_>, pending: PyResult<Option<Event>>) -> PyResult<Step> {
        let event = match pending {
            Ok(event) => event,
            // What polling fails with, such as being fenced, does not keep from closing.
            Err(_) if self.closing.is_some() => None,
            Err(error) => return Err(error),
        };
        let Some(event) = event else { return Ok(self.finish()) };
        match self.consumer.get().hooks().tell(self.consumer.bind(py).as_any(), event) {
            Ok(None) => Ok(self.go()),
            Ok(Some(awaitable)) => {
                Step::python(&awaitable, move |_, returned| self.heard(returned.map(drop)))
            }
            Err(error) => self.heard(Err(error)),
        }
    }

    fn heard(mut self, told: PyResult<()>) -> PyResult<Step> {
        match self.closing {
            Some(_) => self.told = self.told.and(told),
            None => told?,
        }
        Ok(self.go())
    }

    fn finish(self) -> Step {
        let Served { core, host } = self.served.clone();
        let closing = self.closing;
        let finish = async move {
            match closing {
                Some(timeout) => core.finish(timeout).await,
                None => Ok(core.borrow().await?.unsubscribe().await?),
            }
        };
        Step::core(host, finish, move |py, finished| {
            if closing.is_some() {
                self.consumer.get().forget()?;
            }
            finished.and(self.told)?;
            Ok(Step::Return(py.None()))
        })
    }
}
