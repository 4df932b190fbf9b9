"""A FlyMQ broker for FastStream (`pip install flymq[faststream]`).

from faststream import FastStream
from flymq.faststream import FlyMQBroker

broker = FlyMQBroker("localhost:9092")
app = FastStream(broker)

@broker.subscriber("orders", group="billing")
@broker.publisher("invoices")
async def bill(order: Order) -> Invoice: ...
"""

try:
    from faststream._internal.testing.app import TestApp
    from faststream.middlewares import AckPolicy
except ImportError as _error:
    raise ImportError(
        "flymq.faststream needs FastStream: pip install flymq[faststream]"
    ) from _error

from .broker import FlyMQBroker
from .message import FlyMQMessage
from .response import FlyMQPublishCommand, FlyMQResponse
from .router import FlyMQPublisher, FlyMQRoute, FlyMQRouter
from .testing import TestFlyMQBroker
from .topic import Topic

__all__ = [
    "AckPolicy",
    "FlyMQBroker",
    "FlyMQMessage",
    "FlyMQPublishCommand",
    "FlyMQPublisher",
    "FlyMQResponse",
    "FlyMQRoute",
    "FlyMQRouter",
    "TestApp",
    "TestFlyMQBroker",
    "Topic",
]
