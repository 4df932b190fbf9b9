"""How a cluster is: its brokers, the nodes behind them, and partitions that lack copies."""

from __future__ import annotations

from typing import NamedTuple


class BrokerAddress(NamedTuple):
    """A broker, as clients are to connect to it.

    Attributes:
        id: Its number.
        host: The host name or address that it is listed with.
        port: Its port.
    """

    id: int
    host: str
    port: int


class ClusterNode(NamedTuple):
    """A node of the engine, such as one of Apache Kafka.

    Attributes:
        id: Its number.
        host: Where it listens for brokers.
        port: Its port.
        controller: Whether it is the one that was last known to control the cluster.
    """

    id: int
    host: str
    port: int
    controller: bool


class PartitionStatus(NamedTuple):
    """Where a partition's copies are.

    Attributes:
        topic: The topic.
        partition: The partition.
        leader: The node that leads it; None if none does.
        replicas: The nodes that should have a copy.
        in_sync: Those of them whose copy is up to date.
    """

    topic: str
    partition: int
    leader: int | None
    replicas: list[int]
    in_sync: list[int]


class ClusterStatus(NamedTuple):
    """How the cluster is.

    Attributes:
        engine: What stores the records: ``"embedded"``, or ``"kafka"`` behind gateways.
        cluster_id: Identity of the stored data.
        brokers: The brokers that are alive, by id.
        nodes: The engine's own nodes, by id; none where the engine is within the broker.
        partitions: How many partitions there are, the engine's own included.
        under_replicated: How many of them have fewer copies in sync than they should have.
        offline: How many of them cannot be used, because no node leads them.
        troubled: The partitions that are under-replicated or offline, up to 1,000.
        is_healthy: Whether every partition can be used and has all its copies.
    """

    engine: str
    cluster_id: str
    brokers: list[BrokerAddress]
    nodes: list[ClusterNode]
    partitions: int
    under_replicated: int
    offline: int
    troubled: list[PartitionStatus]
    is_healthy: bool
