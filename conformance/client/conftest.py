import broker
import flymq_raw as raw
import pytest


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
