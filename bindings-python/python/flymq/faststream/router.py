"""Subscribers and publishers that a broker takes in later."""

# FastStream is extended by what it calls private, and by methods with other parameters.
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from faststream._internal.broker.router import ArgsContainer, BrokerRouter, SubscriberRoute
from faststream._internal.constants import EMPTY
from faststream.middlewares import AckPolicy

from .config import FlyMQBrokerConfig
from .message import RawMessage
from .registrator import FlyMQRegistrator

if TYPE_CHECKING:
    from fast_depends.dependencies import Dependant
    from faststream._internal.types import BrokerMiddleware, CustomCallable

    from .topic import Topic


class FlyMQPublisher(ArgsContainer):
    """A publisher of a FlyMQRoute; takes what `FlyMQRouter.publisher` takes."""

    def __init__(self, topic: str | Topic, **options: Any) -> None:
        super().__init__(topic, **options)


class FlyMQRoute(SubscriberRoute):
    """A handler of a FlyMQRouter; takes what `FlyMQRouter.subscriber` takes."""

    def __init__(
        self,
        call: Any,
        *topics: str | Topic,
        publishers: Iterable[FlyMQPublisher] = (),
        **options: Any,
    ) -> None:
        super().__init__(call, *topics, publishers=publishers, **options)


class FlyMQRouter(FlyMQRegistrator, BrokerRouter[RawMessage, FlyMQBrokerConfig]):
    """Collects subscribers and publishers for `FlyMQBroker.include_router`.

    Args:
        prefix: What all topics begin with.
        handlers: Handlers given as values rather than by decorators.
        dependencies: Dependencies of all handlers.
        middlewares: Middlewares of all handlers and publishers.
        routers: Further routers to take in.
        parser: Makes FastStream messages of what came from the broker.
        decoder: Makes values of FastStream messages.
        include_in_schema: Whether the schema has them.
        ack_policy: When messages are acknowledged, unless the subscriber says otherwise.
    """

    def __init__(
        self,
        prefix: str = "",
        handlers: Iterable[FlyMQRoute] = (),
        *,
        dependencies: Sequence[Dependant] = (),
        middlewares: Sequence[BrokerMiddleware[Any, Any]] = (),
        routers: Iterable[FlyMQRegistrator] = (),
        parser: CustomCallable | None = None,
        decoder: CustomCallable | None = None,
        include_in_schema: bool | None = None,
        ack_policy: AckPolicy = EMPTY,
    ) -> None:
        super().__init__(
            handlers=handlers,
            config=FlyMQBrokerConfig(
                prefix=prefix,
                broker_dependencies=dependencies,
                broker_middlewares=middlewares,
                broker_parser=parser,
                broker_decoder=decoder,
                include_in_schema=include_in_schema,
                ack_policy=ack_policy,
            ),
            routers=routers,
        )
