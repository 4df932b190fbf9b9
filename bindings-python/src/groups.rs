//! Partitions, and what is known of groups: the named tuples of `flymq.groups`.

use std::collections::HashMap;

use flymq_core::{GroupOffset, MemberDescription, TopicPartition};
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A tuple of one of the named types of `flymq.groups`.
fn named<'py>(
    py: Python<'py>,
    kind: &str,
    fields: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("flymq.groups")?.getattr(kind)?.call1(fields)
}

fn partition<'py>(py: Python<'py>, slot: &TopicPartition) -> PyResult<Bound<'py, PyAny>> {
    named(py, "TopicPartition", (&*slot.topic, slot.partition))
}

/// A list of `TopicPartition`s.
pub struct Partitions(pub Vec<TopicPartition>);

impl<'py> IntoPyObject<'py> for Partitions {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let slots = self.0.iter().map(|slot| partition(py, slot)).collect::<PyResult<Vec<_>>>()?;
        slots.into_pyobject(py)
    }
}

/// Committed offsets by `TopicPartition`.
pub struct Offsets(pub Vec<GroupOffset>);

impl<'py> IntoPyObject<'py> for Offsets {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let dict = PyDict::new(py);
        for offset in self.0 {
            dict.set_item(partition(py, &offset.topic_partition())?, offset.offset)?;
        }
        Ok(dict)
    }
}

/// Offsets by (topic, partition), each the last one processed.
pub type ByPartition = HashMap<(String, u32), i64>;

/// What Python has given by partition, for the core.
pub fn processed(offsets: ByPartition) -> impl Iterator<Item = GroupOffset> {
    offsets
        .into_iter()
        .map(|((topic, partition), offset)| GroupOffset::new(topic, partition, offset))
}

/// A `GroupListing`.
pub struct Listing(pub flymq_core::GroupListing);

impl<'py> IntoPyObject<'py> for Listing {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let Self(group) = self;
        named(py, "GroupListing", (group.group, group.state.to_string(), group.members))
    }
}

/// A `GroupDescription`.
pub struct Description(pub flymq_core::GroupDescription);

impl<'py> IntoPyObject<'py> for Description {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let Self(group) = self;
        let state = group.state.to_string();
        let members =
            group.members.into_iter().map(|m| member(py, m)).collect::<PyResult<Vec<_>>>()?;
        let fields = (group.group, state, group.generation, group.assignor, members);
        named(py, "GroupDescription", fields)
    }
}

fn member(py: Python<'_>, member: MemberDescription) -> PyResult<Bound<'_, PyAny>> {
    let fields = (
        member.member_id,
        member.instance_id,
        member.client_id,
        member.address,
        member.generation,
        member.topics,
        member.pattern,
        Partitions(member.assignment),
        Partitions(member.target),
    );
    named(py, "MemberDescription", fields)
}

/// A `PartitionLag`.
pub struct Lag(pub flymq_core::PartitionLag);

impl<'py> IntoPyObject<'py> for Lag {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let Self(lag) = self;
        named(py, "PartitionLag", (lag.topic, lag.partition, lag.committed, lag.end, lag.lag))
    }
}
