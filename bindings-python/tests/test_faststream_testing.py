"""FastStream applications without a broker: TestFlyMQBroker, routers, the schema, middlewares."""

from __future__ import annotations

from typing import Annotated, Any

import flymq
import pytest
from asyncs import run
from faststream import Context, FastStream
from faststream.exceptions import SetupError, SubscriberNotFound
from faststream.security import SASLGSSAPI, BaseSecurity, SASLPlaintext, SASLScram256
from faststream.specification import AsyncAPI
from flymq import TopicPartition
from flymq.faststream import (
    AckPolicy,
    FlyMQBroker,
    FlyMQMessage,
    FlyMQPublishCommand,
    FlyMQPublisher,
    FlyMQResponse,
    FlyMQRoute,
    FlyMQRouter,
    TestApp,
    TestFlyMQBroker,
)
from flymq.faststream import annotations as inject
from flymq.faststream.opentelemetry import FlyMQTelemetryMiddleware
from flymq.faststream.prometheus import FlyMQPrometheusMiddleware
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from pydantic import BaseModel


class Order(BaseModel):
    number: int


def test_what_is_published_is_handled_at_once() -> None:
    broker = FlyMQBroker()

    @broker.subscriber("in", group="g")
    @broker.publisher("out")
    async def handle(order: Order, message: inject.FlyMQMessage) -> FlyMQResponse:
        assert message.committed is None
        return FlyMQResponse(Order(number=order.number + 1), key="k")

    published = broker.publisher("elsewhere", batch=True)

    @broker.subscriber("out", batch=True)
    async def collect(orders: list[Order]) -> None: ...

    async def main() -> None:
        async with TestFlyMQBroker(broker) as test:
            stored = await test.publish(Order(number=1), "in", key="1", partition=3)
            assert (stored.topic, stored.partition) == ("in", 3)
            await handle.assert_called_once_with(Order(number=1), key=b"1", partition=3)
            assert handle.mock is not None and collect.mock is not None
            collect.mock.assert_called_once_with([{"number": 2}])
            await published.publish(1, 2)
            assert published.mock is not None
            published.mock.assert_called_once_with([1, 2])
            await test.publish_batch(Order(number=5), Order(number=6), topic="in")
            assert handle.mock.call_count == 3
            with pytest.raises(ValueError, match="valid dictionary"):
                await test.publish("no order", "in")

    run(main())


def test_of_each_group_one_subscriber_handles_a_message() -> None:
    broker = FlyMQBroker()
    calls: list[str] = []

    def subscribe(name: str, *topics: str, **options: Any) -> None:
        async def handle(_body: Any) -> None:
            calls.append(name)

        broker.subscriber(*topics, **options)(handle)

    subscribe("one", "t", group="g")
    subscribe("two", "t", group="g")
    subscribe("three", "t", group="h")
    subscribe("four", "t")
    subscribe("five", partitions=[TopicPartition("t", 1)])
    subscribe("six", pattern="^t$", group="p")
    subscribe("seven", "u")

    async def main() -> None:
        async with TestFlyMQBroker(broker) as test:
            await test.publish("x", "t")
            assert len({"one", "two"} & set(calls)) == 1
            assert set(calls) - {"one", "two"} == {"three", "four", "five", "six"}
            calls.clear()
            await test.publish("x", "t", partition=0)
            assert "five" not in calls

    run(main())


def test_requests() -> None:
    broker = FlyMQBroker()
    publisher = broker.publisher("square")

    @broker.subscriber("square", group="g")
    async def square(number: int) -> int:
        return number * number

    async def main() -> None:
        async with TestFlyMQBroker(broker) as test:
            answer = await test.request(3, "square", correlation_id="c")
            assert await answer.decode() == 9 and answer.correlation_id == "c"
            assert await (await publisher.request(4)).decode() == 16
            with pytest.raises(SubscriberNotFound):
                await test.request(3, "cube")

    run(main())


