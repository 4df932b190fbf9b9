"""Message and RecordMetadata as Python values."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from flymq import Message, RecordMetadata
from helpers import naming


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


def test_wrong_types_name_the_argument() -> None:
    with pytest.raises(TypeError, match=naming("value")):
        message(value=1)
    with pytest.raises(TypeError, match=naming("headers")):
        message(headers=[("trace", 1)])
    with pytest.raises(OverflowError):
        message(offset=-1)
