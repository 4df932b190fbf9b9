"""Clients that are borrowed from a pool."""

from __future__ import annotations

import threading

import flymq
import pytest
from flymq import EmbeddedBroker, FlyMQClientPool


def test_clients_go_back_to_their_pool(broker: EmbeddedBroker, topic: str) -> None:
    with FlyMQClientPool(broker.address, size=2, client_id="pooled") as pool:
        assert (pool.size, pool.borrowed) == (2, 0)
        with pool.get_client() as client, pool.get_client() as other:
            assert pool.borrowed == 2
            client.produce(topic, "a")
            other.produce(topic, "b")
            with pytest.raises(flymq.RequestTimeoutError):
                pool.get_client(timeout=0.05)
        assert pool.borrowed == 0
        with pytest.raises(flymq.ClosedError):
            client.produce(topic, "after it was given back")
        # The connection is the one that was given back.
        with pool.get_client() as again:
            assert again.metrics()["requests"] > 1
            assert again.consume(topic, 1) is not None


def test_a_client_that_is_forgotten_goes_back(broker: EmbeddedBroker) -> None:
    with FlyMQClientPool(broker.address, size=1) as pool:
        pool.get_client()
        with pool.get_client(timeout=5) as client:
            client.ping()


def test_threads_share_a_pool(broker: EmbeddedBroker, topic: str) -> None:
    failures: list[BaseException] = []
    with FlyMQClientPool(broker.address, size=2) as pool:

        def work() -> None:
            try:
                for _ in range(20):
                    with pool.get_client() as client:
                        client.produce(topic, "x")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with pool.get_client() as client:
            last = client.consume(topic, 159)
            assert last is not None and client.consume(topic, 160) is None
    assert not failures


def test_a_closed_pool_lends_nothing(broker: EmbeddedBroker) -> None:
    pool = FlyMQClientPool(broker.address)
    borrowed = pool.get_client()
    pool.close()
    pool.close()
    borrowed.ping()
    borrowed.close()
    with pytest.raises(flymq.ClosedError):
        pool.get_client()


def test_mistakes(broker: EmbeddedBroker) -> None:
    with pytest.raises(flymq.ConnectFailedError):
        FlyMQClientPool("127.0.0.1:1", connect_timeout=0.2)
    with pytest.raises(flymq.InvalidArgumentError):
        FlyMQClientPool(broker.address, size=0)
    with pytest.raises(TypeError, match="conect_timeout"):
        FlyMQClientPool(broker.address, conect_timeout=1)  # type: ignore[call-arg]
