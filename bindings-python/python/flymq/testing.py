"""Fixtures for pytest: a broker in the test's own process, so that tests need no server.

They are there once flymq is installed:

    def test_orders_are_stored(flymq_client, flymq_topic):
        offset = flymq_client.produce(flymq_topic, "an order")
        assert flymq_client.consume(flymq_topic, offset).value == b"an order"

A session's tests share one broker, whose data goes with it. Override a fixture in `conftest.py` to
have another.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from flymq import EmbeddedBroker, FlyMQClient

__all__ = ["flymq_broker", "flymq_client", "flymq_topic"]


@pytest.fixture(scope="session")
def flymq_broker() -> Iterator[EmbeddedBroker]:
    """A broker for all tests of the session, on a port of its own."""
    with EmbeddedBroker(durability="os") as broker:
        yield broker


@pytest.fixture
def flymq_client(flymq_broker: EmbeddedBroker) -> Iterator[FlyMQClient]:
    """A client of `flymq_broker`, closed at the end of the test."""
    with FlyMQClient(flymq_broker.address) as client:
        yield client


@pytest.fixture
def flymq_topic(flymq_client: FlyMQClient) -> Iterator[str]:
    """The name of a new topic of one partition, deleted at the end of the test."""
    name = f"test-{uuid.uuid4()}"
    flymq_client.create_topic(name)
    yield name
    flymq_client.delete_topic(name)
