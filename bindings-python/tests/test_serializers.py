"""Serializers and deserializers: there and back, per topic, per call, and what becomes of failures."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable
from typing import Any, Literal

import flymq
import pydantic
import pytest
from flymq import (
    BytesSerde,
    Consumer,
    FlyMQClient,
    JsonSerde,
    MessagePackSerde,
    Producer,
    PydanticSerde,
    Serde,
    SerializationError,
    StrSerde,
    TopicPartition,
    TopicSerde,
    TransactionalProducer,
)
from helpers import DEADLINE

_groups = itertools.count()


class Order(pydantic.BaseModel):
    customer: str
    apples: int


class UpperSerde:
    """One of a user's own, which knows nothing of flymq."""

    def serialize(self, topic: str, value: str) -> bytes | None:
        return value.upper().encode() if value else None

    def deserialize(self, topic: str, data: bytes) -> str:
        return f"{topic}: {data.decode()}"


@pytest.fixture
def group() -> str:
    return f"serde-group-{next(_groups)}"


@pytest.mark.parametrize(
    ("serde", "value", "stored"),
    [
        (BytesSerde(), b"\x00\xff", b"\x00\xff"),
        (StrSerde(), "café", "café".encode()),
        (JsonSerde(), {"é": [1, None, True, 2.5]}, '{"é":[1,null,true,2.5]}'.encode()),
        (MessagePackSerde(), {"k": b"\x00", 1: [None]}, b"\x82\xa1k\xc4\x01\x00\x01\x91\xc0"),
        (PydanticSerde(Order), Order(customer="ada", apples=2), b'{"customer":"ada","apples":2}'),
        (PydanticSerde(list[int]), [1, 2], b"[1,2]"),
    ],
    ids=lambda each: type(each).__name__ if hasattr(each, "serialize") else "",
)
def test_values_come_back_as_they_were(
    client: FlyMQClient, topic: str, serde: Serde[Any], value: Any, stored: bytes
) -> None:
    with Producer(client, key_serializer=serde, value_serializer=serde) as producer:
        producer.send(topic, value, key=value)
        producer.send(topic, None)
    raw = client.consume(topic, 0)
    assert raw is not None and raw.key == raw.value == stored
    with Consumer(client, key_deserializer=serde, value_deserializer=serde) as consumer:
        consumer.assign([(topic, 0)])
        message, nothing = itertools.islice(consumer, 2)
    assert type(message.value) is type(value) and message.key == message.value == value
    # What is not there is never serialized.
    assert (nothing.key, nothing.value) == (None, None)


def test_the_clients_calls_take_one_for_the_value(client: FlyMQClient, topic: str) -> None:
    assert client.produce(topic, {"a": 1}, key="k", serializer=JsonSerde()) == 0
    assert client.produce_record(topic, "b", serializer=UpperSerde()).offset == 1
    assert client.produce_batch(topic, [(None, [2]), ("k", None)], serializer=JsonSerde()) == [2, 3]
    stored = [message.value for message in client.fetch(topic, 0)]
    assert stored == [b'{"a":1}', b"B", b"[2]", None]
    first = client.consume(topic, 0, deserializer=JsonSerde())
    assert first is not None and (first.key, first.value) == (b"k", {"a": 1})
    assert [m.value for m in client.fetch(topic, 2, deserializer=JsonSerde())] == [[2], None]


def test_a_call_goes_before_the_producer(client: FlyMQClient, topic: str) -> None:
    with Producer(client, key_serializer=StrSerde(), value_serializer=JsonSerde()) as producer:
        producer.send(topic, [1])
        producer.send(topic, "raw", key="k", serializer=UpperSerde())
        # A serializer may make nothing of a value.
        producer.send(topic, "", serializer=UpperSerde())
    assert [m.value for m in client.fetch(topic, 0)] == [b"[1]", b"RAW", None]


def test_transactions_serialize(client: FlyMQClient, topic: str) -> None:
    with (
        TransactionalProducer(client, transactional_id="s", value_serializer=JsonSerde()) as producer,
        producer.transaction() as txn,
    ):
        txn.produce(topic, {"a": 1})
        txn.produce(topic, "b", serializer=StrSerde())
    with client.transaction() as txn:
        txn.produce(topic, "plain")
    assert [m.value for m in client.fetch(topic, 0)] == [b'{"a":1}', b"b", b"plain"]


