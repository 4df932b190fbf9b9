"""Three workers share the work of a group; one dies, and the others do its part.

Threads stand in for processes here. Each may be started any number of times, on any machine.
"""

import collections
import os
import threading

import flymq

JOBS = 3_000
seen: collections.Counter[bytes] = collections.Counter()
lock = threading.Lock()
done = threading.Event()


class Death(Exception):
    pass


def worker(address: str, name: str, dies_after: int | None = None) -> None:
    worked = 0
    with flymq.Consumer(address, "jobs", group="workers") as consumer:
        while not done.is_set():
            # The jobs of a poll count as processed when the next poll begins.
            for message in consumer.poll(max_records=100, timeout=0.1):
                if worked == dies_after:
                    raise Death(name)
                worked += 1
                with lock:
                    seen[message.value or b""] += 1
                    if len(seen) == JOBS:
                        done.set()


def dying(address: str) -> None:
    try:
        worker(address, "c", dies_after=250)
    except Death:
        print("a worker died in the middle of its jobs")


def main() -> None:
    with (
        flymq.EmbeddedBroker() as broker,
        flymq.FlyMQClient(os.environ.get("FLYMQ_BOOTSTRAP_SERVERS", broker.address)) as client,
    ):
        client.create_topic("jobs", partitions=6)
        client.produce_batch("jobs", ((None, f"job {i}") for i in range(JOBS)))
        # The one that dies begins alone, so that it certainly gets something to do.
        dying(broker.address)
        threads = [
            threading.Thread(target=worker, args=(broker.address, name)) for name in ("a", "b")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        again = sum(count - 1 for count in seen.values())
        print(f"{len(seen)} jobs done, at most 100 of them twice: {again <= 100}")


if __name__ == "__main__":
    main()
