"""Apache Kafka through aiokafka, which is Python and asyncio."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from drivers import Clock, Secure, confluent, from_tasks
from scenario import Durability

_OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "tuned": {"max_batch_size": 128 << 10, "acks": 1},
}


class Driver(confluent.Driver):
    """It makes and reads its topics as the other client of Kafka does."""

    def __init__(
        self, address: str, variant: str, durability: Durability, secure: Secure
    ) -> None:
        super().__init__(address, "default", durability, secure)
        self._options = _OPTIONS[variant]

    async def _in_flight(
        self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock
    ) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._address, **self._options)
        await producer.start()
        await producer.partitions_for(topic)
        with clock:
            await from_tasks(lambda value: producer.send_and_wait(topic, value), values, tasks)
        await producer.stop()
