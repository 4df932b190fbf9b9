"""What type checkers make of the API: mypy and pyright check this file; running it proves little.

An ignored error must be one to both of them, so that a wrong use that is let pass is noticed.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import flymq

if TYPE_CHECKING:
    from typing_extensions import assert_type

    def client(client: flymq.FlyMQClient) -> None:
        assert_type(client.produce("t", b"x"), int)
        assert_type(client.produce("t", "x", key=bytearray(b"k"), headers={"h": "v"}), int)
        assert_type(client.produce("t", None, "k", [("h", None)], 0, 5), int)
        assert_type(client.produce_record("t", memoryview(b"x")), flymq.RecordMetadata)
        assert_type(client.produce_batch("t", [("k", b"v"), (None, None)]), list[int])
        assert_type(client.consume("t", 0), flymq.Message | None)
        assert_type(client.fetch("t", 0, max_wait=1, max_records=5), list[flymq.Message])
        assert_type(client.create_topic("t", config={"retention_ms": "1"}), bool)
        assert_type(client.list_topics(), dict[str, int])
        assert_type(client.list_offsets("t", [0, 1]), list[tuple[int, int]])
        assert_type(client.metrics()["errors"], dict[int, int])

        client.produce("t", 5)  # type: ignore[call-overload]
        client.produce("t")  # type: ignore[call-overload]
        client.consume("t", "0")  # type: ignore[call-overload]
        client.fetch("t", 0, isolation="dirty")  # type: ignore[call-overload]
        client.fetch("t", 0, 0, 5)  # type: ignore[call-overload]

    def groups(client: flymq.FlyMQClient) -> None:
        with flymq.Consumer(client, "t", group="g") as consumer:
            assert_type(consumer, flymq.Consumer)
            for message in consumer:
                assert_type(message, flymq.Message)
            assert_type(consumer.poll(10, timeout=0.5), list[flymq.Message])
            assert_type(consumer.committed(), dict[flymq.TopicPartition, int])
            assert_type(consumer.assignment()[0].topic, str)
            consumer.commit(offsets={flymq.TopicPartition("t", 0): 5})
            consumer.assign([flymq.TopicPartition("t", 0), ("t", 1, "latest")])
            consumer.seek("t", 0, "first")  # type: ignore[arg-type]
        flymq.Consumer(client, on_assigned=lambda consumer: None)  # type: ignore[misc, arg-type]
        assert_type(client.group_lag("g")[0].lag, int | None)
        with client.transaction() as txn:
            assert_type(txn, flymq.Transaction)
            assert_type(txn.produce("t", b"x"), flymq.Delivery)
            txn.send_offsets(consumer)

    def messages(message: flymq.Message) -> None:
        assert_type(message.key, bytes | None)
        assert_type(message.headers, tuple[tuple[str, bytes | None], ...])
        message.offset = 1  # type: ignore[misc]

    class Order:
        """What the serializers here are about."""

    class OrderSerde:
        def serialize(self, topic: str, value: Order) -> bytes: ...
        def deserialize(self, topic: str, data: bytes) -> Order: ...

    class TextIn:
        def serialize(self, topic: str, value: str) -> bytes | None: ...

    def serdes(client: flymq.FlyMQClient) -> None:
        serde: flymq.Serde[Order] = OrderSerde()
        only_in: flymq.Serializer[str] = TextIn()
        text: flymq.Serde[str] = flymq.StrSerde()
        plain: flymq.Serde[bytes] = flymq.BytesSerde()
        anything: flymq.Serde[dict[str, int]] = flymq.JsonSerde()
        packed: flymq.Serde[list[int]] = flymq.MessagePackSerde()
        assert_type(flymq.PydanticSerde(Order), flymq.PydanticSerde[Order])
        assert_type(flymq.PydanticSerde(list[Order]), flymq.PydanticSerde[list[Order]])
        each = flymq.TopicSerde[Order | str]({"orders": serde, "notes": text})
        assert_type(each.deserialize("orders", b""), Order | str)
        assert_type(flymq.TopicSerde({"a": text}).deserialize("a", b""), Any)
        wrong: flymq.Serializer[int] = only_in  # type: ignore[assignment]
        other: flymq.Deserializer[str] = TextIn()  # type: ignore[assignment]
        del plain, anything, packed, wrong, other

    def producers(client: flymq.FlyMQClient) -> None:
        default = flymq.Producer(client)
        default.send("t", b"x", key="k", headers={"h": memoryview(b"v")})
        default.send("t", 5)  # type: ignore[call-overload]
        producer = flymq.Producer(client, key_serializer=TextIn(), value_serializer=OrderSerde())
        assert_type(producer, flymq.Producer[str, Order])
        assert_type(producer.send("t", Order(), key="k"), flymq.Delivery)
        producer.send("t", None)
        producer.send("t", "text", serializer=TextIn())
        producer.send("t", "text")  # type: ignore[call-overload]
        producer.send("t", Order(), key=b"k")  # type: ignore[call-overload]
        producer.send("t", Order(), serializer=TextIn())  # type: ignore[misc]
        one_topic = flymq.Producer(client, value_serializer={"orders": OrderSerde()})
        assert_type(one_topic.send("orders", Order()), flymq.Delivery)
        flymq.Producer(client, value_serializer=str)  # type: ignore[arg-type]
        by_name: flymq.Producer[str, Order] = producer
        more: flymq.Producer[str, str] = producer  # type: ignore[assignment]
        with flymq.TransactionalProducer(
            client, transactional_id="t", value_serializer=OrderSerde()
        ) as transactional:
            with transactional.transaction() as txn:
                txn.produce("t", Order())
                txn.produce("t", "text")  # type: ignore[call-overload]
                txn.produce("t", "text", serializer=TextIn())
        del by_name, more

    def deliveries(producer: flymq.Producer) -> None:
        def told(delivery: flymq.Delivery) -> None:
            assert_type(delivery.exception(), flymq.FlyMQError | None)

        delivery = producer.send("t", b"x", on_delivery=told, block=False)
        assert_type(delivery.topic, str)
        delivery.add_done_callback(told)
        producer.send("t", b"x", on_delivery=5)  # type: ignore[call-overload]

    def consumers(client: flymq.FlyMQClient) -> None:
        consumer = flymq.Consumer(client, "t", value_deserializer=OrderSerde())
        assert_type(consumer, flymq.Consumer[bytes, Order])
        for message in consumer:
            assert_type(message, flymq.Message[bytes, Order])
            assert_type(message.value, Order | None)
            consumer.commit(message)
        assert_type(consumer.poll(), list[flymq.Message[bytes, Order]])
        for batch in consumer.batches(100, timeout=1):
            assert_type(batch, list[flymq.Message[bytes, Order]])
        keyed = flymq.Consumer(client, "t", key_deserializer=flymq.StrSerde())
        assert_type(keyed, flymq.Consumer[str, bytes])
        flymq.Consumer(client, value_deserializer=TextIn())  # type: ignore[arg-type]
        flymq.Consumer(client, on_undeserializable="retry")  # type: ignore[arg-type]
        first = client.consume("t", 0, deserializer=OrderSerde())
        assert_type(first, flymq.Message[bytes, Order] | None)
        fetched = client.fetch("t", 0, deserializer=OrderSerde())
        assert_type(fetched, list[flymq.Message[bytes, Order]])
        client.produce("t", Order(), serializer=OrderSerde())
        client.produce("t", Order())  # type: ignore[call-overload]
        client.produce_batch("t", [("k", Order()), (None, None)], serializer=OrderSerde())
        client.produce_batch("t", [("k", Order())])  # type: ignore[list-item]

    def made_by_hand() -> None:
        assert_type(flymq.Message("t", 0, 0), flymq.Message)
        assert_type(flymq.Message("t", 0, 0, "k", Order()), flymq.Message[str, Order])
        assert_type(memoryview(flymq.Message("t", 0, 0, value=b"x")), memoryview)

    def connecting() -> None:
        assert_type(flymq.connect("a:1", request_timeout=1, tls_enabled=True), flymq.FlyMQClient)
        flymq.connect("a:1", request_time=1)  # type: ignore[call-arg]
        flymq.connect("a:1", request_timeout="1")  # type: ignore[arg-type]

        def own(**options: Unpack[flymq.ClientOptions]) -> flymq.FlyMQClient:
            return flymq.connect("a:1", **options)

        own(username="ada", password="x")

    def contexts() -> None:
        with flymq.EmbeddedBroker(Path("data"), durability="os") as broker:
            assert_type(broker, flymq.EmbeddedBroker)
            assert_type(broker.data_dir, Path)
        with flymq.FlyMQClient(["a:1", "b:1"], request_timeout=1) as client:
            assert_type(client, flymq.FlyMQClient)
        with flymq.Producer(client, compression="lz4") as producer:
            assert_type(producer.send("t", b"x"), flymq.Delivery)
            assert_type(producer.send("t", b"x").result(5), flymq.RecordMetadata)
        flymq.EmbeddedBroker(durability="maybe")  # type: ignore[arg-type]

    def errors() -> None:
        try:
            flymq.FlyMQClient()
        except flymq.UnknownTopicError as error:
            assert_type(error.code, int)
            assert_type(error.retriable, bool)
            assert_type(error.hint, str)


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(flymq.__file__).parent / "py.typed").exists()
    assert (Path(flymq.__file__).parent / "_native.pyi").exists()
