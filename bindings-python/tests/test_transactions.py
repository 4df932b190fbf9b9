"""TransactionalProducer and Transaction."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Callable

import flymq
import pytest
from flymq import Consumer, FlyMQClient, TopicPartition, TransactionalProducer
from helpers import DEADLINE

_ids = itertools.count()


@pytest.fixture
def name() -> str:
    return f"producer-{next(_ids)}"


def values(client: FlyMQClient, topic: str) -> list[bytes | None]:
    return [message.value for message in client.fetch(topic, 0)]


def test_leaving_the_block_commits(
    client: FlyMQClient, make_topic: Callable[[int], str]
) -> None:
    debits, credits = make_topic(1), make_topic(1)
    with client.transaction() as txn:
        txn.produce(debits, "-10", key="alice")
        delivery = txn.produce(credits, "10", key="bob")
        assert delivery.result(DEADLINE).topic == credits
        assert values(client, credits) == []
    assert values(client, debits) == [b"-10"] and values(client, credits) == [b"10"]


def test_leaving_it_by_an_exception_aborts(client: FlyMQClient, topic: str) -> None:
    with pytest.raises(ZeroDivisionError), client.transaction() as txn:
        txn.produce(topic, "-10").result(DEADLINE)
        raise ZeroDivisionError
    with client.transaction() as txn:
        txn.produce(topic, "-20")
    assert values(client, topic) == [b"-20"]
    seen = client.fetch(topic, 0, isolation="read_uncommitted")
    assert [m.value for m in seen] == [b"-10", b"-20"]


def test_a_forgotten_transaction_is_aborted(client: FlyMQClient, topic: str) -> None:
    txn = client.transaction()
    txn.produce(topic, "x").result(DEADLINE)
    del txn
    gc.collect()
    # Waits for the end of the one before.
    with client.transaction() as txn:
        txn.produce(topic, "y")
    assert values(client, topic) == [b"y"]


def test_ending_it_by_hand_within_the_block(client: FlyMQClient, topic: str) -> None:
    with client.transaction() as txn:
        txn.produce(topic, "kept")
        txn.commit()
    with client.transaction() as txn:
        txn.produce(topic, "dropped")
        txn.abort()
    assert values(client, topic) == [b"kept"]


def test_misuse_is_told(client: FlyMQClient, topic: str) -> None:
    with client.transaction() as txn:
        with pytest.raises(flymq.InvalidTxnStateError, match="open"):
            client.transaction()
        caught: list[str] = []

        def begin() -> None:
            try:
                client.transaction()
            except flymq.InvalidTxnStateError as error:
                caught.append(error.name)

        thread = threading.Thread(target=begin)
        thread.start()
        thread.join(DEADLINE)
        assert caught == ["INVALID_TXN_STATE"]
        txn.produce(topic, "x")
    for late in (lambda: txn.produce(topic, "late"), txn.commit, txn.abort):
        with pytest.raises(flymq.InvalidTxnStateError, match="committed"):
            late()
    assert values(client, topic) == [b"x"]
    with pytest.raises(flymq.InvalidArgumentError, match="1 to 255"):
        TransactionalProducer(client, transactional_id="")
    with pytest.raises(TypeError, match="transactional_id"):
        TransactionalProducer(client)  # type: ignore[call-arg]


def test_a_record_that_cannot_be_stored_dooms_the_transaction(
    client: FlyMQClient, topic: str
) -> None:
    with client.transaction() as txn:
        # Known at once, so that it never became part of it.
        with pytest.raises(flymq.UnknownTopicError):
            txn.produce("nowhere", "x")
        txn.produce(topic, "x")
    assert values(client, topic) == [b"x"]


def test_a_newer_producer_fences_the_older(client: FlyMQClient, topic: str, name: str) -> None:
    with TransactionalProducer(client, transactional_id=name) as old:
        assert old.transactional_id == name
        txn = old.transaction()
        txn.produce(topic, "old").result(DEADLINE)
        with (
            TransactionalProducer(client, transactional_id=name, linger=0) as new,
            new.transaction() as newer,
        ):
            newer.produce(topic, "new")
        with pytest.raises(flymq.ProducerFencedError):
            txn.commit()
        with pytest.raises(flymq.ProducerFencedError):
            old.transaction()
    assert values(client, topic) == [b"new"]


def test_the_client_may_name_its_producer(broker: flymq.EmbeddedBroker, topic: str, name: str) -> None:
    with (
        FlyMQClient(broker.address, transactional_id=name) as crashed,
        FlyMQClient(broker.address, transactional_id=name) as restarted,
    ):
        left_open = crashed.transaction()
        left_open.produce(topic, "left").result(DEADLINE)
        with restarted.transaction() as txn:
            txn.produce(topic, "new")
        assert values(restarted, topic) == [b"new"]


def test_offsets_are_stored_with_the_records(
    client: FlyMQClient, make_topic: Callable[[int], str], name: str
) -> None:
    raw, cooked = make_topic(1), make_topic(1)
    client.produce_batch(raw, [(None, str(i)) for i in range(6)])
    slot = TopicPartition(raw, 0)
    with (
        Consumer(client, raw, group=name, auto_commit=False) as consumer,
        TransactionalProducer(client, transactional_id=name) as producer,
    ):
        for attempt in ("aborts", "commits"):
            messages = list(itertools.islice(consumer, 3))
            assert [m.value for m in messages] == [b"0", b"1", b"2"]
            txn = producer.transaction()
            for message in messages:
                txn.produce(cooked, message.value)
            txn.send_offsets(consumer)
            assert client.group_offsets(name) == {}
            if attempt == "aborts":
                txn.abort()
                consumer.rewind()
            else:
                txn.commit()
        assert client.group_offsets(name) == {slot: 2}
        first, *_rest = itertools.islice(consumer, 3)
        with producer.transaction() as txn:
            txn.produce(cooked, first.value)
            txn.send_offsets(consumer, {slot: first.offset})
        assert client.group_offsets(name) == {slot: 3}
        with pytest.raises(TypeError, match="'consumer'"):
            producer.transaction().send_offsets("consumer")  # type: ignore[arg-type]
    assert values(client, cooked) == [b"0", b"1", b"2", b"3"]


def test_offsets_of_a_consumer_that_lost_its_partitions_abort(
    client: FlyMQClient, make_topic: Callable[[int], str], name: str
) -> None:
    raw, cooked = make_topic(1), make_topic(1)
    client.produce(raw, "x")
    slow = Consumer(client, raw, group=name, auto_commit=False, instance_id="host")
    assert next(slow).value == b"x"
    with Consumer(client, raw, group=name, instance_id="host", auto_commit=False) as quick:
        assert next(quick).value == b"x"
        with pytest.raises(flymq.FlyMQError) as caught, client.transaction() as txn:
            txn.produce(cooked, "X")
            txn.send_offsets(slow)
        assert isinstance(caught.value, flymq.TxnAbortedError | flymq.StaleGenerationError)
    slow.close()
    assert values(client, cooked) == [] and client.group_offsets(name) == {}
