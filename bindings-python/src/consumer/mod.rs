//! Consumers, blocking and for asyncio.
//!
//! | module | holds |
//! | --- | --- |
//! | [`options`] | what they are given |
//! | [`hooks`] | what they call: callbacks of rebalances, deserializers |
//! | [`reading`] | the consumer of the core behind them |
//! | [`polling`] | polling and giving partitions up, with callbacks |
//! | [`batches`] | polling in a loop |
//! | [`calls`] | all other calls |
//! | [`commit`] | `Commit` |

mod batches;
mod calls;
mod commit;
mod hooks;
mod options;
mod polling;
mod reading;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flymq_core::GroupOffsets;
use flymq_python_macros::mirrored;
use futures_util::FutureExt;
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use crate::asyncio::{self, AsyncHandle, Call};
use crate::at_exit::patience_after;
use crate::client::{Base, Through};
use crate::convert::Seconds;
use crate::handle::{Blueprint, Handle, Making, Served};
use crate::serdes::{Deserializer, Deserializers};
use crate::wait::Failure;
use batches::{AsyncBatches, Batches};
pub use commit::{AsyncCommit, Commit};
use hooks::Hooks;
use options::{Configure, Options, Subscription, Topics};
use polling::{Consuming, Wanted};
use reading::{Poller, Reading};

/// How many messages `poll` returns unless told otherwise.
const MAX_RECORDS: usize = 500;
/// How long `poll` waits unless told otherwise.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads topics: together with the other members of a group, or partitions of its own choice.
///
/// An iterator over messages, and a context manager:
///
///     with flymq.Consumer(client, "orders", group="billing") as consumer:
///         for message in consumer:
///             print(message.key, message.value)
///
/// `client` is a FlyMQClient, or an address as FlyMQClient takes it. `topics` is a topic or several,
/// `pattern` a regular expression (RE2) that their whole names match; topics that do not exist are read
/// once they do. `group` shares the partitions with its other members, and remembers what it has
/// processed. Without a group, `assign` partitions.
///
/// With `auto_commit` (True), what was processed is committed every `auto_commit_interval` seconds (5),
/// when partitions are given up, and by `close`: a message is processed once the consumer is asked for
/// the next one. What a `with` block was processing when it was left by an exception is not. Without
/// it, call `commit`.
///
/// `auto_offset_reset` says where to begin if the group has committed nothing, and what to do when a
/// position lies outside the log: "earliest" (the default), "latest" or "error". `isolation` is
/// "read_committed" (the default) or "read_uncommitted". `assignor` is "sticky" (the default) or
/// "range". `on_undecryptable` says what to do about an encrypted message that cannot be decrypted:
/// "error" (the default), "skip", or "dead_letter" to send it on to the topic with ".dlq" behind its
/// name. `instance_id` is a name that outlives restarts, so that a quick restart moves no partition.
///
/// `key_deserializer` and `value_deserializer` make keys and values of bytes, see `flymq.serializers`.
/// `on_undeserializable` says what to do about a message with which they fail, as `on_undecryptable` does.
/// With "error" the messages before it are returned first; then SerializationError is raised, once, and its
/// partition is read no further. The position stays at the message: `seek` past it to go on without it, or
/// to it to try again.
///
/// The consumer has to be asked for messages every `max_poll_interval` seconds (300), or others get its
/// partitions; they also do `session_timeout` seconds (45) after it was last heard of.
/// `rebalance_timeout` (60) is how long it may take to give partitions up. `max_wait` (0.5), `min_bytes`
/// (1), `fetch_bytes` (4 MiB) and `prefetch_bytes` (16 MiB) bound what is read ahead.
///
/// `on_assigned`, `on_revoked` and `on_lost` are called with this consumer and a list of
/// TopicPartition, on the thread that polls: for new partitions, of which nothing was returned yet;
/// for those about to be given up, whose offsets may still be committed; and for those that others may
/// have by now. What they raise, the call of the consumer raises.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct Consumer {
    handle: Arc<Handle<Reading>>,
    hooks: Hooks,
}

