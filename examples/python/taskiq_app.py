"""Background tasks with taskiq: a client that kicks them off, and a worker that executes them.

Here both are in one process, with a broker of its own. In production the worker is `taskiq worker
taskiq_app:broker`, as many as there are partitions, and the broker's address is in
FLYMQ_BOOTSTRAP_SERVERS.
"""

import asyncio
import os

import flymq
from flymq.taskiq import FlyMQBroker
from taskiq import SimpleRetryMiddleware
from taskiq.api import run_receiver_task
from taskiq.brokers.inmemory_broker import InmemoryResultBackend

broker = (
    FlyMQBroker(topic="thumbnails", group="workers", partitions=4)
    .with_middlewares(SimpleRetryMiddleware(default_retry_count=3))
    # A log is no place for results: in production take, say, taskiq-redis.
    .with_result_backend(InmemoryResultBackend())
)

attempts: set[str] = set()


@broker.task(retry_on_error=True)
async def thumbnail(image: str, width: int) -> str:
    if image == "dog.jpg" and image not in attempts:
        attempts.add(image)
        raise OSError("the disk is busy")
    return f"{image}, {width} pixels wide"


async def main() -> None:
    with flymq.EmbeddedBroker() as server:
        os.environ["FLYMQ_BOOTSTRAP_SERVERS"] = server.address
        await broker.startup()
        worker = asyncio.create_task(run_receiver_task(broker))

        images = ["cat.jpg", "dog.jpg", "emu.jpg"]
        tasks = [await thumbnail.kiq(image, width=64) for image in images]
        for task in tasks:
            result = await task.wait_result(check_interval=0.01, timeout=30)
            print(result.return_value)

        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
