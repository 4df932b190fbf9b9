"""NATS JetStream through nats-py."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StorageType

from drivers import Clock, Pace, Secure, from_tasks, one_at_a_time_async
from scenario import Durability

_TIMEOUT = 30.0

T = TypeVar("T")


class Driver:
    encrypts = False

    def __init__(
        self, address: str, variant: str, durability: Durability, secure: Secure
    ) -> None:
        self._address = f"nats://{address}"
        self._tls = ssl.create_default_context(cafile=secure.ca) if secure.ca else None

    def create(self, topic: str) -> None:
        self._run(
            lambda js: js.add_stream(name=topic, subjects=[topic], storage=StorageType.FILE)
        )

    def delete(self, topic: str) -> None:
        self._run(lambda js: js.delete_stream(topic))

    def produce(self, topic: str, values: Sequence[bytes], clock: Clock) -> None:
        async def produce(js: JetStreamContext) -> None:
            with clock:
                acknowledgements = [
                    await js.publish_async(topic, value) for value in values
                ]
                await js.publish_async_completed()
            for acknowledgement in acknowledgements:
                acknowledgement.result()

        self._run(produce)

    def consume(self, topic: str, count: int, clock: Clock) -> list[bytes]:
        async def consume(js: JetStreamContext) -> list[bytes]:
            values: list[bytes] = []
            done = asyncio.Event()

            async def take(message: Msg) -> None:
                values.append(message.data)
                if len(values) == count:
                    done.set()

            with clock:
                await js.subscribe(topic, stream=topic, cb=take, ordered_consumer=True)
                await asyncio.wait_for(done.wait(), _TIMEOUT)
            return values

        return self._run(consume)

    def latency(self, topic: str, values: Sequence[bytes], clock: Clock) -> list[int]:
        async def latency(js: JetStreamContext) -> list[int]:
            with clock:
                return await one_at_a_time_async(lambda value: js.publish(topic, value), values)

        return self._run(latency)

    def in_flight(self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock) -> None:
        async def in_flight(js: JetStreamContext) -> None:
            async def send(value: bytes) -> None:
                await (await js.publish_async(topic, value))

            with clock:
                await from_tasks(send, values, tasks)

        self._run(in_flight)

    def delay(
        self, topic: str, values: Sequence[bytes], per_second: int, clock: Clock
    ) -> list[int]:
        async def delay(js: JetStreamContext) -> list[int]:
            arrived: list[int] = []
            done = asyncio.Event()

            async def take(message: Msg) -> None:
                arrived.append(time.perf_counter_ns())
                if len(arrived) == len(values):
                    done.set()

            await js.subscribe(topic, stream=topic, cb=take, ordered_consumer=True)
            with clock:
                pace = Pace(per_second)
                for number, value in enumerate(values):
                    await asyncio.sleep(pace.wait(number))
                    await js.publish_async(topic, value)
                await asyncio.wait_for(done.wait(), _TIMEOUT)
            return pace.delays(arrived)

        return self._run(delay)

    def transactions(
        self, topic: str, values: Sequence[bytes], records: int, clock: Clock
    ) -> None:
        raise NotImplementedError("nats-py has no transactions")

    def _run(self, work: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        async def connected() -> T:
            async with await nats.connect(self._address, tls=self._tls) as client:
                return await work(client.jetstream())

        return asyncio.run(connected())
