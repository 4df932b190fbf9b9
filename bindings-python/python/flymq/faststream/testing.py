"""Tests of applications without a broker, or with a real one."""

# FastStream is extended by what it calls private, and by methods with other parameters.
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast, overload
from unittest.mock import AsyncMock

import anyio
from faststream._internal.testing.broker import EnterType, TestBroker, change_producer
from faststream.exceptions import SubscriberNotFound
from typing_extensions import override

from flymq import Message, RecordMetadata, TopicPartition

from .broker import FlyMQBroker
from .producer import FlyMQFastProducer
from .publisher import BasePublisher, BatchPublisher
from .subscriber import BaseSubscriber, BatchSubscriber

if TYPE_CHECKING:
    from .response import FlyMQPublishCommand

__all__ = ["TestFlyMQBroker"]


class TestFlyMQBroker(TestBroker[FlyMQBroker, EnterType], broker=FlyMQBroker):
    """Has what is published handled at once and in this process, without a broker.

        async with TestFlyMQBroker(broker) as test:
            await test.publish(Order(...), "orders")
            bill.mock.assert_called_once()

    With `with_real=True` the broker's own addresses are used, as in production: give it that of a
    `flymq.EmbeddedBroker`, and wait with `await bill.wait_call(timeout=3)`.
    """

    @overload
    def __init__(
        self: TestFlyMQBroker[FlyMQBroker],
        broker: FlyMQBroker,
        /,
        *,
        with_real: bool = False,
        connect_only: bool | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: TestFlyMQBroker[tuple[FlyMQBroker, ...]],
        *brokers: FlyMQBroker,
        with_real: bool = False,
        connect_only: bool | None = None,
    ) -> None: ...

    def __init__(
        self, *brokers: FlyMQBroker, with_real: bool = False, connect_only: bool | None = None
    ) -> None:
        super().__init__(*brokers, with_real=with_real, connect_only=connect_only)

    @contextmanager
    @override
    def _patch_producer(self, broker: FlyMQBroker) -> Generator[None, None, None]:
        with change_producer(broker.config.broker_config, _InProcess(broker, self.brokers)):
            yield

    @override
    async def _fake_connect(self, broker: FlyMQBroker, *_args: Any, **_options: Any) -> Any:
        return AsyncMock()

    @override
    def create_publisher_fake_subscriber(
        self, broker: FlyMQBroker, publisher: BasePublisher
    ) -> tuple[BaseSubscriber[Any], bool]:
        for subscriber in _subscribers(self.brokers):
            if _reads(subscriber, publisher.topic, publisher.partition):
                return subscriber, True
        if isinstance(publisher, BatchPublisher):
            return broker.subscriber(publisher.topic, batch=True, persistent=False), False
        return broker.subscriber(publisher.topic, persistent=False), False


class _InProcess(FlyMQFastProducer):
    """Calls the handlers itself."""

    def __init__(self, broker: FlyMQBroker, brokers: Sequence[FlyMQBroker]) -> None:
        config = broker.config.broker_config
        super().__init__(config.broker_parser, config.broker_decoder, config.broker_codec)
        self._serializer = config.fd_config._serializer
        self._brokers = brokers
        self._offset = 0

    def __bool__(self) -> bool:
        return True

    @override
    async def publish(self, cmd: FlyMQPublishCommand) -> RecordMetadata:
        record = await self._record(cmd)
        for subscriber in self._readers(cmd):
            batched = isinstance(subscriber, BatchSubscriber)
            await subscriber.process_message((record,) if batched else record)
        return _metadata(record)

    @override
    async def publish_batch(self, cmd: FlyMQPublishCommand) -> list[RecordMetadata]:
        records = tuple(
            self._message(cmd, body, cmd.key_for(index), content_type)
            for index, (body, content_type) in enumerate(await self.encoded(cmd))
        )
        for subscriber in self._readers(cmd):
            batched = isinstance(subscriber, BatchSubscriber)
            for each in (records,) if batched else records:
                await subscriber.process_message(each)
        return [_metadata(record) for record in records]

    @override
    async def request(self, cmd: FlyMQPublishCommand) -> Message:
        record = await self._record(cmd)
        for subscriber in self._readers(cmd):
            batched = isinstance(subscriber, BatchSubscriber)
            with anyio.fail_after(cmd.timeout):
                result = await subscriber.process_message((record,) if batched else record)
            body, content_type = await self.codec.encode(result.body, self._serializer)
            answer = type(cmd).from_cmd(result.as_publish_command())
            return self._message(answer, body, None, content_type)
        raise SubscriberNotFound

    async def _record(self, cmd: FlyMQPublishCommand) -> Message:
        body, content_type = None, None
        if cmd.body is not None:
            body, content_type = await self.codec.encode(cmd.body, self._serializer)
        return self._message(cmd, body, cmd.key, content_type)

    def _message(
        self,
        cmd: FlyMQPublishCommand,
        body: bytes | None,
        key: bytes | str | None,
        content_type: str | None,
    ) -> Message:
        self._offset += 1
        return Message(
            cmd.destination,
            cmd.partition or 0,
            self._offset - 1,
            key=key.encode() if isinstance(key, str) else key,
            value=body,
            headers=cmd.headers_to_publish(content_type),
            timestamp=cmd.timestamp or int(time.time() * 1000),
        )

    def _readers(self, cmd: FlyMQPublishCommand) -> Iterator[BaseSubscriber[Any]]:
        """The subscribers of a topic: of each group one."""
        groups: set[str] = set()
        for subscriber in _subscribers(self._brokers):
            if subscriber.group in groups or not _reads(subscriber, cmd.destination, cmd.partition):
                continue
            if subscriber.group is not None:
                groups.add(subscriber.group)
            yield subscriber


def _subscribers(brokers: Iterable[FlyMQBroker]) -> list[BaseSubscriber[Any]]:
    return [cast("BaseSubscriber[Any]", each) for b in brokers for each in b.subscribers]


def _reads(subscriber: BaseSubscriber[Any], topic: str, partition: int | None) -> bool:
    if subscriber.pattern is not None and re.search(subscriber.pattern, topic):
        return True
    if partition is None and any(slot.topic == topic for slot in subscriber.partitions):
        return True
    if partition is not None and TopicPartition(topic, partition) in subscriber.partitions:
        return True
    return any(each.name == topic for each in subscriber.topics)


def _metadata(message: Message) -> RecordMetadata:
    return RecordMetadata(message.topic, message.partition, message.offset, message.timestamp)
