"""The `flymq` command that the wheel puts on the path."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flymq import EmbeddedBroker, FlyMQClient, __version__
from helpers import DEADLINE

COMMAND = str(Path(sys.executable).with_name("flymq"))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
@pytest.mark.parametrize("command", [[COMMAND], [sys.executable, "-m", "flymq"]], ids=["flymq", "-m"])
def test_the_broker_runs_until_it_is_told_to_stop(
    tmp_path: Path, command: list[str], stop: signal.Signals
) -> None:
    broker = subprocess.Popen(
        [*command, "broker", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert broker.stdout is not None
        line = broker.stdout.readline()
        assert line.startswith("listening on ")
        with FlyMQClient(line.split()[-1]) as client:
            client.create_topic("t")
            assert client.produce("t", b"x") == 0
        broker.send_signal(stop)
        assert broker.wait(DEADLINE) == 0
    finally:
        broker.kill()
        broker.communicate()


def test_the_version() -> None:
    output = subprocess.check_output([COMMAND, "--version"], text=True)
    assert output == f"flymq {__version__}\n"


def pages(command: list[str], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The help of a command and of all below it."""
    page = subprocess.check_output([*command, *path, "--help"], text=True, timeout=DEADLINE)
    yield path, page
    _, _, commands = page.partition("\nCommands:\n")
    for name in re.findall(r"^  (\w[\w-]*)", commands.partition("\n\n")[0], re.MULTILINE):
        if name != "help":
            yield from pages(command, (*path, name))


def test_the_commands_are_those_of_the_rust_binary() -> None:
    from_python = dict(pages([COMMAND]))
    assert len(from_python) > 20 and ("topic", "create") in from_python
    assert dict(pages([sys.executable, "-m", "flymq"])) == from_python
    root = Path(__file__).parents[2]
    if not (root / "target" / "debug" / "flymq").exists():
        pytest.skip("there is no Rust binary: cargo build -p flymq-cli")
    # With the features that all crates together want, for which its dependencies are built already.
    build = ["cargo", "build", "--quiet", "--workspace", "--bin", "flymq"]
    subprocess.run(build, cwd=root, check=True)
    assert dict(pages([str(root / "target" / "debug" / "flymq")])) == from_python


def test_a_wrong_command_line_is_code_2() -> None:
    wrong = subprocess.run([COMMAND, "brokr"], stderr=subprocess.PIPE, text=True)
    assert wrong.returncode == 2 and "brokr" in wrong.stderr


def test_a_failure_is_code_1_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failed = subprocess.run(
        [COMMAND, "broker", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "file")],
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
    )
    assert failed.returncode == 1 and "hint:" in failed.stderr


def test_ctrl_c_ends_a_command_that_waits(
    broker: EmbeddedBroker, client: FlyMQClient, topic: str
) -> None:
    client.produce(topic, b"first")
    command = subprocess.Popen(
        [COMMAND, "--address", broker.address, "consume", topic, "--follow"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert command.stdout is not None and command.stdout.readline() == "first\n"
        sent = time.monotonic()
        command.send_signal(signal.SIGINT)
        command.wait(DEADLINE)
        assert time.monotonic() - sent < 5
    finally:
        command.kill()
        command.communicate()
