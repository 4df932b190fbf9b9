#!/usr/bin/env python3
"""Writes murmur2.json: keys, their hashes and partitions.

The hash is Kafka's murmur2 (seed 0x9747b28c, signed 32-bit result) and the partition its
`toPositive(hash) % count`, written here once more, apart from FlyMQ's own code, so that the two can
be held against each other. The first six hashes are the ones that Kafka's own tests expect.
"""

import json
import pathlib
import random

KAFKAS_OWN = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
COUNTS = [1, 2, 3, 6, 12, 50, 1000, 10_000]
MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    m = 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & MASK
        k = (k ^ k >> 24) * m & MASK
        h = (h * m & MASK) ^ k
    tail = data[whole:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & MASK
    h = (h ^ h >> 13) * m & MASK
    h ^= h >> 15
    return h - (1 << 32) if h & 0x80000000 else h


def main() -> None:
    for text, expected in KAFKAS_OWN.items():
        assert murmur2(text.encode()) == expected, text
    dice = random.Random(0x9747B28C)
    keys = [text.encode() for text in KAFKAS_OWN]
    keys += [b"", b"\0", b"\xff", b"\x80" * 4, "ключ".encode(), b"\0" * 4, b"\xff" * 8]
    keys += [f"key-{i}".encode() for i in range(40)]
    keys += [dice.randbytes(n) for n in range(1, 65)]
    vectors = [
        {
            "key": key.hex(),
            "murmur2": murmur2(key),
            "partitions": {str(n): (murmur2(key) & 0x7FFFFFFF) % n for n in COUNTS},
        }
        for key in keys
    ]
    lines = ",\n".join("    " + json.dumps(vector) for vector in vectors)
    path = pathlib.Path(__file__).with_name("murmur2.json")
    path.write_text('{\n  "vectors": [\n' + lines + "\n  ]\n}\n")


if __name__ == "__main__":
    main()
