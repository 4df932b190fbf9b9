"""The systems that are compared: for each a driver, which does with a client what a scenario asks.

A driver is made for an address, one of its variants and a durability; it tells the clock when what is
measured begins and ends, and returns only when everything was acknowledged or read.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from scenario import Durability, Kind

Clock = AbstractContextManager[Any]
ServerName = Literal["flymq", "kafka", "nats", "redis"]


@dataclass(frozen=True)
class Secure:
    """What guards the records."""

    #: The certificate of whom clients trust, if there is TLS.
    ca: str | None = None
    encrypted: bool = False


class Driver(Protocol):
    #: Whether the client encrypts by itself.
    encrypts: bool

    def __init__(
        self, address: str, variant: str, durability: Durability, secure: Secure
    ) -> None: ...

    def create(self, topic: str) -> None:
        """Makes an empty topic of one partition."""

    def delete(self, topic: str) -> None:
        """Removes it."""

    def produce(self, topic: str, values: Sequence[bytes], clock: Clock) -> None:
        """Writes the values as quickly as the client's batching does."""

    def consume(self, topic: str, count: int, clock: Clock) -> list[bytes]:
        """Reads so many values from the topic's beginning."""

    def latency(self, topic: str, values: Sequence[bytes], clock: Clock) -> list[int]:
        """Writes one value after another was acknowledged; returns how long each took, in ns."""

    def in_flight(self, topic: str, values: Sequence[bytes], tasks: int, clock: Clock) -> None:
        """Writes from so many asyncio tasks, each of which awaits one acknowledgement at a time."""

    def delay(
        self, topic: str, values: Sequence[bytes], per_second: int, clock: Clock
    ) -> list[int]:
        """Writes so many a second, and reads meanwhile; returns how long after it was due each was read, in ns."""

    def transactions(
        self, topic: str, values: Sequence[bytes], records: int, clock: Clock
    ) -> None:
        """Writes in transactions of so many records, one after the other."""


@dataclass(frozen=True)
class System:
    """A client with one configuration."""

    name: str
    #: Name of the module within this package.
    driver: str
    server: ServerName
    kinds: tuple[Kind, ...]
    #: What the driver is told.
    variant: str
    #: What a reader has to know about how it is used.
    description: str
    #: The package and its extra ones, whose versions are noted.
    packages: tuple[str, ...]

    @property
    def peer(self) -> str:
        """The client, whatever its configuration."""
        return self.name.partition(" ")[0]


_SYNC: tuple[Kind, ...] = ("produce", "consume", "latency", "delay")

SYSTEMS = (
    System(
        "flymq", "flymq", "flymq", (*_SYNC, "in-flight", "transactions"), "",
        "Producer (linger 5 ms, batches of 128 KiB, idempotent), Consumer.poll(10,000), "
        "FlyMQClient.produce, AsyncFlyMQClient.produce; all at their defaults",
        ("flymq",),
    ),
    System(
        "confluent-kafka", "confluent", "kafka", ("produce", "consume"), "default",
        "all at its defaults (linger 5 ms, batches of 1 MB, not idempotent), no delivery callback; "
        "consume(10,000)",
        ("confluent-kafka",),
    ),
    System(
        "confluent-kafka like flymq", "confluent", "kafka", ("produce",), "like-flymq",
        "linger 5 ms, batches of 128 KiB, idempotent",
        ("confluent-kafka",),
    ),
    System(
        "confluent-kafka tuned", "confluent", "kafka", (*_SYNC, "transactions"), "tuned",
        "for throughput linger 50 ms, a queue of 1,000,000 records and 1 GiB; consuming with "
        "fetches of up to 4 MiB and no CRC check; one at a time, in transactions and at a fixed rate "
        "with linger 0, without Nagle's delay",
        ("confluent-kafka",),
    ),
    System(
        "confluent-kafka asyncio", "confluent", "kafka", ("in-flight",), "tuned",
        "AIOProducer with linger 0 and batches of 100, as many as are in flight, and a task that polls",
        ("confluent-kafka",),
    ),
    System(
        "aiokafka", "aio", "kafka", ("in-flight",), "default",
        "send_and_wait, all at its defaults (linger 0, batches of 16 KiB)",
        ("aiokafka",),
    ),
    System(
        "aiokafka tuned", "aio", "kafka", ("in-flight",), "tuned",
        "send_and_wait with batches of 128 KiB, acks=1, which on one node is as durable",
        ("aiokafka",),
    ),
    System(
        "nats-py", "nats_jetstream", "nats", (*_SYNC, "in-flight"), "",
        "JetStream, file storage; publish_async with 4,000 pending; an ordered consumer with a "
        "callback; publish; from tasks publish_async, each acknowledgement awaited",
        ("nats-py",),
    ),
    System(
        "redis-py", "redis_streams", "redis", (*_SYNC, "in-flight", "transactions"), "",
        "Streams; XADD in pipelines of 1,000; XRANGE of 10,000; hiredis parser; asyncio with a "
        "pool of as many connections as tasks; MULTI and EXEC for a transaction, which others see "
        "all at once but which nothing undoes; at a fixed rate XADD, and XREAD that blocks",
        ("redis", "hiredis"),
    ),
)


class Pace:
    """When each of so many records a second is due."""

    def __init__(self, per_second: int) -> None:
        self._step = 1_000_000_000 // per_second
        self._began = time.perf_counter_ns()

    def wait(self, number: int) -> float:
        """Seconds until it is due."""
        return max(0, self._began + number * self._step - time.perf_counter_ns()) / 1e9

    def delays(self, arrived: Sequence[int]) -> list[int]:
        """How long after it was due each arrived, in ns: also what waited because others did."""
        return [at - self._began - number * self._step for number, at in enumerate(arrived)]


def at_a_pace(
    send: Callable[[bytes], object],
    read: Callable[[], int],
    values: Sequence[bytes],
    per_second: int,
) -> list[int]:
    """Calls `send` for each value when it is due, while a thread calls `read`, which waits for records
    and returns how many came. Returns how long after it was due each came, in ns."""
    arrived: list[int] = []

    def receive() -> None:
        while len(arrived) < len(values):
            arrived.extend([time.perf_counter_ns()] * read())

    reader = threading.Thread(target=receive)
    reader.start()
    pace = Pace(per_second)
    for number, value in enumerate(values):
        if wait := pace.wait(number):
            time.sleep(wait)
        send(value)
    reader.join()
    return pace.delays(arrived)


def one_at_a_time(send: Callable[[bytes], object], values: Sequence[bytes]) -> list[int]:
    """Calls `send` for each value and returns how long each call took, in ns."""
    now = time.perf_counter_ns
    durations = []
    for value in values:
        began = now()
        send(value)
        durations.append(now() - began)
    return durations


async def one_at_a_time_async(
    send: Callable[[bytes], Awaitable[object]], values: Sequence[bytes]
) -> list[int]:
    """Awaits `send` for each value and returns how long each took, in ns."""
    now = time.perf_counter_ns
    durations = []
    for value in values:
        began = now()
        await send(value)
        durations.append(now() - began)
    return durations


async def from_tasks(
    send: Callable[[bytes], Awaitable[object]], values: Sequence[bytes], tasks: int
) -> None:
    """Awaits `send` for each value, `tasks` of them at a time."""
    left = iter(values)

    async def work() -> None:
        for value in left:
            await send(value)

    await asyncio.gather(*(work() for _ in range(tasks)))
