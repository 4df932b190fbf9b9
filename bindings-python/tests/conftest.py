"""A broker for the whole run, a client and a fresh topic for each test."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from contextlib import closing

import flymq
import pytest
import serving

# A run in the background is started with Ctrl-C ignored, and so would be the processes it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

_numbers = itertools.count()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Broker]:
    serving.empty_cluster()
    with closing(serving.start(tmp_path_factory.mktemp("data"))) as broker:
        yield broker


@pytest.fixture
def client(broker: serving.Broker) -> Iterator[flymq.FlyMQClient]:
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
