"""Subscribers: one handler call for each message, or one for many."""

# FastStream is extended by what it calls private, and by methods with other parameters.
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import anyio
from faststream._internal.endpoint.subscriber import SubscriberUsecase
from faststream._internal.endpoint.subscriber.mixins import TasksMixin
from faststream._internal.endpoint.subscriber.utils import default_filter
from faststream._internal.endpoint.utils import process_msg
from faststream._internal.types import MsgType, P_HandlerParams, T_HandlerReturn
from typing_extensions import override

import flymq
from flymq import FlyMQError, Message, TopicPartition
from flymq._acking import AckingConsumer

from .calls import FlyMQHandlerCallWrapper
from .message import FlyMQMessage, FlyMQParser
from .publisher import ReplyPublisher

if TYPE_CHECKING:
    from fast_depends.dependencies import Dependant
    from faststream._internal.endpoint.publisher import PublisherProto
    from faststream._internal.endpoint.subscriber import SubscriberSpecification
    from faststream._internal.endpoint.subscriber.call_item import CallsCollection
    from faststream._internal.types import CustomCallable, Filter
    from faststream.message import StreamMessage

    from flymq import AsyncConsumer

    from .config import FlyMQBrokerConfig
    from .subscriber_config import FlyMQSubscriberConfig
    from .topic import Topic

# How long a poll waits before it looks whether the subscriber was stopped, in seconds.
_POLL_TIMEOUT = 0.5
# The pause after an error of the broker, in seconds. Lost connections are no such error.
_ERROR_PAUSE = 1.0