@pytest.mark.parametrize("policy", [AckPolicy.MANUAL, AckPolicy.NACK_ON_ERROR])
def test_messages_know_what_became_of_them(policy: AckPolicy) -> None:
    broker = FlyMQBroker(ack_policy=policy)
    seen: list[FlyMQMessage] = []

    @broker.subscriber("t", group="g")
    async def handle(verb: str, message: inject.FlyMQMessage) -> None:
        seen.append(message)
        if policy is AckPolicy.MANUAL:
            await getattr(message, verb)()
        if verb == "fail":
            raise ZeroDivisionError

    async def main() -> None:
        async with TestFlyMQBroker(broker) as test:
            if policy is AckPolicy.MANUAL:
                for verb in ["ack", "nack", "reject"]:
                    await test.publish(verb, "t")
            else:
                await test.publish("succeed", "t")
                with pytest.raises(ZeroDivisionError):
                    await test.publish("fail", "t")

    run(main())
    states = [message.committed and message.committed.value for message in seen]
    if policy is AckPolicy.MANUAL:
        assert states == ["ACKED", "NACKED", "REJECTED"]
    else:
        assert states == ["ACKED", "NACKED"]


def test_routers() -> None:
    handled: list[str] = []

    async def listed(body: str) -> str:
        handled.append(f"listed {body}")
        return body

    router = FlyMQRouter(
        prefix="shop.", handlers=[FlyMQRoute(listed, "a", publishers=[FlyMQPublisher("b")])]
    )

    @router.subscriber("b", group="g")
    async def decorated(body: str) -> None:
        handled.append(f"decorated {body}")

    broker = FlyMQBroker()
    broker.include_router(router, prefix="eu.")

    async def main() -> None:
        async with TestFlyMQBroker(broker) as test:
            await test.publish("x", "eu.shop.a")

    run(main())
    assert handled == ["listed x", "decorated x"]


def test_a_parser_a_filter_and_the_context() -> None:
    broker = FlyMQBroker()
    handled: list[Any] = []

    async def decode(message: FlyMQMessage) -> str:
        assert isinstance(message.body, bytes)
        return message.body.decode().upper()

    subscriber = broker.subscriber("t", group="g", decoder=decode)

    @subscriber(filter=lambda message: message.headers.get("kind") == "loud")
    async def loud(body: str, topic: Annotated[str, Context("message.raw_message.topic")]) -> None:
        handled.append((body, topic))

    @subscriber
    async def other(body: str, broker: inject.FlyMQBroker) -> None:
        handled.append((body, broker))

    async def main() -> None:
        async with TestFlyMQBroker(broker) as test:
            await test.publish("a", "t", headers={"kind": "loud"})
            await test.publish("b", "t")

    run(main())
    assert handled == [("A", "t"), ("B", broker)]


def test_an_annotation_of_the_class_itself_is_a_mistake_that_says_so() -> None:
    broker = FlyMQBroker()

    @broker.subscriber("t", group="g")
    async def handle(body: str, message: FlyMQMessage) -> None: ...

    async def main() -> None:
        with pytest.raises(SetupError, match="flymq.faststream.annotations"):
            async with TestFlyMQBroker(broker):
                pass

    run(main())


def test_the_schema() -> None:
    broker = FlyMQBroker(
        ["one:9092", "two:9092"], description="Orders", security=SASLScram256("ada", "secret")
    )

    @broker.subscriber("in", "more", group="g")
    @broker.publisher("out", title="Results", description="All of them")
    async def handle(order: Order) -> Order:
        """Handles orders."""
        return order

    @broker.subscriber(pattern="log-.*", group="g", include_in_schema=False)
    async def logs(body: bytes) -> None: ...

    schema = AsyncAPI(broker).to_specification().to_jsonable()
    servers = list(schema["servers"].values())
    assert [server["host"] for server in servers] == ["one:9092", "two:9092"]
    assert {server["protocol"] for server in servers} == {"flymq"}
    channels = schema["channels"]
    assert {name: channel["address"] for name, channel in channels.items()} == {
        "in:Handle": "in",
        "more:Handle": "more",
        "Results": "out",
    }
    assert channels["in:Handle"]["description"] == "Handles orders."
    assert "secret" not in str(schema) and "Order" in schema["components"]["schemas"]
    secured = AsyncAPI(FlyMQBroker(tls_enabled=True)).to_specification().to_jsonable()
    assert [server["protocol"] for server in secured["servers"].values()] == ["flymqs"]
    named = AsyncAPI(FlyMQBroker("flymqs://host:1/")).to_specification().to_jsonable()
    assert [server["protocol"] for server in named["servers"].values()] == ["flymqs"]


