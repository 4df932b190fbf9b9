"""The asyncio API: awaiting, cancelling, closing, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import flymq
import pytest
import uvloop
from flymq import AsyncFlyMQClient, AsyncFlyMQClientPool, AsyncProducer, EmbeddedBroker
from helpers import DEADLINE, FETCH, PRODUCE, Proxy, run


def without_add_reader() -> asyncio.AbstractEventLoop:
    """An event loop that watches no sockets, as Windows's ProactorEventLoop does not."""

    def refuse(*_arguments: object) -> None:
        raise NotImplementedError

    loop = asyncio.SelectorEventLoop()
    setattr(loop, "add_reader", refuse)
    return loop


LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [
    asyncio.new_event_loop,
    uvloop.new_event_loop,
    without_add_reader,
]
each_loop = pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop", "without add_reader"])


def play(main: Coroutine[Any, Any, None], loop: Callable[[], Any] = asyncio.new_event_loop) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(main, DEADLINE))


async def wait_for(proxy: Proxy, opcode: int) -> None:
    await asyncio.to_thread(proxy.wait_for, opcode)


def in_use() -> tuple[int, int]:
    fds, tasks = Path("/proc/self/fd"), Path("/proc/self/task")
    return len(list(fds.iterdir())), len(list(tasks.iterdir()))


@each_loop
def test_many_calls_at_once(broker: EmbeddedBroker, topic: str, loop: Callable[[], Any]) -> None:
    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            offsets = await asyncio.gather(*(client.produce(topic, str(i)) for i in range(500)))
            assert sorted(offsets) == list(range(500))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(client.consume(topic, i)) for i in range(100)]
            values = {message.value for task in tasks if (message := task.result())}
            assert len(values) == 100
            assert client.metrics()["sent_records"] == 500

    play(main(), loop)


def test_the_address_comes_from_the_environment(
    broker: EmbeddedBroker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYMQ_BOOTSTRAP_SERVERS", broker.address)

    async def main() -> None:
        async with AsyncFlyMQClient() as client:
            assert await client.produce(topic, b"x") == 0

    play(main())


def test_constructing_does_not_connect(topic: str) -> None:
    async def main() -> None:
        client = AsyncFlyMQClient("127.0.0.1:1", connect_timeout=0.1)
        with pytest.raises(flymq.ClosedError, match="not connected"):
            await client.ping()
        for _ in range(2):
            with pytest.raises(flymq.ConnectFailedError):
                await client.connect()
        await client.close()
        with pytest.raises(flymq.ClosedError, match="closed"):
            await client.connect()

    play(main())


def test_a_call_begins_when_it_is_awaited(broker: EmbeddedBroker, topic: str) -> None:
    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            call = client.produce(topic, b"x")
            assert await client.latest(topic) == 0
            assert await call == 0
            with pytest.raises(RuntimeError, match="already awaited"):
                await call
            forgotten: Any = client.ping()
            del forgotten
            gc.collect()

    with pytest.warns(RuntimeWarning, match="'AsyncFlyMQClient.ping' was never awaited"):
        play(main())


@pytest.mark.parametrize("how", ["cancel", "timeout", "wait_for"])
def test_cancelling_gives_up_at_once(broker: EmbeddedBroker, topic: str, how: str) -> None:
    async def main() -> None:
        with Proxy(broker.address) as proxy:
            async with AsyncFlyMQClient(proxy.address) as client:
                if how == "timeout":
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.01):
                            await client.fetch(topic, 0, max_wait=60)
                elif how == "wait_for":
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(client.fetch(topic, 0, max_wait=60), 0.01)
                else:
                    task = asyncio.create_task(client.fetch(topic, 0, max_wait=60))
                    await wait_for(proxy, FETCH)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                # The client is as good as before.
                assert await client.produce(topic, b"x") == 0

    play(main())


def test_an_error_of_one_cancels_its_group(broker: EmbeddedBroker, topic: str) -> None:
    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            waiting: list[asyncio.Task[list[flymq.Message]]] = []
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.TaskGroup() as group:
                    waiting.append(group.create_task(client.fetch(topic, 0, max_wait=60)))
                    group.create_task(client.produce("no-such-topic", b"x"))
            assert isinstance(caught.value.exceptions[0], flymq.UnknownTopicError)
            assert waiting[0].cancelled()

    play(main())


