"""Options of consumers and producers that are passed on as they are."""

from __future__ import annotations

from typing import Literal, TypedDict


class ConsumerOptions(TypedDict, total=False):
    """Options of `flymq.AsyncConsumer` that a subscriber takes. Times are seconds."""

    auto_offset_reset: Literal["earliest", "latest", "error"]
    isolation: Literal["read_committed", "read_uncommitted"]
    assignor: Literal["sticky", "range"]
    on_undecryptable: Literal["error", "skip", "dead_letter"]
    instance_id: str
    max_poll_interval: float
    session_timeout: float
    rebalance_timeout: float
    max_wait: float
    min_bytes: int
    fetch_bytes: int
    prefetch_bytes: int
