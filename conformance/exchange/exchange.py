"""Python's side of the exchange that README.md describes: `exchange.py write|read ADDRESS TOPIC KEY`."""

import sys

from flymq import FlyMQClient


def from_hex(text: str) -> bytes | None:
    return None if text == "-" else bytes.fromhex(text)


def to_hex(value: bytes | None) -> str:
    return "-" if value is None else value.hex()


def write(client: FlyMQClient, topic: str) -> None:
    for line in sys.stdin:
        key, value, timestamp, headers = line.rstrip("\n").split("\t")
        pairs = [header.split(":") for header in headers.split(",") if header != "-"]
        client.produce(
            topic,
            from_hex(value),
            key=from_hex(key),
            headers=[(bytes.fromhex(name).decode(), from_hex(value)) for name, value in pairs],
            timestamp=int(timestamp),
            partition=0,
        )


def read(client: FlyMQClient, topic: str) -> None:
    for message in client.fetch(topic, 0):
        headers = [f"{to_hex(name.encode())}:{to_hex(value)}" for name, value in message.headers]
        columns = to_hex(message.key), to_hex(message.value), str(message.timestamp)
        print(*columns, ",".join(headers) or "-", sep="\t")


def main() -> None:
    command, address, topic, key = sys.argv[1:]
    with FlyMQClient(address, encryption_key=key, encrypt_headers=True) as client:
        {"write": write, "read": read}[command](client, topic)


main()
