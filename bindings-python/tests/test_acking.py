"""Acknowledging messages one by one: nothing is lost, whatever the order."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import flymq
import pytest
from asyncs import run, until
from flymq import AsyncConsumer, AsyncFlyMQClient, FlyMQClient, Message, TopicPartition
from flymq._acking import AckingConsumer, Window

_groups = itertools.count()


@pytest.fixture
def group() -> str:
    return f"acking-{next(_groups)}"


@asynccontextmanager
async def reading(
    address: str, topic: str, group: str, max_unacked: int = 1000, **options: Any
) -> AsyncIterator[AckingConsumer]:
    async with AsyncFlyMQClient(address) as client:
        make = partial(AsyncConsumer, client, topic, group=group, **options)
        consumer = AckingConsumer(make, max_unacked)
        await consumer.connect()
        try:
            yield consumer
        finally:
            await consumer.close()


async def take(consumer: AckingConsumer, count: int) -> list[Message]:
    taken: list[Message] = []
    while len(taken) < count:
        taken += await consumer.poll(count - len(taken), 1)
    return taken


def offsets(messages: list[Message]) -> list[int]:
    return [message.offset for message in messages]


def test_any_order_commits_only_what_has_no_gap() -> None:
    order = list(range(1000))
    random.Random(7).shuffle(order)
    window = Window()
    for offset in range(1000):
        window.deliver(offset * 3)
    acked: set[int] = set()
    committed = -1
    for offset in order:
        acked.add(offset)
        position = window.ack(offset * 3)
        gap = next((o for o in range(1000) if o not in acked), 1000)
        if position is not None:
            committed = position
        assert committed == (gap - 1) * 3 if gap else committed == -1
        assert len(window) == 1000 - gap
    assert window.ack(5) is None


def test_out_of_order(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, topic: str, group: str
) -> None:
    client.produce_batch(topic, [(None, str(i)) for i in range(5)])
    slot = TopicPartition(topic, 0)

    async def main() -> None:
        async with reading(broker.address, topic, group) as consumer:
            zero, one, two, three, _four = await take(consumer, 5)
            await consumer.ack([two, one])
            await consumer.ack([zero])
            await until(lambda: client.group_offsets(group) == {slot: 2})
            # Twice is once.
            await consumer.ack([zero, two])
            await consumer.ack([three])
        # Closing commits what is due.
        assert client.group_offsets(group) == {slot: 3}
        async with reading(broker.address, topic, group) as consumer:
            assert offsets(await take(consumer, 1)) == [4]

    run(main())


def test_what_is_not_acknowledged_comes_again(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, topic: str, group: str
) -> None:
    client.produce_batch(topic, [(None, str(i)) for i in range(4)])

    async def main() -> None:
        async with reading(broker.address, topic, group) as consumer:
            zero, _one, two, three = await take(consumer, 4)
            await consumer.ack([two, zero, three])
        async with reading(broker.address, topic, group) as consumer:
            assert offsets(await take(consumer, 3)) == [1, 2, 3]

    run(main())


def test_a_nack_rewinds(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, topic: str, group: str
) -> None:
    client.produce_batch(topic, [(None, str(i)) for i in range(4)])

    async def main() -> None:
        async with reading(broker.address, topic, group) as consumer:
            zero, one, two, three = await take(consumer, 4)
            await consumer.ack([zero, two])
            await consumer.nack([three, one])
            again = await take(consumer, 3)
            assert offsets(again) == [1, 2, 3]
            # One that was delivered before the rewind.
            await consumer.ack([three])
            await consumer.ack(again[:2])
        assert client.group_offsets(group) == {TopicPartition(topic, 0): 3}

    run(main())


def test_a_partition_waits_for_its_oldest_message_and_others_go_on(
    broker: flymq.EmbeddedBroker,
    client: FlyMQClient,
    make_topic: Callable[[int], str],
    group: str,
) -> None:
    topic = make_topic(2)
    for partition in range(2):
        client.produce_batch(topic, [(None, str(i)) for i in range(10)], partition)

    async def main() -> None:
        async with reading(broker.address, topic, group, max_unacked=3) as consumer:
            stuck: list[Message] = []
            done: list[int] = []
            while len(done) < 10 or len(stuck) < 3:
                for message in await consumer.poll(1, 1):
                    if message.partition == 0:
                        stuck.append(message)
                    else:
                        done.append(message.offset)
                        await consumer.ack([message])
            assert offsets(stuck) == [0, 1, 2]
            assert done == list(range(10))
            assert await consumer.poll(1, 0.05) == []
            # The oldest still holds the others back.
            await consumer.ack(stuck[1:])
            assert await consumer.poll(1, 0.05) == []
            await consumer.ack(stuck[:1])
            assert offsets(await take(consumer, 3)) == [3, 4, 5]

    run(main())


def test_a_busy_member_lets_others_join(
    broker: flymq.EmbeddedBroker,
    client: FlyMQClient,
    make_topic: Callable[[int], str],
    group: str,
) -> None:
    topic = make_topic(2)
    for partition in range(2):
        client.produce_batch(topic, [(None, str(i)) for i in range(3)], partition)

    async def main() -> None:
        async with (
            reading(broker.address, topic, group) as busy,
            reading(broker.address, topic, group) as second,
        ):
            messages = await take(busy, 6)
            await busy.ack([m for m in messages if m.offset == 0])
            # The first polls no more: it is at work on what it has.
            theirs = await take(second, 2)
            (partition,) = {message.partition for message in theirs}
            assert offsets(theirs) == [1, 2]
            # What is no longer its own it does not commit.
            await busy.ack(messages)
            ours = TopicPartition(topic, 1 - partition)
            await until(lambda: client.group_offsets(group).get(ours) == 2)
            assert client.group_offsets(group)[TopicPartition(topic, partition)] == 0

    run(main())


def test_errors_that_come_meanwhile_are_raised_by_the_next_poll(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, topic: str, group: str
) -> None:
    client.produce(topic, "x")

    async def main() -> None:
        async with reading(broker.address, topic, group, instance_id="only") as first:
            await take(first, 1)
            async with reading(broker.address, topic, group, instance_id="only") as second:
                await take(second, 1)
                with pytest.raises(flymq.InstanceFencedError):
                    while True:
                        await asyncio.sleep(0.01)
                        await first.poll(1, 0)

    run(main())


class Scripted:
    """A consumer whose commits fail or wait as a test says, which a broker does not do on demand."""

    def __init__(self, on_revoked: Any, on_lost: Any, **_options: Any) -> None:
        self.on_revoked, self.on_lost = on_revoked, on_lost
        self.commits: list[dict[TopicPartition, int]] = []
        self.failure: flymq.FlyMQError | None = None
        self.may_commit = asyncio.Event()
        self.may_commit.set()

    async def connect(self) -> None: ...

    async def poll(self, count: int, _timeout: float) -> list[Message]:
        return [Message("t", 0, offset) for offset in range(count)]

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.commits.append(offsets)
        await self.may_commit.wait()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    async def close(self) -> None: ...


@asynccontextmanager
async def scripted() -> AsyncIterator[tuple[AckingConsumer, Scripted, list[Message]]]:
    made: list[Scripted] = []

    def make(**options: Any) -> Any:
        made.append(Scripted(**options))
        return made[0]

    consumer = AckingConsumer(make, 100)
    await consumer.connect()
    yield consumer, made[0], await consumer.poll(5, 1)
    await consumer.close()


SLOT = TopicPartition("t", 0)


def test_a_commit_that_failed_is_made_up_for() -> None:
    async def main() -> None:
        async with scripted() as (consumer, script, messages):
            script.failure = flymq.RequestTimeoutError()
            await consumer.ack(messages[:1])
            await until(lambda: script.failure is None)
        # At the latest when it closes.
        assert script.commits == [{SLOT: 0}, {SLOT: 0}]

        async with scripted() as (consumer, script, messages):
            script.failure = flymq.StaleGenerationError()
            await consumer.ack(messages[:1])
            await until(lambda: script.failure is None)
        # Others have the partition.
        assert script.commits == [{SLOT: 0}]

    run(main())


def test_commits_are_made_one_at_a_time_and_the_last_before_partitions_are_given_up() -> None:
    async def main() -> None:
        async with scripted() as (consumer, script, messages):
            script.may_commit.clear()
            await consumer.ack(messages[:1])
            await until(lambda: script.commits == [{SLOT: 0}])
            for message in messages[1:4]:
                await consumer.ack([message])
            giving_up = asyncio.create_task(script.on_revoked(script, [SLOT]))
            await until(lambda: len(script.commits) == 2)
            # By others, from now on.
            await consumer.ack(messages[4:])
            script.may_commit.set()
            await giving_up
        assert script.commits == [{SLOT: 0}, {SLOT: 3}]

    run(main())


def test_what_is_lost_is_not_committed() -> None:
    async def main() -> None:
        async with scripted() as (consumer, script, messages):
            script.may_commit.clear()
            script.failure = flymq.RequestTimeoutError()
            await consumer.ack(messages[:1])
            await until(lambda: len(script.commits) == 1)
            await consumer.ack(messages[1:3])
            script.on_lost(script, [SLOT])
            script.may_commit.set()
        assert script.commits == [{SLOT: 0}]

    run(main())


def test_mistakes(broker: flymq.EmbeddedBroker) -> None:
    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            with pytest.raises(ValueError, match="at least 1"):
                AckingConsumer(partial(AsyncConsumer, client, "t", group="g"), 0)

    run(main())
