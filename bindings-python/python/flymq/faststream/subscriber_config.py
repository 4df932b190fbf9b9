"""Making subscribers: their options, what is wrong with them, and their place in the schema."""

# FastStream is extended by what it calls private, and by methods with other parameters.
# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faststream._internal.configs import SubscriberSpecificationConfig, SubscriberUsecaseConfig
from faststream._internal.constants import EMPTY
from faststream._internal.endpoint.subscriber import SubscriberSpecification
from faststream._internal.endpoint.subscriber.call_item import CallsCollection
from faststream.exceptions import SetupError
from faststream.middlewares import AckPolicy
from faststream.specification.asyncapi.utils import resolve_payloads
from faststream.specification.schema import Message, Operation, SubscriberSpec

from .config import FlyMQBrokerConfig
from .subscriber import BatchSubscriber, Subscriber

if TYPE_CHECKING:
    from flymq import TopicPartition

    from .topic import Topic


@dataclass(kw_only=True)
class FlyMQSubscriberConfig(SubscriberUsecaseConfig):
    """A subscriber's options."""

    _outer_config: FlyMQBrokerConfig
    topics: Sequence[Topic]
    partitions: Sequence[TopicPartition]
    pattern: str | None
    group: str | None
    max_records: int | None
    max_workers: int
    max_unacked: int
    consumer_options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def auto_ack_disabled(self) -> bool:
        """Whether FastStream is to leave acknowledging alone."""
        return self.group is None or self.ack_policy is AckPolicy.MANUAL

    @property
    def ack_policy(self) -> AckPolicy:
        """When messages are acknowledged: the subscriber's, else the broker's, else once handled."""
        for policy in (self._ack_policy, self._outer_config.ack_policy):
            if policy is not EMPTY:
                return policy
        return AckPolicy.ACK


@dataclass(kw_only=True)
class FlyMQSubscriberSpecificationConfig(SubscriberSpecificationConfig):
    """What the schema says of a subscriber."""

    channels: Sequence[str]


class FlyMQSubscriberSpecification(
    SubscriberSpecification[FlyMQBrokerConfig, FlyMQSubscriberSpecificationConfig]
):
    """A subscriber's place in the schema."""

    @property
    def channel_labels(self) -> list[str]:
        """The topics that it reads."""
        prefix = self._outer_config.prefix
        return [f"{prefix}{channel}" for channel in dict.fromkeys(self.config.channels)]

    def get_schema(self) -> dict[str, SubscriberSpec]:
        """A channel for each of its topics."""
        payloads = self.get_payloads()
        labels = self.channel_labels
        schema: dict[str, SubscriberSpec] = {}
        for label in labels:
            name = self._channel_key(label, split=len(labels) > 1)
            message = Message(title=f"{name}:Message", payload=resolve_payloads(payloads))
            schema[name] = SubscriberSpec(
                address=label,
                description=self.description,
                operation=Operation(message=message, bindings=None),
                bindings=None,
            )
        return schema


def create_subscriber(
    config: FlyMQSubscriberConfig,
    *,
    batch: bool,
    title: str | None,
    description: str | None,
    include_in_schema: bool,
) -> Subscriber | BatchSubscriber:
    """The subscriber of these options. Raises SetupError for those that contradict each other."""
    _check(config, batch)
    channels = [topic.name for topic in config.topics]
    channels += [slot.topic for slot in config.partitions]
    if config.pattern is not None:
        channels.append(config.pattern)
    calls = CallsCollection[Any]()
    specification = FlyMQSubscriberSpecification(
        _outer_config=config._outer_config,
        specification_config=FlyMQSubscriberSpecificationConfig(
            channels=channels,
            title_=title,
            description_=description,
            include_in_schema=include_in_schema,
        ),
        calls=calls,
    )
    kind = BatchSubscriber if batch else Subscriber
    return kind(config, specification, calls)


def _check(config: FlyMQSubscriberConfig, batch: bool) -> None:
    if sum(map(bool, (config.topics, config.partitions, config.pattern))) != 1:
        raise SetupError("name topics, partitions or a pattern, and only one of these")
    if config.pattern is not None and config.group is None:
        raise SetupError("a pattern needs a group: name one with `group=`")
    if config.group is None and config._ack_policy is not EMPTY:
        raise SetupError("without a group there is nothing to acknowledge: name one with `group=`")
    if batch and config.max_workers > 1:
        raise SetupError("a batch is handled as a whole: leave `max_workers` out, or `batch`")
    if config.max_workers < 1:
        raise SetupError("`max_workers` must be at least 1")
    if config.max_unacked < max(config.max_workers, 1):
        raise SetupError("`max_unacked` must be at least `max_workers`")
