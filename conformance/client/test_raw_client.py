"""Every operation of docs/protocol.md, against the real broker, by a client that knows nothing else."""

import threading
import time

import flymq_raw as raw
import pytest
from flymq_raw import FlyMQError
from test_vectors import from_json, load

# Features whose operations are tested, here, in test_groups.py or in test_transactions.py; a broker
# that offers more needs more tests.
COVERED = {"groups", "idempotence", "transactions"}
BY_FEATURE = {
    "groups": [
        "SUBSCRIBE",
        "COMMIT",
        "HEARTBEAT",
        "LEAVE",
        "COMMITTED",
        "LIST_GROUPS",
        "DESCRIBE_GROUP",
        "DELETE_GROUP",
    ],
    "transactions": ["BEGIN_TXN", "COMMIT_TXN", "ABORT_TXN", "TXN_OFFSETS"],
    "access": ["UPSERT_USER", "DELETE_USER", "LIST_USERS", "ADD_ACLS", "REMOVE_ACLS", "LIST_ACLS"],
}


def test_handshake(connection):
    challenge = connection.challenge
    assert challenge["auth_required"] is False
    assert "ANONYMOUS" in challenge["mechanisms"]
    assert len(challenge["nonce"]) == 32
    assert challenge["max_frame_bytes"] == 32 << 20
    assert challenge["cluster_id"] and challenge["broker_version"]
    answer = connection.call("AUTH", mechanism="ANONYMOUS", data=b"")
    assert answer["done"] is True and answer["principal"]
    assert connection.call("WHOAMI")["principal"] == answer["principal"]
    assert abs(connection.call("PING")["time_ms"] - raw.now()) < 60_000


def test_nonces_differ_and_the_cluster_does_not(connect):
    one, other = connect().challenge, connect().challenge
    assert one["nonce"] != other["nonce"]
    assert one["cluster_id"] == other["cluster_id"]


@pytest.mark.parametrize("operation", [op for op in raw.OPCODES if op != "HELLO"])
def test_nothing_goes_before_hello(connect, operation):
    stranger = connect(hello=False)
    with pytest.raises(FlyMQError) as refused:
        stranger.call(operation)
    assert (refused.value.code, refused.value.name) == (106, "HELLO_REQUIRED")
    assert stranger.call("HELLO")["max_frame_bytes"] > 0
    assert stranger.call("PING")["time_ms"] > 0


def test_features_say_what_is_offered(connection):
    features = set(connection.challenge["features"])
    assert features <= COVERED, f"write tests for {features - COVERED}"
    for feature, operations in BY_FEATURE.items():
        for operation in operations if feature not in features else []:
            with pytest.raises(FlyMQError) as refused:
                connection.call(operation, group="g", member_id="m", generation=0)
            assert refused.value.code == 107, (feature, operation)


def test_topics(connection, address):
    created = connection.call(
        "CREATE_TOPIC", name="life", partitions=2, config={"retention_ms": "3600000"}
    )
    assert (created["partitions"], created["created"]) == (2, True)
    listed = {t["name"]: t["partitions"] for t in connection.call("LIST_TOPICS")["topics"]}
    assert listed["life"] == 2
    assert list(listed) == sorted(listed)

    metadata = connection.call("METADATA", topics=["life", "death"])
    assert [(t["name"], t["partitions"], t["error"]) for t in metadata["topics"]] == [
        ("life", 2, 0),
        ("death", 0, 300),
    ]
    brokers = [(broker["host"], broker["port"]) for broker in metadata["brokers"]]
    assert address in brokers
    with raw.Connection(*address) as other:
        assert other.challenge["cluster_id"] == connection.challenge["cluster_id"]

    assert connection.call("ADD_PARTITIONS", name="life", partitions=3)["partitions"] == 3
    described = connection.call("DESCRIBE_TOPIC", name="life")
    assert [p["partition"] for p in described["partitions"]] == [0, 1, 2]
    assert described["config"] == {
        "retention_ms": "3600000",
        "retention_bytes": "-1",
        "segment_bytes": "268435456",
        "segment_ms": "86400000",
        "max_record_bytes": "1048576",
    }
    changes = {"retention_ms": None, "max_record_bytes": "5000"}
    altered = connection.call("ALTER_TOPIC", name="life", config=changes)["config"]
    assert (altered["retention_ms"], altered["max_record_bytes"]) == ("604800000", "5000")
    assert altered == connection.call("DESCRIBE_TOPIC", name="life")["config"]

    connection.call("DELETE_TOPIC", name="life")
    assert "life" not in [t["name"] for t in connection.call("LIST_TOPICS")["topics"]]
    with pytest.raises(FlyMQError, match="UNKNOWN_TOPIC"):
        connection.produce("life", b"after")


