"""Publishers: one record for each result of a handler, or one for each item of it."""

# FastStream is extended by what it calls private, and by methods with other parameters.
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from faststream._internal.configs import PublisherSpecificationConfig, PublisherUsecaseConfig
from faststream._internal.endpoint.publisher import PublisherSpecification, PublisherUsecase
from faststream._internal.endpoint.publisher.fake import FakePublisher
from faststream._internal.kafka import KafkaCallAssertions as KeyedCallAssertions
from faststream._internal.types import P_HandlerParams, T_HandlerReturn
from faststream.response.publish_type import PublishType
from faststream.specification.asyncapi.utils import resolve_payloads
from faststream.specification.schema import Message, Operation, PublisherSpec
from typing_extensions import override

from .calls import FlyMQHandlerCallWrapper
from .config import FlyMQBrokerConfig
from .response import FlyMQPublishCommand, FlyMQResponse

if TYPE_CHECKING:
    from faststream._internal.basic_types import SendableMessage
    from faststream._internal.producer import ProducerProto
    from faststream._internal.types import PublisherMiddleware
    from faststream.response.response import PublishCommand

    from flymq import AsyncDelivery, RecordMetadata

    from .message import FlyMQMessage
    from .topic import Topic


@dataclass(kw_only=True)
class FlyMQPublisherConfig(PublisherUsecaseConfig):
    """A publisher's options."""

    _outer_config: FlyMQBrokerConfig
    topic: Topic
    key: bytes | str | None = None
    partition: int | None = None
    headers: dict[str, Any] = field(default_factory=dict[str, Any])
    reply_to: str = ""


@dataclass(kw_only=True)
class FlyMQPublisherSpecificationConfig(PublisherSpecificationConfig):
    """What the schema says of a publisher."""

    topic: str


class FlyMQPublisherSpecification(
    PublisherSpecification[FlyMQBrokerConfig, FlyMQPublisherSpecificationConfig]
):
    """A publisher's place in the schema."""

    @property
    def name(self) -> str:
        """Its title, or one after its topic."""
        return self.config.title_ or f"{self._address}:Publisher"

    def get_schema(self) -> dict[str, PublisherSpec]:
        """Its channel."""
        payload = resolve_payloads(self.get_payloads(), "Publisher")
        message = Message(title=f"{self.name}:Message", payload=payload)
        return {
            self.name: PublisherSpec(
                address=self._address,
                description=self.config.description_,
                operation=Operation(message=message, bindings=None),
                bindings=None,
            )
        }

    @property
    def _address(self) -> str:
        return f"{self._outer_config.prefix}{self.config.topic}"


class BasePublisher(KeyedCallAssertions, PublisherUsecase):
    """What publishers have in common: their topic, and what they add to records."""

    _outer_config: FlyMQBrokerConfig
    _call_wrapper_class = FlyMQHandlerCallWrapper
    _read_field = FlyMQHandlerCallWrapper._read_field

    def __init__(
        self, config: FlyMQPublisherConfig, specification: FlyMQPublisherSpecification
    ) -> None:
        super().__init__(config, specification)  # type: ignore[arg-type]
        self._config = config

    @override
    def __call__(
        self, func: Callable[P_HandlerParams, T_HandlerReturn]
    ) -> FlyMQHandlerCallWrapper[P_HandlerParams, T_HandlerReturn]:
        """Have what the decorated handler returns published."""
        return cast(
            "FlyMQHandlerCallWrapper[P_HandlerParams, T_HandlerReturn]", super().__call__(func)
        )

    @property
    def topic(self) -> str:
        """The topic, with the prefix of the routers."""
        return self._config.topic.behind(self._outer_config.prefix).name

    @property
    def partition(self) -> int | None:
        """The partition, if all records go to one."""
        return self._config.partition

    @override
    async def start(self) -> None:
        await super().start()
        await self._outer_config.create([self._config.topic.behind(self._outer_config.prefix)])

    def _command(
        self,
        *messages: SendableMessage | FlyMQResponse,
        topic: str,
        headers: dict[str, Any] | None,
        correlation_id: str | None,
        key: bytes | str | None,
        partition: int | None,
        reply_to: str = "",
        publish_type: PublishType = PublishType.PUBLISH,
        **options: Any,
    ) -> FlyMQPublishCommand:
        """A command, with what the publisher adds to it."""
        first, *others = messages or (None,)
        command = FlyMQPublishCommand(
            first,
            *others,
            topic=topic,
            headers=headers,
            correlation_id=correlation_id or self._outer_config.id_generator(),
            key=key,
            partition=partition,
            reply_to=reply_to,
            _publish_type=publish_type,
            **options,
        )
        return self._completed(command)

    def _completed(self, cmd: FlyMQPublishCommand) -> FlyMQPublishCommand:
        cmd.destination = cmd.destination or self.topic
        cmd.add_headers(self._config.headers, override=False)
        cmd.reply_to = cmd.reply_to or self._config.reply_to
        cmd.partition = self._config.partition if cmd.partition is None else cmd.partition
        cmd.key = self._config.key if cmd.key is None else cmd.key
        return cmd