impl Consumer {
    fn open(py: Python<'_>, (plan, hooks): (Plan, Hooks)) -> PyResult<Self> {
        Ok(Self { handle: Handle::make(py, &plan)?, hooks })
    }
}

impl Consuming for Consumer {
    fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    fn served(&self, _py: Python<'_>) -> PyResult<Served<Reading>> {
        self.handle.get()
    }

    fn peek(&self, _py: Python<'_>) -> PyResult<Option<Served<Reading>>> {
        self.handle.peek()
    }

    fn forget(&self) -> PyResult<()> {
        self.handle.forget().map(drop)
    }

    fn poller(_py: Python<'_>) -> PyResult<Poller> {
        Ok(Poller::Thread(thread::current().id()))
    }
}

/// `Consumer` for asyncio: its methods, awaited, and an asynchronous iterator over messages.
///
///     async with flymq.AsyncConsumer(client, "orders", group="billing") as consumer:
///         async for message in consumer:
///             print(message.key, message.value)
///
/// `client` is an AsyncFlyMQClient, or an address as it takes it; the other options are those of
/// Consumer. Constructing connects nothing: `async with` or `await consumer.connect()` does.
///
/// As with Consumer a message is processed once the consumer is asked for the next one, and what the block
/// was processing when it was left by an exception, or because its task was cancelled, is not. Messages
/// that a cancelled `poll` did not return come again.
///
/// `on_assigned`, `on_revoked` and `on_lost` may be plain or asynchronous functions; they run on the event
/// loop, in the task that polls.
#[pyclass(module = "flymq", frozen, weakref, generic)]
pub struct AsyncConsumer {
    handle: Arc<AsyncHandle<Reading>>,
    hooks: Hooks,
}

impl AsyncConsumer {
    fn unconnected((plan, hooks): (Plan, Hooks)) -> Self {
        Self { handle: AsyncHandle::unconnected(plan), hooks }
    }
}

impl Consuming for AsyncConsumer {
    fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    fn served(&self, py: Python<'_>) -> PyResult<Served<Reading>> {
        self.handle.get(py)
    }

    fn peek(&self, py: Python<'_>) -> PyResult<Option<Served<Reading>>> {
        self.handle.peek(py)
    }

    fn forget(&self) -> PyResult<()> {
        self.handle.forget().map(drop)
    }

    fn poller(py: Python<'_>) -> PyResult<Poller> {
        asyncio::current_task(py).map(Poller::Task)
    }
}

/// A consumer that is yet to be made.
struct Plan {
    base: Base,
    configure: Configure,
    subscription: Option<Subscription>,
}

impl Blueprint for Plan {
    type Resource = Reading;

    fn make(&self, py: Python<'_>) -> PyResult<Making<Reading>> {
        let (host, connecting) = self.base.make(py)?;
        let (configure, subscription) = (self.configure.clone(), self.subscription.clone());
        let making = async move {
            let consumer = configure(connecting.await?.client.consumer()).build();
            subscription.map_or(Ok(()), |wanted| wanted.apply(&consumer))?;
            Ok(Reading::new(consumer))
        };
        Ok((host, making.boxed()))
    }
}

