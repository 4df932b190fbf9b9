"""Consume, transform, produce, exactly once: words come in, counts of letters go out.

The results and the consumer's progress are stored in one transaction, so that a crash at any moment
repeats nothing and loses nothing. Half-way a worker crashes here on purpose.
"""

import os

import flymq


class Crash(Exception):
    pass


def work(client: flymq.FlyMQClient, total: int, crash_at: str | None = None) -> None:
    """Answer words until `total` are answered. Run as many of these, on as many machines, as needed."""
    with (
        flymq.Consumer(client, "words", group="counters", auto_commit=False) as consumer,
        # One name per worker, the same after a restart.
        flymq.TransactionalProducer(client, transactional_id="counter-1") as producer,
    ):
        while done(client) < total:
            words = consumer.poll(max_records=100)
            if not words:
                continue
            try:
                with producer.transaction() as txn:
                    for word in words:
                        text = (word.value or b"").decode()
                        txn.produce("counts", f"{text}: {len(text)}", key=word.key)
                        if text == crash_at:
                            raise Crash
                    txn.send_offsets(consumer)
            except flymq.TxnAbortedError:
                # A broker restarted, or partitions moved: nothing happened, so do it again.
                consumer.rewind()


def done(client: flymq.FlyMQClient) -> int:
    """How many words the group has worked off."""
    return sum(offset + 1 for offset in client.group_offsets("counters").values())


def main() -> None:
    with (
        flymq.EmbeddedBroker() as broker,
        flymq.FlyMQClient(os.environ.get("FLYMQ_BOOTSTRAP_SERVERS", broker.address)) as client,
    ):
        client.create_topic("words", partitions=3)
        client.create_topic("counts", partitions=3)
        total = 1_000
        client.produce_batch("words", ((str(i), "x" * (i % 10)) for i in range(total)))

        try:
            work(client, total, crash_at="x" * 7)
        except Crash:
            print("crashed; starting again")
        work(client, total)

        counts = [
            message.value
            for partition in range(3)
            for message in client.fetch("counts", 0, partition)
        ]
        print(f"{total} words, {len(counts)} counts")


if __name__ == "__main__":
    main()