class Publisher(BasePublisher):
    """Publishes each result of a handler as a record."""

    @override
    async def publish(
        self,
        message: SendableMessage,
        topic: str = "",
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        reply_to: str = "",
        no_confirm: bool = False,
    ) -> RecordMetadata | AsyncDelivery:
        """As `FlyMQBroker.publish`, with this publisher's topic and options where none are given."""
        command = self._command(
            message,
            topic=topic,
            key=key,
            partition=partition,
            timestamp=timestamp,
            headers=headers,
            correlation_id=correlation_id,
            reply_to=reply_to,
            no_confirm=no_confirm,
        )
        stored: RecordMetadata | AsyncDelivery = await self._basic_publish(
            command, producer=self._outer_config.producer, _extra_middlewares=()
        )
        return stored

    @override
    async def _publish(
        self, cmd: PublishCommand, *, _extra_middlewares: Iterable[PublisherMiddleware]
    ) -> None:
        """Publishes what a handler has returned."""
        command = FlyMQPublishCommand.from_cmd(cmd)
        command.destination = self.topic
        await self._basic_publish(
            self._completed(command),
            producer=self._outer_config.producer,
            _extra_middlewares=_extra_middlewares,
        )

    @override
    async def request(
        self,
        message: SendableMessage,
        topic: str = "",
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        timeout: float = 0.5,
    ) -> FlyMQMessage:
        """For tests: as `FlyMQBroker.request`."""
        command = self._command(
            message,
            topic=topic,
            key=key,
            partition=partition,
            headers=headers,
            correlation_id=correlation_id,
            timeout=timeout,
            publish_type=PublishType.REQUEST,
        )
        answer: FlyMQMessage = await self._basic_request(
            command, producer=self._outer_config.producer
        )
        return answer


class BatchPublisher(BasePublisher):
    """Publishes each item of a handler's result as a record, all at once."""

    @override
    async def publish(
        self,
        *messages: SendableMessage | FlyMQResponse,
        topic: str = "",
        key: bytes | str | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        reply_to: str = "",
        no_confirm: bool = False,
    ) -> list[RecordMetadata]:
        """As `FlyMQBroker.publish_batch`, with this publisher's topic and options where none are
        given."""
        command = self._command(
            *messages,
            topic=topic,
            key=key,
            partition=partition,
            timestamp=timestamp,
            headers=headers,
            correlation_id=correlation_id,
            reply_to=reply_to,
            no_confirm=no_confirm,
        )
        stored: list[RecordMetadata] = await self._basic_publish_batch(
            command, producer=self._outer_config.producer, _extra_middlewares=()
        )
        return stored

    @override
    async def _publish(
        self, cmd: PublishCommand, *, _extra_middlewares: Iterable[PublisherMiddleware]
    ) -> None:
        """Publishes what a handler has returned."""
        command = FlyMQPublishCommand.from_cmd(cmd, batch=True)
        command.destination = self.topic
        await self._basic_publish_batch(
            self._completed(command),
            producer=self._outer_config.producer,
            _extra_middlewares=_extra_middlewares,
        )

    @override
    async def request(self, *_messages: Any, **_options: Any) -> Any:
        """Refused: a batch has no answer."""
        raise NotImplementedError(
            "a batch has no answer: request with a publisher of single records"
        )


class ReplyPublisher(FakePublisher):
    """Publishes a handler's result to where the message asks for it."""

    def __init__(self, producer: ProducerProto[FlyMQPublishCommand], topic: str) -> None:
        super().__init__(producer=producer)
        self._topic = topic

    @override
    def patch_command(self, cmd: PublishCommand) -> FlyMQPublishCommand:
        command = FlyMQPublishCommand.from_cmd(super().patch_command(cmd))
        command.destination = self._topic
        return command


def create_publisher(
    config: FlyMQPublisherConfig,
    *,
    batch: bool,
    title: str | None,
    description: str | None,
    schema: Any | None,
    include_in_schema: bool,
) -> Publisher | BatchPublisher:
    """The publisher of these options."""
    specification = FlyMQPublisherSpecification(
        _outer_config=config._outer_config,
        specification_config=FlyMQPublisherSpecificationConfig(
            topic=config.topic.name,
            schema_=schema,
            title_=title,
            description_=description,
            include_in_schema=include_in_schema,
        ),
    )
    kind = BatchPublisher if batch else Publisher
    return kind(config, specification)
