//! `Consumer`.

mod commit;
mod deserialize;
mod options;
mod reading;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flymq_core::{Event, GroupOffset, GroupOffsets, Rebalance, StartOffset, TopicPartition};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use crate::at_exit::patience_after;
use crate::client::{Base, Through};
use crate::convert::{Seconds, Start};
use crate::groups::{self, ByPartition, Offsets, Partitions};
use crate::handle::{Handle, Served};
use crate::messages::{Message, Messages};
use crate::serdes::{Deserializer, Deserializers};
use crate::wait::Failure;
pub use commit::{AsyncCommit, Commit};
use options::{Options, Topics};
use reading::Reading;

/// How many messages `poll` returns unless told otherwise.
const MAX_RECORDS: usize = 500;
/// How long `poll` waits unless told otherwise.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an iteration waits before it looks around.
const ITERATION: Duration = Duration::from_secs(60);

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
    handle: Arc<Handle<Arc<Reading>>>,
    deserializers: Deserializers,
    /// What deserializers have raised, by the text of the error that the core was given for it.
    raised: Mutex<HashMap<String, PyErr>>,
    assigned: Option<Py<PyAny>>,
    revoked: Option<Py<PyAny>>,
    lost: Option<Py<PyAny>>,
}

#[pymethods]
impl Consumer {
    #[new]
    #[pyo3(signature = (client=None, topics=None, *, group=None, pattern=None, auto_commit=true, auto_commit_interval=None, auto_offset_reset=None, isolation=None, assignor=None, on_undecryptable=None, on_undeserializable=None, instance_id=None, max_poll_interval=None, session_timeout=None, rebalance_timeout=None, max_wait=None, min_bytes=None, fetch_bytes=None, prefetch_bytes=None, on_assigned=None, on_revoked=None, on_lost=None, key_deserializer=None, value_deserializer=None))]
    fn new(
        py: Python<'_>,
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
    ) -> PyResult<Self> {
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
        let subscription = options::subscription(topics, pattern)?;
        let (host, connecting) = Base::new(client)?.make(py)?;
        let client = host.wait(py, connecting)?;
        let builder = options.apply(client.client.consumer())?;
        let consumer = host.wait(py, async {
            let consumer = builder.build();
            subscription.map_or(Ok(()), |wanted| wanted.apply(&consumer)).map(|()| consumer)
        })?;
        Ok(Self {
            handle: Handle::new(Served { core: Arc::new(Reading::new(consumer)), host }),
            deserializers: Deserializers { key: key_deserializer, value: value_deserializer },
            raised: Mutex::default(),
            assigned: on_assigned,
            revoked: on_revoked,
            lost: on_lost,
        })
    }

    /// Read these topics, or those that match a pattern, together with the group's other members, and
    /// no others. Joining goes on in the background, and while `poll` is called.
    #[pyo3(signature = (topics=None, *, pattern=None))]
    fn subscribe(
        &self,
        py: Python<'_>,
        topics: Option<Topics>,
        pattern: Option<String>,
    ) -> PyResult<()> {
        let wanted = options::subscription(topics, pattern)?
            .ok_or_else(|| PyValueError::new_err("name topics, or a pattern"))?;
        let Served { core: this, host } = self.handle.get()?;
        host.wait(py, async { Ok::<_, Failure>(wanted.apply(&*this.borrow().await?)?) })
    }

    /// Give up all partitions, as in a rebalance, and leave the group.
    fn unsubscribe(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let Served { core: this, host } = slf.get().handle.get()?;
        slf.get().with(py, |consumer| {
            consumer.begin_unsubscribe();
            Ok(())
        })?;
        while let Some(event) = host.wait(py, this.pending())? {
            Self::tell(slf, event)?;
        }
        host.wait(py, async { Ok::<_, Failure>(this.borrow().await?.unsubscribe().await?) })
    }

    /// Read these partitions from now on, and no others, without sharing them with a group.
    ///
    /// Each is (topic, partition) to begin at the oldest record, or (topic, partition, start) with an
    /// offset, "earliest", "latest", or a datetime.
    fn assign(&self, py: Python<'_>, partitions: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        let place = |given: &Bound<'_, PyAny>| match given.extract::<(String, u32)>() {
            Ok((topic, partition)) => Ok((topic, partition, StartOffset::Earliest)),
            Err(_) => {
                let (topic, partition, start) = given.extract::<(String, u32, Start)>()?;
                Ok((topic, partition, start.0))
            }
        };
        let wrong = |error: PyErr| {
            let why = error.value(py);
            PyTypeError::new_err(format!(
                "expected (topic, partition) or (topic, partition, start): {why}"
            ))
        };
        let places: Vec<_> =
            partitions.iter().map(place).collect::<PyResult<_>>().map_err(wrong)?;
        let Served { core: this, host } = self.handle.get()?;
        host.wait(py, async { Ok::<_, Failure>(this.borrow().await?.assign(places).await?) })
    }

    /// The partitions that are read, as a list of TopicPartition.
    fn assignment(&self, py: Python<'_>) -> PyResult<Partitions> {
        self.with(py, |consumer| Ok(Partitions(consumer.assignment())))
    }

