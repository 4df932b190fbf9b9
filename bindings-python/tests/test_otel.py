"""OpenTelemetry: spans, metrics, and traces that go on from producer to consumer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from typing import Any

import flymq
import pytest
from asyncs import run
from flymq import AsyncConsumer, AsyncFlyMQClient, AsyncProducer, Consumer, FlyMQClient, Producer
from flymq.otel import FlyMQInstrumentor, process, traced
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

_groups = itertools.count()


@pytest.fixture
def group() -> str:
    return f"otel-{next(_groups)}"


class Recorded:
    """Providers of OpenTelemetry's SDK, and what they were told."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader])

    def spans(self) -> Sequence[ReadableSpan]:
        """The spans that have ended, in the order in which they began."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, name: str) -> ReadableSpan:
        """The one span of a name."""
        (span,) = [span for span in self.spans() if span.name == name]
        return span

    def points(self, name: str) -> list[Any]:
        """The data points of a metric."""
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def instrumented(recorded: Recorded) -> Iterator[Recorded]:
    FlyMQInstrumentor().instrument(
        tracer_provider=recorded.tracer_provider, meter_provider=recorded.meter_provider
    )
    yield recorded
    FlyMQInstrumentor().uninstrument()


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    assert span.parent is not None and parent.context is not None
    return bool(span.parent.span_id == parent.context.span_id)


def links_to(span: ReadableSpan) -> set[int]:
    return {link.context.span_id for link in span.links}


def span_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def one_trace(recorded: Recorded, first: str, second: str) -> None:
    sent, received = recorded.named(f"send {first}"), recorded.named(f"receive {first}")
    processed, sent_on = recorded.named(f"process {first}"), recorded.named(f"send {second}")
    assert len({trace_of(span) for span in recorded.spans()}) == 1
    assert is_child(received, sent) and is_child(processed, sent) and is_child(sent_on, processed)
    assert links_to(received) == {span_id(sent)}
    kinds = [span.kind for span in (sent, received, processed, sent_on)]
    assert kinds == [SpanKind.PRODUCER, SpanKind.CLIENT, SpanKind.CONSUMER, SpanKind.PRODUCER]


def test_one_trace_from_producing_to_the_next_producing(
    instrumented: Recorded, client: FlyMQClient, make_topic: Callable[[int], str], group: str
) -> None:
    first, second = make_topic(1), make_topic(1)
    client.produce(first, "x", headers={"own": "header"})
    with Consumer(client, first, group=group) as consumer, Producer(client) as producer:
        message = next(consumer)
        with process(message, group=group):
            # With the headers that it came with: those of the trace are not sent twice.
            producer.send(second, message.value, headers=message.headers)
    one_trace(instrumented, first, second)
    stored = client.consume(second, 0)
    assert stored is not None
    assert [name for name, _ in stored.headers] == ["own", "traceparent"]


def test_the_same_for_asyncio(
    instrumented: Recorded,
    broker: flymq.EmbeddedBroker,
    make_topic: Callable[[int], str],
    group: str,
) -> None:
    first, second = make_topic(1), make_topic(1)

    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as client:
            await client.produce(first, "x")
            async with (
                AsyncConsumer(client, first, group=group) as consumer,
                AsyncProducer(client) as producer,
            ):
                message = await anext(consumer)
                with process(message, group=group):
                    await (await producer.send(second, "y"))

    run(main())
    one_trace(instrumented, first, second)


def test_attributes(
    instrumented: Recorded,
    broker: flymq.EmbeddedBroker,
    client: FlyMQClient,
    topic: str,
    group: str,
) -> None:
    client.produce_record(topic, "x")
    with Consumer(client, topic, group=group) as consumer, Producer(client) as producer:
        message = next(consumer)
        with process(message, group=group):
            pass
        producer.send(topic, "y").result()
    send, receive, processed, later = instrumented.spans()
    everywhere = {"messaging.system": "flymq", "messaging.destination.name": topic}
    there = {"server.address": "127.0.0.1", "server.port": broker.port}
    partition = {"messaging.destination.partition.id": "0"}
    in_group = {"messaging.consumer.group.name": group}

    def named(name: str) -> dict[str, Any]:
        return {"messaging.operation.name": name, "messaging.operation.type": name}

    assert dict(send.attributes or {}) == everywhere | there | partition | named("send")
    assert dict(later.attributes or {}) == everywhere | there | partition | named("send")
    received = everywhere | there | partition | in_group | named("receive")
    assert dict(receive.attributes or {}) == received
    assert dict(processed.attributes or {}) == everywhere | partition | in_group | named("process")
    assert all(span.status.status_code is StatusCode.UNSET for span in instrumented.spans())


def test_batches_have_links_and_counts(
    instrumented: Recorded, client: FlyMQClient, make_topic: Callable[[int], str], group: str
) -> None:
    first, second = make_topic(1), make_topic(1)
    client.produce(first, "a")
    client.produce(first, "b")
    client.produce_batch(second, [(None, "c"), (None, "d"), (None, "e")])
    received: list[flymq.Message] = []
    with Consumer(client, [first, second], group=group) as consumer:
        while len(received) < 5:
            received += consumer.poll(timeout=1)
        assert consumer.poll(timeout=0.01) == []
    with process(received, group=group):
        pass
    sends = [span for span in instrumented.spans() if span.name == f"send {first}"]
    batch = instrumented.named(f"send {second}")
    assert batch.attributes is not None
    assert batch.attributes["messaging.batch.message_count"] == 3
    receives = [span for span in instrumented.spans() if span.name == f"receive {first}"]
    assert set().union(*map(links_to, receives)) == {span_id(send) for send in sends}
    processed = instrumented.named("process")
    assert processed.attributes is not None and processed.parent is None
    assert processed.attributes["messaging.batch.message_count"] == 5
    assert {span_id(send) for send in sends} <= links_to(processed)
    counted = {
        point.attributes["messaging.destination.name"]: point.value
        for point in instrumented.points("messaging.client.consumed.messages")
    }
    assert counted == {first: 2, second: 3}


def test_iterators_over_batches(
    instrumented: Recorded,
    broker: flymq.EmbeddedBroker,
    client: FlyMQClient,
    topic: str,
    group: str,
) -> None:
    for _ in range(4):
        client.produce(topic, "x")
    with Consumer(client, topic, group=group) as consumer:
        assert len(next(consumer.batches(max_records=2))) == 2

    async def main() -> None:
        async with (
            AsyncFlyMQClient(broker.address) as other,
            AsyncConsumer(other, topic, group=group) as consumer,
        ):
            async for batch in consumer.batches(max_records=2):
                assert len(batch) == 2
                break

    run(main())
    receives = [span for span in instrumented.spans() if span.name == f"receive {topic}"]
    assert [(span.attributes or {})["messaging.batch.message_count"] for span in receives] == [2, 2]
    sends = [span for span in instrumented.spans() if span.name == f"send {topic}"]
    assert [links_to(span) for span in receives] == [
        {span_id(sends[0]), span_id(sends[1])},
        {span_id(sends[2]), span_id(sends[3])},
    ]


def test_metrics(instrumented: Recorded, client: FlyMQClient, topic: str, group: str) -> None:
    for _ in range(3):
        client.produce(topic, "x")
    client.produce_batch(topic, [(None, "x")] * 4)
    assert len(client.fetch(topic, 0)) == 7
    with process(client.fetch(topic, 5), group=group):
        pass
    (sent,) = instrumented.points("messaging.client.sent.messages")
    assert sent.value == 7
    (consumed,) = instrumented.points("messaging.client.consumed.messages")
    assert consumed.value == 9
    durations = instrumented.points("messaging.client.operation.duration")
    by_name = {point.attributes["messaging.operation.name"]: point for point in durations}
    assert {name: point.count for name, point in by_name.items()} == {"send": 4, "receive": 2}
    bounds = by_name["send"].explicit_bounds
    assert (bounds[0], bounds[-1]) == (0.005, 10)
    (processed,) = instrumented.points("messaging.process.duration")
    assert processed.count == 1 and processed.sum > 0
    assert processed.attributes["messaging.consumer.group.name"] == group
    assert "messaging.batch.message_count" not in processed.attributes


def test_errors(instrumented: Recorded, client: FlyMQClient, topic: str) -> None:
    with pytest.raises(flymq.UnknownTopicError):
        client.produce("there is none", "x")
    with pytest.raises(flymq.UnknownTopicError):
        client.fetch("there is none", 0)
    with Producer(client) as producer, pytest.raises(flymq.UnknownTopicError):
        producer.send("there is none", "x")
    client.produce(topic, "x")
    (message,) = client.fetch(topic, 0)
    with pytest.raises(ZeroDivisionError), process(message):
        raise ZeroDivisionError("by hand")
    failed = [span for span in instrumented.spans() if span.status.status_code is StatusCode.ERROR]
    assert [(span.attributes or {})["error.type"] for span in failed] == [
        "UnknownTopicError",
        "UnknownTopicError",
        "UnknownTopicError",
        "ZeroDivisionError",
    ]
    assert failed[-1].status.description == "by hand"
    assert failed[-1].events[0].name == "exception"
    errors = [
        point.attributes.get("error.type")
        for point in instrumented.points("messaging.client.operation.duration")
    ]
    assert errors.count("UnknownTopicError") == 2 and errors.count(None) == 2


def test_a_delivery_that_fails(
    instrumented: Recorded, broker: flymq.EmbeddedBroker, topic: str
) -> None:
    with FlyMQClient(broker.address) as client:
        producer = Producer(client, linger=60)
        delivery = producer.send(topic, "x")
        assert instrumented.spans() == []
        with pytest.raises(flymq.FlyMQError):
            client.close()
            producer.close()
            delivery.result()
    failed = instrumented.named(f"send {topic}")
    assert failed.status.status_code is StatusCode.ERROR


def test_transactions(instrumented: Recorded, client: FlyMQClient, topic: str) -> None:
    with client.transaction() as transaction:
        transaction.produce(topic, "x")
    assert instrumented.named(f"send {topic}").kind is SpanKind.PRODUCER
    stored = client.consume(topic, 0)
    assert stored is not None and stored.headers[0][0] == "traceparent"


def test_a_span_under_way_is_the_parent_and_baggage_travels(
    instrumented: Recorded, client: FlyMQClient, topic: str
) -> None:
    tracer = instrumented.tracer_provider.get_tracer("test")
    with tracer.start_as_current_span("outer"):
        token = context.attach(baggage.set_baggage("tenant", "7"))
        client.produce(topic, "x")
        context.detach(token)
        message = client.consume(topic, 0)
    assert message is not None
    outer = instrumented.named("outer")
    assert is_child(instrumented.named(f"send {topic}"), outer)
    assert is_child(instrumented.named(f"receive {topic}"), outer)
    with process(message):
        assert baggage.get_baggage("tenant") == "7"
        assert trace.get_current_span().get_span_context().trace_id == trace_of(outer)
    assert baggage.get_baggage("tenant") is None


def test_only_some_objects(
    recorded: Recorded, broker: flymq.EmbeddedBroker, client: FlyMQClient, topic: str, group: str
) -> None:
    providers: Any = {
        "tracer_provider": recorded.tracer_provider,
        "meter_provider": recorded.meter_provider,
    }
    client.produce(topic, "untraced")
    with (
        traced(Producer(client), **providers) as producer,
        traced(Consumer(client, topic, group=group), **providers) as consumer,
    ):
        assert isinstance(producer, Producer) and "traced" in repr(producer)
        producer.send(topic, "traced").result()
        for message in consumer:
            if message.value == b"traced":
                break
        consumer.commit()
    with traced(client, **providers).transaction() as transaction:
        transaction.produce(topic, "x")

    async def main() -> None:
        async with AsyncFlyMQClient(broker.address) as other:
            await traced(other, **providers).produce(topic, "x")
            async with traced(other, **providers).transaction() as transaction:
                await transaction.produce(topic, "x")
            begun = await traced(other, **providers).transaction()
            await begun.produce(topic, "x")
            await begun.commit()
            reading = AsyncConsumer(other, topic, group=f"{group}-2")
            async with traced(reading, **providers) as consumer:
                async for _message in consumer:
                    break

    run(main())
    names = [span.name for span in recorded.spans()]
    assert names == [
        f"send {topic}",
        f"receive {topic}",
        f"receive {topic}",
        *[f"send {topic}"] * 4,
        f"receive {topic}",
    ]
    with pytest.raises(TypeError, match="no calls"):
        traced(5)


def test_it_can_be_undone(recorded: Recorded, client: FlyMQClient, topic: str) -> None:
    untouched = FlyMQClient.produce
    instrumentor = FlyMQInstrumentor()
    assert instrumentor is FlyMQInstrumentor()
    for _ in range(2):
        instrumentor.instrument(tracer_provider=recorded.tracer_provider)
        assert instrumentor.is_instrumented_by_opentelemetry
    client.produce(topic, "x")
    for _ in range(2):
        instrumentor.uninstrument()
        assert not instrumentor.is_instrumented_by_opentelemetry
    client.produce(topic, "x")
    assert len(recorded.spans()) == 1
    assert FlyMQClient.produce is untouched


def test_opentelemetry_instrument_finds_it() -> None:
    (found,) = entry_points(group="opentelemetry_instrumentor", name="flymq")
    # As it does.
    instrumentor = found.load()()
    instrumentor.instrument(raise_exception_on_conflict=True)
    try:
        assert FlyMQInstrumentor().is_instrumented_by_opentelemetry
    finally:
        FlyMQInstrumentor().uninstrument()
