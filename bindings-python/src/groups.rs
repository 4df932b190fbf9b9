//! Groups from outside, and partitions as Python has them.

use std::collections::HashMap;

use flymq_core::{GroupOffset, MemberDescription, TopicPartition};
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::client::FlyMQClient;
use crate::convert::Start;

/// A tuple of one of the named types of `flymq.groups`.
fn named<'py>(
    py: Python<'py>,
    kind: &str,
    fields: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("flymq.groups")?.getattr(kind)?.call1(fields)
}

/// A `TopicPartition` of Python.
pub fn partition<'py>(py: Python<'py>, slot: &TopicPartition) -> PyResult<Bound<'py, PyAny>> {
    named(py, "TopicPartition", (&*slot.topic, slot.partition))
}

/// A list of `TopicPartition`s.
pub fn partitions<'py>(
    py: Python<'py>,
    slots: &[TopicPartition],
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    slots.iter().map(|slot| partition(py, slot)).collect()
}

/// Committed offsets by `TopicPartition`.
pub fn offsets<'py>(py: Python<'py>, offsets: &[GroupOffset]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for offset in offsets {
        dict.set_item(partition(py, &offset.topic_partition())?, offset.offset)?;
    }
    Ok(dict)
}

/// Offsets by (topic, partition), each the last one processed.
pub type ByPartition = HashMap<(String, u32), i64>;

/// What Python has given by partition, for the core.
pub fn processed(offsets: ByPartition) -> impl Iterator<Item = GroupOffset> {
    offsets
        .into_iter()
        .map(|((topic, partition), offset)| GroupOffset::new(topic, partition, offset))
}

fn member<'py>(py: Python<'py>, member: &MemberDescription) -> PyResult<Bound<'py, PyAny>> {
    let fields = (
        &member.member_id,
        &member.instance_id,
        &member.client_id,
        &member.address,
        member.generation,
        &member.topics,
        &member.pattern,
        partitions(py, &member.assignment)?,
        partitions(py, &member.target)?,
    );
    named(py, "MemberDescription", fields)
}

#[pymethods]
impl FlyMQClient {
    /// Return the groups that have members or committed offsets, by name, as GroupListing.
    fn list_groups<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let this = self.connected()?;
        let groups = this.host.wait(py, this.client.list_groups())?;
        let listing = |g: flymq_core::GroupListing| {
            named(py, "GroupListing", (g.group, g.state.to_string(), g.members))
        };
        groups.into_iter().map(listing).collect()
    }

    /// Return a group and its members as GroupDescription, or raise UnknownGroupError.
    fn describe_group<'py>(&self, py: Python<'py>, group: &str) -> PyResult<Bound<'py, PyAny>> {
        let this = self.connected()?;
        let found = this.host.wait(py, this.client.describe_group(group))?;
        let members: Vec<_> =
            found.members.iter().map(|m| member(py, m)).collect::<PyResult<_>>()?;
        let state = found.state.to_string();
        let fields = (found.group, state, found.generation, found.assignor, members);
        named(py, "GroupDescription", fields)
    }

    /// Delete a group that has no members, with its offsets. Raises UnknownGroupError, or
    /// GroupNotEmptyError while it has members.
    fn delete_group(&self, py: Python<'_>, group: &str) -> PyResult<()> {
        let this = self.connected()?;
        this.host.wait(py, this.client.delete_group(group))
    }

    /// Return all that a group has committed: TopicPartition → the last offset processed, −1 for
    /// none. Empty for a group that is not known.
    fn group_offsets<'py>(&self, py: Python<'py>, group: &str) -> PyResult<Bound<'py, PyDict>> {
        let this = self.connected()?;
        let found = this.host.wait(py, this.client.group_offsets(group))?;
        offsets(py, &found)
    }

    /// Have a group that has no members go on somewhere else in a topic: in all of its partitions,
    /// or in these. Return what is committed now, as `group_offsets` does.
    ///
    /// `to` is "earliest", "latest", the offset to go on at, or a datetime for the first record of
    /// that time or later. Raises GroupNotEmptyError while the group has members, and
    /// OffsetOutOfRangeError for an offset that is not in the log.
    #[pyo3(signature = (group, topic, to, partitions=None))]
    fn reset_group_offsets<'py>(
        &self,
        py: Python<'py>,
        group: &str,
        topic: &str,
        to: Start,
        partitions: Option<Vec<u32>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let this = self.connected()?;
        let reset = this.client.reset_group_offsets(group, topic, partitions.as_deref(), to.0);
        let now = this.host.wait(py, reset)?;
        offsets(py, &now)
    }

    /// Return how far a group is behind, as PartitionLag, in every partition that it has committed
    /// or a member holds.
    fn group_lag<'py>(&self, py: Python<'py>, group: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let this = self.connected()?;
        let lags = this.host.wait(py, this.client.group_lag(group))?;
        let lag = |l: flymq_core::PartitionLag| {
            named(py, "PartitionLag", (l.topic, l.partition, l.committed, l.end, l.lag))
        };
        lags.into_iter().map(lag).collect()
    }
}
