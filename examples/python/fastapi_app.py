"""A FastAPI service: one client for its lifetime, an endpoint that sends, a consumer in the background.

Here a broker of its own and a request go with it; in production it is `uvicorn fastapi_app:app`, with
the broker's address in FLYMQ_BOOTSTRAP_SERVERS.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import flymq
import httpx
from fastapi import FastAPI, Request
from pydantic import BaseModel


class Click(BaseModel):
    page: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with (
        flymq.AsyncFlyMQClient() as client,
        flymq.AsyncProducer(client) as producer,
    ):
        await client.create_topic("clicks", partitions=3, if_not_exists=True)
        app.state.producer = producer
        app.state.counts = Counter()
        counting = asyncio.create_task(count(client, app.state.counts))
        yield
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting


async def count(client: flymq.AsyncFlyMQClient, counts: Counter[str]) -> None:
    """What the service does in the background."""
    async with flymq.AsyncConsumer(client, "clicks", group="counter") as consumer:
        async for message in consumer:
            click = Click.model_validate_json(message.value or b"")
            counts[click.page] += 1


app = FastAPI(lifespan=lifespan)


@app.post("/clicks", status_code=202)
async def click(click: Click, request: Request) -> dict[str, int]:
    """Answers once the click is stored."""
    producer: flymq.AsyncProducer = request.app.state.producer
    delivery = await producer.send("clicks", click.model_dump_json(), key=click.page)
    stored = await delivery
    return {"partition": stored.partition, "offset": stored.offset}


@app.get("/clicks")
async def clicks(request: Request) -> dict[str, int]:
    """How many clicks the consumer has counted."""
    return dict(request.app.state.counts)


async def main() -> None:
    with flymq.EmbeddedBroker() as server:
        os.environ["FLYMQ_BOOTSTRAP_SERVERS"] = server.address
        service = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=service, base_url="http://clicks") as http,
        ):
            for page in ["/", "/about", "/"]:
                (await http.post("/clicks", json={"page": page})).raise_for_status()
            counted: dict[str, int] = {}
            while sum(counted.values()) < 3:
                await asyncio.sleep(0.01)
                counted = (await http.get("/clicks")).json()
            print(sorted(counted.items()))


if __name__ == "__main__":
    asyncio.run(main())
