"""Every call of the client, there and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import flymq
import pytest
from flymq import FlyMQClient, Message


def test_the_installed_package_is_tested() -> None:
    assert "site-packages" in Path(flymq.__file__).parts


def test_produce_returns_the_offset_that_consume_takes(client: FlyMQClient, topic: str) -> None:
    before = int(time.time() * 1000)
    assert client.produce(topic, b"zero") == 0
    assert client.produce(topic, "eins", key="k", headers={"a": b"1", "b": None}) == 1

    message = client.consume(topic, 1)
    assert message is not None
    assert (message.topic, message.partition, message.offset) == (topic, 0, 1)
    assert (message.key, message.value) == (b"k", b"eins")
    assert message.headers == (("a", b"1"), ("b", None))
    assert before <= message.timestamp <= int(time.time() * 1000)

    first = client.consume(topic, 0)
    assert first is not None and first.key is None and first.value == b"zero"
    assert first.headers == ()


def test_consume_at_the_end_is_none(client: FlyMQClient, topic: str) -> None:
    assert client.consume(topic, 0) is None
    client.produce(topic, b"x")
    assert client.consume(topic, 1) is None


@pytest.mark.parametrize(
    "data",
    [b"caf\xc3\xa9", bytearray(b"caf\xc3\xa9"), memoryview(b"-caf\xc3\xa9")[1:], "café"],
    ids=lambda data: type(data).__name__,
)
def test_data_may_be_bytes_like_or_text(
    client: FlyMQClient, topic: str, data: bytes | bytearray | memoryview | str
) -> None:
    offset = client.produce(topic, data, key=data, headers=[("h", data)])
    message = client.consume(topic, offset)
    assert message is not None
    assert message.key == message.value == "café".encode()
    assert message.headers == (("h", "café".encode()),)


def test_a_strided_buffer_is_sent_as_its_elements(client: FlyMQClient, topic: str) -> None:
    offset = client.produce(topic, memoryview(b"abcdef")[::2])
    message = client.consume(topic, offset)
    assert message is not None and message.value == b"ace"


def test_none_is_a_value_of_its_own(client: FlyMQClient, topic: str) -> None:
    client.produce(topic, None, key="k")
    client.produce(topic, b"", key="")
    none, empty = client.fetch(topic, 0)
    assert (none.key, none.value) == (b"k", None)
    assert (empty.key, empty.value) == (b"", b"")


def test_the_caller_may_choose_partition_and_timestamp(
    client: FlyMQClient, make_topic: Callable[[int], str]
) -> None:
    topic = make_topic(3)
    where = client.produce_record(topic, b"x", partition=2, timestamp=1_356_998_400_000)
    assert where == flymq.RecordMetadata(topic, 2, 0, 1_356_998_400_000)
    message = client.consume(topic, 0, 2)
    assert message is not None and message.timestamp == 1_356_998_400_000


def test_a_key_stays_in_its_partition_and_unkeyed_records_go_round(
    client: FlyMQClient, make_topic: Callable[[int], str]
) -> None:
    topic = make_topic(3)
    keyed = {client.produce_record(topic, b"x", key="same").partition for _ in range(6)}
    assert len(keyed) == 1
    unkeyed = [client.produce_record(topic, b"x").partition for _ in range(6)]
    assert sorted(unkeyed) == [0, 0, 1, 1, 2, 2]


def test_a_batch_returns_an_offset_for_each_record(client: FlyMQClient, topic: str) -> None:
    records = [(f"k{i}", f"v{i}".encode()) for i in range(1000)]
    assert client.produce_batch(topic, records) == list(range(1000))
    assert client.produce_batch(topic, [(None, b"last")]) == [1000]
    assert client.produce_batch(topic, []) == []
    messages = client.fetch(topic, 0, max_records=2000)
    assert [m.offset for m in messages] == list(range(1001))
    assert [(m.key, m.value) for m in messages[:1000]] == [(k.encode(), v) for k, v in records]


def test_a_batch_may_come_from_a_generator(client: FlyMQClient, topic: str) -> None:
    assert client.produce_batch(topic, ((None, str(i)) for i in range(3))) == [0, 1, 2]


def test_fetch_returns_at_most_what_was_asked_for(client: FlyMQClient, topic: str) -> None:
    client.produce_batch(topic, [(None, b"x" * 100)] * 50)
    assert [m.offset for m in client.fetch(topic, 10, max_records=5)] == [10, 11, 12, 13, 14]
    assert client.fetch(topic, 50, max_wait=0) == []


def test_fetch_waits_for_a_record(client: FlyMQClient, topic: str) -> None:
    started = time.monotonic()
    assert client.fetch(topic, 0, max_wait=0.2) == []
    assert 0.15 <= time.monotonic() - started < 5


def test_offsets_by_position_and_by_time(
    client: FlyMQClient, make_topic: Callable[[int], str]
) -> None:
    topic = make_topic(2)
    assert (client.earliest(topic), client.latest(topic)) == (0, 0)
    for timestamp in (1000, 2000, 3000):
        client.produce(topic, b"x", partition=1, timestamp=timestamp)
    assert (client.earliest(topic, 1), client.latest(topic, 1)) == (0, 3)
    assert client.offset_at(topic, 1500, 1) == 1
    assert client.offset_at(topic, 9999, 1) == 3
    assert client.list_offsets(topic, [1, 0]) == [(0, 3), (0, 0)]


def test_topics_are_created_listed_described_and_deleted(client: FlyMQClient) -> None:
    assert client.create_topic("admin", 2, config={"retention_ms": "60000"}) is True
    assert client.create_topic("admin", 2, if_not_exists=True) is False
    assert client.list_topics()["admin"] == 2
    description = client.describe_topic("admin")
    assert (description.name, description.bytes) == ("admin", 0)
    assert description.config["retention_ms"] == "60000"
    assert [(p.partition, p.earliest, p.latest) for p in description.partitions] == [
        (0, 0, 0),
        (1, 0, 0),
    ]
    assert client.alter_topic("admin", {"retention_ms": "70000"})["retention_ms"] == "70000"
    default = client.alter_topic("admin", {"retention_ms": None})["retention_ms"]
    assert default not in ("60000", "70000")
    client.add_partitions("admin", 3)
    assert client.partition_count("admin") == 3
    client.delete_topic("admin")
    assert "admin" not in client.list_topics()


def test_the_address_comes_from_the_environment(
    broker: flymq.EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYMQ_BOOTSTRAP_SERVERS", broker.address)
    with FlyMQClient() as client:
        client.ping()


def test_connect_takes_addresses_and_urls(broker: flymq.EmbeddedBroker) -> None:
    with flymq.connect(broker.address) as client:
        client.ping()
    url = f"flymq://127.0.0.1:1,{broker.address}/?client_id=billing&connect_timeout_ms=5000"
    with flymq.connect(url, request_timeout=5) as client:
        assert isinstance(client, FlyMQClient)
        client.ping()
    with pytest.raises(flymq.InvalidArgumentError, match="client_id"):
        flymq.connect(f"flymq://{broker.address}/?clientid=billing")


def test_several_addresses_need_only_one_broker(broker: flymq.EmbeddedBroker) -> None:
    with FlyMQClient(f"127.0.0.1:1,{broker.address}") as client:
        client.ping()
    with FlyMQClient(["127.0.0.1:1", broker.address]) as client:
        client.ping()


def test_metrics_count_requests(client: FlyMQClient) -> None:
    client.ping()
    assert client.metrics()["requests"] > 0


def test_messages_compare(client: FlyMQClient, topic: str) -> None:
    client.produce(topic, b"v", key=b"k", timestamp=5)
    assert client.consume(topic, 0) == Message(topic, 0, 0, b"k", b"v", None, 5)
