"""Logging in, and what users may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import flymq
import pytest
import serving
from flymq import FlyMQClient
from serving import Broker


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with closing(serving.guarded(tmp_path_factory.mktemp("data"), "ada", "lovelace")) as broker:
        yield broker


def test_users_log_in(guarded: Broker) -> None:
    with FlyMQClient(guarded.address, username="ada", password="lovelace") as client:
        assert client.whoami() == "ada"
        client.create_topic("t")
        assert client.produce("t", b"x") == 0


def test_rules_are_kept_to(guarded: Broker, tmp_path: Path) -> None:
    def administer(*arguments: str) -> None:
        serving.administer(guarded, "ada", "lovelace", *arguments)

    file = tmp_path / "password"
    file.write_text("secret\n")
    administer("topic", "create", "orders-eu")
    administer("user", "add", "eve", "--new-password-file", str(file))
    with FlyMQClient(guarded.address, username="eve", password="secret") as eve:
        with pytest.raises(flymq.NotAuthorizedError, match="orders-eu"):
            eve.produce("orders-eu", b"x")
        administer("acl", "add", "--for", "eve", "--allow", "write", "--topic", "orders-", "--prefix")
        assert eve.produce("orders-eu", b"x") == 0
        with pytest.raises(flymq.NotAuthorizedError):
            eve.consume("orders-eu", 0)
        administer("acl", "remove", "--principal", "user:eve")
        with pytest.raises(flymq.NotAuthorizedError):
            eve.produce("orders-eu", b"x")
        administer("user", "remove", "eve")
        with pytest.raises(flymq.AuthFailedError):
            eve.whoami()


def test_wrong_credentials(guarded: Broker) -> None:
    messages = set()
    for username, password in [("ada", "byron"), ("nobody", "lovelace")]:
        with pytest.raises(flymq.AuthFailedError) as caught:
            FlyMQClient(guarded.address, username=username, password=password)
        assert caught.value.code == 201 and not caught.value.retriable
        assert password not in str(caught.value)
        messages.add(caught.value.message)
    assert len(messages) == 1
    with pytest.raises(flymq.AuthRequiredError):
        FlyMQClient(guarded.address)
    with pytest.raises(flymq.UnsupportedMechanismError):
        FlyMQClient(guarded.address, username="ada", password="x", sasl_mechanism="PLAIN")


def test_passwords_from_files_and_the_environment(
    guarded: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("lovelace\nnot this\n")
    with FlyMQClient(guarded.address, username="ada", password_file=file) as client:
        assert client.whoami() == "ada"
    with FlyMQClient(f"flymq://ada@{guarded.address}", password="lovelace") as client:
        assert client.whoami() == "ada"
    monkeypatch.setenv("FLYMQ_USERNAME", "ada")
    monkeypatch.setenv("FLYMQ_PASSWORD_FILE", str(file))
    with FlyMQClient(guarded.address) as client, flymq.Producer(guarded.address) as producer:
        assert client.whoami() == "ada"
        client.create_topic("env")
        assert producer.send("env", b"x").result().offset == 0
    monkeypatch.setenv("FLYMQ_PASSWORD", "wrong")
    with pytest.raises(flymq.AuthFailedError):
        FlyMQClient(guarded.address)


def test_arguments(guarded: Broker) -> None:
    with pytest.raises(ValueError, match="not both"):
        FlyMQClient(guarded.address, username="ada", password="x", password_file="y")
    for wrong in [
        {"username": "ada"},
        {"username": "ada", "password_file": "/nowhere"},
        {"sasl_mechanism": "MD5"},
    ]:
        with pytest.raises(flymq.InvalidArgumentError):
            FlyMQClient(guarded.address, **wrong)  # type: ignore[arg-type]
    with pytest.raises(flymq.InvalidArgumentError, match="password") as caught:
        FlyMQClient(f"flymq://ada:lovelace@{guarded.address}")
    assert "lovelace" not in str(caught.value)


def test_an_open_broker_knows_nobody(broker: Broker, client: FlyMQClient) -> None:
    assert client.whoami() == "anonymous"
    with pytest.raises(flymq.UnsupportedMechanismError, match="no authentication"):
        FlyMQClient(broker.address, username="ada", password="x")
