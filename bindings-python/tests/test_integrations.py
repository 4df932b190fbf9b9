"""The examples of integrations run. The programs of their page run with the guide's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import DEADLINE, run

ROOT = Path(__file__).parents[2]

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
        [sys.executable, f"{name}.py"],
        cwd=ROOT / "examples" / "python",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{EXAMPLES[name]}\n")


@pytest.mark.parametrize(
    ("module", "needs"),
    [("otel", "opentelemetry"), ("faststream", "faststream"), ("taskiq", "taskiq")],
)
def test_what_is_not_installed_is_named(module: str, needs: str) -> None:
    code = f"""
import sys
sys.modules["{needs}"] = None
try:
    import flymq.{module}
except ImportError as error:
    print(error)
"""
    assert f"pip install flymq[{module}]" in run(code)
