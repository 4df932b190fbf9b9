"""Whether Kafka nodes are ready: asked in their own protocol, since a listening port says little."""

import socket
import struct

_FIND_COORDINATOR, _METADATA, _INIT_PRODUCER_ID = 10, 3, 22
_GROUP, _TRANSACTION = b"\0", b"\1"
_NO_TOPICS = struct.pack(">i", 0)
_TIMEOUT = 5.0


class NotReady(Exception):
    """What is not ready yet."""


def check(addresses: list[str], nodes: int) -> None:
    """Raises NotReady or OSError unless every node knows all `nodes`, hands out producer ids, and the
    coordinators of groups and transactions are at work."""
    for address in addresses:
        _check_brokers(address, nodes)
        _init_producer_id(address, None)
    _find_coordinator(addresses[0], _GROUP)
    _init_producer_id(_find_coordinator(addresses[0], _TRANSACTION), "ready")


def _check_brokers(address: str, nodes: int) -> None:
    (known,) = struct.unpack_from(">i", _ask(address, _METADATA, 1, _NO_TOPICS))
    if known != nodes:
        raise NotReady(f"{address} knows {known} of {nodes} nodes")


def _init_producer_id(address: str, transactional_id: str | None) -> None:
    body = _string(transactional_id) + struct.pack(">i", 10_000)
    _, error = struct.unpack_from(">ih", _ask(address, _INIT_PRODUCER_ID, 1, body))
    if error != 0:
        raise NotReady(f"{address} answered InitProducerId with error {error}")


def _find_coordinator(address: str, kind: bytes) -> str:
    answer = _ask(address, _FIND_COORDINATOR, 1, _string("ready") + kind)
    _, error, message = struct.unpack_from(">ihh", answer)
    if error != 0:
        raise NotReady(f"{address} answered FindCoordinator with error {error}")
    at = 8 + max(message, 0) + 4
    (length,) = struct.unpack_from(">h", answer, at)
    host = answer[at + 2 : at + 2 + length].decode()
    (port,) = struct.unpack_from(">i", answer, at + 2 + length)
    return f"{host}:{port}"


def _ask(address: str, api: int, version: int, body: bytes) -> bytes:
    host, port = address.rsplit(":", 1)
    request = struct.pack(">hhi", api, version, 1) + _string("ready") + body
    with socket.create_connection((host, int(port)), _TIMEOUT) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answers:
            (length,) = struct.unpack(">i", _exactly(answers.read(4), 4))
            return _exactly(answers.read(length), length)[4:]


def _exactly(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise NotReady("a node closed the connection")
    return data


def _string(text: str | None) -> bytes:
    if text is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(text)) + text.encode()
