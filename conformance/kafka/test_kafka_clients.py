"""Apache's own Java client and FlyMQ's raw client, on the same topics.

FLYMQ_TEST_KAFKA names the cluster; without it there is nothing to test.
"""

import pathlib
import subprocess
import sys
import uuid

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "client"), str(HERE.parent.parent / "tools" / "kafka")]

import flymq_raw as raw  # noqa: E402
import jars  # noqa: E402
from test_interop import CLUSTER, address, connection, topic  # noqa: E402, F401
from test_transactions import Producer  # noqa: E402

pytestmark = pytest.mark.skipif(not CLUSTER, reason="FLYMQ_TEST_KAFKA names no cluster")

HEADERS = [("name", b"value"), ("name", b""), ("none", None)]
TIME = 1_700_000_000_000


@pytest.fixture(scope="module")
def kafka():
    """Asks the Java program: words in, the words of each line of the answer out."""
    command = ["java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    command += ["-cp", f"{jars.fetch()}/*", HERE / "KafkaClient.java", CLUSTER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def ask(*words):
            print(*words, sep="\t", file=process.stdin, flush=True)
            answer = []
            while (line := process.stdout.readline()) != ".\n":
                assert line, "KafkaClient has ended"
                answer.append(line.removesuffix("\n").split("\t"))
            return answer

        yield ask
        process.stdin.close()
        assert process.wait(30) == 0


def of_hex(text):
    return None if text == "-" else bytes.fromhex(text[1:])


def of_headers(text):
    return [(n, of_hex(v)) for n, v in (h.split("=") for h in text.split(",") if h)]


def read_all(connection, topic, partition, isolation=raw.READ_COMMITTED):
    """The records of a partition, with their offsets."""
    offset, found = 0, []
    while True:
        records, following = connection.fetch(
            topic, offset, partition=partition, isolation=isolation
        )
        if following == offset:
            return found
        found += records
        offset = following


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4"])
def test_flymq_reads_what_kafka_wrote(kafka, connection, topic, compression):  # noqa: F811
    stored = kafka("write", topic, 60, compression)
    found = {}
    for partition in range(4):
        for record in read_all(connection, topic, partition):
            assert partition == raw.partition_of(record["key"], 4)
            found[record["key"]] = (partition, record)
    assert len(found) == 60
    for number, (partition, offset) in enumerate(stored):
        where, record = found[b"key-%d" % number]
        assert (where, record["offset"]) == (int(partition), int(offset))
        value = None if number % 3 == 0 else b"value-%d" % number * 20
        assert record["value"] == value
        assert record["timestamp"] == TIME + number
        assert [tuple(header) for header in record["headers"]] == HEADERS


def test_kafka_reads_what_flymq_wrote(kafka, connection, topic):  # noqa: F811
    for number in range(30):
        key = b"key-%d" % number
        value = None if number % 3 == 0 else b"value"
        partition = raw.partition_of(key, 4)
        connection.produce(
            topic, value, key=key, partition=partition, headers=HEADERS, timestamp=TIME + number
        )
    connection.produce(topic, b"", partition=2, timestamp=TIME)
    records = kafka("read", topic, 31, "read_committed")
    by_key = {of_hex(record[3]): record for record in records}
    assert len(by_key) == 31
    assert (of_hex(by_key[None][4]), by_key[None][0]) == (b"", "2")
    # Kafka's own producer puts the same keys into the same partitions.
    again = kafka("write", topic, 30, "none")
    for number in range(30):
        partition, _, time, _, value, headers = by_key[b"key-%d" % number]
        assert of_hex(value) == (None if number % 3 == 0 else b"value")
        assert (int(time), of_headers(headers)) == (TIME + number, HEADERS)
        assert partition == again[number][0]


def test_kafkas_transactions_are_respected(kafka, connection, topic):  # noqa: F811
    kafka("transactions", topic)

    def values(isolation):
        return [record["value"] for record in read_all(connection, topic, 0, isolation)]

    assert values(raw.READ_UNCOMMITTED) == [b"gone", b"there"]
    # Kafka writes the markers after it has answered.
    while b"there" not in (committed := values(raw.READ_COMMITTED)):
        pass
    assert committed == [b"there"]


def test_flymqs_transactions_are_respected(kafka, connection, topic):  # noqa: F811
    producer = Producer(connection, topic)
    for value, end in [(b"gone", "ABORT_TXN"), (b"there", "COMMIT_TXN")]:
        producer.begin()
        producer.produce(topic, value)
        producer.end(end)
    committed = kafka("read", topic, 1, "read_committed")
    assert [of_hex(record[4]) for record in committed] == [b"there"]
    everything = kafka("read", topic, 2, "read_uncommitted")
    assert [of_hex(record[4]) for record in everything] == [b"gone", b"there"]


def test_offsets_of_groups_are_the_same_plus_one(kafka, connection, topic):  # noqa: F811
    for number in range(6):
        connection.produce(topic, b"%d" % number, partition=0)
    group = f"group-{uuid.uuid4().hex}"

    def processed():
        found = connection.call("COMMITTED", group=group)["offsets"]
        return {(o["topic"], o["partition"]): o["offset"] for o in found}

    kafka("commit", topic, group, 4)
    assert processed() == {(topic, 0): 3}
    offsets = [{"topic": topic, "partition": 0, "offset": 1}]
    connection.call("COMMIT", group=group, offsets=offsets)
    assert kafka("committed", topic, group) == [["2"]]
    # A member of Kafka's newer protocol goes on there, and FlyMQ sees where it has come to.
    read = kafka("consume", topic, group, 4)
    assert [of_hex(record[4]) for record in read] == [b"2", b"3", b"4", b"5"]
    assert processed()[topic, 0] == 5