def test_produce_and_consume(connection, topic):
    assert connection.produce(topic, b"hello", key=b"k1", timestamp=1_700_000_000_000) == 0
    headers = [("trace", b"\x01"), ("trace", b"\x02"), ("nil", None)]
    assert connection.produce(topic, None, key=b"gone", headers=headers) == 1
    answer = connection.call("CONSUME", topic=topic, partition=0, offset=0)
    assert answer["next_offset"] == 1
    assert answer["record"] == {
        "offset": 0,
        "timestamp": 1_700_000_000_000,
        "key": b"k1",
        "value": b"hello",
        "headers": [],
    }
    record = connection.call("CONSUME", topic=topic, offset=1, isolation=0)["record"]
    assert (record["key"], record["value"]) == (b"gone", None)
    assert record["headers"] == [["trace", b"\x01"], ["trace", b"\x02"], ["nil", None]]
    end = connection.call("CONSUME", topic=topic, offset=2)
    assert (end["record"], end["next_offset"]) == (None, 2)


def test_batches_and_fetch(connection, topic):
    records = [(None, b"%d" % i, [], 1_000 + i) for i in range(10)]
    for base in (0, 10, 20):
        assert connection.produce_batch(topic, records)["base_offset"] == base
    # From the middle of a batch: it begins before, and its first records are skipped.
    read, position = connection.fetch(topic, 13)
    assert [r["offset"] for r in read] == list(range(13, 30))
    assert [r["value"] for r in read[:7]] == [b"%d" % i for i in range(3, 10)]
    assert position == 30
    # Limits below one batch still give one.
    read, position = connection.fetch(topic, 0, max_bytes=1)
    assert len(read) == 10 and position == 10
    assert connection.fetch(topic, 30) == ([], 30)


def test_fetch_from_many_partitions(connection, topic):
    for partition in (0, 2):
        connection.produce(topic, b"p%d" % partition, partition=partition)
    wanted = [{"partition": p, "offset": 0} for p in range(3)]
    [fetched] = connection.call("FETCH", topics=[{"topic": topic, "partitions": wanted}])["topics"]
    parts = {p["partition"]: p for p in fetched["partitions"]}
    assert sorted(parts) == [0, 2], "partitions without news are left out"
    for number, part in parts.items():
        assert (part["error"], part["earliest"], part["latest"]) == (0, 0, 1)
        [batch] = part["batches"]
        assert raw.read_batch(batch)[0]["value"] == b"p%d" % number


@pytest.mark.parametrize("vector", load("wire/batches.json")["vectors"], ids=lambda v: v["name"])
def test_batches_are_stored_as_they_came(connection, topic, vector):
    batch = from_json(vector["batch"])
    if batch["producer_id"] >= 0:
        batch.update(producer_id=-1, producer_epoch=-1, base_sequence=-1)
    assert connection.call("PRODUCE", topic=topic, batch=batch)["base_offset"] == 0
    wanted = [{"topic": topic, "partitions": [{"partition": 0, "offset": 0}]}]
    [stored] = connection.call("FETCH", topics=wanted)["topics"][0]["partitions"][0]["batches"]
    assert stored == {**batch, "base_offset": 0, "max_timestamp": vector["max_timestamp"]}
    # The broker itself reads every codec.
    for expected in from_json(vector["records"]):
        expected["offset"] -= 100
        answer = connection.call("CONSUME", topic=topic, offset=expected["offset"])
        assert answer["record"] == expected


