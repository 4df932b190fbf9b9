"""Transactions, against the real broker, by a client that knows nothing but docs/protocol.md."""

import flymq_raw as raw
import pytest
from flymq_raw import FlyMQError


class Producer:
    """A transactional producer: its identity, and its sequences in each partition."""

    def __init__(self, connection, name, **options):
        self.connection, self.name = connection, name
        self.take(connection.call("INIT_PRODUCER", transactional_id=name, **options))

    def take(self, identity):
        self.identity = {k: identity[k] for k in ("producer_id", "producer_epoch")}
        self.sequences = {}

    def call(self, operation, **fields):
        fields = {"transactional_id": self.name, **self.identity, **fields}
        return self.connection.call(operation, **fields)

    def begin(self):
        self.call("BEGIN_TXN")

    def end(self, operation):
        self.take(self.call(operation))

    def produce(self, topic, value, partition=0):
        sequence = self.sequences.get((topic, partition), 0)
        stored = self.connection.produce_batch(
            topic,
            [(None, value, (), raw.now())],
            partition,
            producer=self.identity,
            sequence=sequence,
            transactional_id=self.name,
        )
        self.sequences[topic, partition] = sequence + 1
        return stored["base_offset"]


@pytest.fixture
def producer(connection, request):
    return Producer(connection, request.node.name)


def read(connection, topic, isolation, partition=0):
    """All that a reader gets to."""
    values, offset = [], 0
    while True:
        records, next_offset = connection.fetch(topic, offset, partition, isolation=isolation)
        if next_offset == offset:
            return values
        values += [record["value"] for record in records]
        offset = next_offset


def refused(operate, *arguments, **fields):
    with pytest.raises(FlyMQError) as refusal:
        operate(*arguments, **fields)
    return refusal.value.code, refusal.value.name


def test_all_or_nothing(connection, topic, producer):
    for value, end in [(b"1", "COMMIT_TXN"), (b"2", "ABORT_TXN"), (b"3", "COMMIT_TXN")]:
        producer.begin()
        for partition in range(3):
            producer.produce(topic, value, partition)
        assert value not in read(connection, topic, raw.READ_COMMITTED, 2)
        assert value in read(connection, topic, raw.READ_UNCOMMITTED, 2)
        producer.end(end)
    for partition in range(3):
        assert read(connection, topic, raw.READ_COMMITTED, partition) == [b"1", b"3"]
        assert read(connection, topic, raw.READ_UNCOMMITTED, partition) == [b"1", b"2", b"3"]


def test_the_end_of_the_log_is_before_an_open_transaction(connection, topic, producer):
    connection.produce(topic, b"before")
    producer.begin()
    producer.produce(topic, b"open")
    connection.produce(topic, b"behind")

    def end(isolation):
        query = [{"partition": 0, "timestamp": raw.LATEST}]
        answer = connection.call("LIST_OFFSETS", topic=topic, partitions=query, isolation=isolation)
        return answer["partitions"][0]["offset"]

    assert (end(raw.READ_COMMITTED), end(raw.READ_UNCOMMITTED)) == (1, 3)
    found = connection.call("CONSUME", topic=topic, offset=1)
    assert (found["record"], found["next_offset"]) == (None, 1)
    producer.end("ABORT_TXN")
    # The end of a transaction may take an offset itself.
    assert end(raw.READ_COMMITTED) == end(raw.READ_UNCOMMITTED) >= 3
    found = connection.call("CONSUME", topic=topic, offset=1)
    assert (found["record"]["value"], found["next_offset"]) == (b"behind", 3)


def test_a_wait_ends_with_the_transaction(connect, connection, topic, producer):
    reader = connect()
    producer.begin()
    producer.produce(topic, b"v")
    wanted = [{"topic": topic, "partitions": [{"partition": 0, "offset": 0}]}]
    waiting = reader.send("FETCH", max_wait_ms=60_000, topics=wanted)
    reader.call("PING")
    assert waiting not in reader.arrived
    producer.end("COMMIT_TXN")
    [part] = reader.wait(waiting)["topics"][0]["partitions"]
    assert len(part["batches"]) == 1
    assert part["next_offset"] >= 1


