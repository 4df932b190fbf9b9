#!/usr/bin/env python3
"""Encrypted records as docs/security.md specifies them, apart from FlyMQ's own code.

`python3 conformance/encryption/flymq_enc.py` writes sealed.json anew. Needs the package `cryptography`.
"""

from __future__ import annotations

import json
import pathlib
import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER = "flymq.enc"
HEADERS_SEALED, NO_VALUE = 1, 2

Headers = list[tuple[str, bytes | None]]


class Record(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: Headers


class DecryptionFailed(Exception):
    pass


class UnknownEncryptionKey(Exception):
    pass


def derive(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(key)


def key_id(key: bytes) -> str:
    return derive(key, b"", b"flymq.enc.1 id", 8).hex()


def sealing_key(key: bytes, salt: bytes) -> bytes:
    return derive(key, salt, b"flymq.enc.1 seal", 32)


def block(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def optional(data: bytes | None) -> bytes:
    return b"\0" if data is None else b"\1" + block(data)


def associated_data(preamble: bytes, topic: str, key: bytes | None) -> bytes:
    return preamble + block(topic.encode()) + optional(key)


def seal(
    record: Record, topic: str, key: bytes, id: str, salt: bytes, nonce: bytes, headers_sealed: bool
) -> Record:
    assert len(key) == 32 and len(salt) == 16 and len(nonce) == 12
    flags = HEADERS_SEALED * headers_sealed | NO_VALUE * (record.value is None)
    preamble = bytes([1, flags, len(id)]) + id.encode() + salt + nonce
    plain = record.value or b""
    headers = record.headers
    if headers_sealed:
        sealed_headers = b"".join(block(n.encode()) + optional(v) for n, v in headers)
        plain = struct.pack(">I", len(headers)) + sealed_headers + plain
        headers = []
    data = associated_data(preamble, topic, record.key)
    sealed = AESGCM(sealing_key(key, salt)).encrypt(nonce, plain, data)
    if record.value is None:
        return Record(record.key, None, [*headers, (HEADER, preamble + sealed)])
    return Record(record.key, sealed, [*headers, (HEADER, preamble)])


def open_record(record: Record, topic: str, keys: dict[str, bytes]) -> Record:
    marks = [value for name, value in record.headers if name == HEADER]
    if not marks:
        return record
    header = marks[0]
    if len(marks) > 1 or header is None or len(header) < 3:
        raise DecryptionFailed
    version, flags, id_length = header[:3]
    end = 3 + id_length + 16 + 12
    if version != 1 or flags > 3 or not 1 <= id_length <= 64 or len(header) < end:
        raise DecryptionFailed
    preamble, rest = header[:end], header[end:]
    no_value = bool(flags & NO_VALUE)
    if no_value != (record.value is None) or (rest and not no_value):
        raise DecryptionFailed
    id = preamble[3 : 3 + id_length].decode()
    if id not in keys:
        raise UnknownEncryptionKey(id)
    salt, nonce = preamble[-28:-12], preamble[-12:]
    data = associated_data(preamble, topic, record.key)
    try:
        sealed = rest if record.value is None else record.value
        plain = AESGCM(sealing_key(keys[id], salt)).decrypt(nonce, sealed, data)
    except InvalidTag:
        raise DecryptionFailed from None
    headers = [(n, v) for n, v in record.headers if n != HEADER]
    if flags & HEADERS_SEALED:
        headers, plain = read_headers(plain)
    return Record(record.key, None if no_value else plain, headers)


def read_headers(plain: bytes) -> tuple[Headers, bytes]:
    def take(length: int) -> bytes:
        nonlocal plain
        taken, plain = plain[:length], plain[length:]
        if len(taken) < length:
            raise DecryptionFailed
        return taken

    def read_block() -> bytes:
        return take(*struct.unpack(">I", take(4)))

    (count,) = struct.unpack(">I", take(4))
    headers: Headers = []
    for _ in range(count):
        name = read_block().decode()
        headers.append((name, read_block() if take(1) == b"\1" else None))
    return headers, plain


def to_json(record: Record) -> dict:
    def hexed(data: bytes | None) -> str | None:
        return None if data is None else data.hex()

    return {
        "key": hexed(record.key),
        "value": hexed(record.value),
        "headers": [[name, hexed(value)] for name, value in record.headers],
    }


def from_json(record: dict) -> Record:
    def unhexed(data: str | None) -> bytes | None:
        return None if data is None else bytes.fromhex(data)

    headers = [(name, unhexed(value)) for name, value in record["headers"]]
    return Record(unhexed(record["key"]), unhexed(record["value"]), headers)


KEY = bytes(range(32))
OTHER = bytes(range(32, 64))
SALT = bytes(range(0x80, 0x90))
NONCE = bytes.fromhex("00000000f0f1f2f3f4f5f6f7")

RECORDS = [
    ("value, key and headers", Record(b"k", b"value", [("h", b"1"), ("h", None)])),
    ("no key", Record(None, b"value", [])),
    ("empty key and value", Record(b"", b"", [])),
    ("no value", Record(b"k", None, [("why", b"")])),
    ("neither key nor value", Record(None, None, [])),
    ("a header name beyond ASCII", Record(b"\xff\x00", b"\x00" * 33, [("größe", b"\xff")])),
]


def vectors() -> list[dict]:
    found = []
    for number, (name, record) in enumerate(RECORDS):
        for headers_sealed in (False, True):
            key, id = (KEY, key_id(KEY)) if number % 2 == 0 else (OTHER, "2026-02_b.x")
            topic = "orders" if number else "größer"
            nonce = struct.pack(">I", number) + NONCE[4:]
            sealed = seal(record, topic, key, id, SALT, nonce, headers_sealed)
            preamble = next(v for n, v in sealed.headers if n == HEADER)[: 31 + len(id)]
            found.append(
                {
                    "name": name + (", headers sealed" if headers_sealed else ""),
                    "key": key.hex(),
                    "key_id": id,
                    "salt": SALT.hex(),
                    "nonce": nonce.hex(),
                    "headers_sealed": headers_sealed,
                    "topic": topic,
                    "record": to_json(record),
                    "sealing_key": sealing_key(key, SALT).hex(),
                    "associated_data": associated_data(preamble, topic, record.key).hex(),
                    "sealed": to_json(sealed),
                }
            )
    return found


def refused() -> list[dict]:
    record = Record(b"k", b"value", [("h", b"1")])
    sealed = seal(record, "orders", KEY, "a", SALT, NONCE, False)
    gone = seal(Record(b"k", None, []), "orders", KEY, "a", SALT, NONCE, False)
    header = sealed.headers[-1][1]

    def marked(header: bytes | None) -> Record:
        return sealed._replace(headers=[(HEADER, header)])

    sealed_by_mistake = AESGCM(sealing_key(KEY, SALT)).encrypt(
        NONCE, b"\0\0\0\1", associated_data(b"\1\1" + header[2:], "orders", b"k")
    )
    cases = [
        ("read from another topic", "refunds", sealed),
        ("another record key", "orders", sealed._replace(key=b"l")),
        ("no record key", "orders", sealed._replace(key=None)),
        ("a flipped bit", "orders", sealed._replace(value=b"\x80" + sealed.value[1:])),
        ("the tag is cut off", "orders", sealed._replace(value=sealed.value[:-16])),
        ("shorter than a tag", "orders", sealed._replace(value=b"short")),
        ("the value was taken away", "orders", sealed._replace(value=None)),
        ("a tombstone with a value", "orders", gone._replace(value=sealed.value)),
        ("two headers", "orders", sealed._replace(headers=sealed.headers * 2)),
        ("a header without a value", "orders", marked(None)),
        ("an empty header", "orders", marked(b"")),
        ("another version", "orders", marked(b"\2" + header[1:])),
        ("an unknown flag", "orders", marked(header[:1] + b"\4" + header[2:])),
        ("a key id of no bytes", "orders", marked(header[:2] + b"\0" + header[3:])),
        ("a key id that is too long", "orders", marked(header[:2] + b"\x41" + b"a" * 65 + header[4:])),
        ("a header that is cut off", "orders", marked(header[:-1])),
        ("a header that goes on", "orders", marked(header + b"\0")),
        ("sealed headers that are cut off", "orders",
         Record(b"k", sealed_by_mistake, [(HEADER, b"\1\1" + header[2:])])),
    ]
    found = [
        {"name": name, "topic": topic, "sealed": to_json(bad), "error": "DECRYPTION_FAILED"}
        for name, topic, bad in cases
    ]
    other_id = marked(header[:3] + b"b" + header[4:])
    found.append(
        {
            "name": "a key id that the reader does not have",
            "topic": "orders",
            "sealed": to_json(other_id),
            "error": "UNKNOWN_ENCRYPTION_KEY",
        }
    )
    return found


def document() -> dict:
    return {
        "vectors": vectors(),
        "refused_with": {"key": KEY.hex(), "key_id": "a"},
        "refused": refused(),
    }


def main() -> None:
    path = pathlib.Path(__file__).with_name("sealed.json")
    path.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
