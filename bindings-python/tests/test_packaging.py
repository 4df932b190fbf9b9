"""The wheel and the source distribution."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from helpers import DEADLINE
from test_readme import snippets

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The newest of those for the tests and those of `make python`."""
    wheels = [*ROOT.glob(".cache/wheel/flymq-*.whl"), *ROOT.glob("dist/flymq-*.whl")]
    if not wheels:
        pytest.skip("there is no wheel: make test-python")
    return max(wheels, key=lambda path: path.stat().st_mtime)


def interpreters() -> list[str]:
    """One CPython of each version from 3.11 on that the machine has."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin")
    ask = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.abiflags or '-')"
    found: dict[str, str] = {}
    for path in [Path(sys.executable), *(p for f in folders for p in f.glob("python3.??*"))]:
        if path.name.count("-") or not os.access(path, os.X_OK):
            continue
        told = subprocess.run([path, "-I", "-c", ask], capture_output=True, text=True, cwd="/")
        words = told.stdout.split()
        if words[:1] == ["cpython"] and int(words[2]) >= 11 and words[3] == "-":
            found.setdefault(f"{words[1]}.{words[2]}", str(path))
    return list(found.values())


def test_the_wheel_is_one_for_all(wheel: Path) -> None:
    _name, _version, python, abi, platform = wheel.stem.split("-")
    assert (python, abi) == ("cp311", "abi3") and platform.startswith(("manylinux", "linux"))


@pytest.mark.parametrize("interpreter", interpreters(), ids=lambda path: Path(path).name)
def test_it_installs_into_an_empty_environment(
    wheel: Path, tmp_path: Path, interpreter: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}

    def do(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    do(interpreter, "-m", "venv", "--without-pip", "env")
    python = tmp_path / "env" / "bin" / "python"
    do(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", wheel)
    (tmp_path / "example.py").write_text(snippets("bindings-python/README.md", "python")[0])
    assert len(do(python, "-I", "example.py").splitlines()) == 1000
    version = do(python, "-m", "flymq", "--version")
    assert version.startswith("flymq ") and do(python.with_name("flymq"), "--version") == version
    # Nothing but the package itself is needed.
    assert do(python, "-c", "import flymq.serializers as s; s.JsonSerde(); s.StrSerde()") == ""


def test_the_source_distribution_is_whole(tmp_path: Path) -> None:
    maturin = Path(sys.executable).with_name("maturin")
    subprocess.run(
        [str(maturin), "sdist", "--manifest-path", "bindings-python/Cargo.toml", "--out", str(tmp_path)],
        cwd=ROOT,
        check=True,
        timeout=DEADLINE,
        stderr=subprocess.DEVNULL,
    )
    (archive,) = tmp_path.glob("flymq-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    for name in ["PKG-INFO", "Cargo.lock", "LICENSE", "python/flymq/py.typed"]:
        assert (folder / name).exists(), name
    # Cargo finds every crate of ours in it, and the versions that were tested.
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("there is no cargo")
    told = subprocess.run(
        [cargo, "metadata", "--offline", "--format-version", "1"],
        cwd=folder / "bindings-python",
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    packages = json.loads(told.stdout)["packages"]
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    assert {(p["name"], p["version"]) for p in packages} <= {(p["name"], p["version"]) for p in locked}
    ours = [package for package in packages if package["source"] is None]
    assert "flymq-python" in [package["name"] for package in ours]
    for package in ours:
        assert Path(package["manifest_path"]).is_relative_to(folder)
        for target in package["targets"]:
            if set(target["kind"]) & {"lib", "cdylib", "proc-macro", "bin"}:
                assert Path(target["src_path"]).exists()
