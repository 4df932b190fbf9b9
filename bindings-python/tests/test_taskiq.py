"""The taskiq broker: every task is executed at least once, whatever happens to its worker."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import flymq
import pytest
from asyncs import run, until
from flymq import FlyMQClient, TopicPartition
from flymq.taskiq import FlyMQBroker
from helpers import DEADLINE, script
from taskiq import AckableMessage, AsyncResultBackend, TaskiqResult
from taskiq.exceptions import SendTaskError
from taskiq.receiver import Receiver

_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """The topic and the group of a test."""
    return f"taskiq-{next(_numbers)}"


def new_broker(server: flymq.EmbeddedBroker, name: str, **options: Any) -> FlyMQBroker:
    return FlyMQBroker(server.address, topic=name, group=name, **options)


@asynccontextmanager
async def working(broker: FlyMQBroker, **options: Any) -> AsyncIterator[None]:
    """A worker, as `taskiq worker` runs one."""
    broker.is_worker_process = True
    stop = asyncio.Event()
    receiver = Receiver(broker, **{"max_async_tasks": 10, "wait_tasks_timeout": 0.01, **options})
    listening = asyncio.create_task(receiver.listen(stop))
    try:
        yield
    finally:
        stop.set()
        await listening
        await broker.shutdown()


def test_tasks_are_executed(broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str) -> None:
    tasks = new_broker(broker, name, partitions=3)
    done: list[tuple[int, str]] = []

    @tasks.task
    async def work(number: int, word: str = "default") -> None:
        await asyncio.sleep(random.random() / 100)
        done.append((number, word))

    async def main() -> None:
        await tasks.startup()
        async with working(tasks):
            await asyncio.gather(*(work.kiq(number) for number in range(50)))
            await work.kiq(50, word="other")
            await until(lambda: len(done) == 51)

    run(main())
    assert sorted(done) == [(number, "default") for number in range(50)] + [(50, "other")]
    assert client.partition_count(name) == 3
    assert sum(lag.lag or 0 for lag in client.group_lag(name)) == 0


def test_only_what_is_done_without_a_gap_is_committed(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    done: list[int] = []
    stuck = True

    def application() -> tuple[FlyMQBroker, Any]:
        tasks = new_broker(broker, name, partitions=1)

        @tasks.task(task_name="work")
        async def work(number: int) -> None:
            if number == 2 and stuck:
                await asyncio.Event().wait()
            done.append(number)

        return tasks, work

    async def first() -> None:
        tasks, work = application()
        await tasks.startup()
        for number in range(6):
            await work.kiq(number)
        async with working(tasks):
            await until(lambda: sorted(done) == [0, 1, 3, 4, 5])

    async def second() -> None:
        done.clear()
        tasks, _work = application()
        async with working(tasks):
            await until(lambda: sorted(done) == [2, 3, 4, 5])

    run(first())
    assert client.group_offsets(name) == {TopicPartition(name, 0): 1}
    stuck = False
    run(second())
    assert client.group_offsets(name) == {TopicPartition(name, 0): 5}


def test_a_stuck_task_holds_back_no_more_than_max_unacked(
    broker: flymq.EmbeddedBroker, name: str
) -> None:
    tasks = new_broker(broker, name, partitions=1, max_unacked=4)
    done: list[int] = []
    free = asyncio.Event()

    @tasks.task
    async def work(number: int) -> None:
        if number == 0:
            await free.wait()
        done.append(number)

    async def main() -> None:
        await tasks.startup()
        for number in range(10):
            await work.kiq(number)
        async with working(tasks):
            await until(lambda: len(done) == 3)
            messages = [each async for each in only_what_is_there(tasks)]
            assert messages == [] and sorted(done) == [1, 2, 3]
            free.set()
            await until(lambda: len(done) == 10)

    run(main())


async def only_what_is_there(broker: FlyMQBroker) -> AsyncIterator[AckableMessage]:
    consumer = broker._consumer
    assert consumer is not None
    for message in await consumer.poll(1, 0.05):
        yield AckableMessage(data=message.value or b"", ack=lambda: None)


WORKER = """
import asyncio, sys
from flymq.taskiq import FlyMQBroker
from taskiq.api import run_receiver_task

broker = FlyMQBroker(sys.argv[1], topic=sys.argv[2], group=sys.argv[2], session_timeout=1)

@broker.task(task_name="work")
async def work(number: int) -> None:
    print(number, flush=True)
    await asyncio.Event().wait()

