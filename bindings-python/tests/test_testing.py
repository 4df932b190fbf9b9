"""The fixtures that users' own tests get."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flymq import EmbeddedBroker, FlyMQClient

TEST = """
def test_orders_are_stored(flymq_client, flymq_topic):
    offset = flymq_client.produce(flymq_topic, "an order")
    assert flymq_client.consume(flymq_topic, offset).value == b"an order"
"""


def test_fixtures(
    flymq_broker: EmbeddedBroker, flymq_client: FlyMQClient, flymq_topic: str
) -> None:
    assert flymq_client.produce(flymq_topic, "x") == 0
    with FlyMQClient(flymq_broker.address) as other:
        assert flymq_topic in other.list_topics()


def test_they_need_no_import(tmp_path: Path) -> None:
    (tmp_path / "test_orders.py").write_text(TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
