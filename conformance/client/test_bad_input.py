"""Bad input against the real broker: each gets its numbered error, and nobody else notices.

The cases are data: conformance/wire/invalid.json and conformance/scenarios/bad_input.json.
"""

import os
import socket

import flymq_raw as raw
import msgpack
import pytest
from flymq_raw import FlyMQError
from test_vectors import from_json, load

SCENARIO = load("scenarios/bad_input.json")
ENGINE = "kafka" if "FLYMQ_TEST_KAFKA" in os.environ else "embedded"
CASES = [case for case in SCENARIO["cases"] if case.get("engine", ENGINE) == ENGINE]
INVALID = load("wire/invalid.json")["vectors"]
TABLE = {error["code"]: error for error in load("errors.json")["errors"]}


@pytest.fixture(scope="module", autouse=True)
def prepared(address):
    with raw.Connection(*address) as connection:
        for step in SCENARIO["setup"]:
            connection.call(step["operation"], **from_json(step["request"]))
        connection.call("CREATE_TOPIC", name="orders", partitions=6)


@pytest.fixture(autouse=True)
def bystander(connect):
    """Another connection, which works before and after, and finds the same records."""

    def state():
        topics = {"bad-input": 2, "bad-input-small": 1, "orders": 6}
        found = {}
        for topic, partitions in topics.items():
            queries = [{"partition": p, "timestamp": raw.LATEST} for p in range(partitions)]
            answer = bystander.call("LIST_OFFSETS", topic=topic, partitions=queries)
            found[topic] = [p["offset"] for p in answer["partitions"]]
        names = [t["name"] for t in bystander.call("LIST_TOPICS")["topics"]]
        return found, names, bystander.fetch("bad-input", 0)

    bystander = connect()
    before = state()
    assert before[0] == {"bad-input": [1, 0], "bad-input-small": [0], "orders": [0] * 6}
    yield
    assert state() == before


def check(error, code, name):
    assert (error["code"], error["name"]) == (code, name), error
    assert error["retriable"] == TABLE[code]["retriable"]
    assert error["hint"] == TABLE[code]["hint"]
    assert error["message"]


def assemble(parts):
    return b"".join(
        bytes.fromhex(part)
        if isinstance(part, str)
        else bytes.fromhex(part["repeat"]) * part["times"]
        for part in parts
    )


@pytest.mark.parametrize("vector", INVALID, ids=lambda v: v["name"])
def test_invalid_frames(connect, vector):
    connection = connect()
    connection.send_bytes(assemble(vector["frame"]))
    opcode, error = connection.receive()
    assert opcode == raw.ERROR
    check(error, vector["error"]["code"], vector["error"]["name"])
    # A broker that cannot make the id out says 0.
    assert error["id"] in (0, vector["error"]["id"])
    if vector["closes"]:
        assert error["id"] == 0
        assert connection.receive() is None, "the connection is closed"
    else:
        assert connection.call("PING")["time_ms"] > 0, "the connection goes on"


def matches(expected, found):
    """Whether `found` has all that `expected` names."""
    if isinstance(expected, dict):
        return all(key in found and matches(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(matches, expected, found))
    return expected == found


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"].replace(" ", "_"))
def test_requests_that_cannot_be_granted(connection, case):
    request = connection.send(case["operation"], **from_json(case["request"]))
    if "response" in case:
        answer = connection.wait(request)
        assert matches(from_json(case["response"]), answer), answer
    else:
        opcode, error = connection.receive()
        assert (opcode, error["id"]) == (raw.ERROR, request)
        check(error, case["error"]["code"], case["error"]["name"])
        for mention in case["error"]["mentions"]:
            assert mention in error["message"]
    assert connection.call("PING")["time_ms"] > 0


@pytest.mark.parametrize("limit, fields", [
    ("METADATA", {"topics": ["t"] * 10_001}),
    ("FETCH", {"topics": [{"topic": "t", "partitions": [{"partition": 0, "offset": 0}] * 10_001}]}),
    ("LIST_OFFSETS", {"topic": "t", "partitions": [{"partition": 0, "timestamp": -1}] * 10_001}),
])
def test_requests_that_name_too_much(connection, limit, fields):
    with pytest.raises(FlyMQError) as refused:
        connection.call(limit, **fields)
    assert refused.value.code == 105


def test_a_large_frame_before_hello(connect):
    stranger = connect(hello=False)
    stranger.send_bytes(raw.HEADER.pack(raw.MAGIC, raw.VERSION, 0x30, (64 << 10) + 1))
    opcode, error = stranger.receive()
    assert (opcode, error["code"], error["id"]) == (raw.ERROR, 103, 0)
    assert stranger.receive() is None


@pytest.mark.parametrize("length", [1, 6, 7, 20])
def test_a_stream_that_ends_within_a_frame(connect, length):
    connection = connect()
    ping = raw.frame(raw.OPCODES["PING"], msgpack.packb({"id": 1, "padding": "x" * 20}))
    connection.send_bytes(ping[:length])
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.receive() is None


def test_a_connection_that_is_reset_within_a_frame(address):
    connection = raw.Connection(*address)
    connection.send_bytes(raw.HEADER.pack(raw.MAGIC, raw.VERSION, 0x01, 1 << 20) + b"\x81")
    linger = raw.struct.pack("ii", 1, 0)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def test_a_frame_that_comes_byte_by_byte(connect):
    connection = connect()
    for byte in raw.frame(raw.OPCODES["PING"], msgpack.packb({"id": 77})):
        connection.send_bytes(bytes([byte]))
    opcode, payload = connection.receive()
    assert (opcode, payload["id"]) == (0xB2, 77)


def test_good_requests_before_broken_framing_are_answered(connect):
    connection = connect()
    ping = raw.frame(raw.OPCODES["PING"], msgpack.packb({"id": 5}))
    connection.send_bytes(ping + b"\x00" * 7)
    received = [connection.receive(), connection.receive(), connection.receive()]
    assert received[0][1]["id"] == 5
    assert (received[1][0], received[1][1]["code"]) == (raw.ERROR, 100)
    assert received[2] is None
