"""TLS between FlyMQClient and EmbeddedBroker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import flymq
import pytest
from flymq import EmbeddedBroker, FlyMQClient


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca, server and client, each as .pem and .key."""
    folder = tmp_path_factory.mktemp("tls") / "certs"
    subprocess.run(
        [sys.executable, "-m", "flymq", "certs", "dev", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


@pytest.fixture(scope="module")
def broker(certs: Path) -> Iterator[EmbeddedBroker]:
    server = {"tls_cert_file": certs / "server.pem", "tls_key_file": certs / "server.key"}
    with EmbeddedBroker(durability="os", **server) as broker:  # type: ignore[arg-type]
        yield broker


def round_trip(client: FlyMQClient) -> None:
    client.create_topic("t", if_not_exists=True)
    message = client.consume("t", client.produce("t", b"hello"))
    assert message is not None and message.value == b"hello"


def test_files_and_their_content(broker: EmbeddedBroker, certs: Path) -> None:
    ca = certs / "ca.pem"
    with FlyMQClient(broker.address, tls_enabled=True, tls_ca_file=ca) as client:
        round_trip(client)
    with FlyMQClient(
        broker.address, tls_enabled=True, tls_ca_pem=ca.read_text(), tls_min_version="1.3"
    ) as client:
        round_trip(client)
    with FlyMQClient(f"flymqs://{broker.address}?tls_ca_file={ca}") as client:
        round_trip(client)
        with flymq.Producer(client) as producer:
            producer.send("t", b"x").result()
    with FlyMQClient(
        broker.address, tls_enabled=True, tls_insecure_skip_verify=True
    ) as client:
        round_trip(client)


def test_what_cannot_be_secured_is_told(broker: EmbeddedBroker, certs: Path) -> None:
    with pytest.raises(flymq.TlsFailedError, match="unknown CA"):
        FlyMQClient(broker.address, tls_enabled=True)
    with pytest.raises(flymq.TlsFailedError, match="another name") as caught:
        FlyMQClient(
            broker.address,
            tls_enabled=True,
            tls_ca_file=certs / "ca.pem",
            tls_server_name="other.example",
        )
    assert not caught.value.retriable
    with pytest.raises(flymq.TlsRequiredError, match="tls_enabled"):
        FlyMQClient(broker.address)
    with EmbeddedBroker() as plain, pytest.raises(flymq.TlsFailedError, match="does not use TLS"):
        FlyMQClient(plain.address, tls_enabled=True, tls_ca_file=certs / "ca.pem")


def test_client_certificates(certs: Path) -> None:
    with EmbeddedBroker(
        tls_cert_pem=(certs / "server.pem").read_bytes(),
        tls_key_pem=(certs / "server.key").read_bytes(),
        tls_client_ca_file=certs / "ca.pem",
    ) as broker:
        url = f"flymqs://{broker.address}?tls_ca_file={certs / 'ca.pem'}"
        with pytest.raises(flymq.TlsFailedError, match="client certificate"):
            FlyMQClient(url)
        with FlyMQClient(
            url, tls_cert_file=certs / "client.pem", tls_key_file=str(certs / "client.key")
        ) as client:
            round_trip(client)


def test_wrong_arguments(certs: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        FlyMQClient("x", tls_enabled=True, tls_ca_file="a", tls_ca_pem="b")
    with pytest.raises(flymq.InvalidArgumentError, match="tls_enabled"):
        FlyMQClient("x", tls_ca_file="a")
    with pytest.raises(ValueError, match="tls_min_version"):
        FlyMQClient("x", tls_enabled=True, tls_min_version="1.1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tls_key_file"):
        EmbeddedBroker(tls_cert_file=certs / "server.pem")
    with pytest.raises(ValueError, match="tls_cert_file"):
        EmbeddedBroker(tls_client_auth="required")
    with pytest.raises(ValueError, match="tls_client_auth"):
        EmbeddedBroker(tls_client_auth="maybe")  # type: ignore[arg-type]
