//! How a cluster is: the named tuples of `flymq.cluster`.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;

/// A tuple of one of the named types of `flymq.cluster`.
fn named<'py>(
    py: Python<'py>,
    kind: &str,
    fields: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("flymq.cluster")?.getattr(kind)?.call1(fields)
}

/// A list of such tuples.
fn each<'py, T, A: PyCallArgs<'py>>(
    py: Python<'py>,
    kind: &str,
    found: Vec<T>,
    fields: impl Fn(T) -> A,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    found.into_iter().map(|one| named(py, kind, fields(one))).collect()
}

/// A `ClusterStatus`.
pub struct Status(pub flymq_core::ClusterStatus);

impl<'py> IntoPyObject<'py> for Status {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let Self(status) = self;
        let is_healthy = status.is_healthy();
        let fields = (
            status.engine,
            status.cluster_id,
            each(py, "BrokerAddress", status.brokers, |b| (b.id, b.host, b.port))?,
            each(py, "ClusterNode", status.nodes, |n| (n.id, n.host, n.port, n.controller))?,
            status.partitions,
            status.under_replicated,
            status.offline,
            each(py, "PartitionStatus", status.troubled, |p| {
                (p.topic, p.partition, p.leader, p.replicas, p.in_sync)
            })?,
            is_healthy,
        );
        named(py, "ClusterStatus", fields)
    }
}
