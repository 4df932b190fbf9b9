"""The records' values."""

import random

_VARIETY = 64 << 10


def make(count: int, size: int) -> list[bytes]:
    """Values of one size, no two alike, that compress about as well as text: half of each repeats."""
    noise = random.Random(1)
    pool = b"".join(b"flymq..." + noise.randbytes(8) for _ in range((_VARIETY + size) // 16 + 1))
    last = len(pool) - size
    values = []
    for number in range(count):
        label = b"%012d" % number
        start = number * 7_919 % last
        values.append(label + pool[start : start + size - len(label)])
    return values
