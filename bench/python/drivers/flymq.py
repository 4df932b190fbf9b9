"""FlyMQ."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import flymq

from drivers import Clock, Secure, at_a_pace, from_tasks, one_at_a_time
from scenario import Durability

_POLL = 10_000


class Driver:
    encrypts = True

    def __init__(
        self, address: str, variant: str, durability: Durability, secure: Secure
    ) -> None:
        self._address = address
        self._options: dict[str, Any] = {}
        if secure.ca:
            self._options |= {"tls_enabled": True, "tls_ca_file": secure.ca}
        if secure.encrypted:
            self._options["encryption_key"] = os.urandom(32)
        self._client = flymq.FlyMQClient(address, **self._options)

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
        async with flymq.AsyncFlyMQClient(self._address, **self._options) as client:
            with clock:
                await from_tasks(lambda value: client.produce(topic, value), values, tasks)

    def delay(
        self, topic: str, values: Sequence[bytes], per_second: int, clock: Clock
    ) -> list[int]:
        producer = flymq.Producer(self._client, linger=0)
        with flymq.Consumer(self._client) as consumer, producer:
            consumer.assign([(topic, 0)])
            with clock:
                return at_a_pace(
                    lambda value: producer.send(topic, value),
                    lambda: len(consumer.poll(_POLL)),
                    values,
                    per_second,
                )

    def transactions(
        self, topic: str, values: Sequence[bytes], records: int, clock: Clock
    ) -> None:
        with flymq.TransactionalProducer(self._client, transactional_id=topic) as producer, clock:
            for start in range(0, len(values), records):
                with producer.transaction() as transaction:
                    for value in values[start : start + records]:
                        transaction.produce(topic, value)
