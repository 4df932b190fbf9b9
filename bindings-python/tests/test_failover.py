"""Failover scenarios that every FlyMQ library is held against."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flymq
import pytest
from flymq import FlyMQClient
from helpers import DEADLINE
from serving import CLUSTER, Broker, empty_cluster, start

CONFORMANCE = Path(__file__).parents[2] / "conformance"
SCENARIOS = [
    pytest.param(scenario["steps"], id=scenario["name"])
    for scenario in json.loads((CONFORMANCE / "failover" / "scenarios.json").read_text())
]


def vacant() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Failover:
    def __init__(self, folder: Path) -> None:
        empty_cluster()
        self._folder = folder
        self._ports = {"a": vacant(), "b": vacant()}
        self._brokers: dict[str, Broker] = {}
        self._client: FlyMQClient | None = None
        self._produced: list[str] = []

    @property
    def client(self) -> FlyMQClient:
        assert self._client is not None
        return self._client

    def address(self, broker: str) -> str:
        return f"127.0.0.1:{self._ports[broker]}"

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        for broker in self._brokers.values():
            broker.close()

    def start(self, broker: str) -> None:
        started = start(self._folder / broker, self._ports[broker])
        self._brokers[broker] = started
        with FlyMQClient(started.address) as client:
            client.create_topic("t", if_not_exists=True)

    def stop(self, broker: str) -> None:
        self._brokers.pop(broker).close()

    def connect(self, brokers: list[str]) -> None:
        addresses = ",".join(map(self.address, brokers))
        self._client = FlyMQClient(f"flymq://{addresses}/?request_timeout_ms=3000&backoff_max_ms=200")

    def ping(self) -> None:
        self.client.ping()

    def produce(self, value: str) -> None:
        self.client.produce("t", value)
        self._produced.append(value)

    def stored(self, broker: str, values: list[str]) -> None:
        # Gateways share their records.
        values = self._produced if CLUSTER else values
        with FlyMQClient(self.address(broker)) as client:
            assert [message.value for message in client.fetch("t", 0)] == [
                value.encode() for value in values
            ]

    def circuit(self, broker: str, works: bool) -> None:
        end = time.monotonic() + DEADLINE
        while True:
            endpoints = self.client.metrics()["endpoints"]
            circuits = {found["address"]: found["circuit"] for found in endpoints}
            if (circuits[self.address(broker)] == "closed") == works:
                return
            assert time.monotonic() < end, endpoints

    def failovers(self, count: int) -> None:
        assert self.client.metrics()["failovers"] == count

    def perform(self, step: dict[str, Any]) -> None:
        fields = {key: value for key, value in step.items() if key not in ("do", "error")}
        getattr(self, step["do"])(**fields)


@pytest.fixture
def failover(tmp_path: Path) -> Iterator[Failover]:
    with contextlib.closing(Failover(tmp_path)) as failover:
        yield failover


@pytest.mark.parametrize("steps", SCENARIOS)
def test_scenario(failover: Failover, steps: list[dict[str, Any]]) -> None:
    for step in steps:
        if "error" not in step:
            failover.perform(step)
            continue
        with pytest.raises(flymq.FlyMQError) as raised:
            failover.perform(step)
        assert raised.value.name == step["error"]
        assert all(failover.address(broker) in str(raised.value) for broker in "ab")
