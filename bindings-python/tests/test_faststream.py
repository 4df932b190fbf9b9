"""The FastStream broker, against a real broker and without one."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any

import flymq
import pytest
from asyncs import run, until
from faststream import FastStream
from faststream.exceptions import FeatureNotSupportedException, SetupError
from faststream.middlewares import AckPolicy
from flymq import FlyMQClient, RecordMetadata, TopicPartition
from flymq.faststream import (
    FlyMQBroker,
    FlyMQResponse,
    TestFlyMQBroker,
    Topic,
)
from flymq.faststream import annotations as inject
from pydantic import BaseModel

_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """What the topics and groups of a test begin with."""
    return f"faststream-{next(_numbers)}"


class Order(BaseModel):
    number: int


class Invoice(BaseModel):
    order: int
    total: float


def new_broker(server: flymq.EmbeddedBroker, **options: Any) -> FlyMQBroker:
    return FlyMQBroker(server.address, logger=None, linger=0, **options)


def test_a_pipeline(broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str) -> None:
    app = new_broker(broker)
    invoices: list[Invoice] = []
    done = asyncio.Event()

    @app.subscriber(Topic(f"{name}-orders", partitions=3), group=name)
    @app.publisher(f"{name}-invoices", key="all", headers={"by": "billing"})
    async def bill(order: Order) -> Invoice:
        return Invoice(order=order.number, total=1.5)

    @app.subscriber(f"{name}-invoices", group=name)
    async def collect(invoice: Invoice, message: inject.FlyMQMessage) -> None:
        invoices.append(invoice)
        if len(invoices) == 10:
            done.set()

    async def main() -> None:
        async with app:
            await app.start()
            for number in range(10):
                stored = await app.publish(
                    Order(number=number), f"{name}-orders", key=str(number), correlation_id="c"
                )
                assert isinstance(stored, RecordMetadata)
            await done.wait()

    run(main())
    assert sorted(invoice.order for invoice in invoices) == list(range(10))
    assert client.partition_count(f"{name}-orders") == 3
    # All is committed once the application has stopped.
    assert all(lag.lag == 0 for lag in client.group_lag(name))
    record = client.consume(f"{name}-invoices", 0)
    assert record is not None and record.key == b"all"
    assert dict(record.headers) == {
        "by": b"billing",
        "content-type": b"application/json",
        "correlation_id": b"c",
    }


def test_the_test_broker_with_a_real_one(flymq_broker: flymq.EmbeddedBroker, name: str) -> None:
    app = new_broker(flymq_broker)

    @app.subscriber(f"{name}-in", group=name)
    @app.publisher(f"{name}-out")
    async def handle(order: Order) -> Invoice:
        return Invoice(order=order.number, total=2)

    async def main() -> None:
        async with TestFlyMQBroker(app, with_real=True) as test:
            await test.publish(Order(number=1), f"{name}-in", key="k")
            await handle.wait_call(timeout=10)
            await handle.assert_called_once_with(Order(number=1), key=b"k", partition=0)

    run(main())


def test_batches(broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str) -> None:
    app = new_broker(broker)
    seen: list[int] = []

    @app.subscriber(f"{name}-in", group=name, batch=True, max_records=4)
    @app.publisher(f"{name}-out", batch=True)
    async def double(numbers: list[int]) -> list[int]:
        assert 1 <= len(numbers) <= 4
        seen.extend(numbers)
        return [number * 2 for number in numbers]

    async def main() -> None:
        async with app:
            await app.start()
            stored = await app.publish_batch(
                *range(9), FlyMQResponse(9, key="nine"), topic=f"{name}-in", key="others"
            )
            assert [each.offset for each in stored] == list(range(10))
            assert await app.publish_batch(topic=f"{name}-in") == []
            await until(lambda: client.latest(f"{name}-out") == 10)

    run(main())
    assert seen == list(range(10))
    assert [m.value for m in client.fetch(f"{name}-out", 0)] == [b"%d" % (2 * n) for n in range(10)]
    assert [m.key for m in client.fetch(f"{name}-in", 0)] == [b"others"] * 9 + [b"nine"]
    assert client.group_offsets(name) == {TopicPartition(f"{name}-in", 0): 9}


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


def test_readers_without_a_group(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    client.create_topic(name, 2)
    client.produce(name, "old", partition=1)
    app = new_broker(broker)
    all_of_it: list[str] = []
    new: list[str] = []
    one: list[str] = []

    @app.subscriber(name)
    async def from_the_start(text: str) -> None:
        all_of_it.append(text)

    @app.subscriber(name, auto_offset_reset="latest")
    async def from_now_on(text: str) -> None:
        new.append(text)

    @app.subscriber(partitions=[TopicPartition(name, 0)])
    async def one_partition(text: str) -> None:
        one.append(text)

    async def main() -> None:
        async with app:
            await app.start()
            await app.publish("new", name, partition=0)
            await app.publish("new", name, partition=1)
            await until(lambda: len(all_of_it) == 3 and len(new) == 2 and len(one) == 1)

    run(main())
    assert sorted(all_of_it) == ["new", "new", "old"]


def test_partitions_of_a_group_go_on_behind_what_is_committed(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    client.create_topic(name)
    client.produce_batch(name, [(None, str(i)) for i in range(4)])
    seen: list[int] = []

    async def until_three(number_of_last: int) -> None:
        app = new_broker(broker)

        @app.subscriber(partitions=[TopicPartition(name, 0)], group=name)
        async def handle(number: int) -> None:
            seen.append(number)

        async with app:
            await app.start()
            await until(lambda: seen[-1:] == [number_of_last])

    run(until_three(3))
    client.produce(name, "4")
    run(until_three(4))
    assert seen == [0, 1, 2, 3, 4]


def test_patterns_and_single_messages(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    app = new_broker(broker)
    seen: list[tuple[str, bytes]] = []

    @app.subscriber(pattern=f"{name}-.*", group=name)
    async def handle(body: bytes, message: inject.FlyMQMessage) -> None:
        assert not isinstance(message.raw_message, tuple)
        seen.append((message.raw_message.topic, body))

    last = app.subscriber(f"{name}-b", group=f"{name}-one")

    async def main() -> None:
        client.create_topic(f"{name}-a")
        client.create_topic(f"{name}-b")
        async with app:
            await app.start()
            await app.publish(b"\xff", f"{name}-a")
            delivery = await app.publish(b"two", f"{name}-b", no_confirm=True)
            await delivery
            message = await last.get_one(timeout=10)
            assert message is not None and await message.decode() == b"two"
            await message.nack()
            async for again in last:
                assert again.body == b"two"
                await again.ack()
                break
            assert await last.get_one(timeout=0.01) is None
            await until(lambda: len(seen) == 2)
            assert await app.ping() and await app.ping(timeout=1)

    run(main())
    assert sorted(seen) == [(f"{name}-a", b"\xff"), (f"{name}-b", b"two")]


def test_replies(broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str) -> None:
    app = new_broker(broker)

    @app.subscriber(f"{name}-in", group=name)
    async def square(number: int) -> FlyMQResponse:
        return FlyMQResponse(number * number, key="k", headers={"h": "v"}, timestamp=5)

    async def main() -> None:
        client.create_topic(f"{name}-out")
        async with app:
            await app.start()
            await app.publish(3, f"{name}-in", reply_to=f"{name}-out", correlation_id="c")
            await until(lambda: client.latest(f"{name}-out") == 1)
            with pytest.raises(FeatureNotSupportedException, match="TestFlyMQBroker"):
                await app.request(3, f"{name}-in")

    run(main())
    reply = client.consume(f"{name}-out", 0)
    assert reply is not None
    assert (reply.key, reply.value, reply.timestamp) == (b"k", b"9", 5)
    assert {("h", b"v"), ("correlation_id", b"c")} <= set(reply.headers)


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


def test_errors_of_the_broker_are_logged_and_reading_goes_on(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = FlyMQBroker(broker.address, logger=logging.getLogger("test"))
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


def test_mistakes(broker: flymq.EmbeddedBroker) -> None:
    app = new_broker(broker)
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({}, "topics, partitions or a pattern"),
        ({"pattern": "x"}, "needs a group"),
        ({"pattern": "x", "partitions": [TopicPartition("t", 0)]}, "only one"),
        ({"pattern": "x", "group": "g", "batch": True, "max_workers": 2}, "as a whole"),
        ({"pattern": "x", "group": "g", "max_workers": 0}, "at least 1"),
        ({"pattern": "x", "group": "g", "max_workers": 5, "max_unacked": 4}, "max_unacked"),
        ({"partitions": [TopicPartition("t", 0)], "ack_policy": AckPolicy.ACK}, "nothing to ack"),
    ]
    for wrong, why in mistakes:
        with pytest.raises(SetupError, match=why):
            app.subscriber(**wrong)
    with pytest.raises(SetupError, match="FlyMQRouter"):
        app.include_router(object())  # type: ignore[arg-type]

    async def unconnected() -> None:
        with pytest.raises(Exception, match="not connected"):
            await app.publish("x", "t")
        assert not await app.ping()
        no_topics = new_broker(broker, create_topics=False)
        async with no_topics:
            with pytest.raises(flymq.UnknownTopicError):
                await no_topics.publish("x", "there is none")

    run(unconnected())
