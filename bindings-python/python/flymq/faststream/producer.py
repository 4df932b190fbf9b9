"""Publishing: the last step of every `publish`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faststream._internal.endpoint.utils import ParserComposition
from faststream._internal.parser import BatchCodecProto, CodecProto, DefaultCodec
from faststream._internal.producer import ProducerProto
from faststream.exceptions import FeatureNotSupportedException, IncorrectState
from typing_extensions import override

from .message import FlyMQParser
from .response import FlyMQPublishCommand

if TYPE_CHECKING:
    from fast_depends.library.serializer import SerializerProto
    from faststream._internal.types import AsyncCallable, CustomCallable

    from flymq import AsyncDelivery, AsyncProducer, RecordMetadata


class FlyMQFastProducer(ProducerProto[FlyMQPublishCommand]):
    """Encodes what is published and sends it, once connected."""

    codec: CodecProto

    def __init__(
        self,
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        codec: CodecProto | None = None,
    ) -> None:
        default = FlyMQParser()
        self._parser: AsyncCallable = ParserComposition(parser, default.parse_message)
        self._decoder: AsyncCallable = ParserComposition(decoder, default.decode_message)
        self.codec = codec or DefaultCodec()
        self._serializer: SerializerProto | None = None
        self._producer: AsyncProducer | None = None

    def __bool__(self) -> bool:
        return self._producer is not None

    def connect(self, producer: AsyncProducer, serializer: SerializerProto | None) -> None:
        """From now on there is something to send with."""
        self._producer = producer
        self._serializer = serializer

    async def disconnect(self) -> None:
        """Send what is left. Harmless when not connected."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()

    @override
    async def publish(self, cmd: FlyMQPublishCommand) -> RecordMetadata | AsyncDelivery:
        """Where the record is stored; with `no_confirm`, what to await to learn that."""
        body, content_type = None, None
        if cmd.body is not None:
            body, content_type = await self.codec.encode(cmd.body, self._serializer)
        delivery = await self._send(cmd, body, cmd.key, content_type)
        return delivery if cmd.no_confirm else await delivery

    @override
    async def publish_batch(self, cmd: FlyMQPublishCommand) -> list[RecordMetadata]:
        """Where the records are stored; nothing with `no_confirm`."""
        deliveries = [
            await self._send(cmd, body, cmd.key_for(index), content_type)
            for index, (body, content_type) in enumerate(await self.encoded(cmd))
        ]
        return [] if cmd.no_confirm else [await delivery for delivery in deliveries]

    @override
    async def request(self, cmd: FlyMQPublishCommand) -> Any:
        """Refused: a log is no place to wait for an answer."""
        raise FeatureNotSupportedException(
            "FlyMQ has no `request` but under TestFlyMQBroker: publish with `reply_to` and subscribe "
            "to that topic"
        )

    async def encoded(self, cmd: FlyMQPublishCommand) -> list[tuple[bytes, str | None]]:
        """The values of a batch, and their content types."""
        if isinstance(self.codec, BatchCodecProto):
            return await self.codec.encode_batch(cmd.batch_bodies, self._serializer)
        return [await self.codec.encode(body, self._serializer) for body in cmd.batch_bodies]

    async def _send(
        self,
        cmd: FlyMQPublishCommand,
        body: bytes | None,
        key: bytes | str | None,
        content_type: str | None,
    ) -> AsyncDelivery:
        if self._producer is None:
            raise IncorrectState("the broker is not connected: call `connect()` or `start()` first")
        return await self._producer.send(
            cmd.destination,
            body,
            key,
            headers=cmd.headers_to_publish(content_type),
            partition=cmd.partition,
            timestamp=cmd.timestamp,
        )
