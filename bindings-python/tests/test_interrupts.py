"""Ctrl-C ends every blocking call within 100 ms."""

from __future__ import annotations

import signal
import time

import flymq
import pytest
from helpers import DEADLINE, FETCH, PRODUCE, Proxy, script

# What Ctrl-C may take, and what a loaded machine takes to run a process at all.
LIMIT = 0.1
SCHEDULING = 0.05

WAITING = """
import sys, time, flymq
call = sys.argv[2]
address, topic = sys.argv[1], sys.argv[3]
try:
    client = flymq.FlyMQClient(address, connect_timeout=60, request_timeout=60)
    if call == "fetch":
        client.fetch(topic, 0, max_wait=60)
    elif call == "produce":
        client.produce(topic, b"x")
    elif call == "flush":
        producer = flymq.Producer(client)
        producer.send(topic, b"x")
        producer.flush()
    elif call == "result":
        flymq.Producer(client).send(topic, b"x").result()
    elif call == "next":
        next(flymq.Consumer(client, topic, group=topic))
    elif call == "commit":
        with client.transaction() as txn:
            txn.produce(topic, b"x")
    sys.exit("the call came back")
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""


@pytest.mark.parametrize("call", ["fetch", "produce", "flush", "result", "next", "commit"])
@pytest.mark.parametrize("answering", [True, False], ids=["broker", "silence"])
def test_ctrl_c(
    broker: flymq.EmbeddedBroker, topic: str, call: str, answering: bool
) -> None:
    with (
        Proxy(broker.address if answering else None, withhold=PRODUCE) as proxy,
        script(WAITING, proxy.address, call, topic) as process,
    ):
        proxy.wait_for(*([FETCH if call in ("fetch", "next") else PRODUCE] if answering else []))
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        caught = process.stdout.readline()
        assert caught, process.communicate(timeout=DEADLINE)[1]
        assert float(caught) - sent < LIMIT + SCHEDULING
        # Nor does the exit hang on what could not be sent.
        assert process.wait(DEADLINE) == 0