def test_each_topic_may_have_its_own(
    client: FlyMQClient, make_topic: Callable[[int], str], group: str
) -> None:
    orders, notes, others = make_topic(1), make_topic(1), make_topic(1)
    serde = TopicSerde[Any]({orders: JsonSerde(), notes: StrSerde()}, default=BytesSerde())
    with Producer(client, value_serializer=serde) as producer:
        for topic, value in [(orders, {"a": 1}), (notes, "n"), (others, b"x")]:
            producer.send(topic, value)
    with Consumer(client, [orders, notes, others], group=group, value_deserializer=serde) as consumer:
        read = {message.topic: message.value for message in itertools.islice(consumer, 3)}
    assert read == {orders: {"a": 1}, notes: "n", others: b"x"}
    # A mapping stands for one without a default.
    with Producer(client, value_serializer={orders: JsonSerde()}) as producer:
        producer.send(orders, [1])
        with pytest.raises(SerializationError, match=notes) as caught:
            producer.send(notes, [1])
    assert isinstance(caught.value.__cause__, LookupError)


def test_what_cannot_be_serialized_names_the_topic(client: FlyMQClient, topic: str) -> None:
    with (
        Producer(client, value_serializer=JsonSerde()) as producer,
        pytest.raises(SerializationError) as caught,
    ):
        producer.send(topic, {"secret", "set"})
    error = caught.value
    assert (error.code, error.topic, error.partition, error.offset) == (905, topic, None, None)
    assert isinstance(error.__cause__, TypeError) and "TypeError" in str(error)
    # The text of the cause may quote the data, and is only in the cause.
    assert "the value" in str(error) and topic in str(error) and "secret" not in str(error)
    with pytest.raises(SerializationError, match="key for topic"):
        Producer(client, key_serializer=StrSerde()).send(topic, b"x", key=5)  # type: ignore[call-overload]
    with pytest.raises(SerializationError):
        client.produce(topic, 5, serializer=UpperSerde())  # type: ignore[misc]
    assert client.latest(topic) == 0

    class Wrong:
        def serialize(self, topic: str, value: int) -> int:
            return value

    with pytest.raises(SerializationError) as caught:
        client.produce(topic, 5, serializer=Wrong())  # type: ignore[call-overload]
    assert "not int" in str(caught.value.__cause__)


def test_what_is_no_serializer_is_told_at_once(client: FlyMQClient, topic: str) -> None:
    with pytest.raises(TypeError, match="serialize"):
        Producer(client, value_serializer=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="deserialize"):
        Consumer(client, value_deserializer={topic: json.loads})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="serialize"):
        client.produce(topic, "x", serializer=str)  # type: ignore[call-overload]


@pytest.fixture
def poisoned(client: FlyMQClient, topic: str) -> str:
    """A topic with JSON, but for the records at offsets 3 and 4."""
    values = [str(i) for i in range(10)]
    values[3:5] = ["}", "]"]
    client.produce_batch(topic, [("k", value) for value in values])
    return topic


def read(consumer: Consumer[Any, Any], count: int) -> list[Any]:
    values: list[Any] = []
    while len(values) < count:
        batch = consumer.poll(timeout=DEADLINE)
        assert batch, values
        values += [message.value for message in batch]
    return values


@pytest.mark.parametrize("one_by_one", [True, False], ids=["next", "poll"])
def test_a_failing_deserializer_halts_its_partition_only(
    client: FlyMQClient, make_topic: Callable[[int], str], poisoned: str, group: str, one_by_one: bool
) -> None:
    healthy = make_topic(1)
    slot = TopicPartition(poisoned, 0)
    with Consumer(
        client, [poisoned], group=group, value_deserializer=JsonSerde(), auto_commit=False
    ) as consumer:
        values = [next(consumer).value for _ in range(3)] if one_by_one else read(consumer, 3)
        # What came before the record is returned first.
        assert values == [0, 1, 2]
        with pytest.raises(SerializationError) as caught:
            next(consumer) if one_by_one else consumer.poll(timeout=DEADLINE)
        error = caught.value
        assert (error.topic, error.partition, error.offset) == (poisoned, 0, 3)
        assert isinstance(error.__cause__, json.JSONDecodeError) and "JSONDecodeError" in str(error)
        assert pickle.loads(pickle.dumps(error)).offset == 3
        # Told once; the consumer goes on with others.
        assert consumer.poll(timeout=0.05) == []
        assert consumer.position(poisoned, 0) == 3
        consumer.commit()
        assert client.group_offsets(group) == {slot: 2}
        consumer.subscribe([poisoned, healthy])
        client.produce(healthy, "true")
        assert read(consumer, 1) == [True]
        # To it, to try again.
        consumer.seek(poisoned, 0, 3)
        with pytest.raises(SerializationError, match="offset 3"):
            consumer.poll(timeout=DEADLINE)
        # Past it: to the next one.
        consumer.seek(poisoned, 0, 4)
        with pytest.raises(SerializationError, match="offset 4"):
            consumer.poll(timeout=DEADLINE)
        consumer.seek(poisoned, 0, 5)
        assert read(consumer, 5) == [5, 6, 7, 8, 9]


