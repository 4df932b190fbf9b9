"""The clients that are compared, by language: FlyMQ's, and what else a program in it could use."""

from drivers import SYSTEMS as PYTHON
from drivers import System
from scenario import Kind

_RATES: tuple[Kind, ...] = ("produce", "consume", "latency")

#: Of each client that Python has the configuration that does best; `make bench-python` has the others.
_PYTHON = ("flymq", "confluent-kafka tuned", "nats-py", "redis-py")

SYSTEMS: dict[str, tuple[System, ...]] = {
    "python": tuple(system for system in PYTHON if system.name in _PYTHON),
    "rust": (
        System(
            "flymq", "flymq", "flymq", (*_RATES, "delay", "transactions"), "",
            "Producer (linger 5 ms, batches of 128 KiB, idempotent; at a fixed rate linger 0), "
            "Consumer, Client::produce",
            (),
        ),
        System(
            "async-nats", "nats", "nats", (*_RATES, "delay"), "",
            "JetStream, file storage; 256 publishes whose acknowledgements are pending; an ordered pull "
            "consumer",
            (),
        ),
    ),
    "java": (
        System(
            "flymq", "flymq", "flymq", (*_RATES, "transactions"), "",
            "Producer, Consumer and FlyMQClient.produce at their defaults", (),
        ),
        System(
            "kafka-clients", "kafka", "kafka", (*_RATES, "transactions"), "",
            "batches of 128 KiB and linger 5 ms, faster than its defaults; one at a time with linger 0; a commit does not wait for linger",
            (),
        ),
    ),
    "c": (
        System(
            "flymq", "flymq", "flymq", _RATES, "",
            "producer, consumer and flymq_client_produce at their defaults, an event for each record", (),
        ),
        System(
            "librdkafka", "rdkafka", "kafka", _RATES, "",
            "idempotent, linger 5 ms, a queue of 1,000,000 records, a delivery report for each; consuming "
            "in batches of 10,000; one at a time with linger 0, without Nagle's delay",
            (),
        ),
    ),
}
