"""Redis Streams through redis-py."""

import asyncio
from collections.abc import Sequence
from typing import Any

import redis
import redis.asyncio

from drivers import Clock, Secure, at_a_pace, from_tasks, one_at_a_time
from scenario import Durability

_PIPELINE = 1_000
_RANGE = 10_000


class Driver:
    encrypts = False

    def __init__(
        self, address: str, variant: str, durability: Durability, secure: Secure
    ) -> None:
        host, port = address.split(":")
        self._place: dict[str, Any] = {"host": host, "port": int(port)}
        if secure.ca:
            self._place |= {"ssl": True, "ssl_ca_certs": secure.ca}
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

    def delay(
        self, topic: str, values: Sequence[bytes], per_second: int, clock: Clock
    ) -> list[int]:
        reader = redis.Redis(**self._place)
        last = "0"

        def read() -> int:
            nonlocal last
            streams: Any = reader.xread({topic: last}, count=_RANGE, block=1_000)
            if not streams:
                return 0
            ((_, entries),) = streams.items() if isinstance(streams, dict) else streams
            last = entries[-1][0].decode()
            return len(entries)

        xadd = self._client.xadd
        with clock:
            return at_a_pace(lambda value: xadd(topic, {"v": value}), read, values, per_second)

    def transactions(
        self, topic: str, values: Sequence[bytes], records: int, clock: Clock
    ) -> None:
        with clock:
            for start in range(0, len(values), records):
                pipeline = self._client.pipeline(transaction=True)
                for value in values[start : start + records]:
                    pipeline.xadd(topic, {"v": value})
                pipeline.execute()
