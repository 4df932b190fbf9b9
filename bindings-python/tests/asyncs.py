"""Running asyncio code in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from helpers import DEADLINE

_T = TypeVar("_T")


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """What the coroutine returns, in time."""
    return asyncio.run(asyncio.wait_for(main, DEADLINE))


async def until(reached: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Return once the condition holds."""
    while True:
        holds = reached()
        if holds if isinstance(holds, bool) else await holds:
            return
        await asyncio.sleep(0.005)
