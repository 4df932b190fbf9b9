"""Message and RecordMetadata as Python values."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
import weakref
from typing import Any

import flymq
import pytest
from flymq import FlyMQClient, Message, RecordMetadata
from flymq.serializers import JsonSerde


def message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "topic": "orders",
        "partition": 2,
        "offset": 41,
        "key": b"k",
        "value": b"v",
        "headers": [("trace", b"1"), ("empty", None)],
        "timestamp": 1_700_000_000_000,
    }
    return Message(**{**fields, **changes})


def test_fields_read_back() -> None:
    made = message()
    assert (made.topic, made.partition, made.offset) == ("orders", 2, 41)
    assert (made.key, made.value, made.timestamp) == (b"k", b"v", 1_700_000_000_000)
    assert made.headers == (("trace", b"1"), ("empty", None))


def test_only_the_place_is_required() -> None:
    made = Message("orders", 0, 7)
    assert (made.key, made.value, made.headers, made.timestamp) == (None, None, (), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"topic": "other"},
        {"partition": 3},
        {"offset": 42},
        {"key": None},
        {"value": b""},
        {"headers": None},
        {"timestamp": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_messages_are_equal_only_in_all_fields(change: dict[str, Any]) -> None:
    assert message() == message() and hash(message()) == hash(message())
    assert message() != message(**change)
    assert len({message(), message(), message(**change)}) == 2


def test_a_message_is_not_equal_to_other_things() -> None:
    assert message() != ("orders", 2, 41)
    assert message() != RecordMetadata("orders", 2, 41, 1_700_000_000_000)


def test_messages_are_immutable() -> None:
    with pytest.raises(AttributeError):
        message().offset = 1  # type: ignore[misc]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(protocol: int) -> None:
    for original in (message(), RecordMetadata("orders", 2, 41, 5)):
        assert pickle.loads(pickle.dumps(original, protocol)) == original


def test_repr_is_readable_and_bounded() -> None:
    assert repr(message()) == (
        "Message(topic='orders', partition=2, offset=41, key=b'k', value=b'v', "
        "headers=(('trace', b'1'), ('empty', None)), timestamp=1700000000000)"
    )
    long = repr(message(value=b"x" * 1_000_000, headers=None))
    assert len(long) < 300 and "(1000000 bytes)" in long
    assert repr(RecordMetadata("orders", 2, 41, 5)) == (
        "RecordMetadata(topic='orders', partition=2, offset=41, timestamp=5)"
    )


def test_key_and_value_may_be_whatever_a_deserializer_makes() -> None:
    made: Message[str, list[int]] = Message("orders", 0, 1, "k", [1, 2])
    assert (made.key, made.value) == ("k", [1, 2])
    assert made == Message("orders", 0, 1, "k", [1, 2]) != Message("orders", 0, 1, "k", [1, 3])
    assert pickle.loads(pickle.dumps(made)) == made and hash(made) == hash(Message("orders", 0, 1))
    assert "key='k', value=[1, 2]" in repr(made)
    assert len(repr(Message("orders", 0, 1, value=[0] * 1_000_000))) < 500


def test_a_message_is_a_buffer_of_its_value(client: FlyMQClient, topic: str) -> None:
    client.produce(topic, '{"a": 1}', key="k")
    (read,) = client.fetch(topic, 0)
    (parsed,) = client.fetch(topic, 0, deserializer=flymq.JsonSerde())
    # Of what was stored, whatever a deserializer has made of it.
    for message in (read, parsed):
        view = memoryview(message)
        assert bytes(view) == b'{"a": 1}' and view.readonly and view.contiguous
        with pytest.raises(TypeError):
            view[0] = 0
    assert read.value is read.value and read.key is read.key
    # It can be sent on as it is.
    client.produce(topic, read)
    assert [m.value for m in client.fetch(topic, 0)] == [b'{"a": 1}'] * 2
    del read, message
    assert bytes(view) == b'{"a": 1}'
    with pytest.raises(TypeError, match="bytes-like"):
        memoryview(Message("orders", 0, 1))
    assert bytes(Message("orders", 0, 1, value=b"x")) == b"x"


def test_a_view_has_no_copy(client: FlyMQClient, topic: str) -> None:
    size = 512 << 10
    client.produce(topic, b"x" * size)
    (message,) = client.fetch(topic, 0)
    tracemalloc.start()
    try:
        view = memoryview(message)
        assert len(view) == size and tracemalloc.get_traced_memory()[1] < size
        message.value
        assert tracemalloc.get_traced_memory()[1] > size
    finally:
        tracemalloc.stop()


def test_messages_are_collected_with_what_they_hold() -> None:
    class Value:
        message: Message[bytes, Value]

    value = Value()
    value.message = Message("orders", 0, 1, value=value)
    gone = weakref.ref(value)
    del value
    gc.collect()
    assert gone() is None


def test_the_garbage_collector_looks_only_at_messages_that_hold_objects(
    client: FlyMQClient, topic: str
) -> None:
    client.produce_batch(topic, [(None, b"[]")] * 10)
    with flymq.Consumer(client) as consumer:
        consumer.assign([(topic, 0)])
        polled = consumer.poll()
    plain = [*polled, *client.fetch(topic, 0)]
    assert all(message.value == b"[]" and message.key is None for message in plain)
    assert not any(map(gc.is_tracked, plain))
    read = client.fetch(topic, 0, deserializer=JsonSerde())
    assert all(map(gc.is_tracked, read))


def test_generic_at_run_time() -> None:
    generic: list[Any] = [Message, flymq.Producer, flymq.Consumer, flymq.TransactionalProducer]
    for kind in [*generic, flymq.Transaction]:
        assert kind[str, int].__origin__ is kind and kind[str, int].__args__ == (str, int)


def test_wrong_types_name_the_argument() -> None:
    with pytest.raises(TypeError, match="'headers'"):
        message(headers=[("trace", 1)])
    with pytest.raises(OverflowError):
        message(offset=-1)