def test_offsets_by_time(connection, topic):
    for timestamp in (1_000, 2_000, 1_500):
        connection.produce(topic, b"v", timestamp=timestamp)

    def find(*times):
        queries = [{"partition": 0, "timestamp": time} for time in times]
        found = connection.call("LIST_OFFSETS", topic=topic, partitions=queries)["partitions"]
        assert all(f["error"] == 0 for f in found)
        return [(f["offset"], f["timestamp"]) for f in found]

    assert find(raw.EARLIEST, raw.LATEST) == [(0, -1), (3, -1)]
    assert find(0, 1_000, 1_001, 2_000, 2_001) == [
        (0, 1_000),
        (0, 1_000),
        (1, 2_000),
        (1, 2_000),
        (3, -1),
    ]


def test_keys_have_their_partition(connection, topic):
    for i in range(20):
        key = b"key-%d" % i
        connection.produce(topic, b"v", key=key, partition=raw.partition_of(key, 3))
    for partition in range(3):
        read, _ = connection.fetch(topic, 0, partition=partition)
        assert read and all(raw.partition_of(r["key"], 3) == partition for r in read)


class TestSequences:
    @pytest.fixture
    def producer(self, connection):
        return connection.call("INIT_PRODUCER")

    @staticmethod
    def batch(count=2):
        return [(None, b"v", [], 0)] * count

    def test_a_batch_sent_again_is_stored_once(self, connection, topic, producer):
        for i in range(7):
            sent = connection.produce_batch(topic, self.batch(), 0, producer, sequence=2 * i)
            assert (sent["base_offset"], sent["duplicate"]) == (2 * i, False)
        for i in range(2, 7):
            again = connection.produce_batch(topic, self.batch(), 0, producer, sequence=2 * i)
            assert (again["base_offset"], again["duplicate"]) == (2 * i, True)
        # Beyond the last 5 batches the broker does not remember.
        with pytest.raises(FlyMQError) as refused:
            connection.produce_batch(topic, self.batch(), 0, producer, sequence=2)
        assert refused.value.code == 405
        read, _ = connection.fetch(topic, 0)
        assert len(read) == 14

    def test_a_gap_is_refused(self, connection, topic, producer):
        connection.produce_batch(topic, self.batch(), 0, producer, sequence=0)
        with pytest.raises(FlyMQError) as refused:
            connection.produce_batch(topic, self.batch(), 0, producer, sequence=3)
        assert refused.value.code == 405
        # Each partition has sequences of its own.
        assert connection.produce_batch(topic, self.batch(), 1, producer, sequence=0)

    def test_the_first_batch_has_sequence_0(self, connection, topic, producer):
        with pytest.raises(FlyMQError) as refused:
            connection.produce_batch(topic, self.batch(), 0, producer, sequence=1)
        assert refused.value.code == 407

    def test_epochs(self, connection, topic, producer):
        newer = {**producer, "producer_epoch": producer["producer_epoch"] + 1}
        connection.produce_batch(topic, self.batch(), 0, newer, sequence=0)
        with pytest.raises(FlyMQError) as refused:
            connection.produce_batch(topic, self.batch(), 0, producer, sequence=0)
        assert refused.value.code == 406
        newest = {**producer, "producer_epoch": producer["producer_epoch"] + 2}
        with pytest.raises(FlyMQError) as refused:
            connection.produce_batch(topic, self.batch(), 0, newest, sequence=2)
        assert refused.value.code == 405

    def test_producers_differ(self, connection, producer):
        other = connection.call("INIT_PRODUCER")
        assert other["producer_id"] != producer["producer_id"]