@each_loop
def test_closing_completes_what_is_under_way(
    broker: EmbeddedBroker, topic: str, loop: Callable[[], Any]
) -> None:
    async def main() -> None:
        with Proxy(broker.address) as proxy:
            client = AsyncFlyMQClient(proxy.address)
            await client.connect()
            calls = [client.fetch(topic, 0, max_wait=60) for _ in range(20)]
            tasks = [asyncio.create_task(call) for call in calls]
            await wait_for(proxy, FETCH)
            await client.close()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(result) for result in results} == {flymq.ClosedError}
            await client.close()

    play(main(), loop)


def test_closing_sends_what_was_produced(broker: EmbeddedBroker, topic: str) -> None:
    async def main() -> None:
        client = AsyncFlyMQClient(broker.address)
        await client.connect()
        assert await client.produce(topic, b"x") == 0
        # These are taken in before the client begins to close.
        tasks = [asyncio.create_task(client.produce(topic, b"x")) for _ in range(50)]
        await asyncio.sleep(0)
        await client.close()
        assert sorted(await asyncio.gather(*tasks)) == list(range(1, 51))

    play(main())


def test_each_event_loop_has_its_own_clients(broker: EmbeddedBroker, topic: str) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        async def main() -> None:
            async with AsyncFlyMQClient(broker.address) as client:
                for _ in range(20):
                    await asyncio.gather(*(client.produce(topic, b"x") for _ in range(5)))

        try:
            play(main())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with flymq.FlyMQClient(broker.address) as client:
        assert client.latest(topic) == 400


def test_another_event_loop_is_refused(broker: EmbeddedBroker) -> None:
    client = AsyncFlyMQClient(broker.address)

    async def ping() -> None:
        await client.ping()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(client.__aenter__())
        first.run(ping())
        with pytest.raises(RuntimeError, match="another event loop"):
            second.run(ping())
        first.run(client.close())


@each_loop
def test_clients_are_borrowed_from_a_pool(
    broker: EmbeddedBroker, topic: str, loop: Callable[[], Any]
) -> None:
    async def main() -> None:
        async with AsyncFlyMQClientPool(broker.address, size=2) as pool:
            async with pool.get_client() as client:
                other = await pool.get_client()
                assert pool.borrowed == 2
                await asyncio.gather(client.produce(topic, "a"), other.produce(topic, "b"))
                with pytest.raises(flymq.RequestTimeoutError):
                    await pool.get_client(timeout=0.01)
                waiting = asyncio.create_task(pool.get_client())
                await other.close()
                async with await waiting as other:
                    await other.ping()
                assert pool.borrowed == 1
            assert pool.borrowed == 0

    play(main(), loop)


def test_a_producer_waits_for_room_only(broker: EmbeddedBroker, topic: str) -> None:
    async def main() -> None:
        with Proxy(broker.address, withhold=PRODUCE) as proxy:
            async with AsyncFlyMQClient(proxy.address, request_timeout=0.5) as client:
                producer = AsyncProducer(client, batch_bytes=2000, buffer_bytes=2000, linger=0)
                await producer.connect()
                delivery = await producer.send(topic, b"x" * 900)
                assert not delivery.done()
                with pytest.raises(flymq.RequestTimeoutError):
                    await delivery.result(0.01)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        while True:
                            await producer.send(topic, b"x" * 900)
                with pytest.raises(flymq.RequestTimeoutError):
                    await producer.close(0.01)
                # It is known what became of the record, and to all that ask.
                results = await asyncio.gather(
                    delivery.result(), delivery.result(), return_exceptions=True
                )
                assert all(isinstance(result, flymq.FlyMQError) for result in results)

    play(main())


def test_closing_a_producer_sends_what_is_left(broker: EmbeddedBroker, topic: str) -> None:
    called: list[tuple[flymq.AsyncDelivery, threading.Thread]] = []

    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            async with AsyncProducer(client, linger=60) as producer:
                deliveries = [await producer.send(topic, str(i)) for i in range(100)]
                deliveries[0].add_done_callback(
                    lambda delivery: called.append((delivery, threading.current_thread()))
                )
            assert [(await delivery).offset for delivery in deliveries] == list(range(100))
            assert called == [(deliveries[0], threading.main_thread())]

    play(main())


def test_transactions(broker: EmbeddedBroker, topic: str) -> None:
    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            async with client.transaction() as txn:
                delivery = await txn.produce(topic, b"kept")
            assert (await delivery).topic == topic
            with pytest.raises(KeyError):
                async with client.transaction() as txn:
                    await txn.produce(topic, b"discarded")
                    raise KeyError
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), client.transaction() as txn:
                    await txn.produce(topic, b"discarded too")
                    await asyncio.sleep(60)
            messages = await client.fetch(topic, 0)
            assert [m.value for m in messages] == [b"kept"]

    play(main())


