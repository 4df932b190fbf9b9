"""The compiled part of ``flymq``; import from ``flymq`` instead."""

import os
from abc import ABCMeta
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from types import GenericAlias, TracebackType
from typing import Any, Generic, Literal, TypedDict, final, overload

from typing_extensions import Buffer, Self, TypeAlias, TypeVar, Unpack

from flymq.cluster import ClusterStatus
from flymq.connection import ClientOptions
from flymq.errors import FlyMQError
from flymq.groups import GroupDescription, GroupListing, PartitionLag, TopicPartition
from flymq.serializers import Deserializer, Serializer

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
# Of messages: bytes unless a deserializer makes something else of them.
_K_co = TypeVar("_K_co", covariant=True, default=bytes)
_V_co = TypeVar("_V_co", covariant=True, default=bytes)
# Of what is sent: bytes and text unless a serializer takes something else.
_K_contra = TypeVar("_K_contra", contravariant=True, default=str | Buffer)
_V_contra = TypeVar("_V_contra", contravariant=True, default=str | Buffer)

_SerializerOf: TypeAlias = Serializer[_T] | Mapping[str, Serializer[_T]]
_DeserializerOf: TypeAlias = Deserializer[_T] | Mapping[str, Deserializer[_T]]
_Data: TypeAlias = str | Buffer
_Start: TypeAlias = int | Literal["earliest", "latest"] | datetime
_Isolation: TypeAlias = Literal["read_committed", "read_uncommitted"]
_Rebalance: TypeAlias = Callable[["Consumer[Any, Any]", list[TopicPartition]], object]
_AsyncRebalance: TypeAlias = Callable[["AsyncConsumer[Any, Any]", list[TopicPartition]], object]
_OnUnreadable: TypeAlias = Literal["error", "skip", "dead_letter"]
_Key: TypeAlias = str | bytes | bytearray
_Headers: TypeAlias = Mapping[str, _Data | None] | Iterable[tuple[str, _Data | None]]

__all__ = [
    "cli",
    "AsyncCommit",
    "AsyncConsumer",
    "AsyncDelivery",
    "AsyncFlyMQClient",
    "AsyncFlyMQClientPool",
    "AsyncProducer",
    "AsyncTransaction",
    "AsyncTransactionalProducer",
    "FlyMQClient",
    "FlyMQClientPool",
    "Commit",
    "Consumer",
    "Keyring",
    "EmbeddedBroker",
    "error_table",
    "Message",
    "RecordMetadata",
    "Delivery",
    "Producer",
    "PartitionDescription",
    "TopicDescription",
    "Transaction",
    "TransactionalProducer",
    "_log",
    "_panic",
    "__version__",
]

__version__: str

class _Endpoint(TypedDict):
    name: str
    address: str
    learnt: bool
    in_use: bool
    circuit: Literal["closed", "open", "half-open"]
    failures: int
    last_error: str | None
    last_error_at: int | None

class _Metrics(TypedDict):
    connections: int
    connections_opened: int
    connections_failed: int
    connections_lost: int
    reconnects: int
    failovers: int
    metadata_refreshes: int
    endpoints: list[_Endpoint]
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

class _Opening(
    Coroutine[Any, Any, _T_co], AbstractAsyncContextManager[_T_co, None], metaclass=ABCMeta
):
    """Of something that can be awaited, and entered at once."""

@final
class Keyring:
    def __new__(cls, keys: Mapping[str, _Key]) -> Self: ...
    def add(self, id: str, key: _Key) -> None: ...
    def encrypt_with(self, id: str) -> None: ...
    def ids(self) -> list[str]: ...

