"""Threads, forks and interpreter exit."""

from __future__ import annotations

import threading
from pathlib import Path

import flymq
from flymq import FlyMQClient
from helpers import DEADLINE, FETCH, Proxy, run


def test_a_waiting_thread_lets_others_run(broker: flymq.EmbeddedBroker, topic: str) -> None:
    received: list[flymq.Message] = []
    with Proxy(broker.address) as proxy, FlyMQClient(proxy.address) as client:
        waiting = threading.Thread(
            target=lambda: received.extend(client.fetch(topic, 0, max_wait=60)), daemon=True
        )
        waiting.start()
        # Only a thread with the GIL gets here, and the same client serves it beside the long poll.
        proxy.wait_for(FETCH)
        client.produce(topic, b"wake up")
        waiting.join(DEADLINE)
    assert [m.value for m in received] == [b"wake up"]


def test_threads_share_a_client(client: FlyMQClient, topic: str) -> None:
    def produce() -> None:
        for _ in range(50):
            client.produce(topic, b"x")

    threads = [threading.Thread(target=produce) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.latest(topic) == 400


FORK = """
import os, sys, flymq
address, topic = sys.argv[1:]
client = flymq.FlyMQClient(address)
producer = flymq.Producer(client)
delivery = producer.send(topic, b"from the parent")
delivery.result(30)
broker = flymq.EmbeddedBroker()
consumer = flymq.Consumer(client, topic, group="parents")
next(consumer)
transaction = client.transaction()
child = os.fork()
if child == 0:
    calls = {
        "client": lambda: client.ping(),
        "producer": lambda: producer.send(topic, b"x"),
        "delivery": lambda: delivery.result(30),
        "broker": lambda: broker.close(),
        "consumer": lambda: next(consumer),
        "transaction": lambda: transaction.commit(),
        "new producer": lambda: flymq.Producer(client),
        "close": lambda: client.close(),
    }
    for name, call in calls.items():
        try:
            call()
        except flymq.ForkError as error:
            assert error.code == 903 and "child" in str(error), error
        else:
            sys.exit(f"{name}: no ForkError")
    with flymq.FlyMQClient(address) as own:
        own.produce(topic, b"from the child")
    # Everything of the parent's is dropped, and the exit handlers run.
    del client, producer, delivery, broker, consumer, transaction, own
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
client.produce(topic, b"from the parent again")
transaction.abort()
assert next(consumer).value == b"from the child"
"""


def test_a_forked_child_gets_an_error_and_may_open_its_own(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, topic: str
) -> None:
    run("import warnings; warnings.simplefilter('ignore')\n" + FORK, broker.address, topic)
    values = [m.value for m in client.fetch(topic, 0)]
    assert values == [b"from the parent", b"from the child", b"from the parent again"]


EXIT = """
import sys, threading, flymq
broker = flymq.EmbeddedBroker(sys.argv[1], durability="os")
client = flymq.FlyMQClient(broker.address)
client.create_topic("t")
client.create_topic("empty")
threading.Thread(target=lambda: client.fetch("empty", 0, max_wait=60), daemon=True).start()
producer = flymq.Producer(client, linger=60)
for i in range(1000):
    producer.send("t", str(i))
print(flymq.EmbeddedBroker().data_dir)
"""


def test_exit_without_close_neither_hangs_nor_loses(tmp_path: Path) -> None:
    temporary = Path(run(EXIT, str(tmp_path)).strip())
    assert not temporary.exists()
    with flymq.EmbeddedBroker(tmp_path) as broker, FlyMQClient(broker.address) as client:
        assert client.latest("t") == 1000


CYCLES = """
import gc, os, sys, flymq
from pathlib import Path

address, topic, cycles = sys.argv[1], sys.argv[2], int(sys.argv[3])
told = []

def cycle():
    with flymq.FlyMQClient(address) as client:
        with flymq.Producer(client, linger=0, on_delivery=told.append) as producer:
            producer.send(topic, b"x")
        with flymq.Consumer(client, fetch_bytes=1000) as consumer:
            consumer.assign([(topic, 0)])
            assert next(consumer).value == b"x"
        with client.transaction() as txn:
            txn.produce(topic, b"y")
    assert told.pop().result().topic == topic and not told

def in_use():
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resident, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

for _ in range(cycles // 10):
    cycle()
before = in_use()
for _ in range(cycles):
    cycle()
print(*(after - was for after, was in zip(in_use(), before)))
"""


def test_a_thousand_cycles_leave_nothing_behind(broker: flymq.EmbeddedBroker, topic: str) -> None:
    output = run(CYCLES, broker.address, topic, "1000", deadline=10 * DEADLINE)
    memory, fds, threads = map(int, output.split())
    # Less than 4 KiB a cycle: neither a client nor a thread's stack.
    assert (fds, threads) == (0, 0) and memory < 4_000_000
