"""How the cluster is, on a broker of its own and through a gateway, with both APIs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import flymq
import pytest
from serving import CLUSTER, Broker, start


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Broker]:
    broker = start(tmp_path)
    yield broker
    broker.close()


def test_the_cluster_tells_how_it_is(served: Broker) -> None:
    with flymq.FlyMQClient(served.address) as client:
        client.create_topic("t", 3, if_not_exists=True)
        status = client.cluster_status()
    assert isinstance(status, flymq.ClusterStatus)
    assert status.cluster_id
    assert served.port in [broker.port for broker in status.brokers]
    assert all(isinstance(broker, flymq.BrokerAddress) for broker in status.brokers)
    assert status.partitions >= 3
    assert (status.under_replicated, status.offline, status.troubled) == (0, 0, [])
    assert status.is_healthy
    if CLUSTER is None:
        assert (status.engine, status.nodes) == ("embedded", [])
    else:
        assert status.engine == "kafka"
        assert f"{status.nodes[0].host}:{status.nodes[0].port}" in CLUSTER
        assert any(node.controller for node in status.nodes)


def test_asyncio(served: Broker) -> None:
    async def ask() -> flymq.ClusterStatus:
        async with flymq.AsyncFlyMQClient(served.address) as client:
            return await client.cluster_status()

    with flymq.FlyMQClient(served.address) as client:
        assert asyncio.run(ask())._replace(brokers=[]) == client.cluster_status()._replace(brokers=[])
