"""Orders as objects of Python, not as bytes: type checkers know what is sent and what is read."""

import dataclasses
import json
import os

import flymq
from flymq.serializers import StrSerde


@dataclasses.dataclass(frozen=True)
class Order:
    customer: str
    apples: int


class OrderSerde:
    """Any object with these two methods is a serializer and a deserializer."""

    def serialize(self, topic: str, order: Order, /) -> bytes:
        return json.dumps(dataclasses.asdict(order)).encode()

    def deserialize(self, topic: str, data: bytes, /) -> Order:
        return Order(**json.loads(data))


def main() -> None:
    with (
        flymq.EmbeddedBroker() as broker,
        flymq.FlyMQClient(os.environ.get("FLYMQ_BOOTSTRAP_SERVERS", broker.address)) as client,
    ):
        client.create_topic("typed-orders")
        serde = OrderSerde()
        with flymq.Producer(client, key_serializer=StrSerde(), value_serializer=serde) as producer:
            for apples in (1, 2, 3):
                order = Order("ada", apples)
                producer.send("typed-orders", order, key=order.customer)

        # Somebody who does not know what an order is.
        client.produce("typed-orders", "three pears")

        with flymq.Consumer(
            client, key_deserializer=StrSerde(), value_deserializer=serde
        ) as consumer:
            consumer.assign([("typed-orders", 0, "earliest")])
            total = 0
            try:
                for message in consumer:
                    if message.value is not None:
                        total += message.value.apples
            except flymq.SerializationError as error:
                print(f"{total} apples, then: {error.message}")


if __name__ == "__main__":
    main()
