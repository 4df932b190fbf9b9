"""`@broker.subscriber` and `@broker.publisher`, of brokers and of routers."""

# FastStream is extended by what it calls private, and by methods with other parameters.
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from faststream._internal.broker.registrator import Registrator
from faststream._internal.constants import EMPTY
from faststream.exceptions import SetupError
from faststream.middlewares import AckPolicy
from typing_extensions import Unpack, override

from .config import FlyMQBrokerConfig
from .message import RawMessage
from .options import ConsumerOptions
from .publisher import BatchPublisher, FlyMQPublisherConfig, Publisher, create_publisher
from .subscriber import BatchSubscriber, Subscriber
from .subscriber_config import FlyMQSubscriberConfig, create_subscriber
from .topic import Topic

if TYPE_CHECKING:
    from fast_depends.dependencies import Dependant
    from faststream._internal.parser import CodecProto
    from faststream._internal.types import BrokerMiddleware, CustomCallable

    from flymq import TopicPartition


class FlyMQRegistrator(Registrator[RawMessage, FlyMQBrokerConfig]):
    """Makes subscribers and publishers."""

    @overload  # type: ignore[override]
    def subscriber(
        self,
        *topics: str | Topic,
        group: str | None = None,
        partitions: Iterable[TopicPartition] = (),
        pattern: str | None = None,
        batch: Literal[False] = False,
        max_records: int | None = None,
        max_workers: int = 1,
        max_unacked: int = 1000,
        ack_policy: AckPolicy = EMPTY,
        dependencies: Sequence[Dependant] = (),
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        codec: CodecProto | None = None,
        no_reply: bool = False,
        title: str | None = None,
        description: str | None = None,
        include_in_schema: bool = True,
        persistent: bool = True,
        **consumer_options: Unpack[ConsumerOptions],
    ) -> Subscriber: ...

    @overload
    def subscriber(
        self,
        *topics: str | Topic,
        group: str | None = None,
        partitions: Iterable[TopicPartition] = (),
        pattern: str | None = None,
        batch: Literal[True],
        max_records: int | None = None,
        max_workers: int = 1,
        max_unacked: int = 1000,
        ack_policy: AckPolicy = EMPTY,
        dependencies: Sequence[Dependant] = (),
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        codec: CodecProto | None = None,
        no_reply: bool = False,
        title: str | None = None,
        description: str | None = None,
        include_in_schema: bool = True,
        persistent: bool = True,
        **consumer_options: Unpack[ConsumerOptions],
    ) -> BatchSubscriber: ...

    @override
    def subscriber(
        self,
        *topics: str | Topic,
        group: str | None = None,
        partitions: Iterable[TopicPartition] = (),
        pattern: str | None = None,
        batch: bool = False,
        max_records: int | None = None,
        max_workers: int = 1,
        max_unacked: int = 1000,
        ack_policy: AckPolicy = EMPTY,
        dependencies: Sequence[Dependant] = (),
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        codec: CodecProto | None = None,
        no_reply: bool = False,
        title: str | None = None,
        description: str | None = None,
        include_in_schema: bool = True,
        persistent: bool = True,
        **consumer_options: Unpack[ConsumerOptions],
    ) -> Subscriber | BatchSubscriber:
        """Have the decorated function handle what is published to topics.

        Args:
            topics: What to read, by names or as Topic. Those that there are not are created.
            group: Whom to share partitions with, and whose offsets to commit. Without one, all
                partitions are read, from `auto_offset_reset` on, and nothing is committed.
            partitions: What to read instead of topics, without sharing it.
            pattern: What to read instead of topics: those that the regular expression matches.
            batch: Whether to call the handler with a list of messages.
            max_records: How many messages such a list has at most, 500 if not given.
            max_workers: How many calls of the handler may be under way at a time.
            max_unacked: How many messages of a partition may be handled ahead of one that is not
                acknowledged.
            ack_policy: When a message is acknowledged: ACK (the default) once it is handled, with
                success or not; REJECT_ON_ERROR the same; ACK_FIRST before; NACK_ON_ERROR once it is
                handled with success, and until then it comes again and again; MANUAL when the
                handler says so. Offsets are committed in the background, and only where nothing
                before is unacknowledged: what is not handled is never lost.
            dependencies: Dependencies of the handler.
            parser: Makes a FastStream message of what came from the broker.
            decoder: Makes a value of a FastStream message.
            codec: In place of a decoder: decodes messages, and encodes results.
            no_reply: Whether to ignore what `reply_to` asks for.
            title: Its title in the schema.
            description: Its description in the schema, by default the handler's docstring.
            include_in_schema: Whether the schema has it.
            persistent: Whether the broker keeps it when nobody else does.
            consumer_options: Options of `flymq.AsyncConsumer`.
        """
        config = FlyMQSubscriberConfig(
            _outer_config=cast("FlyMQBrokerConfig", self.config),
            _ack_policy=ack_policy,
            no_reply=no_reply,
            topics=[Topic.of(topic) for topic in topics],
            partitions=list(partitions),
            pattern=pattern,
            group=group,
            max_records=max_records,
            max_workers=max_workers,
            max_unacked=max_unacked,
            consumer_options=consumer_options,
        )
        made = create_subscriber(
            config,
            batch=batch,
            title=title,
            description=description,
            include_in_schema=include_in_schema,
        )
        super().subscriber(made, persistent=persistent)
        return made.add_call(
            parser_=parser or self._parser,
            decoder_=decoder or self._decoder,
            codec_=codec,
            dependencies_=dependencies,
        )

    @overload  # type: ignore[override]
    def publisher(
        self,
        topic: str | Topic,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: dict[str, Any] | None = None,
        reply_to: str = "",
        batch: Literal[False] = False,
        title: str | None = None,
        description: str | None = None,
        schema: Any | None = None,
        include_in_schema: bool = True,
        persistent: bool = True,
    ) -> Publisher: ...

    @overload
    def publisher(
        self,
        topic: str | Topic,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: dict[str, Any] | None = None,
        reply_to: str = "",
        batch: Literal[True],
        title: str | None = None,
        description: str | None = None,
        schema: Any | None = None,
        include_in_schema: bool = True,
        persistent: bool = True,
    ) -> BatchPublisher: ...

    @override
    def publisher(
        self,
        topic: str | Topic,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: dict[str, Any] | None = None,
        reply_to: str = "",
        batch: bool = False,
        title: str | None = None,
        description: str | None = None,
        schema: Any | None = None,
        include_in_schema: bool = True,
        persistent: bool = True,
    ) -> Publisher | BatchPublisher:
        """Publish what the decorated handler returns; or keep the result and call its `publish`.

        Args:
            topic: Where to, by name or as Topic. It is created if there is none.
            key: The key of records that have none of their own.
            partition: The partition, if all records are to go to one.
            headers: Headers of all records, unless they have such of their own.
            reply_to: The topic to which whoever handles a record is to publish the result.
            batch: Whether each item of the result is a record.
            title: Its title in the schema.
            description: Its description in the schema.
            schema: What the schema says of its messages, by default what the handler's annotations do.
            include_in_schema: Whether the schema has it.
            persistent: Whether the broker keeps it when nobody else does.
        """
        config = FlyMQPublisherConfig(
            _outer_config=cast("FlyMQBrokerConfig", self.config),
            topic=Topic.of(topic),
            key=key,
            partition=partition,
            headers=headers or {},
            reply_to=reply_to,
        )
        made = create_publisher(
            config,
            batch=batch,
            title=title,
            description=description,
            schema=schema,
            include_in_schema=include_in_schema,
        )
        super().publisher(made, persistent=persistent)
        return made

    @override
    def include_router(  # type: ignore[override]
        self,
        router: FlyMQRegistrator,
        *,
        prefix: str = "",
        dependencies: Sequence[Dependant] = (),
        middlewares: Sequence[BrokerMiddleware[Any, Any]] = (),
        include_in_schema: bool | None = None,
    ) -> None:
        """Take the router's subscribers and publishers in."""
        if not isinstance(router, FlyMQRegistrator):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SetupError(f"a FlyMQRouter is needed, not a {type(router).__name__}")
        super().include_router(
            router,
            prefix=prefix,
            dependencies=dependencies,
            middlewares=middlewares,
            include_in_schema=include_in_schema,
        )
