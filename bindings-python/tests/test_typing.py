"""What type checkers make of the API. `mypy --strict` checks this file; running it proves little."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