def test_what_was_read_before_a_failure_is_committed(
    client: FlyMQClient, poisoned: str, group: str
) -> None:
    with (
        pytest.raises(SerializationError),
        Consumer(client, poisoned, group=group, value_deserializer=JsonSerde()) as consumer,
    ):
        for _message in consumer:
            pass
    assert client.group_offsets(group) == {TopicPartition(poisoned, 0): 2}


def test_failures_in_several_partitions_are_all_told(
    client: FlyMQClient, make_topic: Callable[[int], str]
) -> None:
    topic = make_topic(3)
    for partition in range(3):
        client.produce_batch(topic, [(None, "1"), (None, "}"), (None, "2")], partition=partition)
    failed: list[tuple[int, int]] = []
    with Consumer(client, value_deserializer=JsonSerde()) as consumer:
        consumer.assign([(topic, partition) for partition in range(3)])
        values: list[Any] = []
        while len(values) < 6:
            try:
                batch = consumer.poll(timeout=DEADLINE)
                assert batch, values
                values += [message.value for message in batch]
            except SerializationError as error:
                assert error.topic and error.partition is not None and error.offset is not None
                failed.append((error.partition, error.offset))
                consumer.seek(error.topic, error.partition, error.offset + 1)
    assert sorted(values) == [1, 1, 1, 2, 2, 2]
    assert sorted(failed) == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize("policy", ["skip", "dead_letter"])
def test_failures_may_be_passed_over(
    client: FlyMQClient, poisoned: str, group: str, policy: Literal["skip", "dead_letter"]
) -> None:
    client.create_topic(f"{poisoned}.dlq")
    with Consumer(
        client, poisoned, group=group, value_deserializer=JsonSerde(), on_undeserializable=policy
    ) as consumer:
        assert read(consumer, 8) == [0, 1, 2, 5, 6, 7, 8, 9]
    letters = client.fetch(f"{poisoned}.dlq", 0)
    if policy == "skip":
        assert letters == []
        return
    assert [(letter.key, letter.value) for letter in letters] == [(b"k", b"}"), (b"k", b"]")]
    headers = dict(letters[0].headers)
    assert headers["flymq.dlq.offset"] == b"3" and headers["flymq.dlq.topic"] == poisoned.encode()
    assert b"JSONDecodeError" in (headers["flymq.dlq.error"] or b"")


def test_a_dead_letter_that_cannot_be_stored_holds_its_partition(
    client: FlyMQClient, poisoned: str
) -> None:
    with Consumer(
        client, value_deserializer=JsonSerde(), on_undeserializable="dead_letter"
    ) as consumer:
        consumer.assign([(poisoned, 0)])
        assert read(consumer, 3) == [0, 1, 2]
        for _ in range(2):
            with pytest.raises(flymq.UnknownTopicError, match="offset 3"):
                consumer.poll(timeout=DEADLINE)
        client.create_topic(f"{poisoned}.dlq")
        assert read(consumer, 5) == [5, 6, 7, 8, 9]


def test_a_single_call_tells_where_it_failed(client: FlyMQClient, poisoned: str) -> None:
    for call in (client.fetch, client.consume):
        with pytest.raises(SerializationError) as caught:
            call(poisoned, 3, deserializer=JsonSerde())
        assert (caught.value.topic, caught.value.partition, caught.value.offset) == (poisoned, 0, 3)


def test_an_interrupted_deserializer_loses_nothing(client: FlyMQClient, topic: str) -> None:
    client.produce_batch(topic, [(None, str(i)) for i in range(5)])

    class Interrupted(JsonSerde):
        interrupt = True

        def deserialize(self, topic: str, data: bytes, /) -> Any:
            if data == b"3" and self.interrupt:
                self.interrupt = False
                raise KeyboardInterrupt
            return super().deserialize(topic, data)

    with Consumer(client, value_deserializer=Interrupted()) as consumer:
        consumer.assign([(topic, 0)])
        with pytest.raises(KeyboardInterrupt):
            consumer.poll(timeout=DEADLINE)
        assert read(consumer, 5) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("serde", "package"), [(MessagePackSerde, "msgpack"), (lambda: PydanticSerde(int), "pydantic")]
)
def test_what_is_not_installed_is_named(
    serde: Callable[[], object], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install flymq\[{package}\]"):
        serde()
