"""The examples run, and print what they should. Those that README shows are in test_readme.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import run

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
PRINTS = {
    "asynchronous": "1000 words, True\n",
    "encrypted": (
        "[b'written in 2026', b'written in 2027']\n"
        "the broker sees the words: False\n"
        "True UNKNOWN_ENCRYPTION_KEY\n"
    ),
    "secured": (
        "logged in as ada\n"
        "TLS_REQUIRED: turn TLS on in the client: tls_enabled, or a flymqs:// address\n"
        "AUTH_FAILED: check user name and password\n"
    ),
    "typed": (
        '6 apples, then: the value of partition 0 of topic "typed-orders" at offset 3 '
        "cannot be deserialized: JSONDecodeError\n"
    ),
    "workers": (
        "a worker died in the middle of its jobs\n3000 jobs done, at most 100 of them twice: True\n"
    ),
}


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_prints(name: str) -> None:
    assert run((EXAMPLES / f"{name}.py").read_text()) == PRINTS[name]
