"""The compiled part of ``flymq``; import from ``flymq`` instead."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, SupportsIndex, final

from typing_extensions import Buffer, Self, TypeAlias

_Data: TypeAlias = bytes | bytearray | memoryview | str | Buffer
_Headers: TypeAlias = Mapping[str, _Data | None] | Iterable[tuple[str, _Data | None]]
_Isolation: TypeAlias = Literal["read_committed", "read_uncommitted"]

__version__: str

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
