"""The clients of flymq-chaos in Python: what chaos/src/*/client.rs and worker.rs do in Rust.

    chaos_client.py ROLE ADDRESSES NUMBER SEED
"""

import json
import random
import sys
import threading
import time

import flymq

TOPICS = ("accounts-a", "accounts-b", "accounts-c")
PARTITIONS = 2
ABORTED = 8

KEYS = 10
RECORDS = 50

#: How long the brokers may be away at first, in seconds.
CONNECTED_WITHIN = 60.0

ending = threading.Event()


def main() -> None:
    role, addresses, number, seed = sys.argv[1:]
    threading.Thread(target=_watch_input, daemon=True).start()
    with _connect(addresses) as client:
        if role == "stream-client":
            stream_client(client, number, int(seed))
        elif role == "bank-client":
            bank_client(client, number, int(seed))
        else:
            pipeline_worker(client, number)


def _watch_input() -> None:
    sys.stdin.read()
    ending.set()


def _connect(addresses: str) -> flymq.FlyMQClient:
    deadline = time.monotonic() + CONNECTED_WITHIN
    while True:
        try:
            return flymq.connect(addresses)
        except flymq.FlyMQError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def stream_client(client: flymq.FlyMQClient, number: str, seed: int) -> None:
    """Numbers records key by key, and says which of them were acknowledged."""
    following = [0] * KEYS
    turn = 0
    with flymq.Producer(client) as producer:
        while not ending.is_set():
            index = turn % KEYS
            turn += 1
            key = f"{number}-{seed:016x}-{index}"
            numbers = range(following[index], following[index] + RECORDS)
            following[index] += RECORDS
            deliveries = [producer.send("stream", str(n), key=key) for n in numbers]
            acknowledged = []
            for n, delivery in zip(numbers, deliveries, strict=True):
                try:
                    delivery.result()
                    acknowledged.append(n)
                except flymq.FlyMQError as error:
                    print(f"record {n} of {key}: {error}", file=sys.stderr)
            _say("acked", key, *acknowledged)


def bank_client(client: flymq.FlyMQClient, number: str, seed: int) -> None:
    """Makes transfers, and says what became of each."""
    generator = random.Random(seed)
    name = f"bank-{number}"
    incarnation = generator.getrandbits(32)
    with flymq.TransactionalProducer(
        client, transactional_id=name, transaction_timeout=30.0
    ) as producer:
        count = 0
        while not ending.is_set():
            transaction = f"{number}-{incarnation:08x}-{count}"
            count += 1
            try:
                fate = _transfer(producer, transaction, generator)
            except flymq.ProducerFencedError:
                raise
            except flymq.FlyMQError as error:
                if not isinstance(error, flymq.TxnAbortedError):
                    print(f"{name}: {error}", file=sys.stderr)
                fate = "unknown"
            _say(fate, transaction)


def _transfer(
    producer: "flymq.TransactionalProducer[bytes | str, bytes | str]",
    transaction: str,
    generator: random.Random,
) -> str:
    parts = generator.randint(2, 6)
    amounts = [generator.randint(-100, 100) for _ in range(parts - 1)]
    amounts.append(-sum(amounts))
    on_purpose = generator.randrange(ABORTED) == 0
    txn = producer.transaction()
    deliveries = []
    for part, amount in enumerate(amounts):
        entry = {"transaction": transaction, "part": part, "parts": parts, "amount": amount}
        topic, partition = generator.choice(TOPICS), generator.randrange(PARTITIONS)
        deliveries.append(txn.produce(topic, json.dumps(entry), partition=partition))
    if on_purpose:
        # Stored before that, so that there is something to hide.
        for delivery in deliveries:
            delivery.result()
        txn.abort()
        return "aborted"
    txn.commit()
    return "committed"


def pipeline_worker(client: flymq.FlyMQClient, number: str) -> None:
    """Passes records on, with its progress in the transaction."""
    name = f"pipeline-{number}"
    with (
        flymq.Consumer(
            client, "pipeline-input", group="pipeline", instance_id=name, auto_commit=False
        ) as consumer,
        flymq.TransactionalProducer(
            client, transactional_id=name, transaction_timeout=30.0
        ) as producer,
    ):
        while not ending.is_set():
            try:
                messages = consumer.poll(max_records=100, timeout=1.0)
                if not messages:
                    continue
                with producer.transaction() as txn:
                    for message in messages:
                        value = b"out " + (message.value or b"")
                        txn.produce("pipeline-output", value, key=message.key)
                    txn.send_offsets(consumer)
            except (flymq.ProducerFencedError, flymq.InstanceFencedError):
                raise
            except flymq.FlyMQError as error:
                if not isinstance(error, flymq.TxnAbortedError):
                    print(f"{name}: {error}", file=sys.stderr)
                # Nothing of the transaction was passed on: read it again.
                consumer.rewind()


if __name__ == "__main__":
    main()
