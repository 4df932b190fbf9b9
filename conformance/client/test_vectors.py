"""The golden vectors, read by a client that shares no code with FlyMQ."""

import json
import pathlib

import flymq_raw as raw
import msgpack
import pytest

CONFORMANCE = pathlib.Path(__file__).parent.parent


def load(path):
    return json.loads((CONFORMANCE / path).read_text())


def from_json(value):
    """JSON as the vectors write it → what MessagePack gives."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"$bin"}:
            return bytes.fromhex(value["$bin"])
        if value.keys() == {"$int"}:
            return int(value["$int"])
        return {key: from_json(item) for key, item in value.items()}
    return value


GOLDEN = [
    pytest.param(vector, id=f"{path.stem}/{vector['name']}")
    for path in sorted((CONFORMANCE / "wire").glob("*.json"))
    if path.stem not in ("batches", "invalid")
    for vector in json.loads(path.read_text())["vectors"]
]


@pytest.mark.parametrize("vector", GOLDEN)
def test_golden_frames(vector):
    frame = bytes.fromhex(vector["frame"])
    magic, version, opcode, length = raw.HEADER.unpack(frame[:7])
    assert (magic, version, length) == (raw.MAGIC, raw.VERSION, len(frame) - 7)
    assert opcode == vector["opcode"]
    operation, _, kind = vector["message"].partition(" ")
    expected = raw.ERROR if operation == "ERROR" else raw.OPCODES[operation]
    assert opcode == expected | (raw.RESPONSE if kind == "response" else 0)
    assert msgpack.unpackb(frame[7:]) == from_json(vector["payload"])


@pytest.mark.parametrize("vector", load("wire/batches.json")["vectors"], ids=lambda v: v["name"])
def test_golden_batches(vector):
    batch = msgpack.unpackb(bytes.fromhex(vector["frame"])[7:])["batch"]
    assert batch == from_json(vector["batch"])
    if batch["codec"] not in (raw.NONE, raw.LZ4):
        assert raw.crc32c(batch["records"]) == batch["crc32c"]
        return
    records = raw.read_batch(batch)
    assert records == from_json(vector["records"])
    assert max(record["timestamp"] for record in records) == vector["max_timestamp"]
    plain = [(r["key"], r["value"], r["headers"], r["timestamp"]) for r in records]
    assert raw.make_batch(plain)["records"] == bytes.fromhex(vector["raw"])


def test_checksum():
    assert raw.crc32c(b"123456789") == 0xE3069283


def test_partitioner():
    for vector in load("partitioner/murmur2.json")["vectors"]:
        key = bytes.fromhex(vector["key"])
        assert raw.murmur2(key) == vector["murmur2"] & 0xFFFFFFFF
        for count, partition in vector["partitions"].items():
            assert raw.partition_of(key, int(count)) == partition


def test_error_table():
    errors = load("errors.json")["errors"]
    codes = [error["code"] for error in errors]
    assert codes == sorted(set(codes))
    assert all(error["name"] and error["hint"] for error in errors)