asyncio.run(run_receiver_task(broker, run_startup=True))
"""


def test_tasks_of_a_killed_worker_are_executed_by_another(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    tasks = new_broker(broker, name, partitions=1)
    executed: list[int] = []

    @tasks.task(task_name="work")
    async def work(number: int) -> None:
        executed.append(number)

    async def send() -> None:
        await tasks.startup()
        await work.kiq(7)
        await tasks.shutdown()
        # Twice is once.
        await tasks.shutdown()

    async def execute() -> None:
        async with working(tasks):
            await until(lambda: executed == [7])

    run(send())
    with script(WORKER, broker.address, name) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == "7\n"
        worker.send_signal(signal.SIGKILL)
    run(execute())
    assert client.group_offsets(name) == {TopicPartition(name, 0): 0}


MODULE = """
import os
import flymq
from flymq.taskiq import FlyMQBroker

broker = FlyMQBroker(topic=os.environ["TOPIC"], group=os.environ["TOPIC"])

@broker.task
async def work(number: int) -> None:
    async with flymq.AsyncFlyMQClient() as client:
        await client.produce(os.environ["TOPIC"] + "-done", str(number))
"""


def test_the_worker_command(
    broker: flymq.EmbeddedBroker,
    client: FlyMQClient,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It forks: nothing is connected before."""
    (tmp_path / "tasks.py").write_text(MODULE)
    client.create_topic(f"{name}-done")
    monkeypatch.setenv("FLYMQ_BOOTSTRAP_SERVERS", broker.address)
    monkeypatch.setenv("TOPIC", name)
    monkeypatch.syspath_prepend(tmp_path)
    command = [sys.executable, "-m", "taskiq", "worker", "tasks:broker", "--workers", "2"]
    worker = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        tasks = importlib.import_module("tasks")

        async def main() -> None:
            await tasks.broker.startup()
            for number in range(20):
                await tasks.work.kiq(number)
            await tasks.broker.shutdown()
            await until(lambda: client.latest(f"{name}-done") >= 20)

        run(main())
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(DEADLINE) == 0
    finally:
        worker.kill()
        worker.wait()
    done = {message.value for message in client.fetch(f"{name}-done", 0)}
    assert done == {b"%d" % number for number in range(20)}


def test_a_failed_task_and_garbage_do_not_come_again(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str
) -> None:
    tasks = new_broker(broker, name, partitions=1)
    calls: list[str] = []

    @tasks.task
    async def fail() -> None:
        calls.append("fail")
        raise ZeroDivisionError

    async def main() -> None:
        await tasks.startup()
        client.produce(name, b"\xff no task")
        client.produce(name, None)
        await fail.kiq()
        async with working(tasks):
            await until(lambda: client.group_offsets(name) == {TopicPartition(name, 0): 2})

    run(main())
    assert calls == ["fail"]


class Results(AsyncResultBackend[Any]):
    def __init__(self) -> None:
        self.saved: dict[str, TaskiqResult[Any]] = {}

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        self.saved[task_id] = result

    async def is_result_ready(self, task_id: str) -> bool:
        return task_id in self.saved

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        return self.saved[task_id]


def test_results_by_a_backend_of_taskiq(broker: flymq.EmbeddedBroker, name: str) -> None:
    tasks = new_broker(broker, name).with_result_backend(Results())

    @tasks.task
    async def add(a: int, b: int) -> int:
        return a + b

    async def main() -> None:
        await tasks.startup()
        async with working(tasks):
            task = await add.kiq(2, 3)
            assert (await task.wait_result(check_interval=0.01)).return_value == 5

    run(main())


def test_records(broker: flymq.EmbeddedBroker, client: FlyMQClient, name: str) -> None:
    tasks = new_broker(broker, name, partitions=4)

    @tasks.task(task_name="work")
    async def work() -> None: ...

    async def main() -> None:
        await tasks.startup()
        for _ in range(5):
            await work.kicker().with_labels(key="customer-1").with_task_id("id").kiq()
        await tasks.shutdown()

    run(main())
    stored = [message for p in range(4) for message in client.fetch(name, 0, p)]
    assert {message.partition for message in stored} == {stored[0].partition}
    assert [message.key for message in stored] == [b"customer-1"] * 5
    assert dict(stored[0].headers) == {"task_id": b"id", "task_name": b"work"}


def test_nothing_goes_before_startup(broker: flymq.EmbeddedBroker, name: str) -> None:
    tasks = new_broker(broker, name)

    @tasks.task
    async def work() -> None: ...

    async def main() -> None:
        with pytest.raises(SendTaskError) as raised:
            await work.kiq()
        assert "startup" in str(raised.value.__cause__)
        with pytest.raises(RuntimeError, match="startup"):
            await anext(tasks.listen())

    run(main())