def test_a_newer_producer_fences(connection, topic, producer):
    producer.begin()
    producer.produce(topic, b"old")
    newer = Producer(connection, producer.name)
    fenced = (406, "PRODUCER_FENCED")
    assert refused(producer.produce, topic, b"old") == fenced
    for operation in ["BEGIN_TXN", "COMMIT_TXN", "ABORT_TXN"]:
        assert refused(producer.call, operation) == fenced
    offsets = [{"topic": topic, "partition": 0, "offset": 0}]
    assert refused(producer.call, "TXN_OFFSETS", group="g", offsets=offsets) == fenced
    newer.begin()
    newer.produce(topic, b"new")
    newer.end("COMMIT_TXN")
    assert read(connection, topic, raw.READ_COMMITTED) == [b"new"]


def test_ends_are_carried_out_once(connection, topic, producer):
    producer.begin()
    producer.begin()
    producer.produce(topic, b"v")
    first = producer.call("COMMIT_TXN")
    first.pop("id")
    again = producer.call("COMMIT_TXN")
    again.pop("id")
    assert again == first
    assert refused(producer.call, "ABORT_TXN") == (600, "INVALID_TXN_STATE")
    assert read(connection, topic, raw.READ_COMMITTED) == [b"v"]


def test_an_open_transaction_is_not_begun_again(topic, producer):
    producer.begin()
    producer.produce(topic, b"v")
    assert refused(producer.begin) == (600, "INVALID_TXN_STATE")


def test_an_overdue_transaction_is_aborted(connection, topic):
    producer = Producer(connection, "overdue", transaction_timeout_ms=2_000)
    producer.begin()
    producer.produce(topic, b"late")
    wanted = [{"topic": topic, "partitions": [{"partition": 0, "offset": 0}]}]
    answer = connection.call("FETCH", max_wait_ms=9_000, topics=wanted)
    [part] = answer["topics"][0]["partitions"]
    assert part["batches"] == []
    assert part["next_offset"] >= 1
    aborted = (601, "TXN_ABORTED")
    assert refused(producer.produce, topic, b"later") == aborted
    assert refused(producer.call, "COMMIT_TXN") == aborted
    producer.end("ABORT_TXN")
    producer.begin()


def test_offsets_are_part_of_the_transaction(connection, topic, producer):
    def stored():
        topics = [{"topic": topic, "partitions": [0]}]
        answer = connection.call("COMMITTED", group=topic, topics=topics, stable=True)
        [found] = answer["offsets"]
        return found["offset"], found["error"]

    offsets = [{"topic": topic, "partition": 0, "offset": 5}]
    producer.begin()
    producer.call("TXN_OFFSETS", group=topic, offsets=offsets)
    assert stored() == (None, 506)
    producer.end("ABORT_TXN")
    assert stored() == (None, 0)
    producer.begin()
    producer.call("TXN_OFFSETS", group=topic, offsets=offsets)
    producer.end("COMMIT_TXN")
    assert stored() == (5, 0)


def test_a_producer_with_a_name_writes_in_transactions_only(connection, topic, producer):
    records = [(None, b"v", (), raw.now())]
    state = (600, "INVALID_TXN_STATE")
    assert refused(producer.produce, topic, b"v") == state
    plain = connection.call("INIT_PRODUCER")
    name = producer.name
    producer.begin()
    for identity, transactional_id in [(producer.identity, None), (plain, name)]:
        fields = {"producer": identity, "sequence": 0, "transactional_id": transactional_id}
        assert refused(connection.produce_batch, topic, records, **fields) == state


@pytest.mark.parametrize(
    "fields",
    [
        {"transactional_id": ""},
        {"transactional_id": "x" * 256},
        {"transactional_id": "x", "transaction_timeout_ms": 900_001},
    ],
)
def test_bad_names(connection, fields):
    assert refused(connection.call, "INIT_PRODUCER", **fields) == (105, "INVALID_REQUEST")
