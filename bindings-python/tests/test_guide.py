"""The programs in the guide run: those of a page one after the other, in one process."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flymq
from helpers import run

GUIDE = Path(__file__).parents[2] / "docs" / "python"
# Its programs speak of certificates and brokers that are not there, unless they say that they run.
NAMES_OTHERS = {"security.md"}


def programs(page: Path) -> list[tuple[str, bool]]:
    """The Python programs of a page, and whether each is to run."""
    blocks = re.findall(r"^```python( run)?\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [(code, bool(marked) or page.name not in NAMES_OTHERS) for marked, code in blocks]


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_runs(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = programs(page)
    for code, _ in parts:
        ast.parse(code)
    text = "\n".join(code for code, runs in parts if runs)
    with flymq.EmbeddedBroker(durability="os") as broker:
        monkeypatch.setenv("FLYMQ_BOOTSTRAP_SERVERS", broker.address)
        monkeypatch.chdir(tmp_path)
        run(text)


def test_the_tests_of_the_page_on_testing_pass(pytester: pytest.Pytester) -> None:
    first, second, *_ = (code for code, _ in programs(GUIDE / "testing.md"))
    pytester.makepyfile(first + second)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_links_lead_somewhere() -> None:
    for page in GUIDE.glob("*.md"):
        for target, anchor in re.findall(r"\]\(([^)#:]+)(#[^)]*)?\)", page.read_text()):
            path = (page.parent / target).resolve()
            assert path.exists(), f"{page.name}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
                slugs = {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
                assert anchor[1:] in slugs, f"{page.name}: {target}{anchor}"


def test_the_reference_has_every_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pdoc", "--output-directory", str(tmp_path), "flymq"]
    subprocess.run(command, check=True, capture_output=True)
    page = (tmp_path / "flymq.html").read_text()
    missing = [name for name in flymq.__all__ if f'id="{name}"' not in page]
    assert not missing
    assert all(getattr(flymq, name).__doc__ for name in flymq.__all__ if name[0] != "_")
