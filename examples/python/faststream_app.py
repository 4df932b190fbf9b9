"""A FastStream application: orders come in, invoices go out, whatever fails comes again.

Here a broker of its own and a few orders go with it; in production it is `faststream run
faststream_app:app`, with the broker's address in FLYMQ_BOOTSTRAP_SERVERS.
"""

import asyncio
import os

import flymq
from faststream import FastStream
from flymq.faststream import AckPolicy, FlyMQBroker, Topic
from flymq.faststream.annotations import FlyMQMessage, Logger
from pydantic import BaseModel, PositiveInt

broker = FlyMQBroker()
app = FastStream(broker)


class Order(BaseModel):
    number: int
    cents: PositiveInt


class Invoice(BaseModel):
    order: int
    text: str


@broker.subscriber(Topic("orders", partitions=3), group="billing", max_workers=10)
@broker.publisher("invoices")
async def bill(order: Order) -> Invoice:
    """At most ten at a time. An order that is none is logged, and not tried again."""
    return Invoice(order=order.number, text=f"{order.cents / 100:.2f}")


@broker.subscriber("invoices", group="mail", ack_policy=AckPolicy.NACK_ON_ERROR)
async def mail(invoice: Invoice, message: FlyMQMessage, logger: Logger) -> None:
    """One after the other, each until it has worked."""
    if invoice.order not in attempts:
        attempts.add(invoice.order)
        raise ConnectionError("the mail server is away")
    logger.info("mailed invoice %s of %s", message.message_id, invoice.order)
    mailed.append(invoice)
    if len(mailed) == ORDERS:
        all_mailed.set()


ORDERS = 5
attempts: set[int] = set()
mailed: list[Invoice] = []
all_mailed = asyncio.Event()


async def main() -> None:
    with flymq.EmbeddedBroker() as server:
        os.environ["FLYMQ_BOOTSTRAP_SERVERS"] = server.address
        async with broker:
            await broker.start()
            await broker.publish("no order", "orders")
            for number in range(ORDERS):
                await broker.publish(Order(number=number, cents=150), "orders", key=str(number))
            await all_mailed.wait()
    print(f"{len(mailed)} invoices: {sorted((each.order, each.text) for each in mailed)}")


if __name__ == "__main__":
    asyncio.run(main())
