"""What handlers may return, and what a producer is told to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faststream._internal.kafka import (
    extract_per_message_keys_and_bodies,
    key_for_index,
    realign_keys,
)
from faststream.response.publish_type import PublishType
from faststream.response.response import BatchPublishCommand, PublishCommand, Response
from typing_extensions import override

if TYPE_CHECKING:
    from faststream._internal.basic_types import SendableMessage


class FlyMQResponse(Response):
    """A handler's result with a key, headers or a timestamp (milliseconds) of its own; also a record
    of `publish_batch` with a key of its own."""

    def __init__(
        self,
        body: SendableMessage,
        *,
        key: bytes | str | None = None,
        headers: dict[str, Any] | None = None,
        timestamp: int | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(body=body, headers=headers, correlation_id=correlation_id)
        self.key = key
        self.timestamp = timestamp

    @override
    def get_publish_key(self) -> bytes | str | None:
        return self.key

    @override
    def as_publish_command(self) -> FlyMQPublishCommand:
        return FlyMQPublishCommand(
            self.body,
            topic="",
            key=self.key,
            headers=self.headers,
            timestamp=self.timestamp,
            correlation_id=self.correlation_id,
            _publish_type=PublishType.PUBLISH,
        )


class FlyMQPublishCommand(BatchPublishCommand):
    """Records to publish. Middlewares see it, and may change it."""

    body: Any
    extra_bodies: tuple[Any, ...]

    def __init__(
        self,
        message: SendableMessage | Response,
        /,
        *messages: SendableMessage | Response,
        topic: str,
        _publish_type: PublishType,
        key: bytes | str | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        reply_to: str = "",
        no_confirm: bool = False,
        timeout: float = 0.5,
    ) -> None:
        super().__init__(
            message,
            *messages,
            destination=topic,
            reply_to=reply_to,
            correlation_id=correlation_id,
            headers=headers,
            _publish_type=_publish_type,
        )
        self.key = key
        self.partition = partition
        self.timestamp = timestamp
        self.no_confirm = no_confirm
        self.timeout = timeout
        # Of the records of a batch that have one of their own.
        self._keys: tuple[Any, ...] = ()
        keys, bodies = extract_per_message_keys_and_bodies(self.batch_bodies)
        if bodies is not None:
            self.batch_bodies = bodies
            self._keys = keys

    @classmethod
    @override
    def from_cmd(cls, cmd: PublishCommand, *, batch: bool = False) -> FlyMQPublishCommand:
        if isinstance(cmd, FlyMQPublishCommand):
            return cmd
        body, bodies = cls._parse_bodies(cmd.body, batch=batch)
        return cls(
            body,
            *bodies,
            topic=cmd.destination,
            correlation_id=cmd.correlation_id,
            headers=cmd.headers,
            reply_to=cmd.reply_to,
            _publish_type=cmd.publish_type,
        )

    def key_for(self, index: int) -> bytes | str | None:
        """The key of a record of a batch: its own, or that of them all."""
        key: bytes | str | None = key_for_index(self._keys, self.key, index)
        return key

    def headers_to_publish(self, content_type: str | None) -> dict[str, str]:
        """The headers of a record: those given, and those that FastStream goes by."""
        own = {
            "content-type": content_type,
            "correlation_id": self.correlation_id,
            "reply_to": self.reply_to,
        }
        return {name: value for name, value in own.items() if value} | self.headers

    @property
    def batch_bodies(self) -> tuple[Any, ...]:
        """The records of a batch."""
        return super().batch_bodies

    @batch_bodies.setter
    def batch_bodies(self, value: Sequence[Any]) -> None:
        # Set by middlewares, too, which may leave records out.
        if self._keys and len(value) > 0:
            self._keys = realign_keys(self._keys, self.batch_bodies, value)
        self.body, self.extra_bodies = (value[0], tuple(value[1:])) if value else (None, ())
