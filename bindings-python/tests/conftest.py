"""A broker for the whole run, a client and a fresh topic for each test."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator

import flymq
import pytest

# A run in the background is started with Ctrl-C ignored, and so would be the processes it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

_numbers = itertools.count()


@pytest.fixture(scope="session")
def broker() -> Iterator[flymq.EmbeddedBroker]:
    with flymq.EmbeddedBroker(durability="os") as broker:
        yield broker


@pytest.fixture
def client(broker: flymq.EmbeddedBroker) -> Iterator[flymq.FlyMQClient]:
    with flymq.FlyMQClient(broker.address) as client:
        yield client


@pytest.fixture
def make_topic(client: flymq.FlyMQClient) -> Callable[[int], str]:
    def make(partitions: int) -> str:
        name = f"topic-{next(_numbers)}"
        client.create_topic(name, partitions)
        return name

    return make


@pytest.fixture
def topic(make_topic: Callable[[int], str]) -> str:
    """A topic of one partition."""
    return make_topic(1)
