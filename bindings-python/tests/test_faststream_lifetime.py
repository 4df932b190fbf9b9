"""A FastStream application starts, fails, is restarted and stops: no message is lost."""

from __future__ import annotations

import asyncio
import itertools
import logging
from pathlib import Path
from typing import Any

import flymq
import pytest
from asyncs import run, until
from faststream import FastStream
from faststream.exceptions import (
    StopApplication,
    StopConsume,
)
from faststream.middlewares import AckPolicy
from faststreams import new_broker
from flymq import FlyMQClient, TopicPartition
from flymq.faststream import (
    FlyMQBroker,
)
from flymq.faststream import annotations as inject

_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """What the topics and groups of a test begin with."""
    return f"lifetime-{next(_numbers)}"


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(
    ("policy", "calls", "committed"),
    [
        (AckPolicy.ACK, [0, 1, 2], 2),
        (AckPolicy.REJECT_ON_ERROR, [0, 1, 2], 2),
        (AckPolicy.ACK_FIRST, [0, 1, 2], 2),
        (AckPolicy.NACK_ON_ERROR, [0, 1, 1, 2], 2),
        (AckPolicy.MANUAL, [0, 1, 2], 0),
    ],
)
def test_ack_policies(
    broker: flymq.EmbeddedBroker,
    client: FlyMQClient,
    name: str,
    policy: AckPolicy,
    calls: list[int],
    committed: int,
    batch: bool,
) -> None:
    app = new_broker(broker)
    seen: list[int] = []

    async def handle(number: Any, message: inject.FlyMQMessage) -> None:
        (value,) = number if batch else [number]
        seen.append(value)
        if policy is AckPolicy.MANUAL and value == 0:
            await message.ack()
        if value == 1 and seen.count(1) == 1:
            raise ZeroDivisionError

    if batch:
        app.subscriber(name, group=name, ack_policy=policy, batch=True, max_records=1)(handle)
    else:
        app.subscriber(name, group=name, ack_policy=policy)(handle)

    async def main() -> None:
        async with app:
            await app.start()
            for number in range(3):
                await app.publish(number, name)
            await until(lambda: seen[-1:] == [2])

    run(main())
    assert seen == calls
    assert client.group_offsets(name) == {TopicPartition(name, 0): committed}


def test_handlers_at_the_same_time_lose_nothing(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    """The first call never ends, those after it do: they come again, and so does the first."""
    client.create_topic(name)
    client.produce_batch(name, [(None, str(i)) for i in range(10)])
    seen: list[int] = []
    stuck = True

    def application() -> FlyMQBroker:
        app = new_broker(broker, graceful_timeout=0.01)

        @app.subscriber(name, group=name, max_workers=4)
        async def handle(number: int) -> None:
            if number == 3 and stuck:
                await asyncio.Event().wait()
            seen.append(number)

        return app

    async def until_handled(numbers: set[int]) -> None:
        seen.clear()
        app = application()
        async with app:
            await app.start()
            await until(lambda: set(seen) == numbers)

    run(until_handled(set(range(10)) - {3}))
    assert client.group_offsets(name) == {TopicPartition(name, 0): 2}
    stuck = False
    run(until_handled(set(range(3, 10))))
    assert client.group_offsets(name) == {TopicPartition(name, 0): 9}


def test_stopping_finishes_what_is_under_way(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    app = new_broker(broker)
    application = FastStream(app, logger=None)
    began = asyncio.Event()
    finish = asyncio.Event()

    @app.subscriber(f"{name}-in", group=name)
    @app.publisher(f"{name}-out")
    async def work(text: str) -> str:
        began.set()
        await finish.wait()
        return text

    @application.after_startup
    async def send() -> None:
        await app.publish("x", f"{name}-in")

    async def main() -> None:
        running = asyncio.create_task(application.run())
        await began.wait()
        application.exit()
        finish.set()
        await running

    run(main())
    assert client.latest(f"{name}-out") == 1
    assert client.group_offsets(name) == {TopicPartition(f"{name}-in", 0): 0}


def test_a_handler_stops_its_subscriber_or_the_application(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    app = new_broker(broker)
    application = FastStream(app, logger=None)
    seen: list[str] = []

    @app.subscriber(f"{name}-one", group=f"{name}-one")
    async def one(body: str) -> None:
        seen.append(body)
        raise StopConsume

    @app.subscriber(f"{name}-all", group=f"{name}-all")
    async def everything(body: str) -> None:
        seen.append(body)
        raise StopApplication

    @application.after_startup
    async def send() -> None:
        await app.publish_batch("1", "2", topic=f"{name}-one")
        await until(lambda: client.describe_group(f"{name}-one").members == [])
        await app.publish_batch("3", "4", topic=f"{name}-all")

    run(application.run())
    assert seen == ["1", "3"]
    assert client.describe_group(f"{name}-all").members == []


def test_a_broker_that_restarts(tmp_path: Path, name: str) -> None:
    server = flymq.EmbeddedBroker(tmp_path)
    app = new_broker(server, client_id="restart")
    seen: list[str] = []

    @app.subscriber(name, group=name)
    async def handle(body: str) -> None:
        seen.append(body)

    async def main() -> None:
        async with app:
            await app.start()
            await app.publish("before", name)
            await until(lambda: seen == ["before"])
            server.close()
            with flymq.EmbeddedBroker(tmp_path, server.port) as again:
                await app.publish("after", name)
                await until(lambda: seen == ["before", "after"])
                await app.stop()
                with FlyMQClient(again.address) as client:
                    assert client.group_offsets(name) == {TopicPartition(name, 0): 1}

    run(main())


def test_errors_of_the_broker_are_logged_and_reading_goes_on(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = new_broker(broker, logger=logging.getLogger("test"))
    seen: list[str] = []

    @app.subscriber(name, auto_offset_reset="error")
    async def handle(text: str) -> None:
        seen.append(text)

    async def main() -> None:
        async with app:
            await app.start()
            (subscriber,) = app.subscribers
            consumer = subscriber.consumer  # type: ignore[attr-defined]
            await consumer.seek(name, 0, 1000)
            await until(lambda: "OFFSET_OUT_OF_RANGE" in caplog.text)
            await consumer.seek(name, 0, "earliest")
            await app.publish("x", name)
            await until(lambda: seen == ["x"])

    run(main())
