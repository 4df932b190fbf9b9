"""A FlyMQ broker for taskiq (`pip install flymq[taskiq]`).

from flymq.taskiq import FlyMQBroker

broker = FlyMQBroker("localhost:9092", topic="tasks")

@broker.task
async def resize(image: str) -> None: ...

await resize.kiq("cat.jpg")  # taskiq worker tasks:broker does the work
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import flymq
from flymq._acking import AckingConsumer
from flymq._topics import ensure_topic

try:
    from taskiq import AckableMessage, AsyncBroker, BrokerMessage
except ImportError as _error:
    raise ImportError("flymq.taskiq needs taskiq: pip install flymq[taskiq]") from _error

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Unpack

    from flymq import AsyncFlyMQClient, AsyncProducer, ClientOptions

__all__ = ["FlyMQBroker"]

# How long a poll waits before it is made again, in seconds.
_POLL_TIMEOUT = 60.0


class FlyMQBroker(AsyncBroker):
    """Tasks are records of a topic, which the workers of a group share.

    A task that was kicked is stored, and its record is committed once the worker has acknowledged it
    (taskiq's `--ack-type` says when), so a task is executed at least once also if its worker is
    killed. Tasks end in any order, but a group commits positions: a task is committed once all before
    it in its partition are, and those that were ahead are executed again after a crash. `max_unacked`
    bounds how many these can be.

    The worker is known to be alive while tasks run, however long they take.

    There is no result backend: a log is no place to look results up. Use one of taskiq's own.

    Args:
        addresses: `"host:port,…"`, a list of such, or a URL; by default FLYMQ_BOOTSTRAP_SERVERS, else
            localhost:9092.
        topic: Where tasks are stored. It is created if there is none.
        group: Whom the workers share the tasks with. Another group executes each task once more.
        partitions: How many partitions a new topic gets: no more workers than that have work.
        max_unacked: How many tasks of a partition may be ahead of one that is not acknowledged.
        session_timeout: After how many seconds without a sign of life a worker's tasks are executed by
            others, 45 if not given.
        key_label: The label of a task whose value is its record's key. Tasks of a key come to the
            same worker.
        client_options: Options of `flymq.AsyncFlyMQClient`.
    """

    def __init__(
        self,
        addresses: str | Iterable[str] | None = None,
        *,
        topic: str = "taskiq",
        group: str = "taskiq",
        partitions: int = 8,
        max_unacked: int = 1000,
        session_timeout: float | None = None,
        key_label: str = "key",
        **client_options: Unpack[ClientOptions],
    ) -> None:
        super().__init__()
        self.topic = topic
        self.group = group
        self._addresses = (
            addresses if addresses is None or isinstance(addresses, str) else list(addresses)
        )
        self._partitions = partitions
        self._max_unacked = max_unacked
        self._session_timeout = session_timeout
        self._key_label = key_label
        self._options: dict[str, Any] = {"client_id": "taskiq", **client_options}
        self._client: AsyncFlyMQClient | None = None
        self._producer: AsyncProducer | None = None
        self._consumer: AckingConsumer | None = None

    async def startup(self) -> None:
        """Connect, and create the topic if there is none."""
        if self._client is None:
            self._client = flymq.AsyncFlyMQClient(self._addresses, **self._options)
            # A task that is kicked is waited for: it has no time to lose.
            self._producer = flymq.AsyncProducer(self._client, linger=0)
            await self._client.connect()
            await self._producer.connect()
            await ensure_topic(self._client, self.topic, self._partitions)
        await super().startup()

    async def shutdown(self) -> None:
        """Commit what was acknowledged, and disconnect. Harmless when done."""
        await super().shutdown()
        async with AsyncExitStack() as closing:
            # The last one is closed first.
            for opened in (self._client, self._producer, self._consumer):
                if opened is not None:
                    closing.push_async_callback(opened.close)
            self._client = self._producer = self._consumer = None

    async def kick(self, message: BrokerMessage) -> None:
        """Store a task."""
        if self._producer is None:
            raise RuntimeError("the broker is not connected: await broker.startup() first")
        key = message.labels.get(self._key_label)
        delivery = await self._producer.send(
            self.topic,
            message.message,
            None if key is None else str(key),
            headers={"task_id": message.task_id, "task_name": message.task_name},
        )
        await delivery

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """The tasks of this worker."""
        client = self._client
        if client is None:
            raise RuntimeError("the broker is not connected: await broker.startup() first")
        if self._consumer is None:
            make = partial(
                flymq.AsyncConsumer,
                client,
                self.topic,
                group=self.group,
                session_timeout=self._session_timeout,
            )
            self._consumer = AckingConsumer(make, self._max_unacked)
            await self._consumer.connect()
        consumer = self._consumer
        while True:
            for message in await consumer.poll(1, _POLL_TIMEOUT):
                yield AckableMessage(
                    data=message.value or b"", ack=partial(consumer.ack, [message])
                )
