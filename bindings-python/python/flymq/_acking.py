"""Acknowledging messages one by one, in any order, on top of a group that commits positions.

A group's committed offset says that everything up to it is processed. What is acknowledged after a
message that is not must wait for that one: only a run without gaps is committed. So a message is
never lost; those that were acknowledged out of turn come again after a crash.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from flymq import FlyMQError, GroupError, TopicPartition

if TYPE_CHECKING:
    from flymq import AsyncConsumer, Message

logger = logging.getLogger("flymq")

# How often the broker hears from a consumer whose application is busy, in seconds. It has to be well
# below the consumer's rebalance_timeout and max_poll_interval.
_SIGN_OF_LIFE = 1.0
# How long what is acknowledged may wait to be committed together, in seconds.
_COMMIT_INTERVAL = 0.05


class Window:
    """The messages of one partition that were delivered and are not known to be processed."""

    def __init__(self) -> None:
        # Offset → whether it is acknowledged, in the order of offsets.
        self._delivered: OrderedDict[int, bool] = OrderedDict()
        self.paused = False

    def __len__(self) -> int:
        return len(self._delivered)

    def deliver(self, offset: int) -> None:
        """A message is handed out."""
        self._delivered[offset] = False

    def ack(self, offset: int) -> int | None:
        """A message is processed. Returns the offset to commit, if that moves on."""
        if offset not in self._delivered:
            # Given up or rewound meanwhile.
            return None
        self._delivered[offset] = True
        position = None
        while self._delivered and self._delivered[first := next(iter(self._delivered))]:
            position = first
            del self._delivered[first]
        return position

    def rewind(self, offset: int) -> None:
        """The message at the offset and all after it will be delivered again."""
        while self._delivered and next(reversed(self._delivered)) >= offset:
            self._delivered.popitem()


class AckingConsumer:
    """A member of a group whose messages are acknowledged one by one, by any task of its loop.

    `make_consumer` makes the consumer; it gets the options that this class needs. Of each partition
    no more than `max_unacked` messages are handed out ahead of the committed offset: then the
    partition waits, and others go on. The broker hears from the consumer also while nobody polls, so
    work on a message may take as long as it likes.

    Commits go on in the background, a few times a second, each with all that has become due meanwhile.
    """

    def __init__(self, make_consumer: Callable[..., AsyncConsumer], max_unacked: int) -> None:
        if max_unacked < 1:
            raise ValueError("max_unacked must be at least 1")
        self._max_unacked = max_unacked
        self._windows: dict[TopicPartition, Window] = {}
        self._due: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._committed_at = 0.0
        self._closing = asyncio.Event()
        self._is_polling = False
        self._failure: FlyMQError | None = None
        self.consumer: AsyncConsumer = make_consumer(
            auto_commit=False, on_revoked=self._revoked, on_lost=self._lost
        )
        self._living: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Join the group, and stay in it."""
        await self.consumer.connect()
        self._living = asyncio.create_task(self._show_signs_of_life())

    async def poll(self, max_records: int, timeout: float) -> list[Message]:
        """Messages as soon as there are any, none if there are none within `timeout` seconds."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        self._is_polling = True
        try:
            messages = await self.consumer.poll(max_records, timeout)
        finally:
            self._is_polling = False
        for message in messages:
            slot = _slot(message)
            window = self._windows.setdefault(slot, Window())
            window.deliver(message.offset)
            if len(window) >= self._max_unacked and not window.paused:
                window.paused = True
                logger.warning("%s-%d waits: %d messages are not acknowledged", *slot, len(window))
                await self.consumer.pause(*slot)
        return messages

    async def ack(self, messages: Iterable[Message]) -> None:
        """The messages are processed."""
        for message in messages:
            slot = _slot(message)
            window = self._windows.get(slot)
            if window is None:
                continue
            position = window.ack(message.offset)
            if position is not None:
                self._due[slot] = position
            await self._make_room(slot, window)
        if self._due and (self._committing is None or self._committing.done()):
            self._committing = asyncio.create_task(self._commit())

    async def nack(self, messages: Iterable[Message]) -> None:
        """The messages are to come again, and so is what was delivered after them."""
        first: dict[TopicPartition, int] = {}
        for message in messages:
            slot = _slot(message)
            first[slot] = min(message.offset, first.get(slot, message.offset))
        for slot, offset in first.items():
            window = self._windows.get(slot)
            if window is None:
                continue
            window.rewind(offset)
            await self.consumer.seek(*slot, offset)
            await self._make_room(slot, window)

    async def close(self) -> None:
        """Commit what is due, and leave the group. Harmless when closed."""
        self._closing.set()
        if self._living is not None:
            self._living.cancel()
        if self._committing is not None:
            await self._committing
        await self._commit()
        # What is acknowledged meanwhile is committed as the partitions are given up; later it is not.
        await self.consumer.close()
        self._windows.clear()

    async def _make_room(self, slot: TopicPartition, window: Window) -> None:
        if window.paused and len(window) < self._max_unacked:
            window.paused = False
            await self.consumer.resume(*slot)

    async def _commit(self) -> None:
        while self._due:
            # The first is committed at once, those that follow are not.
            pause = self._committed_at + _COMMIT_INTERVAL - time.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), max(pause, 0))
            self._committed_at = time.monotonic()
            due, self._due = self._due, {}
            # The partitions may have been given up meanwhile.
            if due and not await self._try_to_commit(due):
                # With the next that is acknowledged, unless others have the partition by then.
                ours = {slot: offset for slot, offset in due.items() if slot in self._windows}
                self._due = {**ours, **self._due}
                return

    async def _try_to_commit(self, offsets: dict[TopicPartition, int]) -> bool:
        """Commits; False if that has failed, and there is a point in trying again."""
        try:
            await self.consumer.commit(offsets=offsets)
        except GroupError as error:
            # The partitions are others' by now, who process these messages again.
            logger.warning("could not commit %s: %s", offsets, error)
        except FlyMQError as error:
            logger.warning("could not commit %s yet: %s", offsets, error)
            return False
        return True

    async def _show_signs_of_life(self) -> None:
        while True:
            await asyncio.sleep(_SIGN_OF_LIFE)
            if self._is_polling:
                continue
            try:
                await self.consumer.poll(0, 0)
            except FlyMQError as error:
                self._failure = error

    async def _revoked(self, consumer: AsyncConsumer, partitions: list[TopicPartition]) -> None:
        due = {slot: self._due.pop(slot) for slot in partitions if slot in self._due}
        # What is acknowledged from now on others process again.
        self._lost(consumer, partitions)
        if due:
            await self._try_to_commit(due)

    def _lost(self, _consumer: AsyncConsumer, partitions: list[TopicPartition]) -> None:
        for slot in partitions:
            self._windows.pop(slot, None)
            self._due.pop(slot, None)


def _slot(message: Message) -> TopicPartition:
    return TopicPartition(message.topic, message.partition)
