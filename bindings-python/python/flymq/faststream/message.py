"""Messages as handlers see them, and how they are made of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from faststream.message import AckStatus, StreamMessage, decode_message

from flymq import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faststream._internal.basic_types import DecodedMessage

    from flymq._acking import AckingConsumer


# What comes from the broker: one record, or those of a batch.
RawMessage: TypeAlias = Message | tuple[Message, ...]


class FlyMQMessage(StreamMessage[RawMessage]):
    """A message, or a batch of them; `raw_message` has what came from the broker.

    To acknowledge is to say that it is processed: `ack`, or `reject`, which in a log is the same.
    `nack` has it come again, and all that came after it in its partition. Where there is no group
    there is nothing to acknowledge.
    """

    committed: AckStatus | None

    def __init__(
        self, *args: Any, consumer: AckingConsumer | None, is_acked: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._consumer = consumer
        if is_acked:
            self.committed = AckStatus.ACKED

    async def ack(self) -> None:
        """It is processed."""
        if self.committed is None and self._consumer is not None:
            await self._consumer.ack(self.records)
        await super().ack()

    async def reject(self) -> None:
        """It is not wanted, and will not come again."""
        if self.committed is None and self._consumer is not None:
            await self._consumer.ack(self.records)
        await super().reject()

    async def nack(self) -> None:
        """It is to come again."""
        if self.committed is None and self._consumer is not None:
            await self._consumer.nack(self.records)
        await super().nack()

    @property
    def records(self) -> tuple[Message, ...]:
        """What came from the broker: one record, or those of a batch."""
        raw = self.raw_message
        return raw if isinstance(raw, tuple) else (raw,)


class FlyMQParser:
    """Makes messages of records. `in_group` says whether they are to be acknowledged."""

    def __init__(self, in_group: bool = False) -> None:
        self._in_group = in_group
        self.consumer: AckingConsumer | None = None

    async def parse_message(self, message: Message) -> FlyMQMessage:
        """The message of one record."""
        headers = _headers(message)
        return FlyMQMessage(
            raw_message=message,
            body=message.value or b"",
            headers=headers,
            reply_to=headers.get("reply_to", ""),
            content_type=headers.get("content-type"),
            message_id=f"{message.partition}-{message.offset}",
            correlation_id=headers.get("correlation_id"),
            consumer=self.consumer,
            is_acked=not self._in_group,
        )

    async def parse_batch(self, messages: tuple[Message, ...]) -> FlyMQMessage:
        """The message of several records. Its own headers are those of the first."""
        batch_headers = [_headers(message) for message in messages]
        first, last, headers = messages[0], messages[-1], batch_headers[0]
        return FlyMQMessage(
            raw_message=messages,
            body=[message.value or b"" for message in messages],
            headers=headers,
            batch_headers=batch_headers,
            reply_to=headers.get("reply_to", ""),
            content_type=headers.get("content-type"),
            message_id=f"{first.partition}-{first.offset}-{last.offset}",
            correlation_id=headers.get("correlation_id"),
            consumer=self.consumer,
            is_acked=not self._in_group,
        )

    async def decode_message(self, msg: StreamMessage[Message]) -> DecodedMessage:
        """The value of one record, by its content type."""
        return decode_message(msg)

    async def decode_batch(self, msg: StreamMessage[Sequence[Message]]) -> DecodedMessage:
        """The values of several records."""
        return [decode_message(await self.parse_message(each)) for each in msg.raw_message]


def _headers(message: Message) -> dict[str, str]:
    """The headers as text; `raw_message` has their bytes."""
    return {
        name: value.decode(errors="replace") for name, value in message.headers if value is not None
    }
