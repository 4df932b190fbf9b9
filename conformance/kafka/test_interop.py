"""Kafka's own clients and FlyMQ's raw client, on the same topics.

FLYMQ_TEST_KAFKA names the cluster; without it there is nothing to test.
"""

import os
import pathlib
import sys
import time
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "client"))

import broker  # noqa: E402
import flymq_raw as raw  # noqa: E402

confluent_kafka = pytest.importorskip("confluent_kafka")
AdminClient = pytest.importorskip("confluent_kafka.admin").AdminClient
CLUSTER = os.environ.get("FLYMQ_TEST_KAFKA", "")
pytestmark = pytest.mark.skipif(not CLUSTER, reason="FLYMQ_TEST_KAFKA names no cluster")

HEADERS = [("name", b"value"), ("name", b"again"), ("none", None)]
TIME = 1_700_000_000_123


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with broker.running(tmp_path_factory.mktemp("data")) as address:
        yield address


@pytest.fixture
def connection(address):
    with raw.Connection(*address) as connection:
        yield connection


@pytest.fixture
def topic(connection):
    name = f"interop-{uuid.uuid4().hex}"
    connection.call("CREATE_TOPIC", name=name, partitions=4)
    return name


def read_with_kafka(topic, count):
    """All records, by Kafka's client."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": CLUSTER,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
        }
    )
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in partitions])
    messages = []
    while len(messages) < count:
        message = consumer.poll(20)
        assert message is not None, f"{len(messages)} of {count} came"
        assert message.error() is None, message.error()
        messages.append(message)
    consumer.close()
    return messages


def test_kafkas_client_reads_what_flymq_wrote(connection, topic):
    for i in range(20):
        key = f"key-{i}".encode()
        partition = raw.partition_of(key, 4)
        connection.produce(
            topic, b"value", key=key, partition=partition, headers=HEADERS, timestamp=TIME + i
        )
    messages = read_with_kafka(topic, 20)
    assert {m.key() for m in messages} == {f"key-{i}".encode() for i in range(20)}
    for message in messages:
        assert message.value() == b"value"
        assert message.headers() == HEADERS
        number = int(message.key().split(b"-")[1])
        kind = confluent_kafka.TIMESTAMP_CREATE_TIME
        assert message.timestamp() == (kind, TIME + number)
        assert message.partition() == raw.partition_of(message.key(), 4)


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4"])
def test_flymq_reads_what_kafkas_client_wrote(connection, topic, compression):
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": CLUSTER,
            "compression.type": compression,
            # As Kafka's Java client does, and FlyMQ.
            "partitioner": "murmur2_random",
            "linger.ms": 50,
        }
    )
    for i in range(200):
        producer.produce(
            topic, b"value" * 50, key=f"key-{i}", headers=HEADERS, timestamp=TIME + i
        )
    assert producer.flush(30) == 0
    keys = set()
    for partition in range(4):
        offset = 0
        while True:
            records, following = connection.fetch(topic, offset, partition=partition)
            if following == offset:
                break
            for record in records:
                keys.add(record["key"])
                assert raw.partition_of(record["key"], 4) == partition
                assert record["value"] == b"value" * 50
                assert [tuple(header) for header in record["headers"]] == HEADERS
                assert record["timestamp"] == TIME + int(record["key"].split(b"-")[1])
            offset = following
    assert keys == {f"key-{i}".encode() for i in range(200)}


def test_transactions_of_kafkas_client_are_respected(connection, topic):
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": CLUSTER, "transactional.id": uuid.uuid4().hex}
    )
    producer.init_transactions(30)
    for value, end in [(b"gone", producer.abort_transaction), (b"there", producer.commit_transaction)]:
        producer.begin_transaction()
        producer.produce(topic, value, partition=0)
        producer.flush(30)
        end(30)
    # Kafka writes the markers after it has answered.
    committed, following = [], 0
    for _ in range(4):
        if following < 4:
            found, following = connection.fetch(topic, following, max_wait_ms=10_000)
            committed += found
    assert [record["value"] for record in committed] == [b"there"]
    everything, _ = connection.fetch(topic, 0, isolation=raw.READ_UNCOMMITTED)
    assert [record["value"] for record in everything] == [b"gone", b"there"]
    # Two markers took offsets, too.
    assert following == 4


def test_a_gateway_that_comes_late_learns_of_the_others(address, tmp_path):
    """Kafka deletes what gateways have said long ago."""
    words = confluent_kafka.TopicPartition("__flymq_gateways", 0, confluent_kafka.OFFSET_END)
    admin = AdminClient({"bootstrap.servers": CLUSTER})
    assert admin.delete_records([words])[words].result(30).low_watermark > 0
    with broker.running(tmp_path) as late, raw.Connection(*late) as connection:
        expected, found, end = {address[1], late[1]}, set(), time.monotonic() + 30
        while not expected <= found:
            assert time.monotonic() < end, found
            found = {b["port"] for b in connection.call("METADATA", topics=[])["brokers"]}
