"""Consumer: groups, callbacks, commits, threads."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import flymq
import pytest
from flymq import Consumer, FlyMQClient, TopicPartition
from helpers import DEADLINE

_groups = itertools.count()


@pytest.fixture
def group() -> str:
    return f"group-{next(_groups)}"


def take(consumer: Consumer, count: int) -> list[bytes | None]:
    return [message.value for message in itertools.islice(consumer, count)]


def poll_until(consumer: Consumer, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not reached():
        assert time.monotonic() < deadline
        consumer.poll(timeout=0.05)


@pytest.fixture
def ten(client: FlyMQClient, topic: str) -> str:
    """A topic with the records 0 to 9."""
    client.produce_batch(topic, [(None, str(i)) for i in range(10)])
    return topic


def test_a_loop_commits_what_it_has_worked_off(client: FlyMQClient, ten: str, group: str) -> None:
    with Consumer(client, ten, group=group) as consumer:
        assert take(consumer, 3) == [b"0", b"1", b"2"]
    # Left without an exception: the third is done as well.
    assert client.group_offsets(group) == {TopicPartition(ten, 0): 2}
    with Consumer(client, [ten], group=group) as consumer:
        assert take(consumer, 1) == [b"3"]


def test_what_failed_comes_again(client: FlyMQClient, ten: str, group: str) -> None:
    with pytest.raises(ZeroDivisionError), Consumer(client, ten, group=group) as consumer:
        for message in consumer:
            if message.value == b"4":
                raise ZeroDivisionError
    assert client.group_offsets(group) == {TopicPartition(ten, 0): 3}
    with Consumer(client, ten, group=group) as consumer:
        assert take(consumer, 1) == [b"4"]


def test_commits_by_hand(client: FlyMQClient, ten: str, group: str) -> None:
    slot = TopicPartition(ten, 0)
    with Consumer(client, ten, group=group, auto_commit=False) as consumer:
        messages = list(itertools.islice(consumer, 5))
        consumer.commit(messages[1])
        assert client.group_offsets(group) == {slot: 1}
        consumer.commit(offsets={slot: 2})
        assert consumer.committed() == {slot: 2}
        commit = consumer.commit_async()
        commit.result(DEADLINE)
        commit.result()
        assert consumer.committed([slot]) == {slot: 4}
        with pytest.raises(ValueError, match="not both"):
            consumer.commit(messages[0], offsets={slot: 2})
        take(consumer, 1)
    assert client.group_offsets(group) == {slot: 4}


def test_positions(client: FlyMQClient, ten: str) -> None:
    with Consumer(client) as consumer:
        consumer.assign([(ten, 0)])
        assert consumer.assignment() == [TopicPartition(ten, 0)]
        assert take(consumer, 2) == [b"0", b"1"]
        assert (consumer.position(ten, 0), consumer.lag(ten, 0)) == (2, 8)
        consumer.seek(ten, 0, 8)
        assert take(consumer, 1) == [b"8"]
        consumer.seek(ten, 0, "earliest")
        assert take(consumer, 1) == [b"0"]
        consumer.seek(ten, 0, datetime(2000, 1, 1, tzinfo=timezone.utc))
        assert take(consumer, 1) == [b"0"]
        consumer.assign([(ten, 0, "latest")])
        assert consumer.position(ten, 0) == 10
        consumer.assign([(ten, 0, 7)])
        consumer.pause(ten, 0)
        assert consumer.poll(timeout=0.05) == []
        consumer.resume(ten, 0)
        assert [m.value for m in consumer.poll(2, timeout=DEADLINE)] == [b"7", b"8"]


def test_callbacks_come_on_the_polling_thread(
    client: FlyMQClient, make_topic: Callable[[int], str], group: str
) -> None:
    topic = make_topic(2)
    told: list[tuple[str, list[TopicPartition]]] = []
    threads = set()

    def note(kind: str) -> Callable[[Consumer, list[TopicPartition]], None]:
        def callback(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            threads.add(threading.get_ident())
            # The consumer may be used meanwhile.
            assert set(partitions) <= set(consumer.assignment())
            told.append((kind, sorted(partitions)))

        return callback

    first = Consumer(
        client, topic, group=group, on_assigned=note("assigned"), on_revoked=note("revoked")
    )
    poll_until(first, lambda: len(first.assignment()) == 2)
    both = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    assert told == [("assigned", both)]
    with Consumer(client, topic, group=group) as second:
        deadline = time.monotonic() + DEADLINE
        while len(second.assignment()) != 1:
            assert time.monotonic() < deadline
            first.poll(timeout=0.02)
            second.poll(timeout=0.02)
        ((kind, given_up),) = told[1:]
        assert kind == "revoked" and given_up == second.assignment()
        first.close()
        assert told[2:] == [("revoked", [slot for slot in both if slot not in given_up])]
    assert threads == {threading.get_ident()}


def test_a_callback_that_fails_fails_the_poll(client: FlyMQClient, ten: str, group: str) -> None:
    def fail(_consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        raise ZeroDivisionError

    with Consumer(client, ten, group=group, on_assigned=fail) as consumer:
        with pytest.raises(ZeroDivisionError):
            take(consumer, 1)
        assert take(consumer, 1) == [b"0"]

    def poll(consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        consumer.poll()

    with (
        Consumer(client, ten, group=group, on_assigned=poll) as consumer,
        pytest.raises(flymq.InvalidArgumentError, match="callback cannot poll"),
    ):
        take(consumer, 1)


def test_other_threads_get_in_while_one_polls(client: FlyMQClient, ten: str, group: str) -> None:
    values: list[bytes | None] = []
    ended: list[BaseException] = []
    consumer = Consumer(client, ten, group=group, auto_commit=False)

    def read() -> None:
        try:
            for message in consumer:
                values.append(message.value)
        except flymq.ClosedError as error:
            ended.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    slot = TopicPartition(ten, 0)
    deadline = time.monotonic() + DEADLINE
    # The reader waits for an eleventh record most of the time.
    while len(values) < 10 or consumer.position(ten, 0) != 10:
        assert time.monotonic() < deadline
    consumer.commit()
    assert client.group_offsets(group) == {slot: 9}
    assert consumer.poll(timeout=0.01) == []
    consumer.close()
    reader.join(DEADLINE)
    assert not reader.is_alive() and len(ended) == 1


def test_unsubscribing_leaves_the_group(client: FlyMQClient, ten: str, group: str) -> None:
    consumer = Consumer(client, group=group)
    consumer.subscribe(pattern=ten)
    assert take(consumer, 1) == [b"0"]
    (member,) = client.describe_group(group).members
    assert member.pattern == ten and member.assignment == [TopicPartition(ten, 0)]
    assert client.list_groups()[0].group  # all of the session's groups
    consumer.unsubscribe()
    assert consumer.assignment() == [] and client.describe_group(group).members == []
    consumer.subscribe(ten)
    assert take(consumer, 1) == [b"1"]
    consumer.close()
    consumer.close()
    with pytest.raises(flymq.ClosedError):
        consumer.poll()


def test_groups_from_outside(client: FlyMQClient, ten: str, group: str) -> None:
    slot = TopicPartition(ten, 0)
    with pytest.raises(flymq.UnknownGroupError):
        client.describe_group(group)
    assert client.group_offsets(group) == {}
    assert client.reset_group_offsets(group, ten, 4) == {slot: 3}
    assert client.group_lag(group) == [flymq.PartitionLag(ten, 0, 3, 10, 6)]
    assert client.reset_group_offsets(group, ten, "latest", [0]) == {slot: 9}
    long_ago = datetime(2000, 1, 1, tzinfo=timezone.utc)
    assert client.reset_group_offsets(group, ten, long_ago) == {slot: -1}
    with pytest.raises(flymq.OffsetOutOfRangeError):
        client.reset_group_offsets(group, ten, 11)
    assert flymq.GroupListing(group, "empty", 0) in client.list_groups()
    client.delete_group(group)
    assert client.group_offsets(group) == {}


def test_mistakes(client: FlyMQClient, ten: str, group: str) -> None:
    with pytest.raises(flymq.InvalidArgumentError, match="no group"):
        Consumer(client, ten)
    with pytest.raises(ValueError, match="not both"):
        Consumer(client, ten, pattern="x", group=group)
    with pytest.raises(ValueError, match="auto_offset_reset must be \"earliest\", \"latest\" or"):
        Consumer(client, ten, group=group, auto_offset_reset="none")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'topics'"):
        Consumer(client, 5, group=group)  # type: ignore[arg-type]
    with Consumer(client, group=group) as consumer:
        with pytest.raises(ValueError, match="name topics"):
            consumer.subscribe()
        with pytest.raises(TypeError, match="topic, partition"):
            consumer.assign([ten])  # type: ignore[list-item]
        with pytest.raises(flymq.UnknownPartitionError):
            consumer.assign([(ten, 7)])
        with pytest.raises(flymq.InvalidArgumentError, match="not assigned"):
            consumer.seek(ten, 0, 5)
        with pytest.raises(TypeError, match="an offset"):
            consumer.seek(ten, 0, -1)


def test_a_forgotten_consumer_leaves_although_its_callback_knows_it(
    client: FlyMQClient, ten: str, group: str
) -> None:
    known: list[Consumer] = []
    consumer = Consumer(client, ten, group=group, on_lost=lambda _c, _p: known.clear())
    known.append(consumer)
    assert take(consumer, 1) == [b"0"]
    gone = weakref.ref(consumer)
    del consumer, known
    gc.collect()
    assert gone() is None
    deadline = time.monotonic() + DEADLINE
    while client.describe_group(group).members:
        assert time.monotonic() < deadline


def test_batches(client: FlyMQClient, ten: str, group: str) -> None:
    slot = TopicPartition(ten, 0)
    with Consumer(client, ten, group=group) as consumer:
        values: list[bytes | None] = []
        for batch in consumer.batches(max_records=4):
            assert 0 < len(batch) <= 4
            values += [message.value for message in batch]
            if len(values) == 10:
                break
        assert values == [str(i).encode() for i in range(10)]
        batches = consumer.batches(timeout=0.05)
        assert next(batches) == []
        client.produce(ten, b"10")
        assert [m.value for batch in itertools.islice(batches, 20) for m in batch] == [b"10"]
    assert client.group_offsets(group) == {slot: 10}


def test_reading_many_one_by_one(client: FlyMQClient, topic: str, group: str) -> None:
    client.produce_batch(topic, [(None, str(i)) for i in range(5000)])
    with Consumer(client, topic, group=group) as consumer:
        assert take(consumer, 5000) == [str(i).encode() for i in range(5000)]


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = set(threading.enumerate()) - before
    # The thread that hands log lines over stays, and Python has a dummy for it.
    assert [thread for thread in left if not thread.name.startswith("Dummy")] == []
