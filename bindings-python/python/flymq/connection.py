"""`connect`: a client from an address or a URL."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from flymq._native import FlyMQClient, Keyring

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ClientOptions(TypedDict, total=False):
    """The options of FlyMQClient by their names, for functions that pass them on."""

    client_id: str | None
    transactional_id: str | None
    connect_timeout: float | None
    request_timeout: float | None
    tls_enabled: bool | None
    tls_ca_file: str | os.PathLike[str] | None
    tls_ca_pem: Buffer | str | None
    tls_server_name: str | None
    tls_cert_file: str | os.PathLike[str] | None
    tls_cert_pem: Buffer | str | None
    tls_key_file: str | os.PathLike[str] | None
    tls_key_pem: Buffer | str | None
    tls_min_version: Literal["1.2", "1.3"] | None
    tls_insecure_skip_verify: bool | None
    encryption_key: str | bytes | bytearray | None
    encryption_keyring: Keyring | Mapping[str, str | bytes | bytearray] | None
    encrypt_headers: bool
    refuse_plain: bool
    decrypt: bool
    username: str | None
    password: str | None
    password_file: str | os.PathLike[str] | None
    sasl_mechanism: Literal["auto", "SCRAM-SHA-256", "PLAIN", "EXTERNAL"] | None
    allow_plain_without_tls: bool | None


def connect(
    address: str | Sequence[str] | None = None, **options: Unpack[ClientOptions]
) -> FlyMQClient:
    """Return a client that is connected to a broker, or to several that serve the same data.

    `address` is `"host:port,…"`, a sequence of `"host:port"`, or a URL with options, such as
    `"flymq://ada@broker-1:9092,broker-2/?client_id=billing&request_timeout_ms=5000"`; `flymqs://`
    is within TLS. Without it FLYMQ_BOOTSTRAP_SERVERS counts, else localhost:9092. `options` are those
    of FlyMQClient, and go before the URL's. Raises ConnectFailedError where no broker answers.
    """
    return FlyMQClient(address, **options)
