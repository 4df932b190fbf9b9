"""Encrypted records: the vectors, and what the `flymq` command reads and writes."""

import json
import os
import pathlib
import subprocess
import sys

import broker
import pytest

ENCRYPTION = pathlib.Path(__file__).parent.parent / "encryption"
sys.path.insert(0, str(ENCRYPTION))
import flymq_enc as enc  # noqa: E402

DOCUMENT = json.loads((ENCRYPTION / "sealed.json").read_text())
KEY = bytes(range(100, 132))


def named(vectors):
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def test_the_vectors_are_the_ones_that_are_written():
    assert enc.document() == DOCUMENT


@pytest.mark.parametrize("vector", named(DOCUMENT["vectors"]))
def test_sealed_records_open(vector):
    sealed = enc.from_json(vector["sealed"])
    keys = {vector["key_id"]: bytes.fromhex(vector["key"])}
    opened = enc.open_record(sealed, vector["topic"], keys)
    assert opened == enc.from_json(vector["record"])


@pytest.mark.parametrize("vector", named(DOCUMENT["refused"]))
def test_what_does_not_open_is_refused(vector):
    key = DOCUMENT["refused_with"]
    keys = {key["key_id"]: bytes.fromhex(key["key"])}
    kinds = {
        "DECRYPTION_FAILED": enc.DecryptionFailed,
        "UNKNOWN_ENCRYPTION_KEY": enc.UnknownEncryptionKey,
    }
    with pytest.raises(kinds[vector["error"]]):
        enc.open_record(enc.from_json(vector["sealed"]), vector["topic"], keys)


@pytest.fixture
def flymq(address):
    def run(*arguments, lines=""):
        command = [broker.BINARY, "-a", "{}:{}".format(*address), *arguments]
        environment = {n: v for n, v in os.environ.items() if not n.startswith("FLYMQ_")}
        environment["FLYMQ_ENCRYPTION_KEY"] = KEY.hex()
        done = subprocess.run(
            command, input=lines, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    return run


def test_what_the_command_has_encrypted_is_as_specified(connection, topic, flymq):
    options = ["--key-separator", "=", "--header", "h=1", "--partition", "1", "--encrypt-headers"]
    flymq("produce", topic, *options, lines="k=secret\n")
    (stored,), _ = connection.fetch(topic, 0, partition=1)
    sealed = enc.Record(stored["key"], stored["value"], list(map(tuple, stored["headers"])))
    assert b"secret" not in sealed.value
    opened = enc.open_record(sealed, topic, {enc.key_id(KEY): KEY})
    assert opened == enc.Record(b"k", b"secret", [("h", b"1")])


def test_the_command_reads_what_others_have_encrypted(connection, topic, flymq):
    record = enc.Record(b"k", b"secret", [("h", None)])
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = enc.seal(record, topic, KEY, enc.key_id(KEY), salt, nonce, True)
    connection.produce(topic, sealed.value, key=sealed.key, headers=sealed.headers, partition=2)
    read = json.loads(flymq("consume", topic, "--format", "json"))
    assert (read["key"], read["value"]) == ("k", "secret")
    assert read["headers"] == [{"name": "h", "value": None}]
