"""The tree of exceptions, and the mistakes that users make."""

from __future__ import annotations

import builtins
import json
import pickle
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flymq
import pytest
from flymq import FlyMQClient, _native, errors


def leaves() -> list[type[flymq.FlyMQError]]:
    return [
        leaf for family in flymq.FlyMQError.__subclasses__() for leaf in family.__subclasses__()
    ]


def test_every_code_of_the_core_has_its_class() -> None:
    ours = sorted((c.default_code, c.default_name, c.default_retriable) for c in leaves())
    core = [(code, name, retriable) for code, name, retriable, _hint in _native.error_table()]
    assert ours == core


def test_every_code_of_the_conformance_table_has_its_class() -> None:
    table = Path(__file__).parents[2] / "conformance" / "errors.json"
    if not table.exists():
        pytest.skip("conformance/errors.json is not there")
    rows = json.loads(table.read_text())
    rows = rows["errors"] if isinstance(rows, dict) else rows
    assert {row["code"]: (row["name"], row["retriable"]) for row in rows} == {
        c.default_code: (c.default_name, c.default_retriable) for c in leaves()
    }


def test_all_are_exported_and_none_shadows_a_builtin() -> None:
    for kind in [*leaves(), *flymq.FlyMQError.__subclasses__(), flymq.FlyMQError, flymq.ForkError]:
        assert getattr(flymq, kind.__name__) is kind
        assert kind.__name__ in flymq.__all__
        assert not hasattr(builtins, kind.__name__)


def test_an_unknown_code_falls_to_its_family() -> None:
    newer = errors.from_code(399, "NEWER", "what", True, "do this")
    assert type(newer) is flymq.TopicError and (newer.code, newer.retriable) == (399, True)
    assert type(errors.from_code(812, "NEWER", "what", False, "")) is flymq.FlyMQError


def test_exceptions_pickle_with_their_fields() -> None:
    original = errors.from_code(400, "OFFSET_OUT_OF_RANGE", "gone", False, "seek")
    copy = pickle.loads(pickle.dumps(original))
    assert type(copy) is flymq.OffsetOutOfRangeError
    assert vars(copy) == vars(original) and str(copy) == str(original)
    assert str(copy) == "OFFSET_OUT_OF_RANGE (400): gone; seek"


def test_an_unknown_topic(client: FlyMQClient) -> None:
    with pytest.raises(flymq.UnknownTopicError) as caught:
        client.produce("nowhere", b"x")
    error = caught.value
    assert isinstance(error, flymq.TopicError)
    assert (error.code, error.name, error.retriable) == (300, "UNKNOWN_TOPIC", False)
    assert "nowhere" in error.message and "create the topic" in error.hint


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda c, t: c.create_topic(t), flymq.TopicExistsError),
        (lambda c, t: c.create_topic("no spaces"), flymq.InvalidTopicNameError),
        (lambda c, t: c.create_topic(""), flymq.InvalidTopicNameError),
        (lambda c, t: c.create_topic("new", 0), flymq.InvalidPartitionsError),
        (lambda c, t: c.create_topic("new", config={"colour": "red"}), flymq.InvalidConfigError),
        (lambda c, t: c.delete_topic("nowhere"), flymq.UnknownTopicError),
        (lambda c, t: c.describe_topic("nowhere"), flymq.UnknownTopicError),
        (lambda c, t: c.add_partitions(t, 0), flymq.InvalidPartitionsError),
        (lambda c, t: c.produce(t, b"x", partition=9), flymq.UnknownPartitionError),
        (lambda c, t: c.consume(t, 0, 9), flymq.UnknownPartitionError),
        (lambda c, t: c.consume(t, 5), flymq.OffsetOutOfRangeError),
        (lambda c, t: c.fetch(t, 5), flymq.OffsetOutOfRangeError),
        (lambda c, t: c.produce(t, b"x" * (40 << 20)), flymq.LogError),
    ],
)
def test_the_brokers_refusals(
    client: FlyMQClient, topic: str, call: Callable[[FlyMQClient, str], Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        call(client, topic)
    client.ping()


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda c: c.produce("t", 5), "data"),
        (lambda c: c.produce("t", ["list"]), "data"),
        (lambda c: c.produce(b"t", b"x"), "topic"),
        (lambda c: c.produce("t", b"x", key=1.5), "key"),
        (lambda c: c.produce("t", b"x", headers=5), "headers"),
        (lambda c: c.produce("t", b"x", headers={"h": 5}), "headers"),
        (lambda c: c.produce("t", b"x", partition="0"), "partition"),
        (lambda c: c.produce_batch("t", [b"no pair"]), "records"),
        (lambda c: c.produce_batch("t", 5), "records"),
        (lambda c: c.consume("t", "0"), "offset"),
        (lambda c: c.fetch("t", 0, max_wait="1"), "max_wait"),
        (lambda c: c.create_topic("t", "3"), "partitions"),
        (lambda c: c.create_topic("t", config={"k": 5}), "config"),
    ],
)
def test_wrong_types_name_the_argument(
    client: FlyMQClient, call: Callable[[Any], Any], argument: str
) -> None:
    with pytest.raises(TypeError, match=f"'{argument}'"):
        call(client)


def test_wrong_values_name_the_argument(client: FlyMQClient) -> None:
    with pytest.raises(ValueError, match="'max_wait'"):
        client.fetch("t", 0, max_wait=-1)
    with pytest.raises(ValueError, match="isolation"):
        client.fetch("t", 0, isolation="dirty")  # type: ignore[call-overload]
    with pytest.raises(OverflowError):
        client.consume("t", -1)


def test_a_bad_address_says_so() -> None:
    with pytest.raises(flymq.InvalidArgumentError) as caught:
        FlyMQClient("local host:many")
    assert isinstance(caught.value, ValueError) and caught.value.code == 904


def test_no_broker_is_an_error_in_bounded_time_with_a_hint() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(flymq.ConnectFailedError) as caught:
        FlyMQClient(address, connect_timeout=1, request_timeout=1).ping()
    assert time.monotonic() - started < 5
    assert caught.value.retriable and "broker is listening" in caught.value.hint
    assert address in caught.value.message


def test_a_broker_that_never_answers_is_an_error_in_bounded_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(flymq.ClientError) as caught:
            FlyMQClient(
                f"127.0.0.1:{silent.getsockname()[1]}", connect_timeout=1, request_timeout=1
            ).ping()
        assert time.monotonic() - started < 5
        assert caught.value.retriable


def test_a_closed_client_stays_closed(broker: flymq.EmbeddedBroker) -> None:
    client = FlyMQClient(broker.address)
    client.close()
    client.close()
    with pytest.raises(flymq.ClosedError):
        client.ping()
    with pytest.raises(flymq.ClosedError), client:
        client.list_topics()


def test_a_panic_is_an_error_with_its_own_code(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(flymq.PanicError, match="on purpose") as caught:
        _native._panic("on purpose")
    assert caught.value.code == 999
    assert "on purpose" in capfd.readouterr().err


