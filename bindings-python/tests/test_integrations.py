"""The examples of integrations run, and so do the programs of their page."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import flymq
import pytest
from helpers import DEADLINE

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python" / "integrations.md"

EXAMPLES = {
    "faststream_app": "5 invoices: [(0, '1.50'), (1, '1.50'), (2, '1.50'), (3, '1.50'), (4, '1.50')]",
    "taskiq_app": "cat.jpg, 64 pixels wide\ndog.jpg, 64 pixels wide\nemu.jpg, 64 pixels wide",
    "fastapi_app": "[('/', 2), ('/about', 1)]",
    "otel_tracing": "checkout\n  send orders\n    receive orders\n    process orders\n"
    "      send invoices",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str) -> None:
    # Each in a process of its own, as users run them.
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", f"{name}.py"],
        cwd=ROOT / "examples" / "python",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    lines = [
        line for line in done.stdout.splitlines() if "INFO" not in line and "ERROR" not in line
    ]
    assert "\n".join(lines[-len(EXAMPLES[name].splitlines()) :]) == EXAMPLES[name]


def snippets() -> Iterator[tuple[str, str]]:
    """The page's programs, and the headings that they stand under."""
    heading = ""
    for match in re.finditer(
        r"^#+ (?P<heading>[^\n]*)$|^```python\n(?P<program>.*?)^```$",
        PAGE.read_text(),
        re.DOTALL | re.MULTILINE,
    ):
        if match["heading"]:
            heading = match["heading"]
        else:
            yield heading, match["program"]


@pytest.mark.parametrize(
    ("heading", "program"), [pytest.param(*each, id=each[0]) for each in snippets()]
)
def test_the_page_runs(
    heading: str,
    program: str,
    broker: flymq.EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("FLYMQ_BOOTSTRAP_SERVERS", broker.address)
    source = tmp_path / "program.py"
    source.write_text(program)
    runpy.run_path(str(source), run_name="__main__")
