"""The consumer of asyncio: iterating, callbacks, and what cancelling does to messages."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import flymq
import pytest
from flymq import AsyncConsumer, AsyncFlyMQClient, EmbeddedBroker, TopicPartition
from helpers import DEADLINE

_groups = itertools.count()


@pytest.fixture
def group() -> str:
    return f"async-group-{next(_groups)}"


@pytest.fixture
def ten(client: flymq.FlyMQClient, topic: str) -> str:
    client.produce_batch(topic, [(None, str(i)) for i in range(10)])
    return topic


def play(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, DEADLINE))


async def first(messages: AsyncIterator[flymq.Message], count: int) -> list[bytes | None]:
    return [(await anext(messages)).value for _ in range(count)]


def test_iterating_commits_what_was_processed(
    broker: EmbeddedBroker, ten: str, group: str
) -> None:
    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            async with AsyncConsumer(client, ten, group=group) as consumer:
                count = 0
                async for message in consumer:
                    count += 1
                    assert message.topic == ten
                    if count == 5:
                        break
            # The last one was returned, and the block was left without an error.
            assert await client.group_offsets(group) == {TopicPartition(ten, 0): 4}
            with pytest.raises(KeyError):
                async with AsyncConsumer(client, ten, group=group) as consumer:
                    async for message in consumer:
                        if message.offset == 7:
                            raise KeyError
            assert await client.group_offsets(group) == {TopicPartition(ten, 0): 6}

            async def work() -> None:
                async with AsyncConsumer(client, ten, group=group) as consumer:
                    async for message in consumer:
                        if message.offset == 8:
                            reached.set()
                            await asyncio.Event().wait()

            reached = asyncio.Event()
            task = asyncio.create_task(work())
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await client.group_offsets(group) == {TopicPartition(ten, 0): 7}

    play(main())


def test_polling_and_batches(broker: EmbeddedBroker, ten: str, group: str) -> None:
    async def main() -> None:
        async with AsyncConsumer(broker.address, ten, group=group, auto_commit=False) as consumer:
            polled: list[flymq.Message] = []
            while not polled:
                polled = await consumer.poll(3)
            assert len(polled) <= 3
            await consumer.commit(polled[0])
            assert await consumer.committed() == {TopicPartition(ten, 0): 0}
            commit = await consumer.commit_async()
            await commit
            await asyncio.gather(commit.result(), commit.result())
            await consumer.seek(ten, 0, 5)
            assert await consumer.position(ten, 0) == 5
            seen: list[bytes | None] = []
            async for batch in consumer.batches(2):
                assert 0 < len(batch) <= 2
                seen += [message.value for message in batch]
                if len(seen) == 5:
                    break
            assert seen == [b"5", b"6", b"7", b"8", b"9"]
            assert await consumer.poll(timeout=0) == []
            async for batch in consumer.batches(timeout=0.01):
                assert batch == []
                break

    play(main())


def test_callbacks_run_on_the_event_loop(broker: EmbeddedBroker, ten: str, group: str) -> None:
    told: list[tuple[str, list[TopicPartition]]] = []

    def on_assigned(consumer: AsyncConsumer, partitions: list[TopicPartition]) -> None:
        assert threading.current_thread() is threading.main_thread()
        assert asyncio.get_running_loop().is_running()
        told.append(("assigned", partitions))

    async def on_revoked(consumer: AsyncConsumer, partitions: list[TopicPartition]) -> None:
        await consumer.commit()
        told.append(("revoked", partitions))

    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            consumer = AsyncConsumer(
                client,
                ten,
                group=group,
                auto_commit=False,
                on_assigned=on_assigned,
                on_revoked=on_revoked,
            )
            async with consumer:
                assert await first(consumer, 3) == [b"0", b"1", b"2"]
                await consumer.unsubscribe()
                assert await consumer.assignment() == []
            assert told == [
                ("assigned", [TopicPartition(ten, 0)]),
                ("revoked", [TopicPartition(ten, 0)]),
            ]
            assert await client.group_offsets(group) == {TopicPartition(ten, 0): 2}

    play(main())


def test_what_a_callback_raises_the_poll_raises(
    broker: EmbeddedBroker, ten: str, group: str
) -> None:
    async def fail(consumer: AsyncConsumer, partitions: list[TopicPartition]) -> None:
        await asyncio.sleep(0)
        with pytest.raises(flymq.InvalidArgumentError, match="cannot poll"):
            await consumer.poll()
        raise ZeroDivisionError

    async def main() -> None:
        async with AsyncConsumer(broker.address, ten, group=group, on_assigned=fail) as consumer:
            with pytest.raises(ZeroDivisionError):
                await anext(consumer)
            assert await first(consumer, 2) == [b"0", b"1"]

    play(main())


def test_a_blocking_consumer_refuses_an_asynchronous_callback(
    client: flymq.FlyMQClient, ten: str, group: str
) -> None:
    async def on_assigned(*_arguments: object) -> None:
        pass

    with flymq.Consumer(client, ten, group=group, on_assigned=on_assigned) as consumer:
        with pytest.raises(TypeError, match="AsyncConsumer"):
            next(consumer)
        assert next(consumer).value == b"0"


def test_what_a_cancelled_poll_has_read_comes_again(
    broker: EmbeddedBroker, client: flymq.FlyMQClient, topic: str, group: str
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with AsyncFlyMQClient(broker.address) as own:

            def consumed() -> int:
                return own.metrics()["consumed_records"]

            async with AsyncConsumer(own, topic, group=group) as consumer:
                client.produce(topic, "0")
                assert await first(consumer, 1) == [b"0"]
                for i in range(1, 20):
                    before = consumed()
                    task = asyncio.create_task(consumer.poll(timeout=60))

                    def cancel_once_read(task: asyncio.Task[Any] = task, before: int = before) -> None:
                        # In every turn of the event loop this comes before the task: so what the
                        # poll has read in the last one has not reached the task yet.
                        if consumed() == before:
                            loop.call_soon(cancel_once_read, task, before)
                        else:
                            task.cancel()

                    await asyncio.sleep(0)  # the poll begins, and finds nothing
                    loop.call_soon(cancel_once_read)
                    await asyncio.to_thread(client.produce, topic, str(i))
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    again = await consumer.poll(timeout=DEADLINE)
                    assert [message.value for message in again] == [str(i).encode()]

    play(main())


def test_no_message_is_lost_to_cancelling(broker: EmbeddedBroker, topic: str, group: str) -> None:
    total = 300

    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:

            async def produce() -> None:
                for i in range(total):
                    await client.produce(topic, str(i))

            producing = asyncio.create_task(produce())
            seen: list[int] = []
            async with AsyncConsumer(client, topic, group=group, max_wait=0.01) as consumer:
                cancelled = 0
                while len(seen) < total:
                    task = asyncio.create_task(consumer.poll(7))
                    # As many turns of the event loop as it takes to hit the moment between the
                    # arrival of messages and the task's own turn.
                    for _ in range(cancelled % 5):
                        await asyncio.sleep(0.001)
                    task.cancel()
                    cancelled += 1
                    try:
                        polled = await task
                    except asyncio.CancelledError:
                        if cancelled % 10:
                            continue
                        polled = await consumer.poll(7)
                    seen += [int(m.value or b"") for m in polled]
            await producing
            assert seen == list(range(total))
            assert await client.group_offsets(group) == {TopicPartition(topic, 0): total - 1}

    play(main())


def test_deserializers(broker: EmbeddedBroker, topic: str, client: flymq.FlyMQClient) -> None:
    client.produce_batch(topic, [(None, '{"a": 1}'), (None, "{"), (None, '{"a": 2}')])

    async def main() -> None:
        consumer = AsyncConsumer(broker.address, value_deserializer=flymq.JsonSerde())
        async with consumer:
            await consumer.assign([(topic, 0)])
            assert (await anext(consumer)).value == {"a": 1}
            with pytest.raises(flymq.SerializationError, match="offset 1"):
                await anext(consumer)
            await consumer.seek(topic, 0, 2)
            assert (await anext(consumer)).value == {"a": 2}

    play(main())
