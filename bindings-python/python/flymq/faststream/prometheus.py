"""FastStream's Prometheus middleware for FlyMQ (`pip install faststream[prometheus]`).

registry = CollectorRegistry()
broker = FlyMQBroker(middlewares=[FlyMQPrometheusMiddleware(registry=registry)])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from faststream._internal.constants import EMPTY
from faststream.prometheus import ConsumeAttrs, MetricsSettingsProvider
from faststream.prometheus.middleware import PrometheusMiddleware

from .response import FlyMQPublishCommand

if TYPE_CHECKING:
    from faststream.message import StreamMessage
    from prometheus_client import CollectorRegistry

__all__ = ["FlyMQPrometheusMiddleware"]


class FlyMQPrometheusMiddleware(PrometheusMiddleware[Any, FlyMQPublishCommand]):
    """Counts and times what is published and handled.

    Args:
        registry: Where the metrics are collected.
        app_name: The application's name in all metrics.
        metrics_prefix: What the names of all metrics begin with.
        received_messages_size_buckets: The buckets of the sizes of messages, in bytes.
        custom_labels: Further labels, by values or by functions of the message.
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry,
        app_name: str = EMPTY,
        metrics_prefix: str = "faststream",
        received_messages_size_buckets: Sequence[float] | None = None,
        custom_labels: Mapping[str, str | Callable[[Any], str]] | None = None,
    ) -> None:
        super().__init__(
            settings_provider_factory=_settings,
            registry=registry,
            app_name=app_name,
            metrics_prefix=metrics_prefix,
            received_messages_size_buckets=received_messages_size_buckets,
            custom_labels=None if custom_labels is None else dict(custom_labels),
        )


class _Settings(MetricsSettingsProvider[Any, FlyMQPublishCommand]):
    """What is measured of a message."""

    messaging_system = "flymq"

    def get_consume_attrs_from_message(self, msg: StreamMessage[Any]) -> ConsumeAttrs:
        is_batch = isinstance(msg.raw_message, Sequence)
        bodies: Any = msg.body if is_batch else [msg.body]
        return {
            "destination_name": (msg.raw_message[0] if is_batch else msg.raw_message).topic,
            "message_size": sum(len(body) for body in bodies),
            "messages_count": len(bodies),
        }

    def get_publish_destination_name_from_cmd(self, cmd: FlyMQPublishCommand) -> str:
        return cmd.destination


_SETTINGS = _Settings()


def _settings(_msg: Any) -> _Settings:
    return _SETTINGS
