"""Topics that applications want to be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flymq import UnknownTopicError

if TYPE_CHECKING:
    from flymq import AsyncFlyMQClient


async def ensure_topic(
    client: AsyncFlyMQClient, name: str, partitions: int, config: Mapping[str, str] | None = None
) -> None:
    """Create the topic if there is none. Where there is one, nobody needs the right to create it."""
    try:
        await client.partition_count(name)
    except UnknownTopicError:
        await client.create_topic(name, partitions, config=dict(config or {}), if_not_exists=True)