@each_loop
def test_nothing_is_left_behind(
    broker: EmbeddedBroker, topic: str, loop: Callable[[], Any]
) -> None:
    async def once() -> None:
        tasks = asyncio.all_tasks()
        async with AsyncFlyMQClient(broker.address) as client, AsyncProducer(client) as producer:
            await (await producer.send(topic, b"x"))
            end = await client.latest(topic)
            task = asyncio.create_task(client.fetch(topic, end, max_wait=60))
            await client.ping()
            task.cancel()
            await asyncio.wait([task])
        assert asyncio.all_tasks() == tasks

    async def main() -> None:
        await once()
        gc.collect()
        before = in_use()
        for _ in range(50):
            await once()
        gc.collect()
        fds, threads = in_use()
        # The broker may not yet have closed the last connections.
        assert fds <= before[0] + 6 and threads <= before[1]

    play(main(), loop)
    gc.collect()


def test_a_thousand_clients(broker: EmbeddedBroker) -> None:
    async def main() -> None:
        async def once() -> None:
            async with AsyncFlyMQClient(broker.address):
                pass

        await once()
        before = in_use()
        for _ in range(1000):
            await once()
        fds, threads = in_use()
        assert fds <= before[0] + 6 and threads <= before[1]

    play(main())


LOOP_CLOSED = """
import asyncio, gc, sys, flymq
async def main():
    global client, task
    client = flymq.AsyncFlyMQClient(sys.argv[1])
    await client.connect()
    task = asyncio.ensure_future(client.fetch(sys.argv[2], 0, max_wait=60))
    await client.ping()
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.close()
del client, task
gc.collect()
async def again():
    async with flymq.AsyncFlyMQClient(sys.argv[1]) as client:
        await client.ping()
asyncio.run(again())
"""

EXIT = """
import asyncio, sys, flymq
async def main():
    global client, producer, task
    client = flymq.AsyncFlyMQClient(sys.argv[1])
    await client.connect()
    producer = flymq.AsyncProducer(client, linger=60)
    await producer.connect()
    for i in range(100):
        await producer.send(sys.argv[2], str(i))
    task = asyncio.ensure_future(client.fetch(sys.argv[2], 0, max_wait=60))
    await client.ping()
loop = asyncio.new_event_loop()
if sys.argv[3] == "thread":
    def refuse(*arguments):
        raise NotImplementedError
    loop.add_reader = refuse
loop.run_until_complete(main())
"""

FORK = """
import asyncio, os, sys, flymq
async def main():
    client = flymq.AsyncFlyMQClient(sys.argv[1])
    await client.connect()
    producer = flymq.AsyncProducer(client)
    await producer.connect()
    delivery = await producer.send(sys.argv[2], b"x")
    await delivery
    task = asyncio.ensure_future(client.fetch(sys.argv[2], 1, max_wait=60))
    await client.ping()
    child = os.fork()
    if child == 0:
        for call in (client.ping, delivery.result, client.close, lambda: producer.send("t", b"x")):
            try:
                await call()
            except flymq.ForkError:
                pass
            else:
                os._exit(1)
        del producer, delivery
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    await client.produce(sys.argv[2], b"y")
    assert len(await task) == 1
    await client.close()
asyncio.run(main())
"""


def test_closing_the_event_loop_with_work_in_flight(broker: EmbeddedBroker, topic: str) -> None:
    run(LOOP_CLOSED, broker.address, topic)


@pytest.mark.parametrize("alarm", ["socket", "thread"])
def test_exit_with_work_in_flight(broker: EmbeddedBroker, topic: str, alarm: str) -> None:
    run(EXIT, broker.address, topic, alarm)
    with flymq.FlyMQClient(broker.address) as client:
        assert client.latest(topic) == 100


def test_a_forked_child_gets_an_error(broker: EmbeddedBroker, topic: str) -> None:
    run("import warnings; warnings.simplefilter('ignore')\n" + FORK, broker.address, topic)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_cancels(broker: EmbeddedBroker, topic: str) -> None:
    async def main() -> None:
        import os
        import signal

        async with AsyncFlyMQClient(broker.address) as client:
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
            await client.fetch(topic, 0, max_wait=60)

    with pytest.raises(KeyboardInterrupt), asyncio.Runner() as runner:
        runner.run(main())