#[mirrored(Consumer, AsyncConsumer)]
impl Plan {
    #[new]
    #[pyo3(signature = (client=None, topics=None, *, group=None, pattern=None, auto_commit=true, auto_commit_interval=None, auto_offset_reset=None, isolation=None, assignor=None, on_undecryptable=None, on_undeserializable=None, instance_id=None, max_poll_interval=None, session_timeout=None, rebalance_timeout=None, max_wait=None, min_bytes=None, fetch_bytes=None, prefetch_bytes=None, on_assigned=None, on_revoked=None, on_lost=None, key_deserializer=None, value_deserializer=None))]
    fn new(
        client: Option<Through>,
        topics: Option<Topics>,
        group: Option<String>,
        pattern: Option<String>,
        auto_commit: bool,
        auto_commit_interval: Option<Seconds>,
        auto_offset_reset: Option<&str>,
        isolation: Option<&str>,
        assignor: Option<&str>,
        on_undecryptable: Option<&str>,
        on_undeserializable: Option<&str>,
        instance_id: Option<String>,
        max_poll_interval: Option<Seconds>,
        session_timeout: Option<Seconds>,
        rebalance_timeout: Option<Seconds>,
        max_wait: Option<Seconds>,
        min_bytes: Option<u32>,
        fetch_bytes: Option<u32>,
        prefetch_bytes: Option<usize>,
        on_assigned: Option<Py<PyAny>>,
        on_revoked: Option<Py<PyAny>>,
        on_lost: Option<Py<PyAny>>,
        key_deserializer: Option<Deserializer>,
        value_deserializer: Option<Deserializer>,
    ) -> PyResult<(Self, Hooks)> {
        let options = Options {
            group,
            auto_commit,
            auto_commit_interval,
            auto_offset_reset,
            isolation,
            assignor,
            on_undecryptable,
            on_undeserializable,
            instance_id,
            max_poll_interval,
            session_timeout,
            rebalance_timeout,
            max_wait,
            min_bytes,
            fetch_bytes,
            prefetch_bytes,
        };
        let plan = Self {
            base: Base::new(client)?,
            configure: options.configure()?,
            subscription: options::subscription(topics, pattern)?,
        };
        let hooks = Hooks {
            deserializers: Deserializers { key: key_deserializer, value: value_deserializer },
            raised: Mutex::default(),
            assigned: on_assigned,
            revoked: on_revoked,
            lost: on_lost,
        };
        Ok((plan, hooks))
    }
}

#[pymethods]
impl Consumer {
    /// Give up all partitions, as in a rebalance, and leave the group.
    fn unsubscribe(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        polling::unsubscribe(py, slf)?.wait(py)
    }

    /// Return messages as soon as there are any, at most `max_records` (500); none if there are none
    /// within `timeout` seconds (1).
    ///
    /// Raises what reading met and will not pass by itself. Lost connections are made again in the
    /// background.
    #[pyo3(signature = (max_records=None, timeout=None))]
    fn poll(
        slf: Py<Self>,
        py: Python<'_>,
        max_records: Option<usize>,
        timeout: Option<Seconds>,
    ) -> PyResult<Py<PyAny>> {
        polling::poll(py, slf, some(max_records, timeout))?.wait(py)
    }

    /// Iterate over messages many at a time: lists of at most `max_records` (500), each as soon as there
    /// are any. With `timeout` the list is empty each time that nothing has come for so many seconds.
    #[pyo3(signature = (max_records=None, timeout=None))]
    fn batches(slf: Py<Self>, max_records: Option<usize>, timeout: Option<Seconds>) -> Batches {
        Batches { consumer: slf, wanted: batch(max_records, timeout) }
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next message, however long it takes.
    fn __next__(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        polling::poll(py, slf, Wanted::One)?.wait(py)
    }

    /// Give all partitions up, commit, with `auto_commit`, all messages that were returned, and leave
    /// the group. Raises what became of the last commit, or RequestTimeoutError if it takes longer than
    /// `timeout` seconds (30). Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(slf: Py<Self>, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<Py<PyAny>> {
        let begin = flymq_core::Consumer::begin_close;
        polling::close(py, slf, timeout.map(|s| s.0), begin)?.wait(py)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None))]
    fn __exit__(
        slf: Py<Self>,
        py: Python<'_>,
        exc_type: Option<&Bound<'_, PyType>>,
        exc_value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = (exc_value, traceback);
        polling::close(py, slf, patience_after(exc_type)?, leaving(exc_type))?.wait(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.hooks.traverse(visit)
    }
}

#[pymethods]
impl AsyncConsumer {
    /// Connect to the event loop that runs, as `async with` does. Harmless when connected.
    fn connect(&self) -> Call {
        self.handle.connect("AsyncConsumer.connect")
    }

