"""OpenTelemetry for FlyMQ (`pip install flymq[otel]`): spans, metrics, and traces that records carry on.

    from flymq.otel import FlyMQInstrumentor, process

    FlyMQInstrumentor().instrument()

    with flymq.Consumer(client, "orders", group="billing") as consumer:
        for message in consumer:
            with process(message, group="billing"):
                ...  # what is sent here belongs to the trace of the message

`opentelemetry-instrument python app.py` does the first line by itself. To trace some objects only,
wrap them: `producer = traced(flymq.Producer(client))`.

Names are those of OpenTelemetry's messaging conventions: the spans `send orders`, `receive orders` and
`process orders`, and the metrics `messaging.client.operation.duration`,
`messaging.client.sent.messages`, `messaging.client.consumed.messages` and
`messaging.process.duration`. The context of a trace travels in the headers of records as the
propagator that is set globally has it, `traceparent` and `tracestate` by default.
"""

from __future__ import annotations

try:
    from flymq.otel._instrumentor import FlyMQInstrumentor, process, traced
except ModuleNotFoundError as _error:
    raise ImportError("flymq.otel needs OpenTelemetry: pip install flymq[otel]") from _error

__all__ = ["FlyMQInstrumentor", "process", "traced"]
