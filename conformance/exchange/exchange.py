#!/usr/bin/env python3
"""Sends records of standard input through the Python package, or prints those of a topic: see README.md."""

import sys

import flymq


def decoded(text: str) -> bytes | None:
    return None if text == "-" else bytes.fromhex(text[1:])


def encoded(data: bytes | None) -> str:
    return "-" if data is None else f"x{data.hex()}"


def write(client: flymq.FlyMQClient, topic: str) -> None:
    with client.transaction() as transaction:
        for line in sys.stdin:
            key, value, fields, timestamp = line.split()
            headers = []
            for field in fields.split(",") if fields != "-" else []:
                name, content = field.split(":")
                headers.append(((decoded(name) or b"").decode(), decoded(content)))
            transaction.produce(
                topic, decoded(value), key=decoded(key), headers=headers,
                partition=0, timestamp=int(timestamp),
            )


def read(client: flymq.FlyMQClient, topic: str) -> None:
    offset = 0
    while messages := client.fetch(topic, offset):
        for m in messages:
            fields = [f"{encoded(name.encode())}:{encoded(value)}" for name, value in m.headers]
            print(encoded(m.key), encoded(m.value), ",".join(fields) or "-", m.timestamp)
        offset = messages[-1].offset + 1


what, address, topic = sys.argv[1:]
with flymq.FlyMQClient(address, encrypt_headers=True) as client:
    client.create_topic(topic, if_not_exists=True)
    write(client, topic) if what == "write" else read(client, topic)
