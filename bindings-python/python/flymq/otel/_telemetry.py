"""Spans and metrics of single operations, by OpenTelemetry's messaging conventions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from flymq import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from flymq import Message

_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
# Buckets of durations in seconds, as the conventions advise.
_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
# What only spans say: as labels of metrics they would be too many, or say nothing.
_OF_SPANS = {"messaging.batch.message_count", "messaging.message.id"}


class Telemetry:
    """A tracer, and the instruments that measure."""

    def __init__(
        self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None
    ) -> None:
        self.tracer = trace.get_tracer("flymq", __version__, tracer_provider, _SCHEMA)
        meter = metrics.get_meter("flymq", __version__, meter_provider, _SCHEMA)
        self.operation_duration = meter.create_histogram(
            "messaging.client.operation.duration",
            unit="s",
            description="How long sending and receiving took.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self.process_duration = meter.create_histogram(
            "messaging.process.duration",
            unit="s",
            description="How long processing messages took.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self.sent = meter.create_counter(
            "messaging.client.sent.messages",
            unit="{message}",
            description="How many messages were sent, or were tried to be.",
        )
        self.consumed = meter.create_counter(
            "messaging.client.consumed.messages",
            unit="{message}",
            description="How many messages were received.",
        )

    def send(self, attributes: Mapping[str, Any], count: int | None = None) -> Operation:
        """Sending, from now on. `count` is given for batches."""
        return Operation(
            self.tracer,
            "send",
            SpanKind.PRODUCER,
            _with_count(attributes, count),
            [(self.operation_duration, None), (self.sent, 1 if count is None else count)],
        )

    def receive(
        self,
        attributes: Mapping[str, Any],
        messages: Sequence[Message],
        began: int,
        single: bool,
        error: BaseException | None = None,
    ) -> None:
        """Receiving, from `began` (nanoseconds since 1970) until now.

        Links lead to where the messages were sent. A single message is received as part of its own
        trace, unless a span is under way.
        """
        parent = context.get_current()
        if single and not trace.get_current_span(parent).get_span_context().is_valid:
            parent = context_of(messages[0])
        operation = Operation(
            self.tracer,
            "receive",
            SpanKind.CLIENT,
            _with_count(attributes, None if single or error else len(messages)),
            [(self.operation_duration, None), (self.consumed, len(messages))],
            parent=parent,
            links=_links(messages),
            began=began,
        )
        operation.end(error)

    def process(
        self, attributes: Mapping[str, Any], messages: Sequence[Message], single: bool
    ) -> Operation:
        """Processing, from now on: a single message as part of its trace, several with links."""
        return Operation(
            self.tracer,
            "process",
            SpanKind.CONSUMER,
            _with_count(attributes, None if single else len(messages)),
            [(self.process_duration, None)],
            parent=context_of(messages[0]) if single else None,
            links=() if single else _links(messages),
        )


class Operation:
    """A span that is under way and what will be measured of it.

    A `with` block makes it the current span and ends it, unless it is to end `later`.
    """

    def __init__(
        self,
        tracer: trace.Tracer,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, Any],
        measured: Sequence[tuple[Any, int | None]],
        *,
        parent: Context | None = None,
        links: Sequence[Link] = (),
        began: int | None = None,
    ) -> None:
        self._attributes = {
            "messaging.system": "flymq",
            "messaging.operation.name": name,
            "messaging.operation.type": name,
            **attributes,
        }
        self._measured = measured
        self._parent = parent
        self._began = time.time_ns() if began is None else began
        topic = attributes.get("messaging.destination.name")
        self._span = tracer.start_span(
            f"{name} {topic}" if topic else name,
            context=parent,
            kind=kind,
            attributes=self._attributes,
            links=links,
            start_time=self._began,
        )
        self._later = False

    def __enter__(self) -> Self:
        self._token = context.attach(trace.set_span_in_context(self._span, self._parent))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        context.detach(self._token)
        if exc_value is not None or not self._later:
            self.end(exc_value)

    def later(self) -> None:
        """The block does not end it, but a call of `end`, unless it raises."""
        self._later = True

    def at(self, partition: int) -> None:
        """Which partition it was."""
        self._attributes["messaging.destination.partition.id"] = str(partition)
        self._span.set_attribute("messaging.destination.partition.id", str(partition))

    def injected(self, headers: Any) -> Any:
        """The headers of a record, with the context of this span, which is the current one."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        if not carrier:
            return headers
        given: Any = headers or ()
        if isinstance(headers, Mapping):
            given = cast("Mapping[str, Any]", headers).items()
        # A record that is sent on has those of its own trace.
        return [pair for pair in given if pair[0] not in carrier] + list(carrier.items())

    def end(self, error: BaseException | None = None) -> None:
        """It is over."""
        if error is not None:
            self._attributes["error.type"] = type(error).__qualname__
            self._span.set_attribute("error.type", type(error).__qualname__)
            self._span.record_exception(error)
            self._span.set_status(Status(StatusCode.ERROR, str(error)))
        now = time.time_ns()
        self._span.end(now)
        labels = {k: v for k, v in self._attributes.items() if k not in _OF_SPANS}
        for instrument, count in self._measured:
            if count is None:
                instrument.record((now - self._began) / 1e9, labels)
            elif count:
                instrument.add(count, labels)


def context_of(message: Message) -> Context:
    """The context in which the message was sent."""
    wanted = propagate.get_global_textmap().fields
    carrier = {
        name: value.decode(errors="replace")
        for name, value in message.headers
        if value is not None and name in wanted
    }
    return propagate.extract(carrier, Context())


def _links(messages: Iterable[Message]) -> list[Link]:
    spans = (trace.get_current_span(context_of(message)) for message in messages)
    contexts = (span.get_span_context() for span in spans)
    # Messages that were sent together have it in common.
    different = {(each.trace_id, each.span_id): each for each in contexts if each.is_valid}
    return [Link(each) for each in different.values()]


def _with_count(attributes: Mapping[str, Any], count: int | None) -> Mapping[str, Any]:
    return attributes if count is None else {**attributes, "messaging.batch.message_count": count}
