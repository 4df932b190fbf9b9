//! What is known of a topic.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A topic's configuration and offsets.
#[pyclass(module = "flymq", frozen, eq)]
#[derive(PartialEq, Eq)]
pub struct TopicDescription(pub flymq_core::TopicDescription);

#[pymethods]
impl TopicDescription {
    /// The topic.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Every configuration key with the value in force.
    #[getter]
    fn config(&self) -> BTreeMap<String, String> {
        self.0.config.clone()
    }

    /// The partitions, by number.
    #[getter]
    fn partitions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let partitions: Vec<_> =
            self.0.partitions.iter().map(|p| PartitionDescription(p.clone())).collect();
        PyTuple::new(py, partitions)
    }

    /// Bytes of records stored for the whole topic.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    fn __repr__(&self) -> String {
        let Self(topic) = self;
        format!(
            "TopicDescription(name='{}', partitions={}, bytes={})",
            topic.name,
            topic.partitions.len(),
            topic.bytes
        )
    }
}

/// Where one partition's records begin and end.
#[pyclass(module = "flymq", frozen, eq)]
#[derive(PartialEq, Eq)]
pub struct PartitionDescription(flymq_core::PartitionDescription);

#[pymethods]
impl PartitionDescription {
    /// The partition, from 0.
    #[getter]
    fn partition(&self) -> u32 {
        self.0.partition
    }

    /// Offset of the oldest record there is.
    #[getter]
    fn earliest(&self) -> u64 {
        self.0.earliest
    }

    /// Offset that the next record will get.
    #[getter]
    fn latest(&self) -> u64 {
        self.0.latest
    }

    fn __repr__(&self) -> String {
        let Self(flymq_core::PartitionDescription { partition, earliest, latest }) = self;
        format!("PartitionDescription(partition={partition}, earliest={earliest}, latest={latest})")
    }
}