    /// Return messages as soon as there are any, at most `max_records` (500); none if there are none
    /// within `timeout` seconds (1).
    ///
    /// Raises what reading met and will not pass by itself. Lost connections are made again in the
    /// background.
    #[pyo3(signature = (max_records=None, timeout=None))]
    fn poll(
        slf: &Bound<'_, Self>,
        max_records: Option<usize>,
        timeout: Option<Seconds>,
    ) -> PyResult<Messages> {
        let timeout = timeout.map_or(POLL_TIMEOUT, |s| s.0);
        Self::next_messages(slf, max_records.unwrap_or(MAX_RECORDS), timeout).map(Messages)
    }

    /// Iterate over messages many at a time: lists of at most `max_records` (500), each as soon as there
    /// are any. With `timeout` the list is empty each time that nothing has come for so many seconds.
    #[pyo3(signature = (max_records=None, timeout=None))]
    fn batches(slf: Py<Self>, max_records: Option<usize>, timeout: Option<Seconds>) -> Batches {
        Batches {
            consumer: slf,
            max_records: max_records.unwrap_or(MAX_RECORDS),
            timeout: timeout.map(|s| s.0),
        }
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next message, however long it takes.
    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Message> {
        loop {
            if let Some(message) = Self::next_messages(slf, 1, ITERATION)?.pop() {
                return Ok(message);
            }
        }
    }

    /// Commit all messages that were returned, or one and all before it in its partition, or `offsets`,
    /// TopicPartition → the last offset processed; and wait until that is stored.
    ///
    /// Raises StaleGenerationError if partitions were taken from this consumer: others process them
    /// again then.
    #[pyo3(signature = (message=None, *, offsets=None))]
    fn commit(
        &self,
        py: Python<'_>,
        message: Option<&Bound<'_, Message>>,
        offsets: Option<ByPartition>,
    ) -> PyResult<()> {
        let commit = self.begin_commit(py, message, offsets)?;
        self.handle.get()?.host.wait(py, commit)
    }

    /// As `commit`, without waiting: return a Commit. Commits are stored in the order in which they are
    /// begun.
    #[pyo3(signature = (message=None, *, offsets=None))]
    fn commit_async(
        &self,
        py: Python<'_>,
        message: Option<&Bound<'_, Message>>,
        offsets: Option<ByPartition>,
    ) -> PyResult<Commit> {
        let commit = self.begin_commit(py, message, offsets)?;
        let host = self.handle.get()?.host;
        Ok(Commit::opened(Served { core: commit, host }))
    }

    /// What the group has committed of these partitions, by default those that are read:
    /// TopicPartition → the last offset processed. Those without a commit are left out.
    #[pyo3(signature = (partitions=None))]
    fn committed(
        &self,
        py: Python<'_>,
        partitions: Option<Vec<(String, u32)>>,
    ) -> PyResult<Offsets> {
        let Served { core: this, host } = self.handle.get()?;
        let committed = async {
            let consumer = this.borrow().await?;
            let slots = match partitions {
                Some(named) => named.into_iter().map(|(t, p)| TopicPartition::new(t, p)).collect(),
                None => consumer.assignment(),
            };
            Ok::<_, Failure>(consumer.committed(slots).await?)
        };
        host.wait(py, committed).map(Offsets)
    }

    /// Offset of the next message that will be returned from a partition.
    fn position(&self, py: Python<'_>, topic: &str, partition: u32) -> PyResult<u64> {
        self.with(py, |consumer| consumer.position(topic, partition))
    }

    /// How many offsets lie between a partition's position and its end, as of the last fetch: an upper
    /// bound of the messages to come. None before the first fetch.
    fn lag(&self, py: Python<'_>, topic: &str, partition: u32) -> PyResult<Option<u64>> {
        self.with(py, |consumer| consumer.lag(topic, partition))
    }

    /// Go on reading a partition elsewhere: at an offset, "earliest", "latest", or the first record of
    /// a datetime or later. Commits nothing.
    fn seek(&self, py: Python<'_>, topic: &str, partition: u32, start: Start) -> PyResult<()> {
        let Served { core: this, host } = self.handle.get()?;
        let seek =
            async { Ok::<_, Failure>(this.borrow().await?.seek(topic, partition, start.0).await?) };
        host.wait(py, seek)
    }

    /// Go back to what is committed, or to where reading began where nothing is, so that messages whose
    /// transaction was aborted are returned once more.
    fn rewind(&self, py: Python<'_>) -> PyResult<()> {
        let Served { core: this, host } = self.handle.get()?;
        host.wait(py, async { Ok::<_, Failure>(this.borrow().await?.rewind().await?) })
    }

    /// Return no messages of a partition until `resume`. What was read ahead is kept.
    fn pause(&self, py: Python<'_>, topic: &str, partition: u32) -> PyResult<()> {
        self.with(py, |consumer| consumer.pause(topic, partition))
    }

    /// End a `pause`.
    fn resume(&self, py: Python<'_>, topic: &str, partition: u32) -> PyResult<()> {
        self.with(py, |consumer| consumer.resume(topic, partition))
    }

    /// Give all partitions up, commit, with `auto_commit`, all messages that were returned, and leave
    /// the group. Raises what became of the last commit, or RequestTimeoutError if it takes longer than
    /// `timeout` seconds (30). Harmless when closed.
    #[pyo3(signature = (timeout=None))]
    fn close(slf: &Bound<'_, Self>, timeout: Option<Seconds>) -> PyResult<()> {
        Self::end(slf, timeout.map(|s| s.0), flymq_core::Consumer::begin_close)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        exc_type: Option<&Bound<'_, PyType>>,
        exc_value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (exc_value, traceback);
        match exc_type {
            None => Self::end(slf, None, flymq_core::Consumer::begin_close),
            // What the block was working on it has not processed.
            Some(_) => Self::end(slf, patience_after(exc_type)?, flymq_core::Consumer::abandon),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let callbacks = [&self.assigned, &self.revoked, &self.lost];
        callbacks.into_iter().flatten().try_for_each(|callback| visit.call(callback))?;
        self.deserializers.traverse(visit)
    }
}

/// A consumer whose offsets a transaction is to store.
pub struct Member(Arc<Reading>);

impl<'py> FromPyObject<'_, 'py> for Member {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(value.cast::<Consumer>()?.get().handle.get()?.core))
    }
}

