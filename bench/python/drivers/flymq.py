"""FlyMQ."""

import asyncio
from collections.abc import Sequence
from typing import Any

import flymq

from drivers import Clock, from_tasks, one_at_a_time
from scenario import Durability

_POLL = 10_000


class Driver:
    def __init__(self, address: str, variant: str, durability: Durability) -> None:
        self._address = address
        self._client = flymq.FlyMQClient(address)

    def create(self, topic: str) -> None:
        self._client.create_topic(topic, partitions=1)

    def delete(self, topic: str) -> None:
        self._client.delete_topic(topic)

    def produce(self, topic: str, values: Sequence[bytes], clock: Clock) -> None:
        producer = flymq.Producer(self._client)
        with clock:
            send = producer.send
            for value in values:
                send(topic, value)
            producer.flush()
        producer.close()

    def consume(self, topic: str, count: int, clock: Clock) -> list[bytes]:
        values: list[Any] = []
        with flymq.Consumer(self._client) as consumer:
            with clock:
                consumer.assign([(topic, 0)])
                while len(values) < count:
                    values += [message.value for message in consumer.poll(_POLL)]
        return values

    def latency(self, topic: str, values: Sequence[bytes], clock: Clock) -> list[int]:
        produce = self._client.produce
        with clock:
            return one_at_a_time(lambda value: produce(topic, value), values)

    def in_flight(self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock) -> None:
        asyncio.run(self._in_flight(topic, values, tasks, clock))

    async def _in_flight(
        self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock
    ) -> None:
        async with flymq.AsyncFlyMQClient(self._address) as client:
            with clock:
                await from_tasks(lambda value: client.produce(topic, value), values, tasks)
