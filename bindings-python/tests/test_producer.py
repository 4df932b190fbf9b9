"""Producer and Delivery."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

import flymq
import pytest
from flymq import FlyMQClient, Producer
from helpers import DEADLINE, PRODUCE, Proxy


def test_send_returns_before_the_record_is_stored(
    broker: flymq.EmbeddedBroker, topic: str
) -> None:
    with (
        Proxy(broker.address, withhold=PRODUCE) as proxy,
        FlyMQClient(proxy.address, request_timeout=1) as client,
    ):
        producer = Producer(client, linger=0, delivery_timeout=2)
        delivery = producer.send(topic, b"x")
        assert not delivery.done()
        with pytest.raises(flymq.RequestTimeoutError):
            delivery.result(timeout=0.05)
        with pytest.raises(flymq.RequestTimeoutError):
            producer.flush(timeout=0.05)
        # The record is given up in the end, and says so.
        with pytest.raises(flymq.FlyMQError):
            delivery.result(timeout=DEADLINE)
        assert delivery.done()


def test_deliveries_tell_where_each_record_went(
    client: FlyMQClient, make_topic: Callable[[int], str]
) -> None:
    topic = make_topic(2)
    with Producer(client) as producer:
        deliveries = [producer.send(topic, str(i), key="k", timestamp=i) for i in range(100)]
        stored = [delivery.result() for delivery in deliveries]
    assert len({s.partition for s in stored}) == 1
    assert [s.offset for s in stored] == list(range(100))
    assert [s.timestamp for s in stored] == list(range(100))
    messages = client.fetch(topic, 0, stored[0].partition)
    assert [m.value for m in messages] == [str(i).encode() for i in range(100)]


def test_flush_leaves_nothing_undecided(client: FlyMQClient, topic: str) -> None:
    with Producer(client, linger=60) as producer:
        deliveries = [producer.send(topic, b"x") for _ in range(10)]
        producer.flush()
        assert all(delivery.done() for delivery in deliveries)
        assert client.latest(topic) == 10


def test_close_sends_what_is_left(client: FlyMQClient, topic: str) -> None:
    with Producer(client, linger=60) as producer:
        producer.send(topic, b"x")
    assert client.latest(topic) == 1
    producer.close()
    with pytest.raises(flymq.ClosedError):
        producer.send(topic, b"x")


def test_a_forgotten_producer_still_sends(client: FlyMQClient, topic: str) -> None:
    Producer(client, linger=60).send(topic, b"x")
    assert client.fetch(topic, 0, max_wait=DEADLINE)[0].value == b"x"


def test_a_delivery_outlives_its_producer(client: FlyMQClient, topic: str) -> None:
    assert Producer(client).send(topic, b"x").result(DEADLINE).offset == 0


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_compression(
    client: FlyMQClient, topic: str, compression: Literal["none", "lz4", "zstd"]
) -> None:
    with Producer(client, compression=compression) as producer:
        for _ in range(1000):
            producer.send(topic, b"compressible " * 20)
    messages = client.fetch(topic, 0, max_records=2000, max_bytes=8 << 20)
    assert [m.value for m in messages] == [b"compressible " * 20] * 1000
    stored = client.describe_topic(topic).bytes
    assert (stored < 100_000) == (compression != "none")


def test_send_waits_for_room(client: FlyMQClient, topic: str) -> None:
    with Producer(client, batch_bytes=50_000, buffer_bytes=100_000) as producer:
        for _ in range(1000):
            producer.send(topic, b"x" * 10_000)
    assert client.latest(topic) == 1000


def test_a_producer_may_connect_by_itself(broker: flymq.EmbeddedBroker, topic: str) -> None:
    with Producer(broker.address) as producer:
        assert producer.send(topic, b"x").result().offset == 0


def test_threads_share_a_producer_and_a_delivery(client: FlyMQClient, topic: str) -> None:
    with Producer(client, linger=0.05) as producer:
        delivery = producer.send(topic, b"x")
        results: list[flymq.RecordMetadata] = []
        threads = [
            threading.Thread(target=lambda: results.append(delivery.result(DEADLINE)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 8 and len(set(results)) == 1


def test_mistakes(client: FlyMQClient, topic: str) -> None:
    with Producer(client) as producer:
        with pytest.raises(flymq.UnknownTopicError):
            producer.send("nowhere", b"x")
        with pytest.raises(flymq.UnknownPartitionError):
            producer.send(topic, b"x", partition=1)
        with pytest.raises(TypeError, match="'data'"):
            producer.send(topic, 5)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="compression"):
        Producer(client, compression="gzip")  # type: ignore[arg-type]
    with pytest.raises(flymq.InvalidArgumentError):
        Producer(client, batch_bytes=0)
    with pytest.raises(ValueError, match="'linger'"):
        Producer(client, linger=-1)
    with pytest.raises(TypeError, match="'client'"):
        Producer(5)  # type: ignore[arg-type]
