"""EmbeddedBroker."""

from __future__ import annotations

import socket
from pathlib import Path

import flymq
import pytest
from flymq import EmbeddedBroker, FlyMQClient


def test_a_temporary_folder_goes_away_with_the_broker() -> None:
    with EmbeddedBroker() as broker:
        folder = broker.data_dir
        assert folder.is_dir()
        with FlyMQClient(broker.address) as client:
            client.create_topic("t")
            client.produce("t", b"x")
    assert not folder.exists()


@pytest.mark.parametrize("durability", ["fsync", "os"])
def test_data_in_a_folder_outlives_the_broker(tmp_path: Path, durability: str) -> None:
    folder = tmp_path / "data"
    with EmbeddedBroker(folder, durability=durability) as broker:  # type: ignore[arg-type]
        assert broker.data_dir == folder
        with FlyMQClient(broker.address) as client:
            client.create_topic("t")
            assert client.produce("t", b"before") == 0
    with EmbeddedBroker(str(folder)) as broker, FlyMQClient(broker.address) as client:
        message = client.consume("t", 0)
        assert message is not None and message.value == b"before"
        assert client.produce("t", b"after") == 1


def test_a_folder_serves_one_broker_at_a_time(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path):
        with pytest.raises(flymq.FlyMQError) as caught:
            EmbeddedBroker(tmp_path)
        assert str(tmp_path) in caught.value.message and caught.value.hint
    EmbeddedBroker(tmp_path).close()


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(flymq.FlyMQError, match=str(port)):
            EmbeddedBroker(port=port)


def test_close_is_harmless_twice() -> None:
    broker = EmbeddedBroker()
    assert broker.address == f"127.0.0.1:{broker.port}" and broker.address in repr(broker)
    broker.close()
    broker.close()
    with pytest.raises(flymq.ConnectFailedError):
        FlyMQClient(broker.address, connect_timeout=1, request_timeout=1).ping()


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="durability"):
        EmbeddedBroker(durability="maybe")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'data_dir'"):
        EmbeddedBroker(5)  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        EmbeddedBroker(port=70_000)
