//! `FlyMQClient`: topics and offsets.

use std::collections::BTreeMap;

use flymq_core::{NewTopic, OffsetSpec};
use pyo3::prelude::*;

use crate::client::FlyMQClient;
use crate::topics::TopicDescription;

#[pymethods]
impl FlyMQClient {
    /// Create a topic. Return whether it was created, which it is not where it was there already
    /// and `if_not_exists` allowed that; else that raises TopicExistsError.
    #[pyo3(signature = (name, partitions=1, *, config=None, if_not_exists=false))]
    fn create_topic(
        &self,
        py: Python<'_>,
        name: &str,
        partitions: u32,
        config: Option<BTreeMap<String, String>>,
        if_not_exists: bool,
    ) -> PyResult<bool> {
        let mut topic = NewTopic::new(name).partitions(partitions);
        for (key, value) in config.unwrap_or_default() {
            topic = topic.config(key, value);
        }
        if if_not_exists {
            topic = topic.if_not_exists();
        }
        let this = self.connected()?;
        this.host.wait(py, this.client.create_topic(topic))
    }

    /// Delete a topic and its records.
    fn delete_topic(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let this = self.connected()?;
        this.host.wait(py, this.client.delete_topic(name))
    }

    /// Return the names of all topics with their numbers of partitions.
    fn list_topics(&self, py: Python<'_>) -> PyResult<BTreeMap<String, u32>> {
        let this = self.connected()?;
        let topics = this.host.wait(py, this.client.list_topics())?;
        Ok(topics.into_iter().map(|topic| (topic.name, topic.partitions)).collect())
    }

    /// Return a topic's configuration and its partitions' offsets.
    fn describe_topic(&self, py: Python<'_>, name: &str) -> PyResult<TopicDescription> {
        let this = self.connected()?;
        this.host.wait(py, this.client.describe_topic(name)).map(TopicDescription)
    }

    /// Change a topic's configuration; a value of None puts a key back to its default. Return every
    /// key with the value in force.
    fn alter_topic(
        &self,
        py: Python<'_>,
        name: &str,
        config: BTreeMap<String, Option<String>>,
    ) -> PyResult<BTreeMap<String, String>> {
        let this = self.connected()?;
        this.host.wait(py, this.client.alter_topic(name, config))
    }

    /// Raise a topic's number of partitions to `partitions`. Keys may change partitions then.
    fn add_partitions(&self, py: Python<'_>, name: &str, partitions: u32) -> PyResult<()> {
        let this = self.connected()?;
        this.host.wait(py, this.client.add_partitions(name, partitions))
    }

    /// Return how many partitions a topic has.
    fn partition_count(&self, py: Python<'_>, topic: &str) -> PyResult<u32> {
        let this = self.connected()?;
        this.host.wait(py, this.client.partition_count(topic))
    }

    /// Return the offset of the oldest record there is.
    #[pyo3(signature = (topic, partition=0))]
    fn earliest(&self, py: Python<'_>, topic: &str, partition: u32) -> PyResult<u64> {
        self.offset(py, topic, partition, OffsetSpec::Earliest)
    }

    /// Return the offset that the next record will get.
    #[pyo3(signature = (topic, partition=0))]
    fn latest(&self, py: Python<'_>, topic: &str, partition: u32) -> PyResult<u64> {
        self.offset(py, topic, partition, OffsetSpec::Latest)
    }

    /// Return the offset of the first record at or after a time in milliseconds since 1970; the end
    /// of the log if there is none.
    #[pyo3(signature = (topic, timestamp, partition=0))]
    fn offset_at(
        &self,
        py: Python<'_>,
        topic: &str,
        timestamp: i64,
        partition: u32,
    ) -> PyResult<u64> {
        self.offset(py, topic, partition, OffsetSpec::Timestamp(timestamp))
    }

    /// Return (earliest, latest) of each of the partitions, in their order.
    fn list_offsets(
        &self,
        py: Python<'_>,
        topic: &str,
        partitions: Vec<u32>,
    ) -> PyResult<Vec<(u64, u64)>> {
        let both = |p: &u32| [(*p, OffsetSpec::Earliest), (*p, OffsetSpec::Latest)];
        let queries: Vec<_> = partitions.iter().flat_map(both).collect();
        let this = self.connected()?;
        let offsets = this.host.wait(py, this.client.list_offsets(topic, &queries))?;
        Ok(offsets.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }
}

impl FlyMQClient {
    fn offset(
        &self,
        py: Python<'_>,
        topic: &str,
        partition: u32,
        spec: OffsetSpec,
    ) -> PyResult<u64> {
        let this = self.connected()?;
        let offsets = this.host.wait(py, this.client.list_offsets(topic, &[(partition, spec)]))?;
        Ok(offsets[0])
    }
}
