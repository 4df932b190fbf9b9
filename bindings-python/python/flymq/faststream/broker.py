"""The broker of a FastStream application."""

# FastStream is extended by what it calls private, and by methods with other parameters.
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import anyio
from fast_depends import dependency_provider
from faststream._internal.broker import BrokerUsecase
from faststream._internal.constants import EMPTY
from faststream._internal.context.repository import ContextRepo
from faststream._internal.di import FastDependsConfig
from faststream.message import gen_cor_id
from faststream.middlewares import AckPolicy
from faststream.response.publish_type import PublishType
from faststream.specification.schema import BrokerSpec
from typing_extensions import Unpack, override

from flymq import FlyMQError

from .config import FlyMQBrokerConfig
from .logging import make_logger
from .message import RawMessage
from .producer import FlyMQFastProducer
from .registrator import FlyMQRegistrator
from .response import FlyMQPublishCommand, FlyMQResponse
from .security import client_options as security_options

if TYPE_CHECKING:
    from types import TracebackType

    from fast_depends import Provider
    from fast_depends.dependencies import Dependant
    from fast_depends.library.serializer import SerializerProto
    from faststream._internal.basic_types import LoggerProto, SendableMessage
    from faststream._internal.parser import CodecProto
    from faststream._internal.types import BrokerMiddleware, CustomCallable, IdGenerator
    from faststream.security import BaseSecurity
    from faststream.specification.schema.extra import Tag, TagDict

    from flymq import AsyncDelivery, AsyncFlyMQClient, ClientOptions, RecordMetadata

    from .message import FlyMQMessage

# How long to wait before asking again whether a broker is there, in seconds.
_PING_PAUSE = 0.5


