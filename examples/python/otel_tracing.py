"""OpenTelemetry: one trace from the order that is sent to the invoice that follows from it.

Spans are printed here; in production an exporter sends them to a collector, and
`opentelemetry-instrument python app.py` does what `instrument()` does.
"""

import flymq
from flymq.otel import FlyMQInstrumentor, process
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
FlyMQInstrumentor().instrument(tracer_provider=provider)
tracer = provider.get_tracer("shop")


def depth(span: ReadableSpan, spans: dict[int, ReadableSpan]) -> int:
    """How many spans there are above it."""
    return 0 if span.parent is None else 1 + depth(spans[span.parent.span_id], spans)


with flymq.EmbeddedBroker() as broker, flymq.FlyMQClient(broker.address) as client:
    client.create_topic("orders")
    client.create_topic("invoices")
    with tracer.start_as_current_span("checkout"):
        client.produce("orders", "order 17")

    with (
        flymq.Consumer(client, "orders", group="billing") as consumer,
        flymq.Producer(client) as producer,
    ):
        message = next(consumer)
        with process(message, group="billing"):
            trace.get_current_span().set_attribute("order", 17)
            producer.send("invoices", "invoice 17")

FlyMQInstrumentor().uninstrument()

found = {span.context.span_id: span for span in exporter.get_finished_spans() if span.context}
for span in sorted(found.values(), key=lambda span: span.start_time or 0):
    print("  " * depth(span, found) + span.name)
