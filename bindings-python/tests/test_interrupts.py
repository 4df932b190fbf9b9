"""Ctrl-C ends every blocking call within 100 ms."""

from __future__ import annotations

import inspect
import signal
import subprocess
import time
from pathlib import Path

import flymq
from helpers import DEADLINE, Proxy, script

# What Ctrl-C may take, and what a loaded machine takes to run a process at all.
LIMIT = 0.1
SCHEDULING = 0.25

# Calls of every method, by "class.method". With a broker that has fallen silent they block.
CALLS = """
import sys, time, flymq
from datetime import datetime, timezone

address, silent, topic = sys.argv[1:]
patient = dict(connect_timeout=60, request_timeout=60)
client = flymq.connect(address, **patient)
client.produce(topic, b"x")
pool = flymq.FlyMQClientPool(address, size=1, **patient)
borrowed = pool.get_client()
producer = flymq.Producer(client, batch_bytes=1000, buffer_bytes=2000)
producer.send(topic, b"x").result(30)
named = flymq.TransactionalProducer(client, transactional_id=topic)
# The next transaction waits for the end of the one before.
abandoned = named.transaction()
abandoned.produce(topic, b"x").result(30)
ending = flymq.TransactionalProducer(client, transactional_id=topic + "-ending")
left_open = ending.transaction()
left_open.produce(topic, b"x").result(30)
transaction = client.transaction()
consumer = flymq.Consumer(client, topic, group=topic)
message = next(consumer)
reader = flymq.Consumer(client)
reader.assign([(topic, 0, "latest")])

print("ready", flush=True)
sys.stdin.readline()

del abandoned
delivery = producer.send(topic, b"x")
commit = consumer.commit_async()

def fill(send):
    while True:
        send(topic, b"x" * 100)

calls = {
    "FlyMQClient.__new__": lambda: flymq.FlyMQClient(silent, **patient),
    "FlyMQClient.whoami": client.whoami,
    "FlyMQClient.cluster_status": client.cluster_status,
    "FlyMQClient.produce": lambda: client.produce(topic, b"x"),
    "FlyMQClient.produce_record": lambda: client.produce_record(topic, b"x"),
    "FlyMQClient.produce_batch": lambda: client.produce_batch(topic, [(None, b"x")]),
    "FlyMQClient.consume": lambda: client.consume(topic, 0),
    "FlyMQClient.fetch": lambda: client.fetch(topic, 0, max_wait=60),
    "FlyMQClient.create_topic": lambda: client.create_topic("new"),
    "FlyMQClient.delete_topic": lambda: client.delete_topic(topic),
    "FlyMQClient.list_topics": client.list_topics,
    "FlyMQClient.describe_topic": lambda: client.describe_topic(topic),
    "FlyMQClient.alter_topic": lambda: client.alter_topic(topic, {}),
    "FlyMQClient.add_partitions": lambda: client.add_partitions(topic, 2),
    "FlyMQClient.partition_count": lambda: client.partition_count("other"),
    "FlyMQClient.earliest": lambda: client.earliest(topic),
    "FlyMQClient.latest": lambda: client.latest(topic),
    "FlyMQClient.offset_at": lambda: client.offset_at(topic, 0),
    "FlyMQClient.list_offsets": lambda: client.list_offsets(topic, [0]),
    "FlyMQClient.list_groups": client.list_groups,
    "FlyMQClient.describe_group": lambda: client.describe_group(topic),
    "FlyMQClient.delete_group": lambda: client.delete_group(topic),
    "FlyMQClient.group_offsets": lambda: client.group_offsets(topic),
    "FlyMQClient.reset_group_offsets": lambda: client.reset_group_offsets("g", topic, "latest"),
    "FlyMQClient.group_lag": lambda: client.group_lag(topic),
    "FlyMQClient.ping": client.ping,
    "FlyMQClient.transaction": lambda: flymq.connect(silent, **patient).transaction(),
    "FlyMQClientPool.__new__": lambda: flymq.FlyMQClientPool(silent, **patient),
    "FlyMQClientPool.get_client": pool.get_client,
    "Producer.__new__": lambda: flymq.Producer(silent),
    "Producer.send": lambda: fill(producer.send),
    "Producer.flush": producer.flush,
    "Delivery.result": delivery.result,
    "Delivery.exception": delivery.exception,
    "TransactionalProducer.__new__": lambda: flymq.TransactionalProducer(
        client, transactional_id="new"
    ),
    "TransactionalProducer.transaction": named.transaction,
    "Transaction.produce": lambda: transaction.produce("other", b"x"),
    "Transaction.send_offsets": lambda: transaction.send_offsets(consumer),
    "Transaction.commit": transaction.commit,
    "Transaction.abort": transaction.abort,
    "Consumer.__new__": lambda: flymq.Consumer(silent, topic, group="other"),
    "Consumer.poll": lambda: reader.poll(timeout=60),
    "Consumer.__next__": lambda: next(reader),
    "Consumer.batches": lambda: next(reader.batches()),
    "Consumer.assign": lambda: reader.assign([(topic, 0)]),
    "Consumer.committed": consumer.committed,
    "Consumer.seek": lambda: reader.seek(topic, 0, datetime(2000, 1, 1, tzinfo=timezone.utc)),
    "Consumer.rewind": consumer.rewind,
    "Consumer.commit": lambda: consumer.commit(message),
    "Commit.result": commit.result,
    "Consumer.unsubscribe": consumer.unsubscribe,
    "Consumer.close": consumer.close,
    "TransactionalProducer.close": ending.close,
    "Producer.close": producer.close,
}
for name, call in calls.items():
    print(name, flush=True)
    try:
        call()
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    else:
        sys.exit(f"{name} came back")
print("done", flush=True)
"""

