"""The compiled part of ``flymq``; import from ``flymq`` instead."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, TypedDict, final

from typing_extensions import Buffer, Self, TypeAlias

_Data: TypeAlias = str | Buffer
_Headers: TypeAlias = Mapping[str, _Data | None] | Iterable[tuple[str, _Data | None]]

__all__ = [
    "cli",
    "FlyMQClient",
    "EmbeddedBroker",
    "error_table",
    "Message",
    "RecordMetadata",
    "Delivery",
    "Producer",
    "PartitionDescription",
    "TopicDescription",
    "_panic",
    "__version__",
]

__version__: str

class _Metrics(TypedDict):
    connections: int
    requests: int
    retries: int
    errors: dict[int, int]
    buffered_bytes: int
    sent_records: int
    consumed_records: int
    latency_p50: float
    latency_p90: float
    latency_p99: float
    latency_p999: float

@final
class FlyMQClient:
    def __new__(
        cls,
        addresses: str | Sequence[str] | None = None,
        *,
        client_id: str | None = None,
        connect_timeout: float | None = None,
        request_timeout: float | None = None,
        username: str | None = None,
        password: str | None = None,
        password_file: str | os.PathLike[str] | None = None,
        sasl_mechanism: Literal["auto", "SCRAM-SHA-256", "PLAIN", "EXTERNAL"] | None = None,
        allow_plain_without_tls: bool | None = None,
    ) -> Self: ...
    def whoami(self) -> str: ...
    def produce(
        self,
        topic: str,
        data: _Data | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> int: ...
    def produce_record(
        self,
        topic: str,
        data: _Data | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> RecordMetadata: ...
    def produce_batch(
        self,
        topic: str,
        records: Iterable[tuple[_Data | None, _Data | None]],
        partition: int | None = None,
    ) -> list[int]: ...
    def consume(self, topic: str, offset: int, partition: int = 0) -> Message | None: ...
    def fetch(
        self,
        topic: str,
        offset: int,
        partition: int = 0,
        *,
        max_records: int | None = None,
        max_wait: float | None = None,
        max_bytes: int | None = None,
        min_bytes: int | None = None,
        isolation: Literal["read_committed", "read_uncommitted"] | None = None,
    ) -> list[Message]: ...
    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        *,
        config: dict[str, str] | None = None,
        if_not_exists: bool = False,
    ) -> bool: ...
    def delete_topic(self, name: str) -> None: ...
    def list_topics(self) -> dict[str, int]: ...
    def describe_topic(self, name: str) -> TopicDescription: ...
    def alter_topic(self, name: str, config: dict[str, str | None]) -> dict[str, str]: ...
    def add_partitions(self, name: str, partitions: int) -> None: ...
    def partition_count(self, topic: str) -> int: ...
    def earliest(self, topic: str, partition: int = 0) -> int: ...
    def latest(self, topic: str, partition: int = 0) -> int: ...
    def offset_at(self, topic: str, timestamp: int, partition: int = 0) -> int: ...
    def list_offsets(self, topic: str, partitions: Sequence[int]) -> list[tuple[int, int]]: ...
    def ping(self) -> float: ...
    def metrics(self) -> _Metrics: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class Producer:
    def __new__(
        cls,
        client: FlyMQClient | str | Sequence[str] | None = None,
        *,
        linger: float | None = None,
        batch_bytes: int | None = None,
        buffer_bytes: int | None = None,
        compression: Literal["none", "lz4", "zstd"] | None = None,
        delivery_timeout: float | None = None,
        max_in_flight: int | None = None,
    ) -> Self: ...
    def send(
        self,
        topic: str,
        data: _Data | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> Delivery: ...
    def flush(self, timeout: float | None = None) -> None: ...
    def close(self, timeout: float | None = None) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class Delivery:
    def result(self, timeout: float | None = None) -> RecordMetadata: ...
    def done(self) -> bool: ...

@final
class Message:
    def __new__(
        cls,
        topic: str,
        partition: int,
        offset: int,
        key: _Data | None = None,
        value: _Data | None = None,
        headers: _Headers | None = None,
        timestamp: int = 0,
    ) -> Self: ...
    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> tuple[tuple[str, bytes | None], ...]: ...
    @property
    def timestamp(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class RecordMetadata:
    def __new__(cls, topic: str, partition: int, offset: int, timestamp: int) -> Self: ...
    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TopicDescription:
    @property
    def name(self) -> str: ...
    @property
    def config(self) -> dict[str, str]: ...
    @property
    def partitions(self) -> tuple[PartitionDescription, ...]: ...
    @property
    def bytes(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class PartitionDescription:
    @property
    def partition(self) -> int: ...
    @property
    def earliest(self) -> int: ...
    @property
    def latest(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class EmbeddedBroker:
    def __new__(
        cls,
        data_dir: str | os.PathLike[str] | None = None,
        port: int = 0,
        durability: Literal["fsync", "os"] = "fsync",
        users: dict[str, str] | None = None,
    ) -> Self: ...
    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def data_dir(self) -> Path: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

def cli(argv: Sequence[str]) -> int: ...
def error_table() -> list[tuple[int, str, bool, str]]: ...
def _panic(message: str) -> None: ...