class TestLongPoll:
    @staticmethod
    def fetch(connection, topic, offset=0, **fields):
        wanted = [{"topic": topic, "partitions": [{"partition": 0, "offset": offset}]}]
        return connection.send("FETCH", topics=wanted, **fields)

    def test_ends_when_a_record_arrives(self, connect, connection, topic):
        reader = connect(timeout=30)
        request = self.fetch(reader, topic, max_wait_ms=20_000)
        time.sleep(0.2)
        began = time.monotonic()
        connection.produce(topic, b"news")
        [batch] = reader.wait(request)["topics"][0]["partitions"][0]["batches"]
        assert time.monotonic() - began < 5
        assert raw.read_batch(batch)[0]["value"] == b"news"

    def test_ends_with_nothing_when_time_is_up(self, connection, topic):
        began = time.monotonic()
        assert connection.wait(self.fetch(connection, topic, max_wait_ms=300))["topics"] == []
        assert 0.29 < time.monotonic() - began < 5

    def test_waits_for_min_bytes(self, connect, connection, topic):
        reader = connect(timeout=30)
        request = self.fetch(reader, topic, max_wait_ms=20_000, min_bytes=1000)
        connection.produce(topic, b"x" * 100)
        reader.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            reader.receive()
        reader.socket.settimeout(30)
        connection.produce(topic, b"x" * 1000)
        batches = reader.wait(request)["topics"][0]["partitions"][0]["batches"]
        assert len(batches) == 2

    def test_other_requests_are_answered_meanwhile(self, connection, topic):
        waiting = self.fetch(connection, topic, max_wait_ms=20_000)
        pings = [connection.send("PING") for _ in range(5)]
        for ping in reversed(pings):
            assert connection.wait(ping)["time_ms"] > 0
        assert waiting not in connection.arrived, "the later requests overtook it"
        produced = connection.send("PRODUCE", topic=topic, batch=raw.make_batch([(None, b"v", [], 0)]))
        assert connection.wait(waiting)["topics"][0]["partitions"][0]["next_offset"] == 1
        assert connection.wait(produced)["base_offset"] == 0

    def test_ends_when_the_topic_is_deleted(self, connect, connection, topic):
        reader = connect(timeout=30)
        request = self.fetch(reader, topic, max_wait_ms=20_000)
        time.sleep(0.2)
        connection.call("DELETE_TOPIC", name=topic)
        assert reader.wait(request)["topics"][0]["partitions"][0]["error"] == 300


def test_requests_of_one_connection_are_taken_in_order(connection, topic):
    batches = [raw.make_batch([(None, b"%d" % i, [], 0)]) for i in range(200)]
    ids = [connection.send("PRODUCE", topic=topic, batch=batch) for batch in batches]
    offsets = {i: connection.wait(request)["base_offset"] for i, request in reversed([*enumerate(ids)])}
    assert [offsets[i] for i in range(200)] == list(range(200))


def test_many_connections_produce_at_once(connect, topic):
    def produce(connection, name):
        for i in range(50):
            connection.produce(topic, b"%d-%d" % (name, i))

    connections = [connect() for _ in range(8)]
    threads = [threading.Thread(target=produce, args=(c, n)) for n, c in enumerate(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read, position = connections[0].fetch(topic, 0)
    assert position == len(read) == 400
    for name in range(8):
        own = [r["value"] for r in read if r["value"].startswith(b"%d-" % name)]
        assert own == [b"%d-%d" % (name, i) for i in range(50)]


def test_unknown_fields_are_ignored_and_missing_ones_have_defaults(connection, topic):
    extras = {"zebra": None, "list": [{"deep": [1.5, b"x"]}], "n": -1}
    batch = raw.make_batch([(None, b"v", [], 7)])
    assert connection.call("PRODUCE", topic=topic, batch={**batch, **extras}, **extras)
    answer = connection.call("CONSUME", topic=topic, offset=0)
    assert answer["record"]["timestamp"] == 7


def test_ids_are_given_back(connection):
    for number in (1, 2**31, 2**53, 2**64 - 1):
        connection.send_bytes(raw.frame(0x32, raw.msgpack.packb({"id": number})))
        assert connection.receive()[1]["id"] == number
    # `id` may stand anywhere.
    connection.send_bytes(raw.frame(0x32, raw.msgpack.packb({"other": 1, "id": 9})))
    assert connection.receive()[1]["id"] == 9
