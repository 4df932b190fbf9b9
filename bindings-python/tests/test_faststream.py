"""The FastStream broker, against a real broker and without one."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import flymq
import pytest
from asyncs import run, until
from faststream.exceptions import (
    FeatureNotSupportedException,
    SetupError,
)
from faststream.middlewares import AckPolicy
from faststreams import new_broker
from flymq import FlyMQClient, RecordMetadata, TopicPartition
from flymq.faststream import (
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