class FlyMQBroker(
    FlyMQRegistrator,
    BrokerUsecase[RawMessage, "AsyncFlyMQClient", FlyMQBrokerConfig],
):
    """A FlyMQ broker, for FastStream.

        broker = FlyMQBroker("localhost:9092")
        app = FastStream(broker)

        @broker.subscriber("orders", group="billing")
        @broker.publisher("invoices")
        async def bill(order: Order) -> Invoice: ...

    Args:
        addresses: `"host:port,…"`, a list of such, or a URL; by default FLYMQ_BOOTSTRAP_SERVERS, else
            localhost:9092.
        linger: How many seconds a record may wait for others to share its batch.
        compression: How batches are compressed.
        create_topics: Whether topics that there are not are created on start.
        graceful_timeout: How many seconds `stop` waits for handlers that are under way.
        ack_policy: When messages are acknowledged, unless the subscriber says otherwise.
        id_generator: Makes correlation ids.
        parser: Makes FastStream messages of what came from the broker.
        decoder: Makes values of FastStream messages.
        codec: In place of a decoder: decodes messages, and encodes what is published.
        dependencies: Dependencies of all handlers.
        middlewares: Middlewares of all handlers and publishers.
        routers: Routers to take in.
        security: Who to log in as, and whether by TLS; `client_options` can say more.
        specification_url: The addresses that the schema names, by default `addresses`.
        protocol: The protocol that the schema names.
        protocol_version: Its version.
        description: The description that the schema has.
        tags: The tags that the schema has.
        logger: The logger, None for none.
        log_level: The level of what the broker logs.
        apply_types: Whether handlers get what their annotations ask for.
        provider: FastDepends' provider.
        serializer: FastDepends' serializer.
        context: The context of handlers.
        client_options: Options of `flymq.AsyncFlyMQClient`.
    """

    def __init__(
        self,
        addresses: str | Iterable[str] | None = None,
        *,
        linger: float | None = None,
        compression: Literal["none", "lz4", "zstd"] | None = None,
        create_topics: bool = True,
        graceful_timeout: float | None = 15.0,
        ack_policy: AckPolicy = EMPTY,
        id_generator: IdGenerator = gen_cor_id,
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        codec: CodecProto | None = None,
        dependencies: Sequence[Dependant] = (),
        middlewares: Sequence[BrokerMiddleware[Any, Any]] = (),
        routers: Iterable[FlyMQRegistrator] = (),
        security: BaseSecurity | None = None,
        specification_url: str | Iterable[str] | None = None,
        protocol: str | None = None,
        protocol_version: str | None = "1",
        description: str | None = None,
        tags: Iterable[Tag | TagDict] = (),
        logger: LoggerProto | None = EMPTY,
        log_level: int = logging.INFO,
        apply_types: bool = True,
        provider: Provider | None = None,
        serializer: SerializerProto | None = EMPTY,
        context: ContextRepo | None = None,
        **client_options: Unpack[ClientOptions],
    ) -> None:
        options = security_options(security) | client_options
        named = addresses if addresses is None or isinstance(addresses, str) else list(addresses)
        urls = specification_url or named or os.environ.get("FLYMQ_BOOTSTRAP_SERVERS") or _DEFAULT
        urls = urls.split(",") if isinstance(urls, str) else list(urls)
        is_secure = bool(options.get("tls_enabled")) or urls[0].startswith("flymqs://")
        super().__init__(
            routers=routers,
            config=FlyMQBrokerConfig(
                addresses=named,
                client_options={"client_id": "faststream"} | options,
                producer_options={"linger": linger, "compression": compression},
                create_topics=create_topics,
                producer=FlyMQFastProducer(parser, decoder, codec),
                broker_parser=parser,
                broker_decoder=decoder,
                broker_codec=codec,
                broker_dependencies=dependencies,
                broker_middlewares=middlewares,
                logger=make_logger(logger=logger, log_level=log_level),
                fd_config=FastDependsConfig(
                    use_fastdepends=apply_types,
                    serializer=serializer,
                    provider=provider or dependency_provider,
                    context=context or ContextRepo(),
                ),
                graceful_timeout=graceful_timeout,
                ack_policy=ack_policy,
                id_generator=id_generator,
                extra_context={"broker": self},
            ),
            specification=BrokerSpec(
                url=urls,
                protocol=protocol or ("flymqs" if is_secure else "flymq"),
                protocol_version=protocol_version,
                description=description,
                security=security,
                tags=tags,
            ),
        )

    @override
    async def _connect(self) -> AsyncFlyMQClient:
        return await self._own_config.connect()

    @override
    async def start(self) -> None:
        """Connect, create what topics there are not, and have subscribers read."""
        await self.connect()
        await super().start()

    @override
    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """Finish what handlers are at, commit, send what is left, and disconnect."""
        try:
            await super().stop(exc_type, exc_val, exc_tb)
        finally:
            await self._own_config.disconnect()
            self._connection = None

    @overload
    async def publish(
        self,
        message: SendableMessage,
        topic: str,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        reply_to: str = "",
        no_confirm: Literal[False] = False,
    ) -> RecordMetadata: ...

    @overload
    async def publish(
        self,
        message: SendableMessage,
        topic: str,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        reply_to: str = "",
        no_confirm: Literal[True],
    ) -> AsyncDelivery: ...

    @override
    async def publish(
        self,
        message: SendableMessage,
        topic: str,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        reply_to: str = "",
        no_confirm: bool = False,
    ) -> RecordMetadata | AsyncDelivery:
        """Publish a record, and return where it is stored once it is.

        Args:
            message: The value: bytes, text, or what JSON can express; None for a record without one.
            topic: Where to.
            key: Records of a key go to the same partition.
            partition: The partition, if not by key.
            timestamp: Milliseconds since 1970, now if not given.
            headers: Headers, beside those that FastStream adds.
            correlation_id: What connects the record with others, a new one if not given.
            reply_to: The topic to which whoever handles the record is to publish the result.
            no_confirm: Whether to return at once what can be awaited later for the result.
        """
        command = FlyMQPublishCommand(
            message,
            topic=topic,
            key=key,
            partition=partition,
            timestamp=timestamp,
            headers=headers,
            correlation_id=correlation_id or self.config.id_generator(),
            reply_to=reply_to,
            no_confirm=no_confirm,
            _publish_type=PublishType.PUBLISH,
        )
        stored: RecordMetadata | AsyncDelivery = await self._basic_publish(
            command, producer=self.config.producer
        )
        return stored

    @override
    async def publish_batch(  # type: ignore[override]
        self,
        *messages: SendableMessage | FlyMQResponse,
        topic: str,
        key: bytes | str | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        reply_to: str = "",
        no_confirm: bool = False,
    ) -> list[RecordMetadata]:
        """As `publish`, of many records; one with a key of its own is a FlyMQResponse."""
        if not messages:
            return []
        command = FlyMQPublishCommand(
            *messages,
            topic=topic,
            key=key,
            partition=partition,
            timestamp=timestamp,
            headers=headers,
            correlation_id=correlation_id or self.config.id_generator(),
            reply_to=reply_to,
            no_confirm=no_confirm,
            _publish_type=PublishType.PUBLISH,
        )
        stored: list[RecordMetadata] = await self._basic_publish_batch(
            command, producer=self.config.producer
        )
        return stored

    @override
    async def request(  # type: ignore[override]
        self,
        message: SendableMessage,
        topic: str,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        timeout: float = 0.5,
    ) -> FlyMQMessage:
        """For tests: publish a record under TestFlyMQBroker, and return what its handler returns.

        Raises FeatureNotSupportedException with a real broker.
        """
        command = FlyMQPublishCommand(
            message,
            topic=topic,
            key=key,
            partition=partition,
            headers=headers,
            correlation_id=correlation_id or self.config.id_generator(),
            timeout=timeout,
            _publish_type=PublishType.REQUEST,
        )
        answer: FlyMQMessage = await self._basic_request(command, producer=self.config.producer)
        return answer

    @override
    async def ping(self, timeout: float | None = None) -> bool:
        """Whether the broker answers within `timeout` seconds; without one, ask once."""
        if self._connection is None:
            return False
        with anyio.move_on_after(timeout):
            while True:
                try:
                    await self._connection.ping()
                    return True
                except FlyMQError:
                    if timeout is None:
                        return False
                await anyio.sleep(_PING_PAUSE)
        return False

    @property
    def _own_config(self) -> FlyMQBrokerConfig:
        return self.config.broker_config


_DEFAULT = "localhost:9092"
