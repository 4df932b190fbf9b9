"""Redis Streams through redis-py."""

import asyncio
from collections.abc import Sequence
from typing import Any

import redis
import redis.asyncio

from drivers import Clock, from_tasks, one_at_a_time
from scenario import Durability

_PIPELINE = 1_000
_RANGE = 10_000


class Driver:
    def __init__(self, address: str, variant: str, durability: Durability) -> None:
        host, port = address.split(":")
        self._place: dict[str, Any] = {"host": host, "port": int(port)}
        self._client = redis.Redis(**self._place)
        self._client.ping()

    def create(self, topic: str) -> None:
        """A stream comes with its first record."""

    def delete(self, topic: str) -> None:
        self._client.delete(topic)

    def produce(self, topic: str, values: Sequence[bytes], clock: Clock) -> None:
        with clock:
            pipeline = self._client.pipeline(transaction=False)
            for start in range(0, len(values), _PIPELINE):
                for value in values[start : start + _PIPELINE]:
                    pipeline.xadd(topic, {"v": value})
                pipeline.execute()

    def consume(self, topic: str, count: int, clock: Clock) -> list[bytes]:
        values: list[bytes] = []
        first = "-"
        with clock:
            while len(values) < count:
                entries: Any = self._client.xrange(topic, min=first, count=_RANGE)
                if not entries:
                    raise RuntimeError(f"there are only {len(values)} of {count} records")
                values += [fields[b"v"] for _, fields in entries]
                first = "(" + entries[-1][0].decode()
        return values

    def latency(self, topic: str, values: Sequence[bytes], clock: Clock) -> list[int]:
        xadd = self._client.xadd
        with clock:
            return one_at_a_time(lambda value: xadd(topic, {"v": value}), values)

    def in_flight(self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock) -> None:
        asyncio.run(self._in_flight(topic, values, tasks, clock))

    async def _in_flight(
        self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock
    ) -> None:
        async with redis.asyncio.Redis(**self._place, max_connections=tasks) as client:
            await asyncio.gather(*(client.ping() for _ in range(tasks)))
            with clock:
                await from_tasks(lambda value: client.xadd(topic, {"v": value}), values, tasks)