    /// Give up all partitions, as in a rebalance, and leave the group.
    fn unsubscribe(slf: Py<Self>) -> Call {
        Call::new("AsyncConsumer.unsubscribe", |py| polling::unsubscribe(py, slf))
    }

    /// Return messages as soon as there are any, at most `max_records` (500); none if there are none
    /// within `timeout` seconds (1).
    ///
    /// Raises what reading met and will not pass by itself. Lost connections are made again in the
    /// background.
    #[pyo3(signature = (max_records=None, timeout=None))]
    fn poll(slf: Py<Self>, max_records: Option<usize>, timeout: Option<Seconds>) -> Call {
        let wanted = some(max_records, timeout);
        Call::new("AsyncConsumer.poll", move |py| polling::poll(py, slf, wanted))
    }

    /// Iterate over messages many at a time: lists of at most `max_records` (500), each as soon as there
    /// are any. With `timeout` the list is empty each time that nothing has come for so many seconds.
    #[pyo3(signature = (max_records=None, timeout=None))]
    fn batches(
        slf: Py<Self>,
        max_records: Option<usize>,
        timeout: Option<Seconds>,
    ) -> AsyncBatches {
        AsyncBatches { consumer: slf, wanted: batch(max_records, timeout) }
    }

    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next message, however long it takes.
    fn __anext__(slf: Py<Self>) -> Call {
        Call::new("AsyncConsumer.__anext__", |py| polling::poll(py, slf, Wanted::One))
    }

    /// Give all partitions up, commit, with `auto_commit`, all messages that were returned, and leave
    /// the group. Raises what became of the last commit, or RequestTimeoutError if it takes longer than
    /// `timeout` seconds (30). Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(slf: Py<Self>, timeout: Option<Seconds>) -> Call {
        let begin = flymq_core::Consumer::begin_close;
        Call::new("AsyncConsumer.close", move |py| {
            polling::close(py, slf, timeout.map(|s| s.0), begin)
        })
    }

    fn __aenter__(slf: Py<Self>) -> Call {
        let handle = slf.get().handle.clone();
        Call::new("AsyncConsumer.__aenter__", move |py| {
            handle.connect_then(py, move |_| Ok(slf.into_any()))
        })
    }

    #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None))]
    fn __aexit__(
        slf: Py<Self>,
        exc_type: Option<&Bound<'_, PyType>>,
        exc_value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Call> {
        let _ = (exc_value, traceback);
        let (patience, begin) = (asyncio::patience_after(exc_type)?, leaving(exc_type));
        Ok(Call::new("AsyncConsumer.__aexit__", move |py| polling::close(py, slf, patience, begin)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.hooks.traverse(visit)
    }
}

fn some(max_records: Option<usize>, timeout: Option<Seconds>) -> Wanted {
    Wanted::Some {
        max: max_records.unwrap_or(MAX_RECORDS),
        timeout: timeout.map_or(POLL_TIMEOUT, |s| s.0),
    }
}

fn batch(max_records: Option<usize>, timeout: Option<Seconds>) -> Wanted {
    match timeout {
        Some(_) => some(max_records, timeout),
        None => Wanted::Next { max: max_records.unwrap_or(MAX_RECORDS) },
    }
}

/// How to begin closing at the end of a block: what it was working on when it raised something it has
/// not processed.
fn leaving(exception: Option<&Bound<'_, PyType>>) -> fn(&flymq_core::Consumer) {
    match exception {
        None => flymq_core::Consumer::begin_close,
        Some(_) => flymq_core::Consumer::abandon,
    }
}

/// A consumer whose offsets a transaction is to store.
pub struct Member(Reading);

impl<'py> FromPyObject<'_, 'py> for Member {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let served = match value.cast::<AsyncConsumer>() {
            Ok(consumer) => consumer.get().handle.get_anywhere()?,
            Err(_) => value.cast::<Consumer>()?.get().handle.get()?,
        };
        Ok(Self(served.core))
    }
}

impl Member {
    /// All messages that were returned.
    pub async fn processed(&self) -> Result<GroupOffsets, Failure> {
        Ok(self.0.borrow().await?.processed()?)
    }
}
