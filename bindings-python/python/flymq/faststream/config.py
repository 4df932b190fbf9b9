"""What a broker and its routers have in common."""

# FastStream is extended by what it calls private, and by methods with other parameters.
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faststream._internal.configs import (
    BrokerConfig,
    UnderlyingDriverAnnotation,
    UnderlyingDriverAnnotations,
)
from faststream.exceptions import IncorrectState

import flymq
from flymq._topics import ensure_topic

from .producer import FlyMQFastProducer

if TYPE_CHECKING:
    from flymq import AsyncFlyMQClient

    from .topic import Topic


def _injected() -> UnderlyingDriverAnnotations:
    """What handlers cannot ask for by these classes, but by the annotations of their names."""
    # These import this module.
    from . import annotations, broker, message

    module = "flymq.faststream.annotations"
    return {
        annotated: UnderlyingDriverAnnotation(type_hint=hint, module=module, name=name)
        for name, annotated, hint in [
            ("FlyMQMessage", message.FlyMQMessage, annotations.FlyMQMessage),
            ("FlyMQBroker", broker.FlyMQBroker, annotations.FlyMQBroker),
            ("Consumer", flymq.AsyncConsumer, annotations.Consumer),
            ("Client", flymq.AsyncFlyMQClient, annotations.Client),
        ]
    }


@dataclass(kw_only=True)
class FlyMQBrokerConfig(BrokerConfig):
    """How to connect, and the connection."""

    addresses: str | list[str] | None = None
    client_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    producer_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    create_topics: bool = True
    default_driver_annotations: UnderlyingDriverAnnotations = field(default_factory=_injected)
    producer: FlyMQFastProducer = field(default_factory=FlyMQFastProducer)
    _client: AsyncFlyMQClient | None = None

    async def connect(self) -> AsyncFlyMQClient:
        """Connect, if that is not done."""
        if self._client is None:
            client = flymq.AsyncFlyMQClient(self.addresses, **self.client_options)
            await client.connect()
            self._client = client
            producer = flymq.AsyncProducer(client, **self.producer_options)
            await producer.connect()
            self.producer.connect(producer, self.fd_config._serializer)
        return self._client

    async def disconnect(self) -> None:
        """Send what is left, and close the connections. Harmless when not connected."""
        await self.producer.disconnect()
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @property
    def client(self) -> AsyncFlyMQClient:
        """The client, once connected."""
        if self._client is None:
            raise IncorrectState("the broker is not connected: call `connect()` or `start()` first")
        return self._client

    async def create(self, topics: list[Topic]) -> None:
        """Create those topics that there are not, unless that is switched off."""
        for topic in topics if self.create_topics else ():
            await ensure_topic(self.client, topic.name, topic.partitions, topic.config)
