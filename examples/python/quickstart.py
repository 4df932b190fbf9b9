"""The README's first program: a broker, a topic, a record there and back."""

import flymq

with flymq.EmbeddedBroker() as broker, flymq.FlyMQClient(broker.address) as client:
    client.create_topic("greetings", partitions=3, if_not_exists=True)
    where = client.produce_record("greetings", "hello, world", key="en")
    message = client.consume("greetings", where.offset, where.partition)
    if message is not None:
        print(f"{where.topic}/{where.partition}/{where.offset}: {message.key!r} {message.value!r}")
