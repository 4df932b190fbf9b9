"""`connect`: a client from an address or a URL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flymq._native import FlyMQClient

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from flymq._native import _ClientOptions


def connect(
    address: str | Sequence[str] | None = None, **options: Unpack[_ClientOptions]
) -> FlyMQClient:
    """Return a client that is connected to a broker, or to several that serve the same data.

    `address` is `"host:port,…"`, a sequence of `"host:port"`, or a URL with options, such as
    `"flymq://ada@broker-1:9092,broker-2/?client_id=billing&request_timeout_ms=5000"`; `flymqs://`
    is within TLS. Without it FLYMQ_BOOTSTRAP_SERVERS counts, else localhost:9092. `options` are those
    of FlyMQClient, and go before the URL's. Raises ConnectFailedError where no broker answers.
    """
    return FlyMQClient(address, **options)
