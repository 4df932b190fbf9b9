"""Producer and Delivery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

import flymq
import pytest
from flymq import FlyMQClient, Producer, TransactionalProducer
from helpers import DEADLINE, PRODUCE, Proxy


def test_send_returns_before_the_record_is_stored(
    broker: flymq.EmbeddedBroker, topic: str
) -> None:
    with (
        Proxy(broker.address, withhold=PRODUCE) as proxy,
        # Or it would learn of the broker behind the proxy, and go there.
        FlyMQClient(
            f"flymq://{proxy.address}/?metadata_max_age_ms=0", request_timeout=1
        ) as client,
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


def test_a_delivery_is_much_like_a_future(broker: flymq.EmbeddedBroker, topic: str) -> None:
    with (
        Proxy(broker.address, withhold=PRODUCE) as proxy,
        FlyMQClient(proxy.address, request_timeout=1) as client,
    ):
        producer = Producer(client, linger=0, delivery_timeout=1)
        delivery = producer.send(topic, b"x")
        assert delivery.topic == topic and not delivery.done()
        with pytest.raises(flymq.RequestTimeoutError):
            delivery.exception(timeout=0.05)
        failure = delivery.exception(timeout=DEADLINE)
        assert isinstance(failure, flymq.FlyMQError) and delivery.done()
        with pytest.raises(type(failure)):
            delivery.result()
    with FlyMQClient(broker.address) as client, Producer(client) as producer:
        assert producer.send(topic, b"x").exception() is None


class Called:
    """Callbacks that note what they are called with, and where."""

    def __init__(self) -> None:
        self.deliveries: list[flymq.Delivery] = []
        self.threads: set[int] = set()

    def __call__(self, delivery: flymq.Delivery) -> None:
        assert delivery.done()
        self.threads.add(threading.get_ident())
        self.deliveries.append(delivery)


def test_callbacks_are_called_once_each_and_in_order(
    client: FlyMQClient, make_topic: Callable[[int], str]
) -> None:
    topic = make_topic(3)
    called, own = Called(), Called()
    with Producer(client, on_delivery=called) as producer:
        sent = [producer.send(topic, str(i), partition=i % 3) for i in range(1000)]
        special = producer.send(topic, b"x", on_delivery=own)
        producer.flush()
        # Those of all that was sent before.
        assert set(called.deliveries) == set(sent) and own.deliveries == [special]
        last = producer.send(topic, b"last")
    # And close waits for the rest.
    assert len(called.deliveries) == 1001 and called.deliveries[-1] is last
    for partition in range(3):
        stored = [d.result() for d in called.deliveries if d.result().partition == partition]
        assert [s.offset for s in stored] == list(range(len(stored)))
    (thread,) = called.threads | own.threads
    assert thread != threading.get_ident()
    assert "flymq-deliveries" not in [each.name for each in threading.enumerate()]


def test_flush_and_close_wait_for_callbacks(client: FlyMQClient, topic: str) -> None:
    go_on = threading.Event()
    called: list[bool] = []
    producer = Producer(client, on_delivery=lambda _delivery: called.append(go_on.wait(DEADLINE)))
    producer.send(topic, b"x").result(DEADLINE)
    with pytest.raises(flymq.RequestTimeoutError):
        producer.flush(timeout=0.05)
    go_on.set()
    producer.flush()
    assert called == [True]
    producer.close()


def test_callbacks_of_records_that_are_given_up(broker: flymq.EmbeddedBroker, topic: str) -> None:
    called = Called()
    with (
        Proxy(broker.address, withhold=PRODUCE) as proxy,
        FlyMQClient(proxy.address, request_timeout=1) as client,
    ):
        producer = Producer(client, on_delivery=called)
        sent = [producer.send(topic, b"x") for _ in range(10)]
        with pytest.raises(flymq.RequestTimeoutError):
            producer.close(timeout=0.2)
        # As soon as they are given up, which close has done.
        deadline = time.monotonic() + DEADLINE
        while len(called.deliveries) < len(sent):
            assert time.monotonic() < deadline
        assert called.deliveries == sent
        assert all(isinstance(d.exception(), flymq.FlyMQError) for d in sent)


def test_a_callback_that_fails_is_logged_and_keeps_nobody(
    client: FlyMQClient, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    called = Called()

    def fail(delivery: flymq.Delivery) -> None:
        raise ZeroDivisionError(delivery.topic)

    with Producer(client) as producer:
        producer.send(topic, b"x", on_delivery=fail)
        delivery = producer.send(topic, b"y")
        delivery.add_done_callback(fail)
        delivery.result(DEADLINE)
        # Also once it is done.
        delivery.add_done_callback(called)
    assert called.deliveries == [delivery]
    logged = [record for record in caplog.records if record.name == "flymq"]
    assert [record.levelname for record in logged] == ["ERROR", "ERROR"]
    assert logged[0].exc_info and isinstance(logged[0].exc_info[1], ZeroDivisionError)


def test_callbacks_may_use_their_producer(client: FlyMQClient, topic: str) -> None:
    rounds: list[int] = []
    done = threading.Event()
    producer = Producer(client, linger=0)

    def again(delivery: flymq.Delivery) -> None:
        rounds.append(delivery.result().offset)
        if len(rounds) < 5:
            producer.send(topic, b"again", on_delivery=again)
            # Waits for records, not for the callbacks, of which this is one.
            producer.flush()
        else:
            producer.close()
            done.set()

    producer.send(topic, b"first", on_delivery=again)
    assert done.wait(DEADLINE)
    assert rounds == [0, 1, 2, 3, 4]


def test_callbacks_of_transactions(client: FlyMQClient, topic: str) -> None:
    called = Called()
    with TransactionalProducer(client, transactional_id="callbacks") as producer:
        with producer.transaction() as txn:
            delivery = txn.produce(topic, b"x")
            delivery.add_done_callback(called)
    assert called.deliveries == [delivery]


def test_a_full_buffer_is_an_error_only_where_that_is_wanted(
    broker: flymq.EmbeddedBroker, topic: str
) -> None:
    with (
        Proxy(broker.address, withhold=PRODUCE) as proxy,
        FlyMQClient(proxy.address, request_timeout=1) as client,
    ):
        producer = Producer(client, batch_bytes=1000, buffer_bytes=2000)
        with pytest.raises(flymq.BufferFullError) as caught:
            for _ in range(100):
                producer.send(topic, b"x" * 100, block=False)
        assert caught.value.retriable
        with pytest.raises(flymq.RequestTimeoutError):
            producer.close(timeout=0.1)
    with FlyMQClient(broker.address) as client, Producer(client) as producer:
        with pytest.raises(flymq.UnknownTopicError):
            producer.send("nowhere", b"x", block=False)
        assert producer.send(topic, b"x", block=False).result(DEADLINE).offset == 0


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
