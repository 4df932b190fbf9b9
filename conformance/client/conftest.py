import os

import broker
import flymq_raw as raw
import pytest

#: What a gateway cannot promise: Kafka takes the first batch of a producer whatever its sequence, and
#: knows of a transaction from its first batch on only; and it takes commits of a member's last generation
#: for partitions that stay with it.
EMBEDDED_ONLY = (
    "test_the_first_batch_has_sequence_0",
    "test_a_stale_commit_changes_nothing",
    "test_an_open_transaction_is_not_begun_again",
    "test_a_producer_with_a_name_writes_in_transactions_only",
)


def pytest_collection_modifyitems(config, items):
    if "FLYMQ_TEST_KAFKA" in os.environ:
        left_out = [item for item in items if any(name in item.name for name in EMBEDDED_ONLY)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    with broker.running(tmp_path_factory.mktemp("data")) as address:
        yield address


@pytest.fixture
def connect(address):
    """Opens connections, and closes them after the test."""
    opened = []

    def connect(**options):
        opened.append(raw.Connection(*address, **options))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(connect):
    return connect()


@pytest.fixture
def topic(connection, request):
    """A topic of the test's own, with 3 partitions."""
    name = request.node.name.replace("[", ".").strip("]")[:200]
    connection.call("CREATE_TOPIC", name=name, partitions=3)
    return name
