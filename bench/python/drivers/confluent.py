"""Apache Kafka through confluent-kafka-python, which is librdkafka."""

import asyncio
from collections.abc import Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from confluent_kafka.aio import AIOProducer

from drivers import Clock, Secure, at_a_pace, from_tasks, one_at_a_time
from scenario import Durability

_TIMEOUT = 30.0
_POLL = 0.1
_CONSUME = 10_000
#: After how many records callbacks are served, as the loop of an application does.
_POLL_EVERY = 1_000

_PRODUCE: dict[str, dict[str, Any]] = {
    "default": {},
    "like-flymq": {"linger.ms": 5, "batch.size": 128 << 10, "enable.idempotence": True},
    "tuned": {
        "linger.ms": 50,
        "queue.buffering.max.messages": 1_000_000,
        "queue.buffering.max.kbytes": 1 << 20,
    },
}
_CONSUME_OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "tuned": {
        "fetch.message.max.bytes": 4 << 20,
        "queued.min.messages": 1_000_000,
        "check.crcs": False,
    },
}
_AT_ONCE = {"linger.ms": 0, "socket.nagle.disable": True}


class Driver:
    encrypts = False

    def __init__(
        self, address: str, variant: str, durability: Durability, secure: Secure
    ) -> None:
        self._address = address
        self._common: dict[str, Any] = {"bootstrap.servers": address}
        if secure.ca:
            self._common |= {"security.protocol": "ssl", "ssl.ca.location": secure.ca}
        self._admin = AdminClient(self._common)
        self._variant = variant
        self._durability = durability

    def create(self, topic: str) -> None:
        # With fsync, every append is followed by one, before it is acknowledged.
        config = {"flush.messages": "1"} if self._durability == "fsync" else {}
        new = NewTopic(topic, num_partitions=1, replication_factor=1, config=config)
        self._admin.create_topics([new])[topic].result(_TIMEOUT)

    def delete(self, topic: str) -> None:
        self._admin.delete_topics([topic])[topic].result(_TIMEOUT)

    def produce(self, topic: str, values: Sequence[bytes], clock: Clock) -> None:
        producer = Producer({**self._common, **_PRODUCE[self._variant]})
        producer.list_topics(topic, _TIMEOUT)
        with clock:
            for start in range(0, len(values), _POLL_EVERY):
                for value in values[start : start + _POLL_EVERY]:
                    try:
                        producer.produce(topic, value)
                    except BufferError:
                        self._produce_with_room(producer, topic, value)
                producer.poll(0)
            left = producer.flush(_TIMEOUT)
        if left:
            raise RuntimeError(f"{left} records were not acknowledged")

    def _produce_with_room(self, producer: Producer, topic: str, value: bytes) -> None:
        while True:
            producer.poll(0.01)
            try:
                producer.produce(topic, value)
                return
            except BufferError:
                pass

    def consume(self, topic: str, count: int, clock: Clock) -> list[bytes]:
        own = {"group.id": "bench", "enable.auto.commit": False}
        options = _CONSUME_OPTIONS.get(self._variant, {})
        consumer = Consumer({**self._common, **own, **options})
        consumer.list_topics(topic, _TIMEOUT)
        values: list[Any] = []
        with clock:
            consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
            while len(values) < count:
                # It returns before the time is out only once it has as many as it was asked for.
                wanted = min(_CONSUME, count - len(values))
                values += [message.value() for message in consumer.consume(wanted, _TIMEOUT)]
        consumer.close()
        return values

    def latency(self, topic: str, values: Sequence[bytes], clock: Clock) -> list[int]:
        producer = Producer({**self._common, **_AT_ONCE})
        producer.list_topics(topic, _TIMEOUT)
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(error)

        def send(value: bytes) -> None:
            producer.produce(topic, value, on_delivery=delivered)
            producer.flush()

        with clock:
            durations = one_at_a_time(send, values)
        if failures:
            raise RuntimeError(f"{failures[0]}")
        return durations

    def in_flight(self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock) -> None:
        asyncio.run(self._in_flight(topic, values, tasks, clock))

    async def _in_flight(
        self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock
    ) -> None:
        producer = AIOProducer({**self._common, **_AT_ONCE}, batch_size=tasks, buffer_timeout=0.001)

        async def send(value: bytes) -> None:
            await (await producer.produce(topic, value))

        async def poll() -> None:
            """Otherwise callbacks are served only when a batch is sent, or every 100 ms."""
            while True:
                await producer.poll(_POLL)

        polling = asyncio.create_task(poll())
        with clock:
            await from_tasks(send, values, tasks)
        polling.cancel()
        await producer.close()

    def delay(
        self, topic: str, values: Sequence[bytes], per_second: int, clock: Clock
    ) -> list[int]:
        producer = Producer({**self._common, **_AT_ONCE})
        own = {"group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 100}
        consumer = Consumer({**self._common, **own})
        consumer.list_topics(topic, _TIMEOUT)
        producer.list_topics(topic, _TIMEOUT)
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])

        def send(value: bytes) -> None:
            producer.produce(topic, value)
            producer.poll(0)

        def read() -> int:
            message = consumer.poll(_TIMEOUT)
            return int(message is not None and message.error() is None)

        with clock:
            delays = at_a_pace(send, read, values, per_second)
        producer.flush(_TIMEOUT)
        consumer.close()
        return delays

    def transactions(
        self, topic: str, values: Sequence[bytes], records: int, clock: Clock
    ) -> None:
        producer = Producer({**self._common, **_AT_ONCE, "transactional.id": topic})
        producer.init_transactions(_TIMEOUT)
        with clock:
            for start in range(0, len(values), records):
                producer.begin_transaction()
                for value in values[start : start + records]:
                    producer.produce(topic, value)
                producer.commit_transaction(_TIMEOUT)
