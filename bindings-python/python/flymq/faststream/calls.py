"""What tests may assert of a handler's calls, the key and the partition included."""

from __future__ import annotations

from faststream._internal.endpoint.call_wrapper import HandlerCallWrapper
from faststream._internal.kafka import KafkaCallAssertions as KeyedCallAssertions
from faststream._internal.kafka import field_reader
from faststream._internal.types import P_HandlerParams, T_HandlerReturn

from flymq import Message


class FlyMQHandlerCallWrapper(
    KeyedCallAssertions, HandlerCallWrapper[P_HandlerParams, T_HandlerReturn]
):
    """A handler, as tests see it."""

    __slots__ = ()

    _read_field = field_reader(Message, getattr)
