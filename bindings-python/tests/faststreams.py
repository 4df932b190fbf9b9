"""FastStream brokers for tests."""

from __future__ import annotations

from typing import Any

import flymq
from flymq.faststream import FlyMQBroker


def new_broker(server: flymq.EmbeddedBroker, **options: Any) -> FlyMQBroker:
    """A broker that logs nothing and sends at once."""
    given: dict[str, Any] = {"logger": None, "linger": 0, **options}
    return FlyMQBroker(server.address, **given)
