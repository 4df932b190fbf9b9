"""The README's programs are the examples, and the examples run."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def snippets(readme: str, language: str) -> list[str]:
    """A README's blocks of a language."""
    text = (ROOT / readme).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def snippet(readme: str, language: str) -> str:
    """A README's one block of a language."""
    (block,) = snippets(readme, language)
    return block


def without_docstring(source: str) -> str:
    return re.sub(r'\A""".*?"""\n+', "", source, flags=re.DOTALL)


def against_a_running_broker(example: str) -> str:
    """The Rust example as it is with a broker at hand instead of one of its own."""
    example = example.replace("&server.address", '"localhost:9092"')
    kept = [
        line
        for line in example.splitlines(keepends=True)
        if not re.search(r"^//!|\bserver\b|\bServer\b", line)
    ]
    # The broker's lines stood apart.
    return re.sub(r"\n\n(    |\})", r"\n\1", "".join(kept).lstrip("\n")).replace("{\n\n", "{\n")


def test_the_python_snippet_is_the_quickstart_and_runs(capsys: pytest.CaptureFixture[str]) -> None:
    example = ROOT / "examples" / "python" / "quickstart.py"
    assert snippet("README.md", "python") == without_docstring(example.read_text())
    runpy.run_path(str(example), run_name="__main__")
    assert re.fullmatch(r"greetings/\d/0: b'en' b'hello, world'\n", capsys.readouterr().out)


def test_exactly_once_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "python" / "exactly_once.py"), run_name="__main__")
    expected = "crashed; starting again\n1000 words, 1000 counts\n"
    assert capsys.readouterr().out == expected


def test_the_package_readme_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocking, asynchronous = snippets("bindings-python/README.md", "python")
    exec(blocking, {})
    assert len(capsys.readouterr().out.splitlines()) == 1000
    exec(asynchronous, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("RecordMetadata(topic='orders', partition=0, offset=100")
    assert lines[-1] == "b'cancel 17'" and len(lines) == 103


def test_the_rust_snippet_is_the_rust_quickstart() -> None:
    # That compiles and runs with the Rust tests.
    example = (ROOT / "examples" / "rust" / "examples" / "quickstart.rs").read_text()
    assert snippet("README.md", "rust") == against_a_running_broker(example)
