"""A thousand requests at a time in one thread: produce, transform, read, with asyncio."""

import asyncio
import os

import flymq

TOTAL = 1_000


async def shout(client: flymq.AsyncFlyMQClient) -> None:
    """Read words and send them on in capitals, until all have come by."""
    async with (
        flymq.AsyncConsumer(client, "words-in", group="shouters") as consumer,
        flymq.AsyncProducer(client) as producer,
    ):
        shouted = 0
        async for message in consumer:
            await producer.send("words-out", (message.value or b"").upper(), key=message.key)
            shouted += 1
            if shouted == TOTAL:
                break


async def main() -> None:
    with flymq.EmbeddedBroker() as broker:
        address = os.environ.get("FLYMQ_BOOTSTRAP_SERVERS", broker.address)
        async with flymq.AsyncFlyMQClient(address) as client:
            await client.create_topic("words-in", partitions=3)
            await client.create_topic("words-out", partitions=3)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(shout(client))
                for i in range(TOTAL):
                    tasks.create_task(client.produce("words-in", f"word {i}", key=str(i)))
            out = [await client.fetch("words-out", 0, partition) for partition in range(3)]
            words = {message.value for messages in out for message in messages}
            print(f"{len(words)} words, {b'WORD 7' in words}")


if __name__ == "__main__":
    asyncio.run(main())
