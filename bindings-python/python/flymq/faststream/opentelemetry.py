"""FastStream's OpenTelemetry middleware for FlyMQ (`pip install faststream[otel]`).

    broker = FlyMQBroker(middlewares=[FlyMQTelemetryMiddleware(tracer_provider=provider)])

Its spans are FastStream's: `orders publish`, `orders process`. `flymq.otel` adds those of the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faststream.opentelemetry import TelemetryMiddleware, TelemetrySettingsProvider

from .response import FlyMQPublishCommand

if TYPE_CHECKING:
    from faststream.message import StreamMessage
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import TracerProvider

    from flymq import Message

__all__ = ["FlyMQTelemetryMiddleware"]


class FlyMQTelemetryMiddleware(TelemetryMiddleware[FlyMQPublishCommand]):
    """Traces what is published and handled.

    Args:
        tracer_provider: Where spans go, the global one if not given.
        meter_provider: Where metrics go, the global one if not given.
        meter: The meter itself, if there is one already.
        include_messages_counters: Whether to count messages as well as time them.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        meter: Meter | None = None,
        include_messages_counters: bool = True,
    ) -> None:
        super().__init__(
            settings_provider_factory=_settings,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            meter=meter,
            include_messages_counters=include_messages_counters,
        )


class _Settings(TelemetrySettingsProvider[Any, FlyMQPublishCommand]):
    """Attributes of spans."""

    messaging_system = "flymq"

    def get_consume_attrs_from_message(self, msg: StreamMessage[Any]) -> dict[str, Any]:
        message = _first(msg)
        return {
            "messaging.system": self.messaging_system,
            "messaging.destination.name": message.topic,
            "messaging.destination.partition.id": str(message.partition),
            "messaging.message.id": msg.message_id,
            "messaging.message.conversation_id": msg.correlation_id,
            "messaging.message.body.size": _size(msg),
            **({"messaging.batch.message_count": len(msg.body)} if _is_batch(msg) else {}),
        }

    def get_consume_destination_name(self, msg: StreamMessage[Any]) -> str:
        return _first(msg).topic

    def get_publish_attrs_from_cmd(self, cmd: FlyMQPublishCommand) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "messaging.system": self.messaging_system,
            "messaging.destination.name": cmd.destination,
            "messaging.message.conversation_id": cmd.correlation_id,
        }
        if cmd.partition is not None:
            attributes["messaging.destination.partition.id"] = str(cmd.partition)
        return attributes

    def get_publish_destination_name(self, cmd: FlyMQPublishCommand) -> str:
        return cmd.destination


_SETTINGS = _Settings()


def _settings(_msg: Any) -> _Settings:
    return _SETTINGS


def _is_batch(msg: StreamMessage[Any]) -> bool:
    return isinstance(msg.raw_message, Sequence)


def _first(msg: StreamMessage[Any]) -> Message:
    message: Message = msg.raw_message[0] if _is_batch(msg) else msg.raw_message
    return message


def _size(msg: StreamMessage[Any]) -> int:
    bodies: Any = msg.body if _is_batch(msg) else [msg.body]
    return sum(len(body) for body in bodies)
