//! The calls of consumers in which Python has no part.

use flymq_core::{GroupOffset, TopicPartition};
use flymq_python_macros::mirrored;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::options::{Place, Topics, subscription};
use super::reading::Reading;
use super::{AsyncCommit, AsyncConsumer, Commit, Consumer};
use crate::convert::Start;
use crate::groups::{self, ByPartition, Offsets, Partitions};
use crate::messages::Message;
use crate::wait::Failure;

/// What is processed once a message is.
struct Processed(GroupOffset);

impl<'py> FromPyObject<'_, 'py> for Processed {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(value.cast::<Message>()?.get().processed()))
    }
}

#[mirrored(Consumer, AsyncConsumer)]
impl Reading {
    /// The brokers that its client was told of, each as "host:port".
    #[getter]
    fn addresses(self) -> flymq_core::Result<Vec<String>> {
        Ok(self.told_of().to_vec())
    }

    /// The group that it is a member of, None without one.
    #[getter]
    fn group(self) -> flymq_core::Result<Option<String>> {
        Ok(self.member_of().map(str::to_owned))
    }

    /// Read these topics, or those that match a pattern, together with the group's other members, and
    /// no others. Joining goes on in the background, and while `poll` is called.
    #[pyo3(signature = (topics=None, *, pattern=None))]
    async fn subscribe(
        self,
        topics: Option<Topics>,
        pattern: Option<String>,
    ) -> Result<(), Failure> {
        let wanted = subscription(topics, pattern)?
            .ok_or_else(|| PyValueError::new_err("name topics, or a pattern"))?;
        Ok(wanted.apply(&*self.borrow().await?)?)
    }

    /// Read these partitions from now on, and no others, without sharing them with a group.
    ///
    /// Each is (topic, partition) to begin at the oldest record, or (topic, partition, start) with an
    /// offset, "earliest", "latest", or a datetime.
    async fn assign(self, partitions: Vec<Place>) -> Result<(), Failure> {
        let places: Vec<_> = partitions.into_iter().map(|place| place.0).collect();
        Ok(self.borrow().await?.assign(places).await?)
    }

    /// The partitions that are read, as a list of TopicPartition.
    #[quick]
    async fn assignment(self) -> Result<Partitions, Failure> {
        Ok(Partitions(self.borrow().await?.assignment()))
    }

    /// Commit all messages that were returned, or one and all before it in its partition, or `offsets`,
    /// TopicPartition → the last offset processed; and wait until that is stored.
    ///
    /// Raises StaleGenerationError if partitions were taken from this consumer: others process them
    /// again then.
    #[pyo3(signature = (message=None, *, offsets=None))]
    async fn commit(
        self,
        message: Option<Processed>,
        offsets: Option<ByPartition>,
    ) -> Result<(), Failure> {
        Ok(self.begin_commit(message, offsets).await?.await?)
    }

    /// As `commit`, without waiting: return a Commit. Commits are stored in the order in which they are
    /// begun.
    #[opens(Commit, AsyncCommit)]
    #[pyo3(signature = (message=None, *, offsets=None))]
    async fn commit_async(
        self,
        message: Option<Processed>,
        offsets: Option<ByPartition>,
    ) -> Result<flymq_core::Commit, Failure> {
        self.begin_commit(message, offsets).await
    }

    /// What the group has committed of these partitions, by default those that are read:
    /// TopicPartition → the last offset processed. Those without a commit are left out.
    #[pyo3(signature = (partitions=None))]
    async fn committed(self, partitions: Option<Vec<(String, u32)>>) -> Result<Offsets, Failure> {
        let consumer = self.borrow().await?;
        let slots = match partitions {
            Some(named) => named.into_iter().map(|(t, p)| TopicPartition::new(t, p)).collect(),
            None => consumer.assignment(),
        };
        Ok(Offsets(consumer.committed(slots).await?))
    }

    /// Offset of the next message that will be returned from a partition.
    #[quick]
    async fn position(self, topic: String, partition: u32) -> Result<u64, Failure> {
        Ok(self.borrow().await?.position(&topic, partition)?)
    }

    /// How many offsets lie between a partition's position and its end, as of the last fetch: an upper
    /// bound of the messages to come. None before the first fetch.
    #[quick]
    async fn lag(self, topic: String, partition: u32) -> Result<Option<u64>, Failure> {
        Ok(self.borrow().await?.lag(&topic, partition)?)
    }

    /// Go on reading a partition elsewhere: at an offset, "earliest", "latest", or the first record of
    /// a datetime or later. Commits nothing.
    async fn seek(self, topic: String, partition: u32, start: Start) -> Result<(), Failure> {
        Ok(self.borrow().await?.seek(&topic, partition, start.0).await?)
    }

    /// Go back to what is committed, or to where reading began where nothing is, so that messages whose
    /// transaction was aborted are returned once more.
    async fn rewind(self) -> Result<(), Failure> {
        Ok(self.borrow().await?.rewind().await?)
    }

    /// Return no messages of a partition until `resume`. What was read ahead is kept.
    #[quick]
    async fn pause(self, topic: String, partition: u32) -> Result<(), Failure> {
        Ok(self.borrow().await?.pause(&topic, partition)?)
    }

    /// End a `pause`.
    #[quick]
    async fn resume(self, topic: String, partition: u32) -> Result<(), Failure> {
        Ok(self.borrow().await?.resume(&topic, partition)?)
    }
}

impl Reading {
    async fn begin_commit(
        &self,
        message: Option<Processed>,
        offsets: Option<ByPartition>,
    ) -> Result<flymq_core::Commit, Failure> {
        let offsets: Option<Vec<_>> = match (message, offsets) {
            (Some(_), Some(_)) => {
                return Err(PyValueError::new_err("give a message or offsets, not both").into());
            }
            (Some(message), None) => Some(vec![message.0]),
            (None, offsets) => offsets.map(|offsets| groups::processed(offsets).collect()),
        };
        let consumer = self.borrow().await?;
        Ok(match offsets {
            Some(offsets) => consumer.commit_offsets_async(offsets),
            None => consumer.commit_async(),
        })
    }
}
