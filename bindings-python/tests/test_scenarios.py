"""Group and transaction scenarios that every FlyMQ library is held against, with both APIs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flymq
import pytest
from helpers import DEADLINE
from serving import ENGINE, empty_cluster, start

CONFORMANCE = Path(__file__).parents[2] / "conformance"
SCENARIOS = [
    pytest.param(scenario, id=f"{kind}: {scenario['name']}")
    for kind in ("groups", "transactions")
    for scenario in json.loads((CONFORMANCE / kind / "scenarios.json").read_text())
    if scenario.get("engine", ENGINE) == ENGINE
]


class Blocking:
    """The blocking API."""

    Client: Any = flymq.FlyMQClient
    Consumer: Any = flymq.Consumer
    TransactionalProducer: Any = flymq.TransactionalProducer

    def wait(self, result: Any) -> Any:
        """What the call has returned."""
        return result

    def opened(self, it: Any) -> Any:
        """It, connected."""
        return it

    def close(self) -> None:
        pass


class Asyncio(Blocking):
    """The same for asyncio, on an event loop that runs while something is waited for."""

    Client = flymq.AsyncFlyMQClient
    Consumer = flymq.AsyncConsumer
    TransactionalProducer = flymq.AsyncTransactionalProducer

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def wait(self, result: Any) -> Any:
        return self._runner.run(result)

    def opened(self, it: Any) -> Any:
        self.wait(it.connect())
        return it

    def close(self) -> None:
        self._runner.close()


class World:
    """A broker, and the consumers and producers that a scenario has opened."""

    def __init__(self, api: Blocking, folder: Path) -> None:
        self._api = api
        self._wait = api.wait
        self._folder = folder
        empty_cluster()
        self._broker = start(folder)
        self._client = api.opened(api.Client(self._broker.address))
        self._consumers: dict[str, Any] = {}
        self._producers: dict[str, Any] = {}
        self._transactions: dict[str, Any] = {}

    def close(self) -> None:
        # What is still open in a scenario that failed, or was put out of action by its steps.
        for open_one in [*self._consumers.values(), *self._producers.values()]:
            with contextlib.suppress(flymq.FlyMQError):
                self._wait(open_one.close(1))
        self._wait(self._client.close())
        self._api.close()
        self._broker.close()

    def step(self, do: str, error: str | None = None, **fields: Any) -> None:
        if error is None:
            getattr(self, do)(**fields)
            return
        with pytest.raises(flymq.FlyMQError) as caught:
            if do == "poll":
                consumer = self._consumers[fields["consumer"]]
                self._until(lambda: bool(self._wait(consumer.poll(timeout=0.1))))
            else:
                getattr(self, do)(**fields)
        assert caught.value.name == error

    @staticmethod
    def _until(reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not reached():
            assert time.monotonic() < deadline, "not reached in time"

    def _poll_all(self, names: list[str]) -> None:
        for name in names:
            polled = self._wait(self._consumers[name].poll(timeout=0.02))
            assert polled == [], "records where none are expected"

    def _assignment(self, consumer: str) -> list[flymq.TopicPartition]:
        slots: list[flymq.TopicPartition] = self._wait(self._consumers[consumer].assignment())
        return slots

    # The steps, each with its fields.

    def create_topic(self, topic: str, partitions: int) -> None:
        self._wait(self._client.create_topic(topic, partitions))

    def add_partitions(self, topic: str, partitions: int) -> None:
        self._wait(self._client.add_partitions(topic, partitions))

    def restart_broker(self) -> None:
        port = self._broker.port
        self._broker.close()
        self._broker = start(self._folder, port)

    def produce(self, topic: str, values: list[str], partition: int = 0) -> None:
        records = [(None, value) for value in values]
        self._wait(self._client.produce_batch(topic, records, partition))

    def read(self, topic: str, isolation: Any, values: list[str], partition: int = 0) -> None:
        messages = self._wait(self._client.fetch(topic, 0, partition, isolation=isolation))
        assert [text(m) for m in messages] == values

    def join(self, consumer: str, **options: Any) -> None:
        options.setdefault("auto_commit", False)
        made = self._api.Consumer(self._client, **options)
        self._consumers[consumer] = self._api.opened(made)

    def assigned(self, consumers: dict[str, dict[str, list[int]]]) -> None:
        def reached() -> bool:
            self._poll_all(list(consumers))
            return all(
                sorted(self._assignment(name))
                == sorted((topic, p) for topic, partitions in slots.items() for p in partitions)
                for name, slots in consumers.items()
            )

        self._until(reached)

    def shared(self, consumers: list[str], topic: str, partitions: int, each: list[int]) -> None:
        def reached() -> bool:
            self._poll_all(consumers)
            held = [
                [slot.partition for slot in self._assignment(name) if slot.topic == topic]
                for name in consumers
            ]
            together = sorted(partition for slots in held for partition in slots)
            return together == list(range(partitions)) and sorted(map(len, held)) == each

        self._until(reached)

    def poll(self, consumer: str, values: list[str], max_records: int = 500) -> None:
        seen: list[str] = []

        def reached() -> bool:
            wanted = min(max_records, len(values) - len(seen))
            polled = self._wait(self._consumers[consumer].poll(wanted, timeout=0.1))
            seen.extend(text(m) for m in polled)
            return len(seen) == len(values)

        self._until(reached)
        assert sorted(seen) == values

    def position(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        def reached() -> bool:
            self._poll_all([consumer])
            at = self._wait(self._consumers[consumer].position(topic, partition))
            return bool(at == offset)

        self._until(reached)

    def seek(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        self._wait(self._consumers[consumer].seek(topic, partition, offset))

    def rewind(self, consumer: str) -> None:
        self._wait(self._consumers[consumer].rewind())

    def committed(self, group: str, offsets: dict[str, dict[str, int]]) -> None:
        expected = {(t, int(p)): o for t, found in offsets.items() for p, o in found.items()}
        assert self._wait(self._client.group_offsets(group)) == expected

    def reset(self, group: str, topic: str, to: Any) -> None:
        self._wait(self._client.reset_group_offsets(group, topic, to))

    def delete_group(self, group: str) -> None:
        self._wait(self._client.delete_group(group))

    def open(self, producer: str, transactional_id: str) -> None:
        made = self._api.TransactionalProducer(self._client, transactional_id=transactional_id)
        self._producers[producer] = self._api.opened(made)

    def begin(self, producer: str) -> None:
        self._transactions[producer] = self._wait(self._producers[producer].transaction())

    def commit(self, producer: str | None = None, consumer: str | None = None) -> None:
        if producer is not None:
            self._wait(self._transactions[producer].commit())
        if consumer is not None:
            self._wait(self._consumers[consumer].commit())

    def abort(self, producer: str) -> None:
        self._wait(self._transactions[producer].abort())

    def send(self, producer: str, topic: str, values: list[str], partition: int = 0) -> None:
        transaction = self._transactions[producer]
        sent = [self._wait(transaction.produce(topic, v, partition=partition)) for v in values]
        for delivery in sent:
            self._wait(delivery.result(DEADLINE))

    def send_offsets(self, producer: str, consumer: str) -> None:
        transaction = self._transactions[producer]
        self._wait(transaction.send_offsets(self._consumers[consumer]))

    def close_one(self, consumer: str | None = None, producer: str | None = None) -> None:
        if consumer is not None:
            self._wait(self._consumers.pop(consumer).close())
        if producer is not None:
            self._wait(self._producers.pop(producer).close())


def text(message: flymq.Message) -> str:
    assert message.value is not None
    return message.value.decode()


@pytest.fixture(params=[Blocking, Asyncio], ids=["blocking", "asyncio"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = World(request.param(), tmp_path)
    yield world
    world.close()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(world: World, scenario: dict[str, Any]) -> None:
    for topic, partitions in scenario["topics"].items():
        world.create_topic(topic, partitions)
    for step in scenario["steps"]:
        do = step["do"]
        world.step(**{**step, "do": "close_one" if do == "close" else do})