@final
class FlyMQClient:
    def __new__(
        cls,
        addresses: str | Sequence[str] | None = None,
        *,
        client_id: str | None = None,
        transactional_id: str | None = None,
        connect_timeout: float | None = None,
        request_timeout: float | None = None,
        tls_enabled: bool | None = None,
        tls_ca_file: str | os.PathLike[str] | None = None,
        tls_ca_pem: _Data | None = None,
        tls_server_name: str | None = None,
        tls_cert_file: str | os.PathLike[str] | None = None,
        tls_cert_pem: _Data | None = None,
        tls_key_file: str | os.PathLike[str] | None = None,
        tls_key_pem: _Data | None = None,
        tls_min_version: Literal["1.2", "1.3"] | None = None,
        tls_insecure_skip_verify: bool | None = None,
        encryption_key: _Key | None = None,
        encryption_keyring: Keyring | Mapping[str, _Key] | None = None,
        encrypt_headers: bool = False,
        refuse_plain: bool = False,
        decrypt: bool = True,
        username: str | None = None,
        password: str | None = None,
        password_file: str | os.PathLike[str] | None = None,
        sasl_mechanism: Literal["auto", "SCRAM-SHA-256", "PLAIN", "EXTERNAL"] | None = None,
        allow_plain_without_tls: bool | None = None,
    ) -> Self: ...
    @property
    def addresses(self) -> list[str]: ...
    def whoami(self) -> str: ...
    @overload
    def produce(
        self,
        topic: str,
        data: _Data | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: None = None,
    ) -> int: ...
    @overload
    def produce(
        self,
        topic: str,
        data: _T | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: _SerializerOf[_T],
    ) -> int: ...
    @overload
    def produce_record(
        self,
        topic: str,
        data: _Data | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: None = None,
    ) -> RecordMetadata: ...
    @overload
    def produce_record(
        self,
        topic: str,
        data: _T | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: _SerializerOf[_T],
    ) -> RecordMetadata: ...
    @overload
    def produce_batch(
        self,
        topic: str,
        records: Iterable[tuple[_Data | None, _Data | None]],
        partition: int | None = None,
        *,
        serializer: None = None,
    ) -> list[int]: ...
    @overload
    def produce_batch(
        self,
        topic: str,
        records: Iterable[tuple[_Data | None, _T | None]],
        partition: int | None = None,
        *,
        serializer: _SerializerOf[_T],
    ) -> list[int]: ...
    @overload
    def consume(
        self, topic: str, offset: int, partition: int = 0, *, deserializer: None = None
    ) -> Message | None: ...
    @overload
    def consume(
        self, topic: str, offset: int, partition: int = 0, *, deserializer: _DeserializerOf[_T]
    ) -> Message[bytes, _T] | None: ...
    @overload
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
        isolation: _Isolation | None = None,
        deserializer: None = None,
    ) -> list[Message]: ...
    @overload
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
        isolation: _Isolation | None = None,
        deserializer: _DeserializerOf[_T],
    ) -> list[Message[bytes, _T]]: ...
    def transaction(self) -> Transaction: ...
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
    def cluster_status(self) -> ClusterStatus: ...
    def list_groups(self) -> list[GroupListing]: ...
    def describe_group(self, group: str) -> GroupDescription: ...
    def delete_group(self, group: str) -> None: ...
    def group_offsets(self, group: str) -> dict[TopicPartition, int]: ...
    def reset_group_offsets(
        self, group: str, topic: str, to: _Start, partitions: Sequence[int] | None = None
    ) -> dict[TopicPartition, int]: ...
    def group_lag(self, group: str) -> list[PartitionLag]: ...
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
class AsyncFlyMQClient:
    def __new__(
        cls,
        addresses: str | Sequence[str] | None = None,
        *,
        client_id: str | None = None,
        transactional_id: str | None = None,
        connect_timeout: float | None = None,
        request_timeout: float | None = None,
        tls_enabled: bool | None = None,
        tls_ca_file: str | os.PathLike[str] | None = None,
        tls_ca_pem: _Data | None = None,
        tls_server_name: str | None = None,
        tls_cert_file: str | os.PathLike[str] | None = None,
        tls_cert_pem: _Data | None = None,
        tls_key_file: str | os.PathLike[str] | None = None,
        tls_key_pem: _Data | None = None,
        tls_min_version: Literal["1.2", "1.3"] | None = None,
        tls_insecure_skip_verify: bool | None = None,
        encryption_key: _Key | None = None,
        encryption_keyring: Keyring | Mapping[str, _Key] | None = None,
        encrypt_headers: bool = False,
        refuse_plain: bool = False,
        decrypt: bool = True,
        username: str | None = None,
        password: str | None = None,
        password_file: str | os.PathLike[str] | None = None,
        sasl_mechanism: Literal["auto", "SCRAM-SHA-256", "PLAIN", "EXTERNAL"] | None = None,
        allow_plain_without_tls: bool | None = None,
    ) -> Self: ...
    @property
    def addresses(self) -> list[str]: ...
    async def whoami(self) -> str: ...
    @overload
    async def produce(
        self,
        topic: str,
        data: _Data | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: None = None,
    ) -> int: ...
    @overload
    async def produce(
        self,
        topic: str,
        data: _T | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: _SerializerOf[_T],
    ) -> int: ...
    @overload
    async def produce_record(
        self,
        topic: str,
        data: _Data | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: None = None,
    ) -> RecordMetadata: ...
    @overload
    async def produce_record(
        self,
        topic: str,
        data: _T | None,
        key: _Data | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: _SerializerOf[_T],
    ) -> RecordMetadata: ...
    @overload
    async def produce_batch(
        self,
        topic: str,
        records: Iterable[tuple[_Data | None, _Data | None]],
        partition: int | None = None,
        *,
        serializer: None = None,
    ) -> list[int]: ...
    @overload
    async def produce_batch(
        self,
        topic: str,
        records: Iterable[tuple[_Data | None, _T | None]],
        partition: int | None = None,
        *,
        serializer: _SerializerOf[_T],
    ) -> list[int]: ...
    @overload
    async def consume(
        self, topic: str, offset: int, partition: int = 0, *, deserializer: None = None
    ) -> Message | None: ...
    @overload
    async def consume(
        self, topic: str, offset: int, partition: int = 0, *, deserializer: _DeserializerOf[_T]
    ) -> Message[bytes, _T] | None: ...
    @overload
    async def fetch(
        self,
        topic: str,
        offset: int,
        partition: int = 0,
        *,
        max_records: int | None = None,
        max_wait: float | None = None,
        max_bytes: int | None = None,
        min_bytes: int | None = None,
        isolation: _Isolation | None = None,
        deserializer: None = None,
    ) -> list[Message]: ...
    @overload
    async def fetch(
        self,
        topic: str,
        offset: int,
        partition: int = 0,
        *,
        max_records: int | None = None,
        max_wait: float | None = None,
        max_bytes: int | None = None,
        min_bytes: int | None = None,
        isolation: _Isolation | None = None,
        deserializer: _DeserializerOf[_T],
    ) -> list[Message[bytes, _T]]: ...
    def transaction(self) -> _Opening[AsyncTransaction]: ...
    async def create_topic(
        self,
        name: str,
        partitions: int = 1,
        *,
        config: dict[str, str] | None = None,
        if_not_exists: bool = False,
    ) -> bool: ...
    async def delete_topic(self, name: str) -> None: ...
    async def list_topics(self) -> dict[str, int]: ...
    async def describe_topic(self, name: str) -> TopicDescription: ...
    async def alter_topic(self, name: str, config: dict[str, str | None]) -> dict[str, str]: ...
    async def add_partitions(self, name: str, partitions: int) -> None: ...
    async def partition_count(self, topic: str) -> int: ...
    async def earliest(self, topic: str, partition: int = 0) -> int: ...
    async def latest(self, topic: str, partition: int = 0) -> int: ...
    async def offset_at(self, topic: str, timestamp: int, partition: int = 0) -> int: ...
    async def list_offsets(self, topic: str, partitions: Sequence[int]) -> list[tuple[int, int]]: ...
    async def cluster_status(self) -> ClusterStatus: ...
    async def list_groups(self) -> list[GroupListing]: ...
    async def describe_group(self, group: str) -> GroupDescription: ...
    async def delete_group(self, group: str) -> None: ...
    async def group_offsets(self, group: str) -> dict[TopicPartition, int]: ...
    async def reset_group_offsets(
        self, group: str, topic: str, to: _Start, partitions: Sequence[int] | None = None
    ) -> dict[TopicPartition, int]: ...
    async def group_lag(self, group: str) -> list[PartitionLag]: ...
    async def ping(self) -> float: ...
    def metrics(self) -> _Metrics: ...
    async def connect(self) -> None: ...
    async def close(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class FlyMQClientPool:
    def __new__(
        cls,
        addresses: str | Sequence[str] | None = None,
        *,
        size: int = 10,
        **options: Unpack[ClientOptions],
    ) -> Self: ...
    def get_client(self, timeout: float | None = None) -> FlyMQClient: ...
    @property
    def size(self) -> int: ...
    @property
    def borrowed(self) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class AsyncFlyMQClientPool:
    def __new__(
        cls,
        addresses: str | Sequence[str] | None = None,
        *,
        size: int = 10,
        **options: Unpack[ClientOptions],
    ) -> Self: ...
    def get_client(self, timeout: float | None = None) -> _Opening[AsyncFlyMQClient]: ...
    @property
    def size(self) -> int: ...
    @property
    def borrowed(self) -> int: ...
    async def connect(self) -> None: ...
    async def close(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class Producer(Generic[_K_contra, _V_contra]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
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
        key_serializer: _SerializerOf[_K_contra] | None = None,
        value_serializer: _SerializerOf[_V_contra] | None = None,
        on_delivery: Callable[[Delivery], object] | None = None,
    ) -> Self: ...
    @property
    def addresses(self) -> list[str]: ...
    @overload
    def send(
        self,
        topic: str,
        data: _V_contra | None,
        key: _K_contra | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: None = None,
        on_delivery: Callable[[Delivery], object] | None = None,
        block: bool = True,
    ) -> Delivery: ...
    @overload
    def send(
        self,
        topic: str,
        data: _T | None,
        key: _K_contra | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: _SerializerOf[_T],
        on_delivery: Callable[[Delivery], object] | None = None,
        block: bool = True,
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
class AsyncProducer(Generic[_K_contra, _V_contra]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(
        cls,
        client: AsyncFlyMQClient | str | Sequence[str] | None = None,
        *,
        linger: float | None = None,
        batch_bytes: int | None = None,
        buffer_bytes: int | None = None,
        compression: Literal["none", "lz4", "zstd"] | None = None,
        delivery_timeout: float | None = None,
        max_in_flight: int | None = None,
        key_serializer: _SerializerOf[_K_contra] | None = None,
        value_serializer: _SerializerOf[_V_contra] | None = None,
        on_delivery: Callable[[AsyncDelivery], object] | None = None,
    ) -> Self: ...
    @property
    def addresses(self) -> list[str]: ...
    @overload
    async def send(
        self,
        topic: str,
        data: _V_contra | None,
        key: _K_contra | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: None = None,
        on_delivery: Callable[[AsyncDelivery], object] | None = None,
        block: bool = True,
    ) -> AsyncDelivery: ...
    @overload
    async def send(
        self,
        topic: str,
        data: _T | None,
        key: _K_contra | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: _SerializerOf[_T],
        on_delivery: Callable[[AsyncDelivery], object] | None = None,
        block: bool = True,
    ) -> AsyncDelivery: ...
    async def flush(self, timeout: float | None = None) -> None: ...
    async def connect(self) -> None: ...
    async def close(self, timeout: float | None = None) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class Delivery:
    @property
    def topic(self) -> str: ...
    def result(self, timeout: float | None = None) -> RecordMetadata: ...
    def exception(self, timeout: float | None = None) -> FlyMQError | None: ...
    def done(self) -> bool: ...
    def add_done_callback(self, fn: Callable[[Delivery], object], /) -> None: ...

@final
class AsyncDelivery:
    @property
    def topic(self) -> str: ...
    async def result(self, timeout: float | None = None) -> RecordMetadata: ...
    async def exception(self, timeout: float | None = None) -> FlyMQError | None: ...
    def done(self) -> bool: ...
    def add_done_callback(self, fn: Callable[[AsyncDelivery], object], /) -> None: ...
    def __await__(self) -> Generator[Any, Any, RecordMetadata]: ...

@final
class Consumer(Generic[_K_co, _V_co]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(
        cls,
        client: FlyMQClient | str | Sequence[str] | None = None,
        topics: str | Iterable[str] | None = None,
        *,
        group: str | None = None,
        pattern: str | None = None,
        auto_commit: bool = True,
        auto_commit_interval: float | None = None,
        auto_offset_reset: Literal["earliest", "latest", "error"] | None = None,
        isolation: _Isolation | None = None,
        assignor: Literal["sticky", "range"] | None = None,
        on_undecryptable: _OnUnreadable | None = None,
        on_undeserializable: _OnUnreadable | None = None,
        instance_id: str | None = None,
        max_poll_interval: float | None = None,
        session_timeout: float | None = None,
        rebalance_timeout: float | None = None,
        max_wait: float | None = None,
        min_bytes: int | None = None,
        fetch_bytes: int | None = None,
        prefetch_bytes: int | None = None,
        on_assigned: _Rebalance | None = None,
        on_revoked: _Rebalance | None = None,
        on_lost: _Rebalance | None = None,
        key_deserializer: _DeserializerOf[_K_co] | None = None,
        value_deserializer: _DeserializerOf[_V_co] | None = None,
    ) -> Self: ...
    @property
    def addresses(self) -> list[str]: ...
    @property
    def group(self) -> str | None: ...
    def subscribe(
        self, topics: str | Iterable[str] | None = None, *, pattern: str | None = None
    ) -> None: ...
    def unsubscribe(self) -> None: ...
    def assign(self, partitions: Sequence[tuple[str, int] | tuple[str, int, _Start]]) -> None: ...
    def assignment(self) -> list[TopicPartition]: ...
    def poll(
        self, max_records: int | None = None, timeout: float | None = None
    ) -> list[Message[_K_co, _V_co]]: ...
    def batches(
        self, max_records: int | None = None, timeout: float | None = None
    ) -> Iterator[list[Message[_K_co, _V_co]]]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Message[_K_co, _V_co]: ...
    def commit(
        self,
        message: Message[Any, Any] | None = None,
        *,
        offsets: dict[TopicPartition, int] | None = None,
    ) -> None: ...
    def commit_async(
        self,
        message: Message[Any, Any] | None = None,
        *,
        offsets: dict[TopicPartition, int] | None = None,
    ) -> Commit: ...
    def committed(
        self, partitions: Sequence[tuple[str, int]] | None = None
    ) -> dict[TopicPartition, int]: ...
    def position(self, topic: str, partition: int) -> int: ...
    def lag(self, topic: str, partition: int) -> int | None: ...
    def seek(self, topic: str, partition: int, start: _Start) -> None: ...
    def rewind(self) -> None: ...
    def pause(self, topic: str, partition: int) -> None: ...
    def resume(self, topic: str, partition: int) -> None: ...
    def close(self, timeout: float | None = None) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class AsyncConsumer(Generic[_K_co, _V_co]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(
        cls,
        client: AsyncFlyMQClient | str | Sequence[str] | None = None,
        topics: str | Iterable[str] | None = None,
        *,
        group: str | None = None,
        pattern: str | None = None,
        auto_commit: bool = True,
        auto_commit_interval: float | None = None,
        auto_offset_reset: Literal["earliest", "latest", "error"] | None = None,
        isolation: _Isolation | None = None,
        assignor: Literal["sticky", "range"] | None = None,
        on_undecryptable: _OnUnreadable | None = None,
        on_undeserializable: _OnUnreadable | None = None,
        instance_id: str | None = None,
        max_poll_interval: float | None = None,
        session_timeout: float | None = None,
        rebalance_timeout: float | None = None,
        max_wait: float | None = None,
        min_bytes: int | None = None,
        fetch_bytes: int | None = None,
        prefetch_bytes: int | None = None,
        on_assigned: _AsyncRebalance | None = None,
        on_revoked: _AsyncRebalance | None = None,
        on_lost: _AsyncRebalance | None = None,
        key_deserializer: _DeserializerOf[_K_co] | None = None,
        value_deserializer: _DeserializerOf[_V_co] | None = None,
    ) -> Self: ...
    @property
    def addresses(self) -> list[str]: ...
    @property
    def group(self) -> str | None: ...
    async def subscribe(
        self, topics: str | Iterable[str] | None = None, *, pattern: str | None = None
    ) -> None: ...
    async def unsubscribe(self) -> None: ...
    async def assign(self, partitions: Sequence[tuple[str, int] | tuple[str, int, _Start]]) -> None: ...
    async def assignment(self) -> list[TopicPartition]: ...
    async def poll(
        self, max_records: int | None = None, timeout: float | None = None
    ) -> list[Message[_K_co, _V_co]]: ...
    def batches(
        self, max_records: int | None = None, timeout: float | None = None
    ) -> AsyncIterator[list[Message[_K_co, _V_co]]]: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> Message[_K_co, _V_co]: ...
    async def commit(
        self,
        message: Message[Any, Any] | None = None,
        *,
        offsets: dict[TopicPartition, int] | None = None,
    ) -> None: ...
    async def commit_async(
        self,
        message: Message[Any, Any] | None = None,
        *,
        offsets: dict[TopicPartition, int] | None = None,
    ) -> AsyncCommit: ...
    async def committed(
        self, partitions: Sequence[tuple[str, int]] | None = None
    ) -> dict[TopicPartition, int]: ...
    async def position(self, topic: str, partition: int) -> int: ...
    async def lag(self, topic: str, partition: int) -> int | None: ...
    async def seek(self, topic: str, partition: int, start: _Start) -> None: ...
    async def rewind(self) -> None: ...
    async def pause(self, topic: str, partition: int) -> None: ...
    async def resume(self, topic: str, partition: int) -> None: ...
    async def connect(self) -> None: ...
    async def close(self, timeout: float | None = None) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class Commit:
    def result(self, timeout: float | None = None) -> None: ...

@final
class AsyncCommit:
    async def result(self, timeout: float | None = None) -> None: ...
    def __await__(self) -> Generator[Any, Any, None]: ...

@final
class TransactionalProducer(Generic[_K_contra, _V_contra]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(
        cls,
        client: FlyMQClient | str | Sequence[str] | None = None,
        *,
        transactional_id: str,
        transaction_timeout: float | None = None,
        linger: float | None = None,
        batch_bytes: int | None = None,
        buffer_bytes: int | None = None,
        compression: Literal["none", "lz4", "zstd"] | None = None,
        max_in_flight: int | None = None,
        key_serializer: _SerializerOf[_K_contra] | None = None,
        value_serializer: _SerializerOf[_V_contra] | None = None,
    ) -> Self: ...
    @property
    def transactional_id(self) -> str: ...
    def transaction(self) -> Transaction[_K_contra, _V_contra]: ...
    def close(self, timeout: float | None = None) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class AsyncTransactionalProducer(Generic[_K_contra, _V_contra]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(
        cls,
        client: AsyncFlyMQClient | str | Sequence[str] | None = None,
        *,
        transactional_id: str,
        transaction_timeout: float | None = None,
        linger: float | None = None,
        batch_bytes: int | None = None,
        buffer_bytes: int | None = None,
        compression: Literal["none", "lz4", "zstd"] | None = None,
        max_in_flight: int | None = None,
        key_serializer: _SerializerOf[_K_contra] | None = None,
        value_serializer: _SerializerOf[_V_contra] | None = None,
    ) -> Self: ...
    @property
    def transactional_id(self) -> str: ...
    def transaction(self) -> _Opening[AsyncTransaction[_K_contra, _V_contra]]: ...
    async def connect(self) -> None: ...
    async def close(self, timeout: float | None = None) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class Transaction(Generic[_K_contra, _V_contra]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @overload
    def produce(
        self,
        topic: str,
        data: _V_contra | None,
        key: _K_contra | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: None = None,
    ) -> Delivery: ...
    @overload
    def produce(
        self,
        topic: str,
        data: _T | None,
        key: _K_contra | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: _SerializerOf[_T],
    ) -> Delivery: ...
    def send_offsets(
        self, consumer: Consumer[Any, Any], offsets: dict[TopicPartition, int] | None = None
    ) -> None: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class AsyncTransaction(Generic[_K_contra, _V_contra]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @overload
    async def produce(
        self,
        topic: str,
        data: _V_contra | None,
        key: _K_contra | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: None = None,
    ) -> AsyncDelivery: ...
    @overload
    async def produce(
        self,
        topic: str,
        data: _T | None,
        key: _K_contra | None = None,
        headers: _Headers | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        *,
        serializer: _SerializerOf[_T],
    ) -> AsyncDelivery: ...
    async def send_offsets(
        self, consumer: AsyncConsumer[Any, Any], offsets: dict[TopicPartition, int] | None = None
    ) -> None: ...
    async def commit(self) -> None: ...
    async def abort(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

@final
class Message(Generic[_K_co, _V_co]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(
        cls,
        topic: str,
        partition: int,
        offset: int,
        key: _K_co | None = None,
        value: _V_co | None = None,
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
    def key(self) -> _K_co | None: ...
    @property
    def value(self) -> _V_co | None: ...
    @property
    def headers(self) -> tuple[tuple[str, bytes | None], ...]: ...
    @property
    def timestamp(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
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
        *,
        users: dict[str, str] | None = None,
        tls_cert_file: str | os.PathLike[str] | None = None,
        tls_cert_pem: _Data | None = None,
        tls_key_file: str | os.PathLike[str] | None = None,
        tls_key_pem: _Data | None = None,
        tls_client_ca_file: str | os.PathLike[str] | None = None,
        tls_client_ca_pem: _Data | None = None,
        tls_client_auth: Literal["none", "optional", "required"] | None = None,
        tls_min_version: Literal["1.2", "1.3"] = "1.2",
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
def _log(message: str, times: int) -> None: ...
def _panic(message: str) -> None: ...
