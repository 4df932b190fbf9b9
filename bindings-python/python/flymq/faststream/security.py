"""FastStream's security objects as options of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faststream.exceptions import SetupError
from faststream.security import SASLPlaintext, SASLScram256

if TYPE_CHECKING:
    from faststream.security import BaseSecurity


def client_options(security: BaseSecurity | None) -> dict[str, Any]:
    """The options that log in as the object says.

    Raises SetupError for what FlyMQ has not, and for an SSLContext, whose contents cannot be read.
    """
    if security is None:
        return {}
    if security.ssl_context is not None:
        raise SetupError(
            "an SSLContext cannot be read: name files instead, "
            "FlyMQBroker(…, tls_ca_file=…, tls_cert_file=…, tls_key_file=…)"
        )
    options: dict[str, Any] = {"tls_enabled": True} if security.use_ssl else {}
    if isinstance(security, SASLPlaintext):
        mechanism = "PLAIN"
    elif isinstance(security, SASLScram256):
        mechanism = "SCRAM-SHA-256"
    elif type(security).__name__ == "BaseSecurity":
        return options
    else:
        raise SetupError(
            f"FlyMQ cannot log in by {type(security).__name__}: use SASLScram256 or SASLPlaintext"
        )
    return options | {
        "username": security.username,
        "password": security.password,
        "sasl_mechanism": mechanism,
    }