def test_security() -> None:
    def options(security: BaseSecurity) -> dict[str, Any]:
        return dict(FlyMQBroker(security=security).config.broker_config.client_options)

    login = {"username": "ada", "password": "secret", "client_id": "faststream"}
    assert options(SASLScram256("ada", "secret")) == login | {"sasl_mechanism": "SCRAM-SHA-256"}
    assert options(SASLPlaintext("ada", "secret", use_ssl=True)) == login | {
        "sasl_mechanism": "PLAIN",
        "tls_enabled": True,
    }
    assert options(BaseSecurity(use_ssl=True)) == {"tls_enabled": True, "client_id": "faststream"}
    with pytest.raises(SetupError, match="SASLScram256"):
        options(SASLGSSAPI())
    import ssl

    with pytest.raises(SetupError, match="tls_ca_file"):
        options(BaseSecurity(ssl.create_default_context()))


def test_logging_in(client: flymq.FlyMQClient) -> None:
    async def main() -> None:
        with flymq.EmbeddedBroker(users={"ada": "secret"}, durability="os") as server:
            async with FlyMQBroker(
                server.address, logger=None, security=SASLScram256("ada", "secret")
            ) as broker:
                assert await broker.ping()
            with pytest.raises(flymq.AuthFailedError):
                async with FlyMQBroker(server.address, logger=None, username="ada", password="no"):
                    pass

    run(main())


def test_middlewares() -> None:
    spans = InMemorySpanExporter()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    registry = CollectorRegistry()
    broker = FlyMQBroker(
        middlewares=[
            FlyMQTelemetryMiddleware(tracer_provider=tracing, meter_provider=MeterProvider()),
            FlyMQPrometheusMiddleware(registry=registry),
        ]
    )

    @broker.subscriber("in", group="g")
    @broker.publisher("out", batch=True)
    async def handle(number: int) -> list[int]:
        return [number, number]

    @broker.subscriber("out", batch=True)
    async def collect(numbers: list[int]) -> None: ...

    async def main() -> None:
        async with TestFlyMQBroker(broker) as test:
            await test.publish(1, "in", partition=2)

    run(main())
    finished = {span.name: span for span in spans.get_finished_spans()}
    assert {"in publish", "in process", "out publish", "out process"} <= set(finished)
    consumed, published = finished["in process"], finished["in publish"]
    assert consumed.attributes is not None and published.context is not None
    assert consumed.attributes["messaging.system"] == "flymq"
    assert consumed.attributes["messaging.destination.partition.id"] == "2"
    assert consumed.context is not None
    assert consumed.context.trace_id == published.context.trace_id
    batch = finished["out process"]
    assert batch.attributes is not None
    assert batch.attributes["messaging.batch.message_count"] == 2

    def counted(name: str, topic: str) -> float | None:
        labels = {"app_name": "faststream", "broker": "flymq"}
        name = f"faststream_{name}"
        if "received" in name:
            return registry.get_sample_value(name, labels | {"handler": topic})
        return registry.get_sample_value(name, labels | {"destination": topic, "status": "success"})

    assert counted("received_messages_total", "in") == 1
    assert counted("received_messages_total", "out") == 2
    assert counted("published_messages_total", "out") == 2


def test_an_application_starts_and_stops() -> None:
    broker = FlyMQBroker()
    app = FastStream(broker)
    told: list[str] = []

    @broker.subscriber("t", group="g")
    async def handle(body: str) -> None:
        told.append(body)

    @app.after_startup
    async def greet() -> None:
        await broker.publish("hello", "t")

    async def main() -> None:
        async with TestFlyMQBroker(broker), TestApp(app):
            pass

    run(main())
    assert told == ["hello"]


def test_middlewares_may_change_what_is_published() -> None:
    from faststream import BaseMiddleware

    class Second(BaseMiddleware[FlyMQPublishCommand]):
        async def publish_scope(self, call_next: Any, cmd: FlyMQPublishCommand) -> Any:
            cmd.batch_bodies = cmd.batch_bodies[1:]
            return await call_next(cmd)

    broker = FlyMQBroker(middlewares=[Second])
    keys: list[bytes | None] = []

    @broker.subscriber("t", batch=True)
    async def handle(bodies: list[str], message: inject.FlyMQMessage) -> None:
        assert isinstance(message.raw_message, tuple)
        keys.extend(record.key for record in message.raw_message)

    async def main() -> None:
        async with TestFlyMQBroker(broker) as test:
            bodies = [FlyMQResponse(str(n), key=f"k{n}") for n in range(3)]
            await test.publish_batch(*bodies, topic="t")

    run(main())
    assert keys == [b"k1", b"k2"]