class BaseSubscriber(TasksMixin, SubscriberUsecase[MsgType]):
    """What subscribers have in common: where they read, and how they acknowledge."""

    _outer_config: FlyMQBrokerConfig
    _call_wrapper_class = FlyMQHandlerCallWrapper

    def __init__(
        self,
        config: FlyMQSubscriberConfig,
        specification: SubscriberSpecification[Any, Any],
        calls: CallsCollection[MsgType],
        parser: FlyMQParser,
    ) -> None:
        super().__init__(config, specification, calls)
        self._config = config
        self._message_parser = parser
        self._consumer: AckingConsumer | AsyncConsumer | None = None
        self._workers: set[asyncio.Task[Any]] = set()

    @overload
    def __call__(
        self,
        func: Callable[P_HandlerParams, T_HandlerReturn],
        *,
        filter: Filter[Any] = default_filter,
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        dependencies: Sequence[Dependant] = (),
    ) -> FlyMQHandlerCallWrapper[P_HandlerParams, T_HandlerReturn]: ...

    @overload
    def __call__(
        self,
        func: None = None,
        *,
        filter: Filter[Any] = default_filter,
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        dependencies: Sequence[Dependant] = (),
    ) -> Callable[
        [Callable[P_HandlerParams, T_HandlerReturn]],
        FlyMQHandlerCallWrapper[P_HandlerParams, T_HandlerReturn],
    ]: ...

    @override
    def __call__(
        self,
        func: Callable[P_HandlerParams, T_HandlerReturn] | None = None,
        *,
        filter: Filter[Any] = default_filter,
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        dependencies: Sequence[Dependant] = (),
    ) -> Any:
        """Have messages that pass the filter handled by the decorated function."""
        return super().__call__(
            func, filter=filter, parser=parser, decoder=decoder, dependencies=dependencies
        )

    @property
    def topics(self) -> list[Topic]:
        """The topics that are read, with the prefix of the routers."""
        return [topic.behind(self._outer_config.prefix) for topic in self._config.topics]

    @property
    def partitions(self) -> list[TopicPartition]:
        """The partitions that are read without sharing them, with the prefix of the routers."""
        prefix = self._outer_config.prefix
        return [slot._replace(topic=f"{prefix}{slot.topic}") for slot in self._config.partitions]

    @property
    def pattern(self) -> str | None:
        """The regular expression of the topics that are read, with the prefix of the routers."""
        pattern = self._config.pattern
        return None if pattern is None else f"{self._outer_config.prefix}{pattern}"

    @property
    def group(self) -> str | None:
        """The group that shares the partitions, if any."""
        return self._config.group

    @property
    def consumer(self) -> AsyncConsumer:
        """The consumer, while the subscriber runs."""
        assert self._consumer, "start the subscriber first"
        if isinstance(self._consumer, AckingConsumer):
            return self._consumer.consumer
        return self._consumer

    @override
    async def start(self) -> None:
        await super().start()
        await self._outer_config.create(self.topics)
        if self.group is None:
            self._consumer = self._make_consumer()
        else:
            self._consumer = AckingConsumer(self._make_consumer, self._config.max_unacked)
            self._message_parser.consumer = self._consumer
        await self._consumer.connect()
        if self.partitions or self.group is None:
            await self.consumer.assign(await self._starts())
        self._post_start()
        if self.calls:
            self.add_task(self._consume)

    @override
    async def stop(self) -> None:
        # That waits for handlers, and cancels reading.
        await super().stop()
        for worker in self._workers:
            # A handler may stop its own subscriber.
            if worker is not asyncio.current_task():
                worker.cancel()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.close()

    @override
    async def get_one(self, *, timeout: float = 5.0) -> FlyMQMessage | None:
        self._assert_without_handlers()
        raw = await self._next(timeout)
        return None if raw is None else await self._processed(raw)

    @override
    async def __aiter__(self) -> AsyncIterator[FlyMQMessage]:
        self._assert_without_handlers()
        while True:
            raw = await self._next(_POLL_TIMEOUT)
            if raw is not None:
                yield await self._processed(raw)

    def get_log_context(self, message: StreamMessage[MsgType] | None) -> dict[str, str]:
        """What a log line says of a message."""
        if message is None:
            named = [topic.name for topic in self.topics]
            named += [f"{slot.topic}-{slot.partition}" for slot in self.partitions]
            topic = ",".join(named) or self.pattern or ""
        else:
            topic = cast("FlyMQMessage", message).records[0].topic
        return {
            "topic": topic,
            "group": self.group or "",
            "message_id": getattr(message, "message_id", ""),
        }

    @abstractmethod
    async def _next(self, timeout: float) -> MsgType | None:
        """What a handler is called with next; None if there is nothing within `timeout` seconds."""

    async def _consume(self) -> None:
        """Has workers call the handlers until the subscriber stops."""
        free = anyio.Semaphore(self._config.max_workers)

        def done(worker: asyncio.Task[Any]) -> None:
            self._workers.discard(worker)
            free.release()

        while self.running:
            await free.acquire()
            raw = await self._next(_POLL_TIMEOUT)
            if raw is None:
                free.release()
                continue
            worker = asyncio.create_task(self.consume(raw))
            self._workers.add(worker)
            worker.add_done_callback(done)

    async def _poll(self, max_records: int | None, timeout: float) -> list[Message]:
        assert self._consumer, "start the subscriber first"
        try:
            return await self._consumer.poll(max_records or 500, timeout)
        except FlyMQError as error:
            self._log(logging.ERROR, "could not read", exc_info=error)
            await anyio.sleep(_ERROR_PAUSE)
            return []

    def _make_consumer(self, **options: Any) -> AsyncConsumer:
        shared = self.group is not None and not self.partitions
        return flymq.AsyncConsumer(
            self._outer_config.client,
            [topic.name for topic in self.topics] or None if shared else None,
            pattern=self.pattern if shared else None,
            group=self.group,
            **self._config.consumer_options,
            **options,
        )

    async def _starts(self) -> list[tuple[str, int, int | Literal["earliest", "latest"]]]:
        """Where to begin in each partition: behind what the group has committed, if it has."""
        client = self._outer_config.client
        slots = self.partitions
        for topic in self.topics:
            count = await client.partition_count(topic.name)
            slots += [TopicPartition(topic.name, partition) for partition in range(count)]
        committed = await client.group_offsets(self.group) if self.group is not None else {}
        reset = self._config.consumer_options.get("auto_offset_reset")
        start: Literal["earliest", "latest"] = "latest" if reset == "latest" else "earliest"

        def where(slot: TopicPartition) -> int | Literal["earliest", "latest"]:
            return committed[slot] + 1 if slot in committed else start

        return [(slot.topic, slot.partition, where(slot)) for slot in slots]

    def _make_response_publisher(
        self, message: StreamMessage[Any]
    ) -> Sequence[PublisherProto[Any]]:
        return (ReplyPublisher(self._outer_config.producer, message.reply_to),)

    def _assert_without_handlers(self) -> None:
        assert not self.calls, "a subscriber with handlers hands its messages to them"

    async def _processed(self, raw: MsgType) -> FlyMQMessage:
        context = self._outer_config.context
        parser, decoder = self._get_parser_and_decoder()
        message = await process_msg(
            msg=raw,
            middlewares=(m(raw, context=context) for m in self._broker_middlewares),
            parser=parser,
            decoder=decoder,
        )
        return cast("FlyMQMessage", message)


class Subscriber(BaseSubscriber[Message]):
    """Calls its handlers with one message at a time, or with `max_workers` at a time."""

    def __init__(
        self,
        config: FlyMQSubscriberConfig,
        specification: SubscriberSpecification[Any, Any],
        calls: CallsCollection[Message],
    ) -> None:
        parser = FlyMQParser(in_group=config.group is not None)
        config.parser = parser.parse_message
        config.decoder = parser.decode_message
        super().__init__(config, specification, calls, parser)

    @override
    async def _next(self, timeout: float) -> Message | None:
        messages = await self._poll(1, timeout)
        return messages[0] if messages else None


class BatchSubscriber(BaseSubscriber["tuple[Message, ...]"]):
    """Calls its handlers with many messages at a time."""

    def __init__(
        self,
        config: FlyMQSubscriberConfig,
        specification: SubscriberSpecification[Any, Any],
        calls: CallsCollection[tuple[Message, ...]],
    ) -> None:
        parser = FlyMQParser(in_group=config.group is not None)
        config.parser = parser.parse_batch
        config.decoder = parser.decode_batch
        super().__init__(config, specification, calls, parser)

    @override
    async def _next(self, timeout: float) -> tuple[Message, ...] | None:
        return tuple(await self._poll(self._config.max_records, timeout)) or None