# What never waits for a broker.
AT_ONCE = {
    "FlyMQClient": {"addresses", "close", "metrics"},
    "FlyMQClientPool": {"borrowed", "close", "size"},
    "Producer": {"addresses"},
    "Delivery": {"add_done_callback", "done", "topic"},
    "TransactionalProducer": {"transactional_id"},
    "Transaction": set(),
    "Consumer": {
        "addresses", "assignment", "commit_async", "group", "lag", "pause", "position", "resume", "subscribe",
    },
    "Commit": set(),
}  # fmt: skip


def test_every_method_is_known_to_block_or_not() -> None:
    for kind, at_once in AT_ONCE.items():
        public = {n for n, _ in inspect.getmembers(getattr(flymq, kind)) if not n.startswith("_")}
        blocking = {n for n in public if f'"{kind}.{n}"' in CALLS}
        assert blocking | at_once == public and not blocking & at_once, kind


def wait_until_it_waits(process: subprocess.Popen[str]) -> None:
    """Return once the main thread has looked for signals a few times, as only waiting does."""

    def looks() -> int:
        status = Path(f"/proc/{process.pid}/task/{process.pid}/status").read_text()
        return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])

    first, deadline = looks(), time.monotonic() + DEADLINE
    while looks() < first + 3:
        assert time.monotonic() < deadline and process.poll() is None


def test_ctrl_c_ends_every_blocking_call(broker: flymq.EmbeddedBroker, topic: str) -> None:
    late = []
    with (
        Proxy(broker.address) as proxy,
        Proxy(None) as silent,
        script(CALLS, proxy.address, silent.address, topic) as process,
    ):
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        proxy.fall_silent()
        print("go", file=process.stdin, flush=True)
        while (name := process.stdout.readline().strip()) != "done":
            assert name, process.communicate(timeout=DEADLINE)[1]
            wait_until_it_waits(process)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            caught = process.stdout.readline()
            assert caught, process.communicate(timeout=DEADLINE)[1]
            if float(caught) - sent > LIMIT + SCHEDULING:
                late.append((name, float(caught) - sent))
        # Nor does the exit hang on what could not be sent.
        assert process.wait(DEADLINE) == 0
    assert not late
