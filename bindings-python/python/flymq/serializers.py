"""What turns keys and values into bytes, and back.

A producer, a consumer and a single call take serializers and deserializers:

    from flymq.serializers import JsonSerde, StrSerde

    producer = flymq.Producer(client, key_serializer=StrSerde(), value_serializer=JsonSerde())
    producer.send("orders", {"apples": 2}, key="customer-7")

A serde is both at once. Any object with the methods of `Serializer` or `Deserializer` will do as
well. A mapping of topics to serializers stands for a `TopicSerde`.

None is never given to a serializer: a record without a key, or without a value, stays one. What a
serializer or deserializer raises becomes the cause of a SerializationError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

__all__ = [
    "BytesSerde",
    "Deserializer",
    "JsonSerde",
    "MessagePackSerde",
    "PydanticSerde",
    "Serde",
    "Serializer",
    "StrSerde",
    "TopicSerde",
]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_T_contra = TypeVar("_T_contra", contravariant=True)
if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    _Any = TypeVarWithDefault("_Any", default=Any)
else:
    _Any = TypeVar("_Any")


class Serializer(Protocol[_T_contra]):
    """Turns values into bytes."""

    def serialize(self, topic: str, value: _T_contra, /) -> bytes | None:
        """Return the bytes of a value on its way to a topic; None to send a record without one."""
        ...


class Deserializer(Protocol[_T_co]):
    """Turns bytes into values."""

    def deserialize(self, topic: str, data: bytes, /) -> _T_co:
        """Return the value of bytes that came from a topic."""
        ...


class Serde(Serializer[_T], Deserializer[_T], Protocol[_T]):
    """Both a serializer and a deserializer."""


class BytesSerde:
    """Bytes as they are, which is what there is without a serializer too."""

    def serialize(self, topic: str, value: bytes, /) -> bytes:
        """Return the bytes themselves."""
        return value

    def deserialize(self, topic: str, data: bytes, /) -> bytes:
        """Return the bytes themselves."""
        return data


class StrSerde:
    """Text, as UTF-8."""

    def serialize(self, topic: str, value: str, /) -> bytes:
        """Return the text as UTF-8."""
        return value.encode()

    def deserialize(self, topic: str, data: bytes, /) -> str:
        """Return the text of UTF-8."""
        return data.decode()


class JsonSerde:
    """What JSON knows: dict, list, str, int, float, bool and None, as the standard library reads it."""

    def serialize(self, topic: str, value: Any, /) -> bytes:
        """Return the value as JSON, without spaces."""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def deserialize(self, topic: str, data: bytes, /) -> Any:
        """Return the value of JSON."""
        return json.loads(data)


class MessagePackSerde:
    """What MessagePack knows: as JSON, and bytes. Needs `msgpack`: `pip install flymq[msgpack]`."""

    def __init__(self) -> None:
        try:
            msgpack: Any = import_module("msgpack")  # Which has no types.
        except ImportError as error:
            raise _missing("MessagePackSerde", "msgpack") from error
        self._pack: Callable[[Any], bytes] = msgpack.packb
        self._unpack: Callable[..., Any] = msgpack.unpackb

    def serialize(self, topic: str, value: Any, /) -> bytes:
        """Return the value as MessagePack."""
        return self._pack(value)

    def deserialize(self, topic: str, data: bytes, /) -> Any:
        """Return the value of MessagePack."""
        return self._unpack(data, strict_map_key=False)


class PydanticSerde(Generic[_T]):
    """A model of pydantic, or any type that it can validate, as JSON.

    Needs `pydantic`: `pip install flymq[pydantic]`. Values are validated as they are read.
    """

    def __init__(self, model: type[_T]) -> None:
        try:
            from pydantic import TypeAdapter
        except ImportError as error:
            raise _missing("PydanticSerde", "pydantic") from error
        self._adapter: TypeAdapter[_T] = TypeAdapter(model)

    def serialize(self, topic: str, value: _T, /) -> bytes:
        """Return the value as JSON."""
        return self._adapter.dump_json(value, by_alias=True, warnings="error")

    def deserialize(self, topic: str, data: bytes, /) -> _T:
        """Return the validated value of JSON."""
        return self._adapter.validate_json(data)


class TopicSerde(Generic[_Any]):
    """A serde for each topic, and another for all that have none.

    Without `default` a topic that has none is an error. What serializes only, or deserializes only,
    will do where no more is asked for. Values may be of different types: `TopicSerde[Order | str]`
    tells type checkers of which.
    """

    def __init__(
        self,
        topics: Mapping[str, Serializer[Any] | Deserializer[Any]],
        default: Serializer[Any] | Deserializer[Any] | None = None,
    ) -> None:
        self._topics = dict(topics)
        self._default = default

    def serialize(self, topic: str, value: _Any, /) -> bytes | None:
        """Return the bytes that the topic's serde makes of the value."""
        return cast(Serializer[_Any], self._of(topic)).serialize(topic, value)

    def deserialize(self, topic: str, data: bytes, /) -> _Any:
        """Return the value that the topic's serde makes of the bytes."""
        return cast(Deserializer[_Any], self._of(topic)).deserialize(topic, data)

    def _of(self, topic: str) -> Serializer[Any] | Deserializer[Any]:
        serde = self._topics.get(topic, self._default)
        if serde is None:
            raise LookupError(f"no serializer was given for topic {topic!r}")
        return serde


def _missing(name: str, extra: str) -> ImportError:
    return ImportError(f"{name} needs {extra}: pip install flymq[{extra}]", name=extra)