impl Member {
    /// All messages that were returned.
    pub async fn processed(&self) -> Result<GroupOffsets, Failure> {
        Ok(self.0.borrow().await?.processed()?)
    }
}

impl Consumer {
    /// Something that takes no waiting.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&flymq_core::Consumer) -> flymq_core::Result<T> + Send,
    ) -> PyResult<T> {
        let Served { core: this, host } = self.handle.get()?;
        let work = async { Ok::<_, Failure>(work(&*this.borrow().await?)?) };
        host.wait_unless_ready(py, work)
    }

    fn begin_commit(
        &self,
        py: Python<'_>,
        message: Option<&Bound<'_, Message>>,
        offsets: Option<ByPartition>,
    ) -> PyResult<flymq_core::Commit> {
        let offsets: Option<Vec<GroupOffset>> = match (message, offsets) {
            (Some(_), Some(_)) => {
                return Err(PyValueError::new_err("give a message or offsets, not both"));
            }
            (Some(message), None) => Some(vec![message.get().processed()]),
            (None, offsets) => offsets.map(|offsets| groups::processed(offsets).collect()),
        };
        self.with(py, |consumer| {
            Ok(match offsets {
                Some(offsets) => consumer.commit_offsets_async(offsets),
                None => consumer.commit_async(),
            })
        })
    }

    fn next_messages(
        slf: &Bound<'_, Self>,
        max_records: usize,
        timeout: Duration,
    ) -> PyResult<Vec<Message>> {
        let py = slf.py();
        let began = Instant::now();
        let Served { core: this, host } = slf.get().handle.get()?;
        let Some(_turn) = this.take_turn(py, &host, timeout)? else { return Ok(Vec::new()) };
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            let event = host.wait_unless_ready(py, this.event(max_records, left));
            match event.map_err(|error| slf.get().with_cause(py, error))? {
                Some(Event::Records(messages)) => {
                    let read = slf.get().deserialize(py, &host, &this, messages)?;
                    if !read.is_empty() {
                        return Ok(read);
                    }
                }
                Some(event) => Self::tell(slf, event)?,
                None => return Ok(Vec::new()),
            }
        }
    }

    fn end(
        slf: &Bound<'_, Self>,
        timeout: Option<Duration>,
        prepare: fn(&flymq_core::Consumer),
    ) -> PyResult<()> {
        let handle = &slf.get().handle;
        let Some(Served { core, host }) = handle.peek()? else { return Ok(()) };
        let ended = core.end(slf.py(), &host, timeout, prepare, |event| Self::tell(slf, event));
        handle.forget()?;
        ended
    }

    /// Calls the callback of a rebalance.
    fn tell(slf: &Bound<'_, Self>, event: Event) -> PyResult<()> {
        let this = slf.get();
        let (callback, slots) = match &event {
            Event::Rebalance(Rebalance::Assigned(slots)) => (&this.assigned, slots),
            Event::Rebalance(Rebalance::Revoked(slots)) => (&this.revoked, slots),
            Event::Rebalance(Rebalance::Lost(slots)) => (&this.lost, slots),
            Event::Records(_) => return Ok(()),
        };
        if let Some(callback) = callback {
            callback.call1(slf.py(), (slf, Partitions(slots.clone())))?;
        }
        Ok(())
    }
}

/// What `Consumer.batches` returns.
#[pyclass(module = "flymq._native", name = "_Batches", frozen)]
pub struct Batches {
    consumer: Py<Consumer>,
    max_records: usize,
    timeout: Option<Duration>,
}

#[pymethods]
impl Batches {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Messages> {
        loop {
            let timeout = self.timeout.unwrap_or(ITERATION);
            let batch = Consumer::next_messages(self.consumer.bind(py), self.max_records, timeout)?;
            if !batch.is_empty() || self.timeout.is_some() {
                return Ok(Messages(batch));
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.consumer)
    }
}
